"""What a dance has beside its joints (turns, path, hands, face), where two dances are joined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dancegen.body.sequence import SkeletonSequence


def paste_channels(old: SkeletonSequence, new: SkeletonSequence, begin: int, share: np.ndarray) -> SkeletonSequence:
    """`old` with the optional channels of `new` from pose `begin` on, by `share` (T',), 0 = old.

    A turn that one of them does not tell is none. Hands and faces are not mixed: they are those of the dance of which a
    pose has more, and not there where that dance has none.
    """
    stretch = slice(begin, begin + len(share))
    return replace(
        old,
        yaw=_mix(old.yaw, new.yaw, stretch, share, 360.0),
        depth=_mix(old.depth, new.depth, stretch, share, 0.0),
        hands=_choose(old.hands, new.hands, stretch, share),
        face=_choose(old.face, new.face, stretch, share),
    )


def _mix(
    old: np.ndarray | None, new: np.ndarray | None, stretch: slice, share: np.ndarray, whole: float
) -> np.ndarray | None:
    """(T,); what differs by turns of `whole` is the same: `new` is moved by as many as fit the start best."""
    if old is None and new is None:
        return None
    count = len(old) if old is not None else len(new) if new is not None else 0
    before = np.zeros(count) if old is None else old.astype(float)
    after = np.zeros(count) if new is None else new.astype(float)
    if whole:
        after = after + whole * np.round((before[stretch.start] - after[stretch.start]) / whole)
    mixed = before.copy()
    mixed[stretch] += share * (after[stretch] - before[stretch])
    if whole and stretch.stop < count:  # what follows is turned on by the whole turns that were made within
        mixed[stretch.stop :] += whole * np.round((mixed[stretch.stop - 1] - mixed[stretch.stop]) / whole)
    return mixed.astype(np.float32)


def _choose(old: np.ndarray | None, new: np.ndarray | None, stretch: slice, share: np.ndarray) -> np.ndarray | None:
    """(T, ..., 3); points of another count than the old ones are not taken."""
    if old is None:
        return None
    chosen = old.copy()
    others = new[stretch] if new is not None and new.shape == old.shape else np.zeros_like(old[stretch])
    is_new = (share > 0.5).reshape(-1, *(1,) * (old.ndim - 1))
    chosen[stretch] = np.where(is_new, others, old[stretch])
    return chosen
