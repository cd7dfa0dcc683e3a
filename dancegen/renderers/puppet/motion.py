"""How the limbs of a puppet move from the skeleton they were cut by to others: plain maps, as a network corrects them.

The maps of `limbs` turn limbs and stretch them along their axes. A body that comes nearer, bows or squats changes in
other ways too, which its skeleton tells to somebody who has seen many bodies: `LimbNetwork` looks at the two skeletons
alone and answers how much wider and longer each limb looks. It starts at zero: no correction.

Glossary: B batch, V = 18 joints, K = 15 limbs, H = body height of the condition image's skeleton.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.joints import V, body_height, mid_hip
from dancegen.body.limb_maps import limb_maps, limb_order
from dancegen.body.limbs import K, limb_axes
from dancegen.renderers.puppet.bends import Bends, limb_bends

SCALE_LIMIT = 0.45  # how much smaller or larger a limb is looked up at most
SHIFT_LIMIT = 0.06  # H
DOUBT = 0.06  # half of a correction of this size is drawn: joints are found no better than that
# How much of what is told of the limbs' lengths is drawn: with more of it they would come apart at elbows and knees.
LENGTHS_DRAWN = {L.R_UPPER_ARM: 0.0, L.R_FOREARM: 0.0, L.L_UPPER_ARM: 0.0, L.L_FOREARM: 0.0}
LENGTHS_DRAWN |= {L.R_THIGH: 0.5, L.R_SHIN: 0.5, L.L_THIGH: 0.5, L.L_SHIN: 0.5}
UNCHANGED = (L.R_HAND, L.L_HAND, L.R_FOOT, L.L_FOOT)  # skeletons end where these begin
WIDTHS = ((J.R_SHOULDER, J.L_SHOULDER), (J.R_HIP, J.L_HIP))
FEATURES = 5 * V + 1 + 6 * K + 1 + len(WIDTHS) + 1


def limb_frames(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First end of each limb, and unit vectors along and across it: (..., V, 2+) -> three of (..., K, 2)."""
    ends = limb_axes(joints)
    axis = ends[..., 1, :] - ends[..., 0, :]
    along = axis / np.maximum(np.linalg.norm(axis, axis=-1, keepdims=True), 1e-6)
    return ends[..., 0, :], along, np.stack([-along[..., 1], along[..., 0]], -1)


def skeleton_features(source: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """What `LimbNetwork` is told of a source skeleton and its targets.

    Args:
        source: (V, 2+), or (B, V, 2+); targets: (B, V, 3); both px.

    Returns:
        (B, FEATURES) float32, free of size and place: joints and depths in H from the hips' middle, whether depths are
        known, each limb's directions and how much longer it is, in the picture and in space, and how much larger body,
        shoulders, hips and face are.
    """
    target = np.asarray(targets[..., :2], np.float64)
    source = np.broadcast_to(source[..., :2], target.shape).astype(np.float64)
    heights = [np.maximum(body_height(joints), 1e-3) for joints in (source, target)]  # (B,) each
    size = heights[0][:, None, None]  # (B, 1, 1)
    depth = targets[..., 2].astype(np.float64) / size[..., 0]  # (B, V)
    known = (np.abs(depth).max(1, keepdims=True) > 1e-6).astype(np.float64)
    places = [(joints - mid_hip(joints)[:, None]) / size for joints in (source, target)]  # (B, V, 2)
    lengths, directions, breadths = [], [], []
    for joints in (source, target):
        _, along, _ = limb_frames(joints)
        ends = limb_axes(joints)
        lengths.append(np.linalg.norm(ends[..., 1, :] - ends[..., 0, :], axis=-1) / size[..., 0])  # (B, K)
        directions.append(along.reshape(len(along), -1))  # (B, 2 K)
        face = joints[:, J.FACE_JOINTS]
        spread = np.linalg.norm(face - face.mean(1, keepdims=True), axis=-1).mean(1)
        across = [np.linalg.norm(joints[:, a] - joints[:, b], axis=-1) for a, b in WIDTHS]
        breadths.append(np.stack([*across, spread], 1) / size[..., 0])  # (B, 3)
    away = np.zeros_like(lengths[1])  # (B, K)
    for limb, (a, b) in L.SEGMENTS.items():  # which alone may lead away from the camera
        away[:, limb] = np.abs(depth[:, b] - depth[:, a])
    taller = np.log(heights[1] / heights[0])[:, None]
    columns = [places[0].reshape(len(target), -1), places[1].reshape(len(target), -1), depth, known]
    columns += [
        _log_ratio(*lengths),
        _log_ratio(lengths[0], np.hypot(lengths[1], away)),
        *directions,
        taller,
        _log_ratio(*breadths),
    ]
    return np.concatenate(columns, 1).astype(np.float32)  # (B, FEATURES)


def rest_poses(source: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The source skeletons as targets (B, V, 3), their depths unknown."""
    flat = np.zeros(targets.shape)
    flat[..., :2] = source[..., :2]
    return flat


def _log_ratio(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.log((target + 0.02) / (source + 0.02))


class LimbNetwork(nn.Module):
    """Three linear layers from two skeletons to a correction of each limb's map; the last one starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(FEATURES, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())
        self.leave = nn.Linear(width, K * 4)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, features: torch.Tensor, still: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """By how much a target place along and across a limb is stretched, from its first end, and shifted, in H.

        The shift is told so that it does not bend the stretch, and not drawn: joints are not found that well.

        Args:
            features: (B, FEATURES) of the two skeletons.
            still: (B, FEATURES) of the source and itself: who does not move is not changed.

        Returns:
            (B, K, 2) twice.
        """
        moved, rest = self.leave(self.layers(torch.cat([features, still]))).chunk(2)  # (B, K * 4) each
        out = (moved - rest).view(-1, K, 2, 2).tanh()  # (B, K, scale and shift, along and across)
        scale, shift = SCALE_LIMIT * out[:, :, 0], SHIFT_LIMIT * out[:, :, 1]  # (B, K, 2)
        limbs = list(scale.unbind(1))  # K of (B, 2)
        limbs[L.HEAD] = limbs[L.HEAD].mean(-1, keepdim=True).expand(-1, 2)
        for limb in UNCHANGED:
            limbs[limb] = torch.zeros_like(limbs[limb])
        return torch.stack(limbs, 1), shift

    @torch.no_grad()
    def corrections(self, source: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """The same for skeletons in px: (V, 2+) or (B, V, 2+), and (B, V, 3) -> (B, K, 2), small ones held back."""
        device = self.leave.weight.device
        both = (skeleton_features(source, targets), skeleton_features(source, rest_poses(source, targets)))
        moved, rest = (torch.from_numpy(features).to(device, self.leave.weight.dtype) for features in both)
        told = self(moved, rest)[0].cpu().numpy().astype(np.float64)
        for limb, share in LENGTHS_DRAWN.items():
            told[:, limb, 0] *= share
        return told * told**2 / (told**2 + DOUBT**2)


def correct_maps(maps: np.ndarray, targets: np.ndarray, corrections: np.ndarray) -> np.ndarray:
    """Backward maps (B, K, 2, 3) that correct a target place before they map it.

    Args:
        maps: (B, K, 2, 3) of `limb_maps.limb_maps`, px; targets: (B, V, 3) the skeletons they were made for.
        corrections: (B, K, 2) of `LimbNetwork.corrections`.
    """
    start, along, across = limb_frames(np.asarray(targets[..., :2], np.float64))
    frame = np.stack([along, across], -2)  # (B, K, 2, 2): a place from the start -> along and across
    stretch = np.swapaxes(frame, -1, -2) @ (corrections[..., None] * frame)  # (B, K, 2, 2)
    linear, shift = maps[..., :2].astype(np.float64), -np.einsum("bkij,bkj->bki", stretch, start)
    moved = maps[..., 2] + np.einsum("bkij,bkj->bki", linear, shift)
    return np.concatenate([linear + linear @ stretch, moved[..., None]], -1).astype(np.float32)


@dataclass(frozen=True)
class Motion:
    """How the limbs move to one target skeleton: maps (K, 2, 3), bends, order (K,)."""

    maps: np.ndarray
    bends: Bends
    order: np.ndarray

    def view_from(self, x: float, y: float, cell: float = 1.0) -> tuple[np.ndarray, Bends, np.ndarray]:
        """The same from a window at (x, y) with pixels `cell` wide, as `puppet.lay` takes them."""
        return shift_maps(self.maps, x, y, cell), self.bends.shift(x, y, cell), self.order


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
