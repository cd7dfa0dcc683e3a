"""Dances put together: kept bars of some in another, one after another, and in the manner of another.

Between what is kept the motion network imagines the transition (`capture/complete.py`).

Glossary: T poses, V = 18 joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dancegen.audio.grid import BeatGrid
from dancegen.body.joints import ARM_BONES, BONES, LEG_BONES, mid_hip
from dancegen.body.sequence import BONE_LENGTHS, SkeletonSequence, bone_directions
from dancegen.dances.bars import bar_poses, parse_bars
from dancegen.dances.dance_file import DanceFile, Edit, Source, Take, round_dance, without_bars
from dancegen.dances.takes import rank_takes
from dancegen.errors import DancegenError

if TYPE_CHECKING:
    from dancegen.capture.network import Vimo

SEAM_SECONDS = 0.7  # of a transition, in bars that are not kept
JOIN_SECONDS = 1.0  # between two dances
LIMBS = {"arms": ARM_BONES, "legs": LEG_BONES}
FPS = 30.0
USUAL = 1e-3  # body heights by which bones may be off the usual body's


@dataclass(frozen=True)
class Kept:
    """Bars `first`..`last` (both included) of a dance file, called `name`."""

    dance: DanceFile
    first: int
    last: int
    name: str


def parse_kept(option: str) -> tuple[str, int, int]:
    """`intro.dance.json@1-8` to the file and its bars.

    Raises:
        DancegenError: it names no bars.
    """
    name, at, stretch = option.rpartition("@")
    if not at or not name:
        raise DancegenError(f"--keep {option} names no bars", "write it like intro.dance.json@1-8")
    return name, *parse_bars(stretch, "--keep")


def is_for_other_body(one: DanceFile, other: DanceFile) -> bool:
    """Whether the bodies that two dances were made for differ by more than is lost in a file."""
    lengths, others = (np.asarray(BONE_LENGTHS if dance.body is None else dance.body.bones) for dance in (one, other))
    return bool(np.abs(lengths - others).max() > USUAL)


def keep_bars(made: DanceFile, kept: Sequence[Kept], grid: BeatGrid, network: Vimo) -> DanceFile:
    """All takes of `made`, danced to `grid`, with the kept bars in them, and transitions on both sides of each.

    Kept poses are those of their dance, bit for bit, where its bars are as long as the song's.
    """
    takes = tuple(_with_kept(take, kept, grid, network) for take in made.takes)
    return replace(made, takes=rank_takes(takes, grid.times))


def _with_kept(take: Take, kept: Sequence[Kept], grid: BeatGrid, network: Vimo) -> Take:
    dance = _everything(take.skeleton)
    known = np.zeros(len(dance), bool)
    sources = take.sources
    for one in kept:
        begin, end = bar_poses(grid, one.first, one.last, dance.fps, len(dance))
        if known[begin:end].any():
            raise DancegenError(f"--keep {one.name}: bars {one.first}-{one.last} are kept twice", "keep them once")
        dance = _put(dance, _stretch(one, end - begin), begin)
        known[begin:end] = True
        sources = (*without_bars(sources, one.first, one.last), Source(one.first, one.last, "kept", one.name))
    return replace(take, skeleton=_with_seams(dance, known, network, take.seed), sources=sources)


def fill_bars(made: DanceFile, number: int, new: SkeletonSequence, edits: Sequence[Edit], network: Vimo) -> DanceFile:
    """The dance with bars of take `number` filled: `new` is danced in them, with transitions from and to what is there
    on both sides, which is kept bit for bit.

    It is what `keep_bars` makes of a take that dances `new`, where all other bars are kept. That take is then the
    chosen one.

    Args:
        new: as many seconds as the take.
        edits: the bars, and how `new` was made.
    """
    take, grid = made.take(number), made.grid.beats_or_count(made.seconds)
    old = _everything(take.skeleton)
    dance = _everything(round_dance(new.resample(old.fps, len(old))))
    known = np.ones(len(old), bool)
    sources = take.sources
    for edit in edits:
        begin, end = bar_poses(grid, edit.first, edit.last, old.fps, len(old))
        known[begin:end] = False
        sources = without_bars(sources, edit.first, edit.last)
    for begin, end in _runs(known):
        dance = _put(dance, old.at(np.arange(begin, end)), begin)
    filled = _with_seams(dance, known, network, edits[0].seed)
    changed = made.with_take(number, replace(take, skeleton=filled, edits=(*take.edits, *edits), sources=sources))
    return replace(changed, takes=rank_takes(changed.takes, grid.times), chosen=number)


def _with_seams(dance: SkeletonSequence, known: np.ndarray, network: Vimo, seed: int) -> SkeletonSequence:
    """The dance with transitions between what is known (T,) and what is not, as it will be read from a file."""
    dance = _bring_near(dance, known)
    for begin, end in _seams(known, round(SEAM_SECONDS * dance.fps)):
        dance = _fill(network, dance, begin, end, seed)
    return round_unknown(dance, known)


def round_unknown(dance: SkeletonSequence, known: np.ndarray) -> SkeletonSequence:
    """As it will be read from a file; what is known was read from one."""
    made = round_dance(dance)
    return replace(made, joints=np.where(known[:, None, None], dance.joints, made.joints))


def _stretch(kept: Kept, count: int) -> SkeletonSequence:
    """The kept bars as `count` poses."""
    skeleton = _everything(kept.dance.take(None).skeleton)
    begin, end = bar_poses(
        kept.dance.grid.beats_or_count(kept.dance.seconds), kept.first, kept.last, skeleton.fps, len(skeleton)
    )
    if end - begin == count:
        return skeleton.at(np.arange(begin, end))
    return skeleton.moments(np.linspace(begin, end - 1, count), skeleton.fps)


def _everything(dance: SkeletonSequence) -> SkeletonSequence:
    """A dance with turns and depth, 0 where it has none."""
    nothing = np.zeros(len(dance), np.float32)
    yaw = nothing if dance.yaw is None else dance.yaw
    depth = nothing if dance.depth is None else dance.depth
    return SkeletonSequence(dance.joints, dance.fps, dance.confidence, yaw=yaw, depth=depth)


def _put(dance: SkeletonSequence, part: SkeletonSequence, begin: int) -> SkeletonSequence:
    """The dance with `part` from pose `begin` on."""
    changed = {}
    for name in ("joints", "confidence", "yaw", "depth"):
        values = getattr(dance, name).copy()
        values[begin : begin + len(part)] = getattr(part, name)
        changed[name] = values
    return replace(dance, **changed)


def _bring_near(dance: SkeletonSequence, known: np.ndarray) -> SkeletonSequence:
    """What is not known is moved over the floor so that it begins and ends beside what is known."""
    joints, depth = dance.joints.copy(), np.zeros(len(dance)) if dance.depth is None else dance.depth.copy()
    place = np.stack([mid_hip(joints)[:, 0], depth], axis=1)  # (T, 2)
    for begin, end in _runs(~known):
        left = place[begin - 1] - place[begin] if begin else None
        right = place[end] - place[end - 1] if end < len(known) else None
        if left is None and right is None:
            continue
        first = left if left is not None else right
        last = right if right is not None else left
        ramp = np.linspace(0, 1, end - begin)[:, None]
        ramp = ramp * ramp * (3 - 2 * ramp)
        shift = first * (1 - ramp) + last * ramp  # type: ignore[operator]
        joints[begin:end, :, 0] += shift[:, :1]
        depth[begin:end] += shift[:, 1]
    return replace(dance, joints=joints, depth=depth.astype(np.float32))


def _runs(marked: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]]).astype(int)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _seams(known: np.ndarray, length: int) -> list[tuple[int, int]]:
    """The stretches that are imagined: at the ends of what is not known, where it goes on as known."""
    seams = []
    for begin, end in _runs(~known):
        if begin and end < len(known) and end - begin <= 2 * length:
            seams.append((begin, end))
            continue
        if begin:
            seams.append((begin, min(begin + length, end)))
        if end < len(known):
            seams.append((max(end - length, begin), end))
    return seams


def _fill(network: Vimo, dance: SkeletonSequence, begin: int, end: int, seed: int) -> SkeletonSequence:
    from dancegen.capture.complete import fill_gap

    if dance.fps != FPS:
        raise DancegenError(f"dances of {dance.fps:g} poses a second cannot be put together", f"make them at {FPS:g}")
    made = fill_gap(network, dance, begin, end, seed)
    sides = bone_lengths(dance.joints[[begin - 1, end]])  # (2, L)
    if np.abs(sides - BONE_LENGTHS).max() < USUAL:
        return made
    joints, gap = made.joints.copy(), slice(begin, end)  # the network imagines the usual body
    share = np.linspace(0, 1, end - begin + 2)[1:-1, None]
    joints[gap] = place_bones(bone_directions(joints[gap]), sides[0] + share * (sides[1] - sides[0]), joints[gap])
    return replace(made, joints=joints)


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    """The lengths (T, L) of the bones of poses (T, V, 3)."""
    ends = np.asarray(BONES)
    return np.linalg.norm(joints[:, ends[:, 1]] - joints[:, ends[:, 0]], axis=-1)


def place_bones(directions: np.ndarray, lengths: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Poses (T, V, 3) of bones that point in directions (T, L, 3) and have lengths (T, L), whose hips are those of
    poses `at` (T, V, 3)."""
    joints = np.zeros(at.shape, np.float32)
    for bone, (parent, child) in enumerate(BONES):
        joints[:, child] = joints[:, parent] + lengths[:, bone, None] * directions[:, bone]
    joints += (mid_hip(at) - mid_hip(joints))[:, None]
    return joints


def join_dances(first: SkeletonSequence, second: SkeletonSequence, network: Vimo, seed: int) -> SkeletonSequence:
    """One dance after the other with a transition between; the second is moved to where the first ends."""
    one, other = (_everything(dance if dance.fps == FPS else _at_fps(dance)) for dance in (first, second))
    gap = round(JOIN_SECONDS * FPS)
    ends, begins = mid_hip(one.joints)[-1, 0], mid_hip(other.joints)[0, 0]
    moved = other.joints.copy()
    moved[..., 0] += ends - begins
    assert one.depth is not None and other.depth is not None and one.yaw is not None and other.yaw is not None
    depth = other.depth + (one.depth[-1] - other.depth[0])
    middle = np.repeat(one.joints[-1:], gap, axis=0)
    whole = SkeletonSequence(
        np.concatenate([one.joints, middle, moved]),
        FPS,
        np.concatenate([one.confidence, np.repeat(one.confidence[-1:], gap, axis=0), other.confidence]),
        yaw=np.concatenate([one.yaw, np.repeat(one.yaw[-1:], gap), other.yaw]),
        depth=np.concatenate([one.depth, np.repeat(one.depth[-1:], gap), depth]),
    )
    return _fill(network, whole, len(one), len(one) + gap, seed)


def _at_fps(dance: SkeletonSequence) -> SkeletonSequence:
    return dance.resample(FPS, max(2, round(dance.seconds * FPS)))


def check_limbs(limbs: str | None) -> None:
    """Refuse what no --hold is."""
    if limbs is not None and limbs not in LIMBS:
        raise DancegenError(f"--hold {limbs} is none", f"choose {' or '.join(LIMBS)}")


def held_limbs(old: SkeletonSequence, new: SkeletonSequence, limbs: str) -> SkeletonSequence:
    """`new` with the limbs of `old`: their bones point where they did.

    Raises:
        DancegenError: there are no such limbs.
    """
    check_limbs(limbs)
    count = min(len(old), len(new))
    mine, theirs = bone_directions(new.joints[:count]), bone_directions(old.joints[:count])
    mine[:, list(LIMBS[limbs])] = theirs[:, list(LIMBS[limbs])]
    joints = new.joints.copy()
    joints[:count] = place_bones(mine, bone_lengths(new.joints[:count]), new.joints[:count])
    return replace(new, joints=joints.astype(np.float32))
