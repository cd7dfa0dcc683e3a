"""Feet that were seen to lift are lifted: quick steps and kicks, which the network makes half as high as they are.

Where an ankle moves, within a second, otherwise than the movement shows it, by more than a detector errs, and all
above the knees lies where it was seen, the foot is carried along; the knee follows by the law of cosines. Where it is
carried up it also goes forward, as in a kick towards the camera: that a picture hardly shows. What differs all the
time is no movement but another body or lens.

Glossary: B movements, T frames, V = 18 joints, L = 17 bones, X numbers of movement, N = 2 feet.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from dancegen.body.joints import L_ANKLE, L_HIP, L_KNEE, LEG_BONES, R_ANKLE, R_HIP, R_KNEE
from dancegen.body.sequence import BONE_LENGTHS
from dancegen.capture.movement import CONTACT, DIRECTIONS, heading_turn, paths, rotate_vectors, unit_directions
from dancegen.capture.refine import centre, shown_at
from dancegen.capture.sight import SURE

SLOW = 15  # frames, sigma of the Gaussian beyond which a difference is no quick movement
SMOOTHNESS = 2  # frames, sigma of the Gaussian over what remains
ERROR = (0.015, 0.035)  # body heights of an ankle's difference that are the detector's own, and that are believed
FITS = (0.022, 0.030)  # body heights of misfit above the knees: feet are carried up to the first, not beyond the second
FIT_SMOOTHNESS = 10  # frames, sigma of the Gaussian over that
FORWARD = 0.5  # of how far a foot is carried up
OFF_GROUND = 0.03  # body heights up from which on a foot does not stand
SHORTEST, LONGEST = 0.3, 0.995  # of a leg's length, from hip to ankle
LEGS = ((R_HIP, R_KNEE, R_ANKLE, *LEG_BONES[:2]), (L_HIP, L_KNEE, L_ANKLE, *LEG_BONES[2:]))
ANKLES = [R_ANKLE, L_ANKLE]


def lift_feet(moved: Tensor, points: Tensor, cut: Tensor) -> Tensor:
    """Movements (B, T, X) whose feet lift as seen at points (B, T, V, 3); cut (B, T) 1 on the first frame of a shot."""
    cosine, sine = heading_turn(moved)
    body = rotate_vectors(paths() @ unit_directions(moved), cosine, sine)  # (B, T, V, 3)
    sure = points[..., 2] * (points[..., 2] > SURE)
    view, flat = shown_at(body, points, sure, cut)
    gap = flat - centre(body @ view.mT, sure)  # (B, T, V, 2)
    carry = quick_part(gap[..., ANKLES, :].numpy(), sure[..., ANKLES].numpy(), cut.numpy())
    shift = torch.from_numpy(carry).to(moved) @ view * fit_of(gap, sure)[..., None, None]  # (B, T, N, 3)
    up = (-shift[..., 1]).clamp(min=0)
    ahead = torch.stack([-sine, torch.zeros_like(sine), -cosine], dim=-1)  # (B, T, 3)
    goal = body[..., ANKLES, :] + shift + FORWARD * up[..., None] * ahead[..., None, :]
    out = moved.clone()
    made = out[..., DIRECTIONS].unflatten(-1, (len(BONE_LENGTHS), 3))  # a view of it
    floor = body[..., ANKLES, 1].amax(-1, keepdim=True)
    goal[..., 1] = torch.minimum(goal[..., 1], floor)
    for side, (hip, knee, ankle, thigh, shin) in enumerate(LEGS):
        start, changed = body[..., hip, :], shift[..., side, :].norm(dim=-1, keepdim=True) > 0
        bend = body[..., knee, :] - (start + body[..., ankle, :]) / 2 + 0.05 * ahead
        joint = bend_leg(start, goal[..., side, :], bend)
        for bone, first, last in ((thigh, start, joint), (shin, joint, goal[..., side, :])):
            turned = torch.nn.functional.normalize(last - first, dim=-1)[..., None, :]
            turned = rotate_vectors(turned, cosine, -sine)[..., 0, :]
            made[..., bone, :] = torch.where(changed, turned, made[..., bone, :])
    out[..., CONTACT] *= 1 - (up / OFF_GROUND).clamp(max=1)
    return out


def fit_of(gap: Tensor, sure: Tensor) -> Tensor:
    """How well the body above the knees lies where it was seen (B, T), 0..1: gap (B, T, V, 2), sure (B, T, V)."""
    weight = sure.clone()
    weight[..., [R_KNEE, L_KNEE, *ANKLES]] = 0
    misfit = (gap.norm(dim=-1) * weight).sum(-1) / weight.sum(-1).clamp(min=1e-6)
    steady = torch.from_numpy(gaussian_filter1d(misfit.numpy(), FIT_SMOOTHNESS, axis=-1))
    return ((FITS[1] - steady) / (FITS[1] - FITS[0])).clamp(0, 1)


def quick_part(gap: np.ndarray, sure: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """Of differences (B, T, N, 2) in body heights what is quick and beyond a detector's error.

    `sure` (B, T, N) weighs; cut (B, T) is 1 on the first frame of a shot.
    """
    out = np.zeros_like(gap)
    for row in range(len(gap)):
        edges = [0, *(int(frame) for frame in np.flatnonzero(cut[row]) if frame), gap.shape[1]]
        for first, end in pairwise(edges):
            part, weight = gap[row, first:end], sure[row, first:end, :, None]
            out[row, first:end] = _weighted(part - _weighted(part, weight, SLOW), weight, SMOOTHNESS) * (weight > 0)
    far = np.linalg.norm(out, axis=-1, keepdims=True)
    believed = np.clip((far - ERROR[0]) / (ERROR[1] - ERROR[0]), 0, 1)
    return (out * believed).astype(np.float32)


def _weighted(values: np.ndarray, weight: np.ndarray, sigma: float) -> np.ndarray:
    """The weighted Gaussian mean over frames of (T, N, 2), weight (T, N, 1)."""
    total = gaussian_filter1d(weight, sigma, axis=0)
    return gaussian_filter1d(values * weight, sigma, axis=0) / np.maximum(total, 1e-3)  # type: ignore[no-any-return]


def bend_leg(hip: Tensor, ankle: Tensor, way: Tensor) -> Tensor:
    """The knee (..., 3) of a leg from hip to ankle (..., 3), bent the `way` (..., 3) as far as its length asks."""
    thigh, shin = BONE_LENGTHS[LEG_BONES[0]], BONE_LENGTHS[LEG_BONES[1]]
    whole = ankle - hip
    far = whole.norm(dim=-1, keepdim=True).clamp(SHORTEST * (thigh + shin), LONGEST * (thigh + shin))
    along = torch.nn.functional.normalize(whole, dim=-1)
    aside = torch.nn.functional.normalize(way - (way * along).sum(-1, keepdim=True) * along, dim=-1)
    level = (thigh**2 - shin**2 + far.square()) / (2 * far)
    return hip + along * level + aside * (thigh**2 - level.square()).clamp(min=0).sqrt()
