"""From a song to a dance of its length: phrases imagined one after the other, danced in windows, framed.

The song goes through the network in overlapping windows, a few at a time, so that memory does not grow with its
length. The sketch belongs to the phrases, not to the window, so that a window's neighbours dance the same dance.

Glossary: F pieces, R poses per piece, S slices of a piece, M mel bands, K clock values, Q phrases, U = 4 units,
K tokens of D numbers a phrase, C = POSE_VALUES, W windows, L = 17 bones, V = 18 joints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dancegen import scratch
from dancegen.audio.grid import BeatGrid
from dancegen.audio.song import PIECE_SECONDS, SAMPLE_RATE, Song
from dancegen.audio.spectrum import mel_pieces
from dancegen.body.sequence import SkeletonSequence, blocks, by_blocks
from dancegen.choreographers.base import AMOUNT, TURNS
from dancegen.choreographers.finish.facing import face, yaw
from dancegen.choreographers.finish.frame import frame_dance, last_pose
from dancegen.choreographers.finish.ground import DRIFT_SECONDS, TRAVEL_SECONDS, depth_of, settle
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.counting import (
    BEATS_OF_UNIT,
    UNITS,
    Count,
    clock,
    count_for,
    frame_of,
    repeats,
    sections,
)
from dancegen.choreographers.stg_mamba.hearing import ear_traits, mixed_seed, number_of, rank, unit_sound
from dancegen.choreographers.stg_mamba.imagine import Heard, imagine
from dancegen.choreographers.stg_mamba.model import Choreographer, load_choreographer
from dancegen.choreographers.stg_mamba.sketch import STEPS, accents, lay, slowest_on_beats, unit_directions
from dancegen.choreographers.stg_mamba.styles import Plan, appeal, numbers, plan, share_styles
from dancegen.errors import DancegenError
from dancegen.progress import Reporter, SilentReporter
from dancegen.registry import is_style_file

WINDOW = 100  # pieces the network sees at once
OVERLAP = 20  # pieces shared by neighbouring windows; the middle half is cross-faded
WINDOWS_AT_ONCE = 4
PHRASES_AT_ONCE = 8
SPIN_PHRASES = 0.5  # share of the phrases that may spin where turns are whole
LEAST_TURNS = 1.0  # the level of turning from which on phrases spin

Sketch = Callable[[int, int], np.ndarray]  # poses from, to -> (T, C)

__all__ = ["choreograph", "listen", "load_choreographer"]


@dataclass(frozen=True)
class Listening:
    """All that a dance takes from a song.

    Attributes:
        mel: (F, S, M).
        clock: (F, K).
        count: beats, bars and phrases.
        heard: what each phrase is danced to.
    """

    mel: np.ndarray
    clock: np.ndarray
    count: Count
    heard: Heard


def listen(song: Song, grid: BeatGrid, style: str, table: np.ndarray) -> Listening:
    """Hear a song that is to be danced in a style; `table` of `Choreographer.ranks`."""
    mel = mel_pieces(song)
    count = count_for(grid, song.seconds, style)
    times = np.arange(song.pieces) * PIECE_SECONDS
    position, period = count.position(times), count.period(times)
    unit = np.floor(position / BEATS_OF_UNIT[count.meter]).astype(int)
    phrases = int(unit[-1]) // UNITS + 1 if len(unit) else 1
    sound = unit_sound(mel, position, unit, phrases * UNITS).reshape(phrases, UNITS, -1)
    starts = count.beats[: phrases * count.phrase + 1 : count.phrase]
    lasts = np.diff(starts) / count.phrase if len(starts) > phrases else np.full(phrases, np.median(period))
    number = np.clip(unit // UNITS, 0, phrases - 1)
    parts = (mel[number == phrase].reshape(-1, mel.shape[-1]) for phrase in range(phrases))
    ranks = [rank(ear_traits(part), table) if len(part) > 2 else np.full(4, 0.5) for part in parts]
    scratch.release(mel)
    own = number_of(song.samples, SAMPLE_RATE)
    heard = Heard(sound, lasts[:phrases], repeats(sound), np.stack(ranks), count.meter, own)
    return Listening(mel, clock(position, period, count.meter), count, heard)


def plan_for(heard: Listening, seed: int, style: str, known: Sequence[str] = STYLES) -> Plan:
    """Whose steps and arms each phrase has, of styles that are `known`; of the first of STYLES as the music asks."""
    music = heard.heard
    parts = sections(music.sound, music.repeats)
    ranks = [music.ranks[parts[:, 0] == part].mean(axis=0) for part in parts[:, 0]]
    period = float(np.median(np.diff(heard.count.beats)))
    appeals = [appeal(period, music.meter == 3, rank) for rank in ranks]
    appeals = [{name: odds for name, odds in one.items() if name in known} for one in appeals]
    return plan(parts, appeals, seed, music.number, style)


def choreograph(
    song: Song,
    grid: BeatGrid,
    network: Choreographer,
    *,
    seed: int,
    style: str = STYLES[0],
    amount: float = AMOUNT,
    turns: float = TURNS,
    reporter: Reporter | None = None,
) -> SkeletonSequence:
    """A dance to a song.

    Args:
        song: the music; any length.
        grid: its beats; where there are none, the dance counts evenly by itself.
        network: on any device.
        seed: another seed, another dance; the same seed and song, the same dance.
        style: one of STYLES; the first leaves it to the music.
        amount: how much of it or of one that was learnt, 0..1; the rest is the style that the music asks for.
        turns: 0 faces the camera, 0.5 turns half away, 1 turns all round.
        reporter: told of each window.

    Returns:
        A canonical sequence of song.pieces * poses_per_piece poses.

    Raises:
        DancegenError: a style that these weights do not know.
    """
    if style not in network.known:
        raise DancegenError(f"no dance style {style!r} in these weights", f"choose one of {', '.join(network.known)}")
    reporter = reporter or SilentReporter()
    heard = listen(song, grid, style if amount >= AMOUNT / 2 else STYLES[0], network.ranks.cpu().numpy())
    wanted = [(network.plain or network, STYLES[0], 1 - amount), (network, style, amount)]
    parts = [(mind, plan_for(heard, seed, name, network.known), share) for mind, name, share in wanted if share]
    spins = (np.arange(len(heard.heard.sound)) % round(1 / SPIN_PHRASES) == 1) & (turns >= LEAST_TURNS)
    fps = network.config.fps
    imagined = [(imagine(mind, heard.heard, numbers(one), seed, spins), share) for mind, one, share in parts]
    codes = imagined[0][0]  # (Q, K, D)
    if len(imagined) > 1:
        from dancegen.choreographers.stg_mamba.mixing import mix_codes

        codes = mix_codes(imagined)
    laid = laid_sketch(network, codes, heard, fps)
    directions, root, rate = _dance(heard, laid, network, share_styles([part[1:] for part in parts]), reporter)
    frame = frame_of(heard.mel, heard.count, song.seconds, grid.confidence > 0)
    ends = heard.count.beats[:: heard.count.phrase] * fps
    directions = face(directions, rate, fps, turns, ends)
    before = directions[min(int(min(frame.finish, song.seconds) * fps), len(directions) - 1)]
    learnt = network.plain is not None and amount >= AMOUNT / 2  # it ends as it dances: known endings are not its own
    ending = before if learnt else last_pose(parts[-1][1][-1], mixed_seed(seed, heard.heard.number, "end"), before)
    directions, root = frame_dance(directions, root, fps, frame, ending)
    # positive toward the viewer's right
    turned = -np.degrees(np.unwrap(by_blocks(yaw, directions))) if turns > 0 else None
    joints = settle(directions, root, fps, TRAVEL_SECONDS if turns >= LEAST_TURNS else DRIFT_SECONDS)
    return SkeletonSequence(joints, fps, yaw=turned, depth=depth_of(joints, fps) if turns > 0 else None)


def laid_sketch(network: Choreographer, codes: Tensor, heard: Listening, fps: float) -> Sketch:
    """The phrases of codes (Q, K, D) laid on the beats, a stretch at a time."""
    phrases = np.zeros(0)
    with torch.inference_mode():
        for first in range(0, len(codes), PHRASES_AT_ONCE):
            drawn = network.phrases(codes[first : first + PHRASES_AT_ONCE]).float().cpu().numpy()
            if first == 0:
                phrases = scratch.zeros((len(codes), *drawn.shape[1:]))  # (Q, G, C)
            phrases[first : first + PHRASES_AT_ONCE] = drawn
            scratch.release(phrases)
    depth = slowest_on_beats(accents(heard.mel.reshape(-1, heard.mel.shape[-1]), heard.count.beats), phrases)

    def lay_frames(first: int, last: int) -> np.ndarray:
        at = np.arange(first, last) / fps
        poses = lay(phrases, STEPS, heard.count.position(at), depth)
        scratch.release(phrases)
        poses[:, -1] /= heard.count.period(at)
        return unit_directions(poses)

    return lay_frames


def _dance(
    heard: Listening, sketch: Sketch, network: Choreographer, styles: np.ndarray, reporter: Reporter
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Directions (T, L, 3), root (T, 2) and rate of turning (T,) of a whole song; styles (Q, S)."""
    pieces, poses = len(heard.mel), network.config.poses_per_piece
    directions = scratch.zeros((pieces * poses, network.paths.shape[1], 3))
    rest = np.zeros((pieces * poses, 3), np.float32)
    starts = window_starts(pieces)
    reporter.stage("choreography", len(starts), "windows")
    for first, turned, placed in _dance_windows(heard, sketch, network, styles, starts):
        count = len(placed)
        share = _fade(first, count // poses, pieces, poses)
        directions[first * poses : first * poses + count] += share[:, None, None] * turned
        rest[first * poses : first * poses + count] += share[:, None] * placed
        scratch.release(directions, heard.mel)
        reporter.advance()
    for part in blocks(len(directions), directions):
        directions[part] /= np.maximum(np.linalg.norm(directions[part], axis=-1, keepdims=True), 1e-6)
    return directions, rest[:, :2], rest[:, 2]


def window_starts(pieces: int) -> list[int]:
    """The first piece of each window; the last window ends with the song."""
    starts = list(range(0, max(1, pieces - OVERLAP), WINDOW - OVERLAP))
    return [min(start, max(0, pieces - WINDOW)) for start in starts]


def _fade(first: int, count: int, pieces: int, poses: int) -> np.ndarray:
    """The share (count * poses,) that one window has in each of its poses; shares of all windows sum to 1."""
    starts = window_starts(pieces)
    at = (np.arange(count * poses) + 0.5) / poses + first

    def rise(start: int, end: float) -> np.ndarray:
        """0 before, 1 after the middle half of the stretch that two windows share."""
        middle, half = (start + end) / 2, max((end - start) / 4, 0.5)
        share = np.clip((at - middle) / (2 * half) + 0.5, 0, 1)
        return share * share * (3 - 2 * share)

    index = starts.index(first)
    share = np.ones(count * poses)
    if index > 0:
        share = share * rise(first, starts[index - 1] + WINDOW)
    if index + 1 < len(starts):
        share = share * (1 - rise(starts[index + 1], first + WINDOW))
    return share.astype(np.float32)


def _dance_windows(
    heard: Listening, sketch: Sketch, network: Choreographer, styles: np.ndarray, starts: list[int]
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """(first piece, directions (T, L, 3), root and rate (T, 3)) of each window, WINDOWS_AT_ONCE together."""
    device = next(network.parameters()).device
    length, poses = min(WINDOW, len(heard.mel)), network.config.poses_per_piece
    phrase = heard.count.position(np.arange(len(heard.mel)) * PIECE_SECONDS) // heard.count.phrase  # (F,)
    danced = styles[np.clip(phrase.astype(int), 0, len(styles) - 1)]  # (F, S)
    with torch.inference_mode():
        for group in (starts[i : i + WINDOWS_AT_ONCE] for i in range(0, len(starts), WINDOWS_AT_ONCE)):
            mel = np.stack([heard.mel[first : first + length] for first in group])  # (W, F, S, M)
            beats = np.stack([heard.clock[first : first + length] for first in group])  # (W, F, K)
            drawn = np.stack([sketch(first * poses, (first + length) * poses) for first in group])  # (W, T, C)
            shares = np.stack([danced[first : first + length].mean(axis=0) for first in group])  # (W, S)
            turned, placed, rate = network(*(torch.from_numpy(each).to(device) for each in (mel, beats, drawn, shares)))
            rest = torch.cat([placed, rate[..., None]], dim=-1).float().cpu().numpy()
            yield from zip(group, turned.float().cpu().numpy(), rest, strict=True)


class StgMamba:
    """The network as the contract `choreographers.base.Choreographer` has it."""

    def __init__(self, network: Choreographer, weights: Path | None = None) -> None:
        self.network, self.weights, self.styles = network, weights, network.known

    def dance(self, song: Song, grid: BeatGrid, *, seed: int, style: str, **how: Any) -> SkeletonSequence:
        """See `choreograph`, which takes `how` too."""
        if not is_style_file(style):
            return choreograph(song, grid, self.network, seed=seed, style=style, **how)
        from dancegen.choreographers.stg_mamba.learnt import with_style

        styled = with_style(self.network, self.weights, Path(style))
        return choreograph(song, grid, styled, seed=seed, **how)


def load(weights: Path, device: torch.device) -> StgMamba:
    """See `registry`."""
    return StgMamba(load_choreographer(weights, device), weights)
