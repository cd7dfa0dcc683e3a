"""The person's pixels divided among the limbs, with the overlaps that keep a moving puppet in one piece.

Glossary: B batch, K = 15 limbs, h x w the picture; `distances` (B, K, h, w) as `capsules.limb_distances` gives them.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import distance_transform_edt

from dancegen.body import joints as J
from dancegen.body import limbs as L
from dancegen.body.joints import body_height, mid_hip
from dancegen.body.limbs import K, joint_points

SEAM = 0.10  # every two limbs overlap by this many radii, so that an unmoved puppet has no cracks
CAP_RIM = 0.15  # the outer share of a joint's round cap in which it fades: an elbow has nothing behind it
TORSO_RIM = 0.35  # likewise where a limb lies on the torso: a hard rim would show as a disc
CORE = 0.70  # within this distance a limb goes on behind whatever hides it, radii
# Where the torso goes on beneath its limbs, one way: how far down from the hips' middle or from a shoulder, how wide.
CROTCH = (0.02, 0.085)
ARMPIT = (0.06, 0.052)
HEM, HEM_RIM = 0.3, 0.3  # of the hips' caps, how far a leg carries of the shirt's hem, and over what it fades
TUCK = 0.006  # what is tucked away under an arm may lie this far outside, body heights
RAISED = (45.0, 65.0)  # degrees between a thigh and the torso from which, and at which, it hides the torso
HINGES = (4, 5, 10, 11)  # elbows and knees among `joint_points`; the joints before and after are 2 further
ARMS = [L.R_UPPER_ARM, L.R_FOREARM, L.R_HAND, L.L_UPPER_ARM, L.L_FOREARM, L.L_HAND]
SIDE_RIM = 0.012  # body heights over which the torso ends beside an arm
HIP_FLESH = 0.045  # body heights that a torso is wider than its hips' joints
SHOULDER_FLESH = 0.035  # and higher than its shoulders'
LEAST_HALF = 0.085  # half of a torso's width seen from any side
FILLED = (L.HEAD, L.UPPER_TORSO, L.LOWER_TORSO, L.R_THIGH, L.L_THIGH)  # the limbs that arms are often in front of


def owners(distances: torch.Tensor) -> torch.Tensor:
    """How much each pixel is each limb's, 1 up to the rim between two limbs and 0 a seam's width beyond: same shape."""
    nearest, index = distances.topk(2, dim=1, largest=False)  # (B, 2, h, w)
    is_nearest = torch.zeros_like(distances).scatter(1, index[:, :1], 1.0)
    rival = torch.where(is_nearest > 0, nearest[:, 1:], nearest[:, :1])  # (B, K, h, w): the nearest other limb
    return ((rival - distances + SEAM) / SEAM).clamp(0, 1)


def joint_widths(matte: torch.Tensor, joints: np.ndarray) -> np.ndarray:
    """The body's half width at each joint: the distance from there to the edge of the person.

    A bent elbow or knee is no wider than the limbs that meet there: what is, is their two skins side by side.

    Args:
        matte: (B, 1, h, w); joints: (B, V, 2+) in its pixels.

    Returns:
        (B, 14) pixels, in the order of `NEIGHBOURS`.
    """
    points, size = joint_points(joints), body_height(joints[..., :2])
    widths = np.zeros(points.shape[:2], np.float32)
    for row, mask in enumerate(matte[:, 0].cpu().numpy() > 0.5):
        inside = distance_transform_edt(np.pad(mask, 1, constant_values=True))[1:-1, 1:-1]
        room = max(1, round(0.015 * float(size[row])))  # a joint is rarely right in the middle of its limb
        widths[row] = [_largest_near(inside, point, room) for point in points[row]]
        for index in HINGES:
            sides = [0.7 * points[row, index] + 0.3 * points[row, index + step] for step in (-2, 2)]
            narrow = min(_largest_near(inside, point, room) for point in sides)
            if narrow > 0:
                widths[row, index] = min(widths[row, index], narrow)
    return widths


def _largest_near(values: np.ndarray, point: np.ndarray, room: int) -> float:
    """The largest of (h, w) values around a point (x, y); 0 where it is outside."""
    x, y = point.astype(int)
    rows, columns = slice(max(y - room, 0), y + room + 1), slice(max(x - room, 0), x + room + 1)
    near = values[rows, columns] if 0 <= x < values.shape[1] and 0 <= y < values.shape[0] else np.zeros(0)
    return float(near.max()) if near.size else 0.0


def torso_distance(joints: np.ndarray, height: int, width: int) -> torch.Tensor:
    """How far each pixel lies outside of what a torso with these joints fills, body heights: (B, h, w).

    Its sides run from the shoulders to a little beside the hips, its top a little above the shoulders.
    """
    xy = joints[..., :2].astype(np.float32)
    size = body_height(xy).astype(np.float32)[:, None]
    neck, hips = xy[:, J.NECK], mid_hip(xy)
    long = np.maximum(np.linalg.norm(hips - neck, axis=-1, keepdims=True), 1e-3)  # (B, 1)
    down = (hips - neck) / long  # (B, 2)
    across = np.stack([-down[:, 1], down[:, 0]], -1)

    def offset_across(joint: int, middle: np.ndarray) -> np.ndarray:
        return ((xy[:, joint] - middle) * across).sum(-1, keepdims=True) / size  # (B, 1)

    shoulders = [offset_across(joint, neck) for joint in (J.R_SHOULDER, J.L_SHOULDER)]
    hip_sides = [offset_across(joint, hips) for joint in (J.R_HIP, J.L_HIP)]
    tops = [((xy[:, joint] - neck) * down).sum(-1, keepdims=True) / size for joint in (J.R_SHOULDER, J.L_SHOULDER)]
    sides = []
    for sign in (1.0, -1.0):  # a body in profile has both shoulders on one side, or nearly
        reach = np.maximum.reduce([sign * place for place in shoulders])
        hip = np.maximum.reduce([sign * place for place in hip_sides]) + HIP_FLESH
        sides.append((np.maximum(reach, LEAST_HALF), np.maximum(hip, LEAST_HALF)))
    x, y = np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32) + 0.5
    rx, ry = (x - neck[:, :1])[:, None, :], (y - neck[:, 1:])[:, :, None]  # (B, 1, w), (B, h, 1)

    def at(value: np.ndarray) -> np.ndarray:
        return value[..., None].astype(np.float32)  # (B, 1) -> (B, 1, 1)

    along = (rx * at(down[:, :1]) + ry * at(down[:, 1:])) / at(size)  # (B, h, w)
    aside = (rx * at(across[:, :1]) + ry * at(across[:, 1:])) / at(size)
    share = np.clip(along / at(long / size), 0, 1)
    half = np.where(
        aside > 0,
        at(sides[0][0]) * (1 - share) + at(sides[0][1]) * share,
        at(sides[1][0]) * (1 - share) + at(sides[1][1]) * share,
    )
    above = at(np.minimum(*tops)) - SHOULDER_FLESH - along
    return torch.from_numpy(np.maximum(np.abs(aside) - half, above).clip(0).astype(np.float32))


def parts(distances: torch.Tensor, joints: np.ndarray, widths: np.ndarray) -> torch.Tensor:
    """`owners`, with neighbouring limbs reaching softly into each other around the joint that they share.

    Args:
        distances: (B, K, h, w), the scores of all cues.
        joints: (B, V, 2+) in pixels of the same grid.
        widths: (B, 14) half widths at the joints, pixels: a cap is no wider than the body there.

    Returns:
        (B, K, h, w) in 0..1; the sum over limbs is at least 1.
    """
    outside = torso_distance(joints, *distances.shape[-2:]).to(distances)  # (B, h, w)
    own = owners(distances)
    torso_side = (1 + (TUCK - outside) / SIDE_RIM).clamp(0, 1)
    height, width = distances.shape[-2:]
    points = torch.from_numpy(joint_points(joints).astype(np.float32)).to(distances)  # (B, 14, 2)
    size = torch.from_numpy(body_height(joints[..., :2]).astype(np.float32)).to(distances)  # (B,)
    wide = torch.from_numpy(1.1 * widths + 0.5).to(distances)
    x = torch.arange(width, device=distances.device) + 0.5
    y = torch.arange(height, device=distances.device) + 0.5
    reaching = [own[:, k] for k in range(K)]
    lowered = own.clone()  # what of the legs a torso may carry along: a raised thigh is in front of it
    lowered[:, [L.R_THIGH, L.L_THIGH]] *= 1 - torch.from_numpy(_thigh_lift(joints)).to(own)[..., None, None]
    for a, b, point, reach in L.NEIGHBOURS:
        dx = x - points[:, point, 0, None]  # (B, w)
        dy = y - points[:, point, 1, None]  # (B, h)
        radius = torch.minimum(reach * size, wide[:, point]).clamp_min(0.5)[:, None, None]
        distance = (dx[:, None, :] ** 2 + dy[:, :, None] ** 2).sqrt() / radius  # (B, h, w)
        cap = ((1 - distance) / (TORSO_RIM if a in (L.UPPER_TORSO, L.LOWER_TORSO) else CAP_RIM)).clamp(0, 1)
        reaching[a] = torch.maximum(
            reaching[a], lowered[:, b] * cap * (torso_side if b in ARMS and a == L.UPPER_TORSO else 1)
        )
        if b in (L.R_THIGH, L.L_THIGH):  # little of the shirt swings with a leg
            cap = ((HEM - distance) / HEM_RIM).clamp(0, 1)
        reaching[b] = torch.maximum(reaching[b], own[:, a] * cap)
    for torso, limbs, centre, wide_by in _find_tucks(joints):
        dx = x - torch.from_numpy(centre[:, :1]).to(distances)  # (B, w)
        dy = y - torch.from_numpy(centre[:, 1:]).to(distances)  # (B, h)
        away = (dx[:, None, :] ** 2 + dy[:, :, None] ** 2).sqrt() / (wide_by * size[:, None, None])
        beneath = lowered[:, limbs].sum(1).clamp_max(1) * ((1 - away) / CAP_RIM).clamp(0, 1)
        if torso == L.UPPER_TORSO:
            beneath = beneath * torso_side
        reaching[torso] = torch.maximum(reaching[torso], beneath)
    return torch.stack(reaching, 1)


def _find_tucks(joints: np.ndarray) -> list[tuple[int, list[int], np.ndarray, float]]:
    """Where the torso goes on beneath thighs and arms, for when they are spread: half, limbs, centre (B, 2), radius."""
    xy = joints[..., :2].astype(np.float32)
    size = body_height(xy)[:, None]
    hips = mid_hip(xy)

    def down(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
        along = end - start
        unit = along / np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-3)
        return (start + unit * share * size).astype(np.float32)

    crotch = hips + (down(xy[:, J.NECK], hips, CROTCH[0]) - xy[:, J.NECK])
    right, left = (
        down(xy[:, J.R_SHOULDER], xy[:, J.R_HIP], ARMPIT[0]),
        down(xy[:, J.L_SHOULDER], xy[:, J.L_HIP], ARMPIT[0]),
    )
    return [
        (L.LOWER_TORSO, [L.R_THIGH, L.L_THIGH], crotch, CROTCH[1]),
        (L.UPPER_TORSO, [L.R_UPPER_ARM], right, ARMPIT[1]),
        (L.UPPER_TORSO, [L.L_UPPER_ARM], left, ARMPIT[1]),
    ]


def hidden_cores(distances: torch.Tensor, joints: np.ndarray, capsules: torch.Tensor | None = None) -> torch.Tensor:
    """Where a limb of `FILLED` goes on unseen behind a nearer one; the torso as far as its outline.

    Args:
        distances: (B, K, h, w); joints: (B, V, 2+) in pixels of the same grid.
        capsules: (B, K, h, w) as `limb_distances` gives them, where `distances` say more: what the picture shows of an
            arm says nothing of where the torso behind it ends.

    Returns:
        (B, len(FILLED), h, w) in 0..1.
    """
    own = owners(distances)
    if capsules is not None:
        distances = torch.where(own[:, ARMS].amax(1, keepdim=True) > 0.5, capsules, distances)
    order = torch.from_numpy(L.DEFAULT_ORDER).to(distances)
    hidden = list(FILLED)
    hides = (order[None, :] - order[hidden, None] > 0.5).to(distances)  # (hidden, K hiding)
    covered = torch.einsum("kj,bjhw->bkhw", hides, own).clamp(0, 1)
    core = ((CORE - distances[:, hidden]) / 0.1).clamp(0, 1)
    inside = (torso_distance(joints, *distances.shape[-2:]) == 0).to(distances)  # (B, h, w)
    for half in (L.UPPER_TORSO, L.LOWER_TORSO):
        index = FILLED.index(half)
        core[:, index] = torch.maximum(core[:, index], ((1 - distances[:, half]) / 0.1).clamp(0, 1) * inside)
    raised = torch.from_numpy(_thigh_lift(joints)).to(distances)[..., None, None]  # (B, 2, 1, 1)
    index = FILLED.index(L.LOWER_TORSO)
    covered[:, index] = torch.maximum(covered[:, index], (own[:, [L.R_THIGH, L.L_THIGH]] * raised).amax(1))
    return covered * core


def _thigh_lift(joints: np.ndarray) -> np.ndarray:
    """How far each thigh is raised against the torso, which it then hides: (B, V, 2+) -> (B, 2) in 0..1."""
    xy = joints[..., :2].astype(np.float32)
    down = mid_hip(xy) - xy[:, J.NECK]
    shares = []
    for hip, knee in ((J.R_HIP, J.R_KNEE), (J.L_HIP, J.L_KNEE)):
        thigh = xy[:, knee] - xy[:, hip]
        lengths = np.linalg.norm(thigh, axis=-1) * np.linalg.norm(down, axis=-1)
        angle = np.degrees(np.arccos(np.clip((thigh * down).sum(-1) / np.maximum(lengths, 1e-3), -1, 1)))
        shares.append(np.clip((angle - RAISED[0]) / (RAISED[1] - RAISED[0]), 0, 1))
    return np.stack(shares, -1)


def copy_nearest(colours: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Colours (B, 3, h, w) each taken from the nearest pixel that is known (B, 1, h, w), a little smoothed."""
    small = (max(1, colours.shape[-2] // 2), max(1, colours.shape[-1] // 2))
    shrunk = F.interpolate(colours, small, mode="area")
    sure = F.interpolate(known, small, mode="area") > 0.9
    made = []
    for row, here in zip(shrunk, sure[:, 0].cpu().numpy(), strict=True):
        if not here.any():
            made.append(row)
            continue
        _, (y, x) = distance_transform_edt(~here, return_indices=True)
        made.append(row[:, torch.from_numpy(y).to(row.device), torch.from_numpy(x).to(row.device)])
    soft = F.avg_pool2d(F.pad(torch.stack(made), (2, 2, 2, 2), mode="replicate"), 5, 1)
    return F.interpolate(soft, colours.shape[-2:], mode="bilinear", align_corners=False)


def complete(
    colours: torch.Tensor, matte: torch.Tensor, share: torch.Tensor, core: torch.Tensor, line: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give a limb its hidden side: its own colours spread over the core that another limb hides.

    Args:
        colours: (B, 3, h, w); matte, share, core: (B, 1, h, w), of one limb.
        line: how wide the outline of what hides it may be, pixels: that colour is not taken, the nearest other one is.

    Returns:
        colours (B, 3, h, w) and share (B, 1, h, w).
    """
    rim = F.max_pool2d((core > 0.05).to(core), 2 * line + 1, 1, line)
    known = ((share - 0.6) / 0.3).clamp(0, 1) * (matte > 0.5) * (1 - rim)
    enough = known.sum((1, 2, 3), keepdim=True) > 16
    filled = copy_nearest(colours, known)
    mix = torch.where(enough, ((share - 0.2) / 0.5).clamp(0, 1), 1.0)
    return colours * mix + filled * (1 - mix), torch.where(enough, torch.maximum(share, core), share)
