"""Does a choreographer listen, invent and remember? Measures that swap what it is given.

- Influence of the sound: mean distance between dances of one seed to the same beats with another song's sound, over
  the distance between seeds. 0 = deaf. The first KNOWN_BY seconds, by which a song draws other noise, stay its own, and
  what is danced to them is not compared.
- Variety: mean distance at equal beats between dances of one seed to different songs, of one song with different
  seeds, over the distance between clips of real dancers.
- Dead units: the share of each hearing layer's units that hardly change over songs.
- Novelty: distance of each danced phrase to the nearest training phrase or its mirror image, compared at even steps of
  way in each beat, beside that of held-out real phrases.
- Structure: distance between the dances to repeats of a section (AAAA), over that between different sections (ABAB).
- Meter: share of the variance of the hips' height that the phase in bars of 3, of 4, explains.
- Turning: whole turns a minute, and the path of the hips, body heights a minute.

Glossary: T poses, V = 18 joints, P phrases, G poses of a phrase.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import torch

from dancegen.audio.grid import BeatGrid
from dancegen.audio.song import SAMPLE_RATE, Song
from dancegen.body.joints import MIRROR, mid_hip
from dancegen.body.sequence import SkeletonSequence, place_joints
from dancegen.choreographers.base import Choreographer
from dancegen.choreographers.stg_mamba.counting import count_for
from dancegen.choreographers.stg_mamba.dance import StgMamba, listen
from dancegen.choreographers.stg_mamba.hearing import KNOWN_BY
from dancegen.choreographers.stg_mamba.model import Choreographer as Network
from dancegen.dances import metrics
from dancegen.lab.datasets.bank import Bank
from dancegen.lab.datasets.motion import body_yaw
from dancegen.styles.phrases import EDGE, STEPS

SECONDS = 30.0  # of each song that is danced
EASE = 0.6  # depth of the accents that a phrase is straightened by before it is compared
SECTION_BEATS = 32
DEAD = 1e-3  # standard deviation of a unit that says nothing
PHASES = 12  # bins of a bar
PHRASE_SECONDS = 4
BEGIN_BEATS, EQUAL_BEATS = 8, 32  # beats in which dances begin alike, beats after them that are compared


def pose_distance(first: np.ndarray, second: np.ndarray) -> float:
    """The mean joint distance of two dances at the same times, about the mid-hip, in the picture plane."""
    return metrics.diversity([first, second])


def with_sound_of(song: Song, other: Song) -> Song:
    """Another song's sound, repeated to the length of this one, after the seconds by which a song is known."""
    samples = np.resize(np.asarray(other.samples), len(song.samples)).astype(np.float32)
    known = KNOWN_BY * SAMPLE_RATE
    samples[:known] = song.samples[:known]
    return Song(song.path, samples, song.start)


def sound_influence(
    dancer: Choreographer, songs: Sequence[tuple[Song, BeatGrid]], style: str, seeds: Sequence[int]
) -> dict[str, float]:
    """How far the sound, the seed move a dance: `sound`, `seed` (body heights) and `influence`, their ratio."""
    sound, seed_gap = [], []
    for index, (song, grid) in enumerate(songs):
        part = Song(song.path, np.asarray(song.samples[: int(SECONDS * SAMPLE_RATE)]), 0.0)
        takes = [_after_known(dancer.dance(part, grid, seed=seed, style=style)) for seed in seeds]
        seed_gap += [pose_distance(a, b) for a, b in combinations(takes, 2)]
        for step in (1, 2):
            other = with_sound_of(part, songs[(index + step) % len(songs)][0])
            sound += [
                pose_distance(take, _after_known(dancer.dance(other, grid, seed=seed, style=style)))
                for take, seed in zip(takes, seeds, strict=True)
            ]
    mean = {"sound": float(np.mean(sound)), "seed": float(np.mean(seed_gap))}
    return mean | {"influence": mean["sound"] / mean["seed"]}


def _after_known(dance: SkeletonSequence) -> np.ndarray:
    """The joints from a phrase after the seconds by which a song is known on."""
    return dance.joints[round((KNOWN_BY + PHRASE_SECONDS) * dance.fps) :]


def variety(
    dancer: Choreographer, songs: Sequence[tuple[Song, BeatGrid]], seeds: Sequence[int], real: float
) -> dict[str, float]:
    """Distances at equal beats over `real`, the distance between clips of real dancers: mean and least of all pairs of
    songs with one seed, of all pairs of seeds in one song."""
    taken: dict[tuple[int, int], np.ndarray] = {}
    for number, (song, grid) in enumerate(songs):
        part = Song(song.path, np.asarray(song.samples[: int(SECONDS * SAMPLE_RATE)]), 0.0)
        beats = danced_beats(part, grid, "rumba")
        beats = beats[beats >= 0][BEGIN_BEATS:]
        at = np.interp(np.arange(4 * EQUAL_BEATS) / 4, np.arange(len(beats)), beats)
        for seed in seeds:
            dance = dancer.dance(part, grid, seed=seed, style="auto")
            taken[number, seed] = dance.joints[np.minimum((at * dance.fps).round().astype(int), len(dance) - 1)]
    pairs = list(combinations(taken, 2))
    gaps = {pair: pose_distance(taken[pair[0]], taken[pair[1]]) / real for pair in pairs}
    between = [gap for (one, other), gap in gaps.items() if one[1] == other[1]]
    within = [gap for (one, other), gap in gaps.items() if one[0] == other[0]]
    rows = {"variety, songs of one seed": float(np.mean(between)), "the same, least": min(between)}
    return rows | {"variety, seeds of one song": float(np.mean(within)), "the same, least of seeds": min(within)}


def dead_units(network: Network, songs: Sequence[tuple[Song, BeatGrid]]) -> dict[str, float]:
    """The share of dead units of each hearing layer, %."""
    outs: dict[str, list[torch.Tensor]] = {}
    with torch.inference_mode():
        for song, grid in songs:
            heard = listen(song, grid, "auto", network.ranks.numpy())
            mel = torch.from_numpy(heard.mel[None, :300])
            for number, layer in enumerate(network.ear.layers(mel)):
                outs.setdefault(f"ear {number + 1}", []).append(layer[0, ::3])
            hidden = network.prior.hear[:3](torch.from_numpy(heard.heard.sound)).flatten(0, 1)
            outs.setdefault("prior", []).append(hidden)
    return {name: 100 * float((torch.cat(rows).std(0) < DEAD).float().mean()) for name, rows in outs.items()}


def phrase_poses(joints: np.ndarray, fps: float, starts: np.ndarray, beats: int) -> np.ndarray:
    """Phrases of a dance at four even steps of way a beat, about the mid-hip: (P, 4 beats + 1, V, 3).

    Args:
        joints: (T, V, 3).
        fps: poses a second.
        starts: (P + 1, ...) seconds of all beats of the dance, from a phrase's first.
        beats: of a phrase.
    """
    wanted = np.arange(4 * beats + 1) / 4
    fine = np.linspace(0, beats, 64 * beats + 1)
    phase = np.interp(wanted, fine - EASE * np.sin(2 * np.pi * fine) / (2 * np.pi), fine)
    shape = joints - mid_hip(joints)[:, None]
    found = []
    for first in range(0, len(starts) - beats, beats):
        at = np.interp(phase, np.arange(beats + 1), starts[first : first + beats + 1]) * fps
        if at[0] >= 0 and at[-1] <= len(joints) - 1:
            low = np.minimum(at.astype(int), len(joints) - 2)
            share = (at - low)[:, None, None]
            found.append(shape[low] * (1 - share) + shape[low + 1] * share)
    return np.asarray(found, np.float32).reshape(-1, len(wanted), *joints.shape[1:])


def bank_poses(bank: Bank, rows: np.ndarray) -> np.ndarray:
    """The same of stored phrases: (P, 4 beats + 1, V, 3)."""
    inside = slice(EDGE * STEPS, bank.directions.shape[1] - EDGE * STEPS, STEPS // 4)
    directions = bank.directions[rows][:, inside].astype(np.float32)
    return place_joints(directions, np.zeros((*directions.shape[:2], 2), np.float32))


def distance_to_nearest(phrases: np.ndarray, among: np.ndarray) -> np.ndarray:
    """The mean joint distance (P,) of each phrase (P, G, V, 3) to the nearest of `among` or of their mirror images."""
    flipped = among[:, :, list(MIRROR)] * np.array([-1, 1, 1], np.float32)
    both = np.concatenate([among, flipped])
    flat = both[:, ::2].reshape(len(both), -1)
    lengths = np.einsum("nc,nc->n", flat, flat)
    best = []
    for phrase in phrases:
        mine = phrase[::2].reshape(-1)
        near = np.argsort(lengths - 2 * flat @ mine)[:40]  # by root mean square; then exactly
        best.append(np.linalg.norm(both[near] - phrase, axis=-1).mean(axis=(1, 2)).min())
    return np.asarray(best)


def section_ratio(dancer: Choreographer, songs: Sequence[tuple[Song, BeatGrid]], style: str, seed: int) -> float:
    """Distance between repeats of a section over that between different sections, mean over songs."""
    ratios = []
    for (song, grid), (other, other_grid) in pairwise(songs):
        a, b = _section(song, grid), _section(other, other_grid)
        if a is None or b is None:
            continue
        repeats = _section_gap(dancer, [a, a, a, a], style, seed, [(1, 2), (1, 3), (2, 3), (0, 2)])
        different = _section_gap(dancer, [a, b, a, b], style, seed, [(0, 1), (1, 2), (2, 3)])
        ratios.append(repeats / different)
    return float(np.mean(ratios))


def _section(song: Song, grid: BeatGrid) -> np.ndarray | None:
    """The samples of SECTION_BEATS beats, stretched in time by a choice of samples to two a second."""
    beats = grid.times
    if len(beats) < SECTION_BEATS + 9:
        return None
    at = np.interp(
        np.arange(SECTION_BEATS * SAMPLE_RATE // 2) / (SAMPLE_RATE // 2), np.arange(len(beats) - 8), beats[8:]
    )
    return np.asarray(song.samples)[np.minimum((at * SAMPLE_RATE).astype(int), len(song.samples) - 1)]


def _section_gap(
    dancer: Choreographer, parts: list[np.ndarray], style: str, seed: int, pairs: list[tuple[int, int]]
) -> float:
    """The mean distance of the dances to pairs of sections of one song put together of `parts`."""
    song = Song(Path("sections"), np.concatenate(parts).astype(np.float32), 0.0)
    grid = BeatGrid(np.arange(len(parts) * SECTION_BEATS) * 0.5, 120.0, 1.0)
    joints = dancer.dance(song, grid, seed=seed, style=style).joints
    length = len(joints) // len(parts)
    cut = [joints[i * length : (i + 1) * length] for i in range(len(parts))]
    return float(np.mean([pose_distance(cut[a], cut[b]) for a, b in pairs]))


def meter_share(joints: np.ndarray, fps: float, beats: np.ndarray, bar: int) -> float:
    """The share of the variance of the hips' height explained by the phase in bars of `bar` beats (B,) seconds."""
    height = -mid_hip(joints)[:, 1].astype(np.float64)
    height = height - metrics.gaussian_smooth(height, 2.5 * fps)  # slow posture belongs to no bar
    at = np.arange(len(height)) / fps
    inside = (at >= beats[0]) & (at <= beats[-1])
    phase = np.interp(at[inside], beats, np.arange(len(beats))) / bar % 1
    height, cell = height[inside] - height[inside].mean(), (phase * PHASES).astype(int)
    count = np.bincount(cell, minlength=PHASES)
    means = np.bincount(cell, height, minlength=PHASES) / np.maximum(count, 1)
    return float((count * means**2).sum() / max((height**2).sum(), 1e-12))


def turning(joints: np.ndarray, fps: float, depth: np.ndarray | None = None) -> dict[str, float]:
    """Whole turns a minute and the path of the hips in body heights a minute; `depth` (T,) of their z, if told."""
    if depth is not None:
        joints = joints + np.array([0, 0, 1], np.float32) * depth[:, None, None]
    y_up = joints * np.array([1, -1, -1])
    yaw = metrics.gaussian_smooth(body_yaw(y_up), 0.3 * fps)
    minutes = len(joints) / fps / 60
    way = np.linalg.norm(np.diff(metrics.gaussian_smooth(mid_hip(joints), 0.3 * fps), axis=0), axis=-1).sum()
    return {"turns": float(np.abs(np.diff(yaw)).sum() / (2 * np.pi) / minutes), "path": float(way / minutes)}


def danced_beats(song: Song, grid: BeatGrid, style: str) -> np.ndarray:
    """The beats (B,) seconds that a dance counts within the song, from a phrase's first."""
    return count_for(grid, song.seconds, style).beats


def deep_rows(
    dancer: Choreographer, songs: Sequence[tuple[Song, BeatGrid]], banks: dict[int, Bank] | None, held_out: Bank | None
) -> dict[str, float]:
    """Everything in this file as one table, name: value; novelty only where the banks are given."""
    seeds, plain = (0, 1), "cha-cha" if "cha-cha" in dancer.styles else dancer.styles[1]
    rows: dict[str, float] = {}
    for style in ("auto", plain):
        found = sound_influence(dancer, songs, style, seeds)
        rows |= {f"influence of the sound, {style}": found["influence"], f"between seeds, {style}": found["seed"]}
    if isinstance(dancer, StgMamba):
        rows["dead units of the ears, %"] = max(dead_units(dancer.network, songs).values())
    rows["repeats / different sections"] = section_ratio(dancer, songs, plain, 0)
    waltz: list[float] = []
    others: list[float] = []
    turns = []
    for song, grid in songs:
        for style, bar, shares in (("waltz", 3, waltz), ("rumba", 4, others)):
            if style not in dancer.styles:
                continue
            dance = dancer.dance(song, grid, seed=0, style=style)
            shares.append(meter_share(dance.joints, dance.fps, danced_beats(song, grid, style), bar))
        whole = dancer.dance(song, grid, seed=0, style="salsa", turns=1.0)
        turns.append(turning(whole.joints, whole.fps, whole.depth))
    if waltz and others:
        rows["hips by bars of 3, waltz"], rows["hips by bars of 4, rumba"] = map(float, map(np.mean, (waltz, others)))
    rows["turns a minute, whole turns"] = float(np.mean([row["turns"] for row in turns]))
    rows["path of the hips, heights a minute"] = float(np.mean([row["path"] for row in turns]))
    if banks is not None:
        rows |= novelty(dancer, songs, banks[4], held_out)
    return rows


def novelty(
    dancer: Choreographer, songs: Sequence[tuple[Song, BeatGrid]], bank: Bank, held_out: Bank | None
) -> dict[str, float]:
    """Distances to the nearest training phrase: of danced phrases in four, and of held-out real ones."""
    known = bank_poses(bank, np.arange(0, len(bank)))
    danced = []
    for number, (song, grid) in enumerate(songs):
        style = ("cha-cha", "rumba", "salsa", "tango")[number % 4]
        style = style if style in dancer.styles else "salsa"
        dance = dancer.dance(song, grid, seed=number, style=style, turns=0.0)
        danced.append(phrase_poses(dance.joints, dance.fps, danced_beats(song, grid, style), bank.beats)[1:-1])
    rows = {"nearest training phrase": float(distance_to_nearest(np.concatenate(danced), known).mean())}
    if held_out is not None and len(held_out):
        real = bank_poses(held_out, np.arange(0, len(held_out), max(1, len(held_out) // 80)))
        rows["nearest training phrase, real held-out"] = float(distance_to_nearest(real, known).mean())
    return rows
