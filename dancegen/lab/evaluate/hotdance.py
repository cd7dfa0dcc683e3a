"""HotDance's own experiments: does its dance follow the tempo, keep the picture's body, and join its segments?

- tempo: a song played at other speeds; kinematic beats a second over beats a second, against the song as it is.
- splice: a song played slowly, then fast; seconds after the splice until the dance is on the new beats.
- reference: dances for bodies of other proportions; what is drawn against the picture, before bones are set right.
- stitching: the step into a new segment over the usual step from frame to frame.
- inputs: how far a dance moves when one of its inputs is another (`swaps.py`).

Glossary: T poses, V = 18 joints, L = 17 bones, B beats.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from dancegen.audio.grid import BeatGrid
from dancegen.audio.song import SAMPLE_RATE, Song
from dancegen.body import joints as J
from dancegen.body.joints import V, body_height
from dancegen.choreographers.base import Choreographer
from dancegen.choreographers.hotdance.dance import HotDancer, Wish, listen
from dancegen.choreographers.hotdance.dancer import Dancer, canonical_dancer, dancer_of
from dancegen.choreographers.hotdance.generate import Sampling
from dancegen.choreographers.stg_mamba.counting import count_for
from dancegen.choreographers.tailor import Person
from dancegen.dances.metrics import HIT_WINDOW, kinematic_beats, nearest_distance
from dancegen.lab.datasets.bank import Bank
from dancegen.lab.datasets.footage import read_dances
from dancegen.lab.evaluate.choreographer import HeardSong, RealDance
from dancegen.lab.evaluate.listening import novelty, section_ratio
from dancegen.lab.evaluate.pose_pictures import vae_row
from dancegen.lab.evaluate.styles import dances_by_style, matched_row
from dancegen.lab.evaluate.swaps import STYLE, dead_units, draw_raw, swap_rows
from dancegen.lab.train.hotdance.views import bodies, build_bodies

SPEEDS = (0.75, 0.9, 1.1, 1.25)
SECONDS = 24.0  # of each song
SLOW, FAST, SPLICE = 0.8, 1.2, 14.0  # speeds, seconds
LOOKED, SURE = 3.0, 0.8  # seconds over which so much of what the dance hits elsewhere is hit: it follows
BODIES = 4
LIMBS = ((2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (11, 12), (12, 13))  # whose lengths a picture tells
FPS = 30.0


def play_at(song: Song, grid: BeatGrid, speed: float, seconds: float) -> tuple[Song, BeatGrid]:
    """`seconds` of a song at another speed (its pitch moves along), and its beats."""
    count = int(seconds * SAMPLE_RATE)
    at = np.arange(count) * speed
    samples = np.interp(at, np.arange(len(song.samples)), np.asarray(song.samples)).astype(np.float32)
    times = grid.times / speed
    kept = times < seconds
    downbeat = grid.downbeat[kept] if len(grid.downbeat) else grid.downbeat
    return Song(song.path, samples), replace(grid, times=times[kept], tempo=grid.tempo * speed, downbeat=downbeat)


def danced_beats(song: Song, grid: BeatGrid) -> np.ndarray:
    """The beats that are danced, seconds."""
    beats = count_for(grid, song.seconds, STYLE).beats
    return beats[(beats >= 0) & (beats < song.seconds)]


def tempo_rows(dancer: Choreographer, songs: Sequence[tuple[Song, BeatGrid]]) -> dict[str, float]:
    """By how many % the rate of kinematic beats is off what the song's speed asks for."""
    off: dict[float, list[float]] = {speed: [] for speed in SPEEDS}
    for song, grid in songs:
        usual = _per_beat(dancer, *play_at(song, grid, 1.0, SECONDS))
        for speed in SPEEDS:
            off[speed].append(100 * abs(_per_beat(dancer, *play_at(song, grid, speed, SECONDS)) / usual - 1))
    return {f"tempo x{speed:g}, % off": float(np.median(found)) for speed, found in off.items()}


def _per_beat(dancer: Choreographer, song: Song, grid: BeatGrid) -> float:
    """Kinematic beats for each danced beat, the standing first and last seconds left out."""
    joints = dancer.dance(song, grid, seed=0, style=STYLE).joints
    within = slice(round(3 * FPS), len(joints) - round(2 * FPS))
    beats = danced_beats(song, grid)
    beats = beats[(beats >= 3) & (beats < song.seconds - 2)]
    return len(kinematic_beats(joints[within], FPS)) / max(len(beats), 1)


def splice_row(dancer: Choreographer, songs: Sequence[tuple[Song, BeatGrid]]) -> dict[str, float]:
    """Seconds after a splice from slow to fast until kinematic beats are on the new beats as they are elsewhere."""
    found = []
    for song, grid in songs:
        joined, beats = splice(song, grid)
        moves = kinematic_beats(dancer.dance(joined, beats, seed=0, style=STYLE).joints, FPS)
        hits = nearest_distance(moves, danced_beats(joined, beats)) <= HIT_WINDOW
        usual = hits[(moves > 3) & (moves < SPLICE)].mean() if len(moves) else 0.0
        waits = np.arange(0, 8, 0.1)
        follows = [
            wait
            for wait in waits
            if (during := (moves >= SPLICE + wait) & (moves < SPLICE + wait + LOOKED)).any()
            and hits[during].mean() >= SURE * usual
        ]
        found.append(follows[0] if follows else float(waits[-1]))
    return {"splice, s until it follows (median)": float(np.median(found)), "splice, s (worst)": max(found)}


def splice(song: Song, grid: BeatGrid) -> tuple[Song, BeatGrid]:
    """A song played slowly, then fast."""
    slow, slow_grid = play_at(song, grid, SLOW, SPLICE)
    fast, fast_grid = play_at(song, grid, FAST, SECONDS - SPLICE)
    times = np.concatenate([slow_grid.times, fast_grid.times + SPLICE])
    keep = np.concatenate([[True], np.diff(times) > 0.2])
    joined = Song(song.path, np.concatenate([slow.samples, fast.samples]))
    return joined, BeatGrid(times[keep], grid.tempo, grid.confidence)


def reference_row(dancer: HotDancer, songs: Sequence[tuple[Song, BeatGrid]]) -> dict[str, float]:
    """How far drawn limbs and scale are from the picture's, in % (median over bodies and limbs), as drawn."""
    limbs, scales = [], []
    for number, (song, grid) in enumerate(songs):
        part = play_at(song, grid, 1.0, SECONDS)
        heard = listen(*part, dancer.network, Wish(0, STYLE))
        for who in people(BODIES, number):
            points = draw_raw(dancer, heard, who, Wish(number, STYLE), Sampling())
            unit = who.scale
            for parent, child in LIMBS:
                length = np.median(np.linalg.norm(points[:, child] - points[:, parent], axis=-1))
                true = who.bones[J.BONES.index((parent, child))] * unit
                limbs.append(100 * abs(length / true - 1))
            tall = float(np.median(body_height(points)))
            scales.append(100 * abs(tall / (unit * _own_height(who)) - 1))
    return {"reference, limbs % off (median)": float(np.median(limbs)), "scale % off": float(np.median(scales))}


def _own_height(who: Dancer) -> float:
    """What `body_height` says of a body whose bones are `who.bones` long, upright."""
    torso = np.sqrt(max(who.bones[6] ** 2 - 0.06**2, 0))
    leg, arm = who.bones[7] + who.bones[8], who.bones[2] + who.bones[3]
    return float(sorted((torso / 0.30, leg / 0.47, arm / 0.31, (torso + leg) / 0.77))[-2])


def people(count: int, seed: int) -> list[Dancer]:
    """Bodies of other proportions, who stand in a picture."""
    usual = canonical_dancer()
    generator = torch.Generator().manual_seed(seed)
    structure = build_bodies(bodies(count, generator)).numpy()
    from dancegen.choreographers.finish.frame import STANDING

    directions = np.asarray(STANDING) / np.linalg.norm(STANDING, axis=-1, keepdims=True)
    made = []
    for body in structure:
        joints = (body @ directions)[:, :2] * usual.scale * 600
        joints += (300, 600 * usual.floor - joints[:, 1].max() - 0.045 * usual.scale * 600)
        made.append(dancer_of(Person(joints, np.ones(V), (600, 600))))
    return made


def stitching_row(dancer: HotDancer, songs: Sequence[tuple[Song, BeatGrid]]) -> dict[str, float]:
    """The step of a joint into a new segment over the median step of a frame."""
    config = dancer.network.config
    hop = config.frames - config.overlap
    ratios = []
    for song, grid in songs:
        heard = listen(*play_at(song, grid, 1.0, SECONDS), dancer.network, Wish(0, STYLE))
        points = draw_raw(dancer, heard, canonical_dancer(), Wish(0, STYLE), Sampling())
        steps = np.linalg.norm(np.diff(points[..., :2], axis=0), axis=-1).mean(axis=1)
        borders = np.arange(config.frames, len(points), hop)
        ratios += (steps[borders - 1] / np.median(steps)).tolist()
    return {"stitching, jump / median step": float(np.mean(ratios))}


def experiment_rows(dancer: HotDancer, songs: Sequence[tuple[Song, BeatGrid]]) -> dict[str, float]:
    """All of them."""
    rows = tempo_rows(dancer, songs) | splice_row(dancer, songs) | reference_row(dancer, songs)
    return rows | stitching_row(dancer, songs) | swap_songs(dancer, songs)


def swap_songs(dancer: HotDancer, songs: Sequence[tuple[Song, BeatGrid]]) -> dict[str, float]:
    """Inputs swapped, and dead units, on the first seconds of songs."""
    parts = [play_at(song, grid, 1.0, SECONDS) for song, grid in songs]
    return swap_rows(dancer, parts, people(1, 3)[0]) | dead_units(dancer, parts[:1])


def hotdance_rows(
    dancer: HotDancer, heard: Sequence[HeardSong], real: RealDance, bank: Bank | None, held_out: Bank | None
) -> dict[str, float]:
    """The experiments, and what else takes long, on every second song; novelty where training phrases are given."""
    some = heard[::2]
    songs = [(song.song, song.grid) for song in some]
    rows = experiment_rows(dancer, songs) | vae_row(dancer.network, real.validation)
    matched = matched_row({s: read_dances(made) for s, made in dances_by_style(dancer, some, (0,)).items()}, real)
    rows |= {f"{name}, styles as in the footage": value for name, value in matched.items()}
    rows["repeats / different sections"] = section_ratio(dancer, songs, STYLE, 0)
    return rows if bank is None else rows | novelty(dancer, songs, bank, held_out)
