"""How much of a figure is no head, trunk, arm or leg that was found."""

from __future__ import annotations

from dancegen.people.located import LocatedBody
from dancegen.people.network.outline import share_beyond

SPARE = 0.1  # the share of a figure far from every limb that is told; people have 0.03 at most
FAR = 2.6  # radii from every limb


def spare_share(subject: LocatedBody) -> float:
    """The share of the person's outline that is far from every limb."""
    return share_beyond(subject.mask > 0.5, FAR, subject.distance)
