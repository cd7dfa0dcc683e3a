"""How the limbs of a puppet move from the skeleton they were cut by to others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.body.limbs import limb_maps, limb_order
from dancegen.renderers.puppet.bends import Bends, limb_bends
from dancegen.renderers.puppet.limb_motion import LimbNetwork, correct_maps


@dataclass(frozen=True)
class Motion:
    """How the limbs move to one target skeleton: maps (K, 2, 3), bends, order (K,)."""

    maps: np.ndarray
    bends: Bends
    order: np.ndarray

    def view_from(self, x: float, y: float, cell: float = 1.0) -> tuple[np.ndarray, Bends, np.ndarray]:
        """The same from a window at (x, y) with pixels `cell` wide, as `puppet.lay` takes them."""
        return shift_maps(self.maps, x, y, cell), self.bends.shifted(x, y, cell), self.order


def motions(source: np.ndarray, targets: np.ndarray, network: LimbNetwork | None = None) -> list[Motion]:
    """From skeletons (V, 2+), or (B, V, 2+), to the targets (B, V, 3), as the network corrects it."""
    maps, bends, order = limb_maps(source, targets), limb_bends(source, targets), limb_order(targets)
    if network is not None:
        maps = correct_maps(maps, targets, network.corrections(source, targets))
    return [Motion(maps[index], bends.row(index), order[index]) for index in range(len(targets))]


def shift_maps(maps: np.ndarray, x: float, y: float, cell: float = 1.0) -> np.ndarray:
    """Maps (..., K, 2, 3) from pixels of a window at (x, y), each `cell` pixels wide, instead of the whole target."""
    moved = maps.copy()
    moved[..., 2] += maps[..., 0] * x + maps[..., 1] * y
    moved[..., :2] *= cell
    return moved
