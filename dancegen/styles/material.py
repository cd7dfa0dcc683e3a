"""Dances to what a style is learnt from: their phrases as codes, with what was heard to each.

Glossary: T poses at 30 a second, N phrases, G poses by the beat, C pose values, K tokens of D numbers, U = 4 units,
A sound features, B beats of a phrase.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from dancegen.audio.song import PIECE_SECONDS, Song
from dancegen.audio.spectrum import mel_pieces
from dancegen.body.sequence import SkeletonSequence
from dancegen.choreographers.stg_mamba.counting import BEATS_OF_UNIT, UNITS
from dancegen.choreographers.stg_mamba.hearing import UNIT_SOUND, unit_sound
from dancegen.choreographers.stg_mamba.prior import USUAL_PERIOD, PhraseBasis, token_count
from dancegen.choreographers.stg_mamba.sketch import STEPS as DRAWN
from dancegen.errors import DancegenError
from dancegen.styles.codes import encode, mirror_values
from dancegen.styles.flow import Phrases
from dancegen.styles.motion import FPS, HUMAN_HEIGHT, SPIN, Motion, slow_turn, to_canonical, usable_stretches
from dancegen.styles.phrases import BEATS, PERIODS, STEPS, even_way, phrase_poses, phrase_starts

LEAST_PHRASES = 8  # without their mirror images; fewer are one move
FOLLOWS = 0.25  # seconds between the end of a phrase and the beginning of one that follows it
LIKE_TEMPO = 0.15  # in log period, of one that does
KICK_SPEED = 25.0  # metres per second of the foot of a hard kick; faster is a glitch
BLUR = 0.3  # of the deviation of each sound feature, where a phrase hears what it was not danced to


@dataclass(frozen=True)
class Danced:
    """A dance to learn from: canonical `dance`, and the `song` that it begins with, where one is known."""

    dance: SkeletonSequence
    song: Song | None = None


@dataclass(frozen=True)
class _Row:
    """A phrase: pose values (G, C), seconds a beat, its dance's number, first and last second there, whether it spins,
    and what was heard (U, A) or None."""

    values: np.ndarray
    period: float
    source: int
    begin: float
    end: float
    spins: bool
    sound: np.ndarray | None


def motions_of(dance: SkeletonSequence, name: str) -> list[Motion]:
    """The stretches of a dance that can be learnt from, turned to the camera, as a choreographer's dances are."""
    dance = dance if dance.fps == FPS else dance.resample(FPS, max(2, round(dance.seconds * FPS)))
    joints = dance.joints.astype(np.float64).copy()
    if dance.depth is not None:
        joints[..., 2] += dance.depth[:, None]
    joints *= np.array([1, -1, -1]) * HUMAN_HEIGHT  # y up, metres
    directions, root, usable = to_canonical(joints, quickest=KICK_SPEED)
    turn = slow_turn(joints)
    return [
        Motion(directions[a:b], root[a:b], "", name, a / FPS, turn[a:b])
        for a, b in usable_stretches(usable & _is_seen(dance))
    ]


def _is_seen(dance: SkeletonSequence) -> np.ndarray:
    """(T,) bool, whether the trunk was seen at all: what fills a gap is nobody's style."""
    return np.asarray(dance.confidence[:, [2, 5, 8, 11]].max(axis=1) > 0)


def gather(dances: Sequence[Danced], basis: PhraseBasis, spare: Sequence[Song], seed: int) -> dict[int, Phrases]:
    """The phrases of dances and their mirror images, by meter.

    Args:
        dances: what is learnt.
        basis: the choreographer's, that codes are for.
        spare: songs that are heard to dances without one.
        seed: of what those hear.

    Raises:
        DancegenError: there are too few phrases in it.
    """
    rows: dict[int, list[_Row]] = {meter: [] for meter in BEATS}
    for number, danced in enumerate(dances):
        for motion in motions_of(danced.dance, str(number)):
            for meter, found in rows.items():
                found += _rows(motion, meter, danced.song, number)
    if len(rows[4]) < LEAST_PHRASES:
        seconds = sum(danced.dance.seconds for danced in dances)
        what = f"{seconds:.0f} s of dancing hold {len(rows[4])} phrases, too few for a style"
        raise DancegenError(what, "give more or longer clips: half a minute at least, better two to four minutes")
    generator = torch.Generator().manual_seed(seed)
    pools = {meter: _pool(found, spare, meter) for meter, found in rows.items()}
    rows = {meter: [*found, *_untold(found)] for meter, found in rows.items() if found}
    return {meter: _phrases(found, basis, meter, pools[meter], generator) for meter, found in rows.items()}


def _untold(rows: Sequence[_Row]) -> list[_Row]:
    """The rows that spin, once more without a word of it: most songs are danced without spins, and nearly all that a
    dancer who spins was seen to do would not be danced there."""
    return [replace(row, spins=False) for row in rows if row.spins]


def _rows(motion: Motion, meter: int, song: Song | None, source: int) -> list[_Row]:
    """The phrases of one stretch, at several tempi."""
    mel = mel_pieces(song) if song else None
    rows = []
    for path in (path for period in PERIODS for path in phrase_starts(motion, meter, period)):
        values = phrase_poses(motion, even_way(motion, path, BEATS[meter]))[:: STEPS // DRAWN]
        times = motion.start + path / FPS
        rate = np.gradient(motion.turn[path[0] : path[-1] + 1]) * FPS
        spins = bool(np.abs(rate).max() > SPIN)
        period = float(times[-1] - times[0]) / BEATS[meter]
        sound = None if mel is None else _hear(mel, times, meter)
        rows.append(_Row(values, period, source, float(times[0]), float(times[-1]), spins, sound))
    return rows


def _hear(mel: np.ndarray, times: np.ndarray, meter: int) -> np.ndarray | None:
    """What is heard (U, A) while a phrase is danced, its beats at `times` (B + 1,) seconds; None after the sound."""
    first, last = round(times[0] / PIECE_SECONDS), round(times[-1] / PIECE_SECONDS)
    if last > len(mel) or last - first < 2 * UNITS:
        return None
    position = np.interp(np.arange(first, last) * PIECE_SECONDS, times, np.arange(len(times)))
    unit = np.minimum(position // BEATS_OF_UNIT[meter], UNITS - 1).astype(int)
    return unit_sound(mel[first:last], position, unit, UNITS)


def _pool(rows: Sequence[_Row], spare: Sequence[Song], meter: int) -> np.ndarray:
    """Sounds (M, U, A) for phrases that were danced to none."""
    found = [row.sound for row in rows if row.sound is not None]
    seconds = BEATS[meter] * USUAL_PERIOD
    for song in spare:
        mel = mel_pieces(song)
        begins = np.arange(0.0, max(song.seconds - seconds, 0.0) + 0.01, seconds / 4)
        heard = (_hear(mel, begin + np.arange(BEATS[meter] + 1) * USUAL_PERIOD, meter) for begin in begins)
        found += [one for one in heard if one is not None]
    return np.stack(found) if found else np.zeros((1, UNITS, UNIT_SOUND), np.float32)


def _phrases(
    rows: Sequence[_Row], basis: PhraseBasis, meter: int, pool: np.ndarray, generator: torch.Generator
) -> Phrases:
    """The rows and their mirror images as the flow learns them."""
    values = np.stack([row.values for row in rows])
    both = np.concatenate([values, mirror_values(values)])
    codes = encode(basis, both, token_count(BEATS[meter]))  # (2 N, K, D)
    before, after, known = _neighbours(rows, codes)
    facts = torch.tensor([[np.log(row.period / USUAL_PERIOD), meter == 3, row.spins] for row in rows]).float()
    sound = torch.cat([_sounds(rows, pool, generator) for _ in range(2)])
    return Phrases(codes, before, after, known, sound, facts.repeat(2, 1), torch.zeros(len(both), 2, dtype=torch.long))


def _sounds(rows: Sequence[_Row], pool: np.ndarray, generator: torch.Generator) -> Tensor:
    """What each phrase hears (N, U, A): its own sound, or another's, somewhat changed."""
    chosen = torch.randint(len(pool), (len(rows),), generator=generator).numpy()
    noise = torch.randn((len(rows), *pool.shape[1:]), generator=generator).numpy() * BLUR * pool.std(axis=(0, 1))
    others = pool[chosen] + noise
    sounds = [other if row.sound is None else row.sound for row, other in zip(rows, others, strict=True)]
    return torch.from_numpy(np.stack(sounds)).float()


def _neighbours(rows: Sequence[_Row], codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Codes (2 N, K, D) before and after each phrase where one follows, and known (2 N, 2) whether there is one."""
    count = len(rows)
    begin, end = np.array([row.begin for row in rows]), np.array([row.end for row in rows])
    source, tempo = np.array([row.source for row in rows]), np.log([row.period for row in rows])
    gap = np.abs(end[:, None] - begin) + 10.0 * (np.abs(tempo[:, None] - tempo) > LIKE_TEMPO)
    gap = gap + 1e3 * (source[:, None] != source)  # (first, second)
    beside = np.stack([gap.argmin(axis=0), gap.argmin(axis=1)])  # (2, N) the one before, the one after
    known = np.stack([gap.min(axis=0), gap.min(axis=1)], axis=1) < FOLLOWS
    at = torch.from_numpy(np.concatenate([beside, beside + count], axis=1))
    sure = torch.from_numpy(np.concatenate([known, known])).float()
    return codes[at[0]] * sure[:, :1, None], codes[at[1]] * sure[:, 1:, None], sure
