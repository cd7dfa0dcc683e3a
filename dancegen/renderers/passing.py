"""Which of several dancers is in front of whom, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scipy.ndimage import maximum_filter1d

from dancegen.body.joints import L_ANKLE, R_ANKLE, body_height
from dancegen.body.sequence import SkeletonSequence

STAND = 0.5  # seconds around a frame in which a foot is on the ground
PASSED = 0.02  # heights that feet are lower than another's, before who was farther is nearer


def list_orders(order: Sequence[int], dances: Sequence[SkeletonSequence]) -> Iterator[list[int]]:
    """Who is farther in each frame, the farthest first: dancers pass each other as their feet do, jumps aside."""
    now = list(order)
    passed = PASSED * float(body_height(dances[0].joints[0, :, :2]))
    long = 2 * round(STAND * dances[0].fps) + 1
    feet = [maximum_filter1d(dance.joints[:, [R_ANKLE, L_ANKLE], 1].max(1), long) for dance in dances]
    for heights in zip(*feet, strict=True):
        for _ in now:
            for k in range(len(now) - 1):
                if heights[now[k]] > heights[now[k + 1]] + passed:
                    now[k], now[k + 1] = now[k + 1], now[k]
        yield list(now)
