"""A last step after the network: where it is far from what was seen, limbs are bent to where they were seen.

The network has learnt from dancers, and draws what it hardly knows (a deep squat) towards what it knows. Here each
frame's view is taken as a scaled orthographic one, found from the trunk as the network imagines it. Where, over some
time, joints lie further from where the detector saw them than those of dancers do, bones are turned, little by little,
towards there. All else stays as the network said: a detector's own error, other proportions and a real camera's
perspective are no movement; nor is what lies far beyond, a detector's fault. Which way a limb points in depth stays,
and only the change is smooth, not the movement, whose accents that would dull.

Glossary: B movements, T frames, V = 18 joints, L = 17 bones, X numbers of movement.
"""

from __future__ import annotations

import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor

from dancegen.body.joints import L_HIP, L_SHOULDER, NECK, NOSE, R_HIP, R_SHOULDER, V
from dancegen.capture.movement import DIRECTIONS, heading_turn, paths, rotate_vectors, unit_directions
from dancegen.capture.sight import SURE

TRUNK = (NECK, R_SHOULDER, L_SHOULDER, R_HIP, L_HIP, NOSE)
ROUNDS = 2  # views are found again from what was bent
STEPS = 40  # of each
OTHERS = 0.1  # weight of joints that are not the trunk's, in finding the view
RATE = 0.03  # of Adam, radians about
LEAST = 1e-2  # gradient that counts: Adam would make whole steps of rounding errors
NEAR = 0.3  # weight of the distance from the network's directions
SMOOTHNESS = 3  # frames, sigma of the Gaussian that the change is smoothed by
SPARED = 0.02  # body heights of misfit that are the detector's own
HUBER = 0.05  # body heights of misfit beyond which a joint pulls no harder
KNOWN = (0.055, 0.07)  # body heights of a frame's mean misfit: of 9 in 10 frames of dancers less; of squats more
FAULTY = (0.09, 0.12)  # likewise from which on a frame is believed less, and not at all
MISFIT_SMOOTHING = 10  # frames, sigma of the Gaussian over misfits: a moment's misfit is the detector's
SCALE_FRAMES = 91  # whose median is the scale of a view: a squat is no zoom


def refine(moved: Tensor, points: Tensor, cut: Tensor) -> Tensor:
    """Movements (B, T, X) bent to points (B, T, V, 3) with confidence; cut (B, T) 1 on the first frame of a shot."""
    network = unit_directions(moved)  # (B, T, L, 3)
    directions, turn = network, heading_turn(moved)
    sure = points[..., 2] * (points[..., 2] > SURE)  # (B, T, V)
    body = rotate_vectors(paths() @ network, *turn)
    view, flat = shown_at(body, points, sure, cut)
    pull = strangeness((centre(body @ view.mT, sure) - flat).norm(dim=-1), sure)[..., None] * sure  # (B, T, V)
    for _ in range(ROUNDS):
        directions = _bend(
            directions,
            network,
            turn,
            shown_at(rotate_vectors(paths() @ directions, *turn), points, sure, cut),
            pull,
        )
    out = moved.clone()
    out[..., DIRECTIONS] = directions.flatten(-2)
    return out


def shown_at(body: Tensor, points: Tensor, sure: Tensor, cut: Tensor) -> tuple[Tensor, Tensor]:
    """Views (B, T, 2, 3) of bodies (B, T, V, 3), and where joints were seen under them (B, T, V, 2), body heights."""
    view, scale = views(body, points, sure, cut)
    return view, centre(points[..., :2], sure) / scale[..., None, None]


def strangeness(gap: Tensor, sure: Tensor) -> Tensor:
    """How little the network knows of each frame (B, T), 0..1, by the misfits (B, T, V) of its joints."""
    misfit = (gap * sure).sum(-1) / sure.sum(-1).clamp(min=1e-6)  # (B, T)
    steady = gaussian_filter1d(misfit.clamp(max=2 * FAULTY[1]).numpy(), MISFIT_SMOOTHING, axis=-1)
    misfit = torch.from_numpy(steady)
    unknown, sound = ((misfit - low) / (high - low) for low, high in (KNOWN, FAULTY))
    return torch.minimum(unknown, 1 - sound).clamp(0, 1)


def _bend(
    first: Tensor, network: Tensor, turn: tuple[Tensor, Tensor], seen: tuple[Tensor, Tensor], pull: Tensor
) -> Tensor:
    """Directions (B, T, L, 3) turned from `first` until joints lie where they were `seen`, by the pull (B, T, V)."""
    view, flat = seen
    latent = torch.zeros_like(first).requires_grad_()
    optimiser = torch.optim.Adam([latent], lr=RATE, eps=LEAST)
    for _ in range(STEPS):
        directions = torch.nn.functional.normalize(first + _smooth(latent), dim=-1)
        shown = rotate_vectors(paths() @ directions, *turn) @ view.mT  # (B, T, V, 2)
        gap = ((centre(shown, pull) - centre(flat, pull)).norm(dim=-1) - SPARED).clamp(min=0)
        fit = torch.where(gap < HUBER, gap.square() / (2 * HUBER), gap - HUBER / 2)
        loss = (fit * pull).sum() + NEAR * (directions - network).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return torch.nn.functional.normalize(first + _smooth(latent.detach()), dim=-1)


def _smooth(values: Tensor) -> Tensor:
    """Values (B, T, L, 3) without what is quicker than SMOOTHNESS."""
    kernel = torch.exp(-0.5 * (torch.arange(-3 * SMOOTHNESS, 3 * SMOOTHNESS + 1) / SMOOTHNESS).square())
    flat = values.flatten(2).transpose(1, 2).flatten(0, 1)[:, None]  # (B L 3, 1, T)
    padded = torch.nn.functional.pad(flat, (3 * SMOOTHNESS, 3 * SMOOTHNESS), mode="replicate")
    smooth = torch.nn.functional.conv1d(padded, (kernel / kernel.sum())[None, None])
    return smooth.unflatten(0, (len(values), -1))[:, :, 0].transpose(1, 2).unflatten(2, values.shape[2:])


def centre(places: Tensor, weight: Tensor) -> Tensor:
    """Places (B, T, V, C) about their weighted middle."""
    total = weight.sum(-1)[..., None, None].clamp(min=1e-6)
    return places - (places * weight[..., None]).sum(-2, keepdim=True) / total


def views(body: Tensor, points: Tensor, sure: Tensor, cut: Tensor) -> tuple[Tensor, Tensor]:
    """Views (B, T, 2, 3) with orthonormal rows under which the trunks of bodies (B, T, V, 3) were seen, and pixels a
    body height (B, T)."""
    share = torch.full((V,), OTHERS)
    share[list(TRUNK)] = 1.0
    weight = sure * share  # (B, T, V)
    local, flat = centre(body, weight), centre(points[..., :2], weight)
    left, _, right = torch.linalg.svd(flat.transpose(-1, -2) @ (weight[..., None] * local), full_matrices=False)
    view = left @ right  # orthonormal rows
    trunk = weight * (share == 1)  # bent legs would make the body small
    local, flat = centre(body, trunk) @ view.transpose(-1, -2), centre(points[..., :2], trunk)
    along, own = (trunk[..., None] * torch.stack([local * flat, local * local])).sum((-1, -2))
    scale = along.clamp(min=0) / own.clamp(min=1e-9)
    return view, steady_scale(scale, along > 0, cut)


def steady_scale(scale: Tensor, seen: Tensor, cut: Tensor) -> Tensor:
    """The median (B, T) of three seconds within a shot; where nobody was seen, that of all."""
    known = torch.where(seen, scale, torch.nan)
    shot, reach = cut.cumsum(1), SCALE_FRAMES // 2
    near = torch.nn.functional.pad(known, (reach, reach), value=torch.nan).unfold(1, SCALE_FRAMES, 1)
    same = torch.nn.functional.pad(shot, (reach, reach), value=-1).unfold(1, SCALE_FRAMES, 1) == shot[..., None]
    steady = torch.where(same, near, torch.nan).nanmedian(-1).values
    steady = torch.where(steady.isnan(), known.nanmedian(1, keepdim=True).values, steady)
    return torch.where(steady.isnan(), torch.ones_like(steady), steady).clamp(min=1e-3)
