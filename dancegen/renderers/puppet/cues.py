"""Which limb a pixel of the person belongs to: an ordered list of cues, each from the evidence to scores.

A score is a distance in radii: the smallest wins. Every cue adds to what those before it said, which it may look at: a
limb's colour is that of the pixels which lie near it so far. A new cue is a function and a place in `CUES`.

Glossary: B batch, K = 15 limbs, h x w the picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import torch
import torch.nn.functional as F
from scipy.ndimage import label

from dancegen.body import limbs as L
from dancegen.body.capsules import limb_distances
from dancegen.body.geometry import from_axes
from dancegen.body.joints import body_height
from dancegen.body.limbs import L_HAND, R_HAND, K
from dancegen.renderers.puppet.hem import hem_level
from dancegen.renderers.puppet.parts import ARMS, SIDE_RIM, owners, torso_distance
from dancegen.renderers.puppet.regions import BODY, GONE, Regions, read_lines

COLOUR_NOISE = 0.12  # the least standard deviation of a limb's colour
FOREIGN_LIMIT = 8.0  # squared standard deviations
COLOUR_TO_DISTANCE = 0.10  # radii per squared standard deviation
HEMS = 2.0  # times as much a thigh loses by a colour that is not its own: a shirt's hem hangs over it
HEAD_RIM = 0.15  # radii over which the head ends beside a hand
MOST_FURTHER = 0.6  # radii: what the colours say clearly stands
SLEEVE = 1.3  # how far a sleeve may reach, radii of the arm
PALM = 0.025  # half a hand's width, heights
SURELY = 1.3  # radii by which what is a hand's is nearer to it than to anything else
SCATTERED = 0.15  # smaller pieces than this share of an arm's limb are not its own


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of the pixels of one person.

    Attributes:
        picture: (1, 3, h, w) 0..1.
        matte: (1, 1, h, w) 0..1.
        joints: (1, V, 2) in its pixels.
        hands: (2, 2, 2) where the right and the left hand begin and end, likewise, nan where nobody knows; or None.
        opinion: (1, K, h, w) how much nearer than it looks a pixel is to a limb, says a network, radii; or None.
    """

    picture: torch.Tensor
    matte: torch.Tensor
    joints: np.ndarray
    opinion: torch.Tensor | None = None
    hands: np.ndarray | None = None

    @cached_property
    def capsules(self) -> torch.Tensor:
        """(1, K, h, w) the distances from the limbs' axes, radii."""
        height, width = self.matte.shape[-2:]
        return limb_distances(self.joints, height, width).to(self.matte.device)

    @cached_property
    def lines(self) -> Regions:
        """What the lines of the picture say."""
        seen = (False, False) if self.hands is None else tuple(np.isfinite(self.hands).all((1, 2)).tolist())
        return read_lines(self.capsules, self.picture, self.matte, float(body_height(self.joints[0])), seen)

    @cached_property
    def hem(self) -> float:
        """How far down cloth spans both legs (`hem.hem_level`), 0 = none."""
        return hem_level(self.picture[0], self.matte[0, 0], self.joints[0])


Cue = Callable[[Evidence, torch.Tensor], torch.Tensor | None]  # and the scores so far (1, K, h, w): what is added


def distance(evidence: Evidence, _scores: torch.Tensor) -> torch.Tensor:
    """A pixel is the nearest limb's."""
    return evidence.capsules


def line(evidence: Evidence, _scores: torch.Tensor) -> torch.Tensor:
    """A pixel is the limb's from whose middle no line has to be crossed."""
    return evidence.lines.added


def colour(evidence: Evidence, scores: torch.Tensor) -> torch.Tensor:
    """A pixel is a limb's that has its colour."""
    foreign = foreign_colour(scores, evidence.picture, evidence.matte)
    foreign[:, [L.R_THIGH, L.L_THIGH]] *= HEMS
    return foreign


def opinion(evidence: Evidence, _scores: torch.Tensor) -> torch.Tensor | None:
    """A pixel is the limb's that a network says."""
    return None if evidence.opinion is None else -evidence.opinion


def pieces(evidence: Evidence, scores: torch.Tensor) -> torch.Tensor:
    """The scattered bits of an arm are those of the limbs around them."""
    return scattered_bits(scores, evidence.matte)


def hand(evidence: Evidence, scores: torch.Tensor) -> torch.Tensor | None:
    """A hand that lies on the body is a hand: what is near the line from its wrist through its knuckles."""
    if evidence.hands is None:
        return None
    height, width = evidence.matte.shape[-2:]
    x, y = torch.arange(width) + 0.5, torch.arange(height) + 0.5
    radius = PALM * float(body_height(evidence.joints[0]))
    added = torch.zeros_like(scores)
    for limb, ends in zip((R_HAND, L_HAND), evidence.hands, strict=True):
        if np.isfinite(ends).all():
            level, away = from_axes(torch.from_numpy(ends.astype(np.float32)), x, y)
            near = (level > 0.02) & (away < radius)
            if torch.isin((nearest := scores[0].argmin(0))[near], nearest.new_tensor(BODY)).any():  # on the body
                from dancegen.renderers.puppet.palm import beyond_palm

                near &= ~beyond_palm(evidence.picture[0], evidence.matte[0, 0], nearest, near, level)
            own = torch.where(near, away / radius - SURELY, torch.inf)
            added[0, limb] = (own.to(scores) - scores[0, limb]).clamp_max(0)
    return added


def cloth(evidence: Evidence, _scores: torch.Tensor) -> torch.Tensor | None:
    """All of a skirt or coat is the thighs'."""
    if not evidence.hem:
        return None
    from dancegen.renderers.puppet.skirt import not_cloth

    height, width = evidence.matte.shape[-2:]
    return not_cloth(evidence.joints[0], evidence.hem, (height, width)).to(evidence.matte)


def sleeves(evidence: Evidence, scores: torch.Tensor) -> torch.Tensor:
    """What lies beside the torso's or the head's outline is the arm's that lies there."""
    outside = torso_distance(evidence.joints, *evidence.matte.shape[-2:]).to(scores)  # (1, h, w)
    return beside_outlines(scores, outside)


CUES: tuple[Cue, ...] = (distance, line, colour, opinion, pieces, hand, cloth, sleeves)


def score_limbs(evidence: Evidence) -> torch.Tensor:
    """How far each pixel is from being each limb's, by all cues: (1, K, h, w) radii."""
    scores = torch.zeros_like(evidence.capsules)
    for cue in CUES:
        added = cue(evidence, scores)
        scores = scores if added is None else scores + added
    return scores


def foreign_colour(scores: torch.Tensor, picture: torch.Tensor, matte: torch.Tensor) -> torch.Tensor:
    """How much a pixel's colour is not the limb's: a hem stays with the shirt, a hand with the skin.

    Each limb's colour is a Gaussian over its capsule's core; a limb that is hidden or many-coloured says little.

    Args:
        scores: (B, K, h, w) so far.
        picture: (B, 3, h, w) 0..1; matte: (B, 1, h, w).

    Returns:
        (B, K, h, w) radii.
    """
    core = owners(scores) * ((0.8 - scores) / 0.2).clamp(0, 1) * matte  # (B, K, h, w)
    amount = core.sum((-1, -2)).clamp_min(1e-3)  # (B, K)
    mean = torch.einsum("bkhw,bchw->bkc", core, picture) / amount[..., None]
    square = torch.einsum("bkhw,bchw->bkc", core, picture**2) / amount[..., None]
    variance = (square - mean**2).clamp_min(0) + COLOUR_NOISE**2  # (B, K, 3)
    # (x - m)^2 / v, expanded so that no (B, K, 3, h, w) is made; mean over the channels
    weight = 1 / (3 * variance)
    foreign = torch.einsum("bkc,bchw->bkhw", weight, picture**2) - 2 * torch.einsum(
        "bkc,bchw->bkhw", weight * mean, picture
    )
    foreign = (foreign + (weight * mean**2).sum(-1)[..., None, None]).clamp(0, FOREIGN_LIMIT)
    seen = (amount / (2.0 + amount))[..., None, None]
    foreign = foreign * seen + 0.5 * FOREIGN_LIMIT * (1 - seen)
    return COLOUR_TO_DISTANCE * F.avg_pool2d(foreign, 3, 1, 1)


def scattered_bits(scores: torch.Tensor, matte: torch.Tensor) -> torch.Tensor:
    """`GONE` for an arm's limb in its pieces that are much smaller than its largest: (B, K, h, w), else 0.

    Args:
        scores: (B, K, h, w) so far; matte: (B, 1, h, w).
    """
    nearest = scores.argmin(1).numpy(force=True)  # (B, h, w)
    person = matte[:, 0].numpy(force=True) > 0.5
    added = torch.zeros_like(scores)
    for row, limb in product(range(len(scores)), ARMS):
        found, count = label((nearest[row] == limb) & person[row])
        sizes = np.bincount(found.ravel(), minlength=2)
        sizes[0] = 0
        bits = (sizes < SCATTERED * sizes.max())[found] & (found > 0)
        if count > 1:
            added[row, limb] = GONE * torch.from_numpy(bits).to(scores)
    return added


def beside_outlines(distances: torch.Tensor, outside: torch.Tensor) -> torch.Tensor:
    """How much further torso and head are where an arm lies beside their outlines: (B, K, h, w) radii, else 0.

    Clothes of one colour have no edge there, and a sleeve that hangs at the body is wider than the capsule in it; so is
    a hand laid on the head.

    Args:
        distances: (B, K, h, w), the scores so far.
        outside: (B, h, w) of `parts.torso_distance`.
    """
    further = torch.zeros_like(distances)
    for limbs, hidden, beyond in (
        (ARMS, (L.UPPER_TORSO, L.LOWER_TORSO), outside / SIDE_RIM),
        ([L.R_HAND, L.L_HAND], (L.HEAD,), (distances[:, L.HEAD] - 0.95) / HEAD_RIM),
    ):
        arm = distances[:, limbs].amin(1)  # (B, h, w)
        others = [k for k in range(K) if k not in ARMS and k not in (L.UPPER_TORSO, L.LOWER_TORSO) and k not in hidden]
        free = (distances[:, others].amin(1) - arm) / 0.2 + 0.5  # nobody else is nearer
        beside = ((SLEEVE - arm) / 0.2).clamp(0, 1) * free.clamp(0, 1)
        for limb in hidden:
            further[:, limb] = beside * beyond.clamp(0, MOST_FURTHER)
    return further
