"""Lines tell limbs apart: what is reached from a limb's middle without crossing an edge belongs to it.

A drawn arm in front of a shirt of its own colour differs from it by nothing but its outline. So beside its distance
from the limbs' axes every pixel gets, for each limb, the least colour change on any way there from the limb's middle.
An arm behind the body often has its joints guessed inside the body's outline: then it begins outside of it.

Glossary: B batch, K = 15 limbs, h x w the picture; `distances` (B, K, h, w) in radii of the limbs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from dancegen.body import limbs as L
from dancegen.images.filters import grow
from dancegen.renderers.puppet.parts import ARMS

HANDS = [arm for arm, limb in enumerate(ARMS) if limb in (L.R_HAND, L.L_HAND)]  # among `ARMS`
SLEEVES = [arm for arm in range(len(ARMS)) if arm not in HANDS]
BODY = [L.UPPER_TORSO, L.LOWER_TORSO, L.R_THIGH, L.L_THIGH]
SEED = 0.45  # within this distance of its axis a limb begins, radii
HIDES = 0.9  # nearer than this to a limb in front, what is behind does not begin
START = 0.5  # colour change per radius by which a limb begins further out
FIRM = 6.0  # times more, for the body: it must not begin within an arm in front
LENGTH = 1.2  # what a body height of way counts, as a colour change
NOISE = 0.03  # a step of colour that is no edge
AIR = 0.3  # what a step outside of the person counts, as a colour change
MOST = 1.2  # more colour change than this says no more
TO_DISTANCE = 1.0  # radii per colour change of 1, black to white
WITHIN, BEYOND = 0.18, 0.25  # colour changes up to which a place is the body's own, from which on it is not
# The shares of an arm's capsule that lie inside and outside the body's outline at least, if the arm is behind it.
BEHIND, BESIDE = 0.45, 0.25
SHOWN, BARE = 0.5, 0.9  # the shares of a hand's and its forearm's capsules outside the body from which both are seen
HIDDEN = 0.8  # the share of a hand's capsule that is clothes, if the hand is not seen
GONE = 4.0  # radii by which an arm is further from where it is not seen
INK = 0.3  # how much darker a stroke is than its surroundings
BOLD = 0.4  # so much darker still is what somebody drew: no fold of a shirt
LINE = 0.007  # body heights: half of a stroke's width
ASIDE = 0.6  # nearer to the body's middle nothing is its outline, radii
BROAD = 1.4  # no sleeve is broader, radii
ROUNDS = 4


@dataclass(frozen=True)
class Regions:
    """What the lines of a picture say.

    Attributes:
        added: (B, K, h, w) to the distances: the colour changes that lie between a pixel and a limb's middle.
        outlines: (B, 1, h, w) 0..1, the strokes that outline both the body and an arm behind it.
        unseen: for each picture the limbs of the arms of which too little is seen.
    """

    added: torch.Tensor
    outlines: torch.Tensor
    unseen: list[list[int]]


def read_lines(
    distances: torch.Tensor,
    picture: torch.Tensor,
    matte: torch.Tensor,
    height: float,
    hands: tuple[bool, bool] = (False, False),
) -> Regions:
    """Tell limbs apart by lines.

    Args:
        distances: (B, K, h, w).
        picture: (B, 3, h, w) 0..1; matte: (B, 1, h, w).
        height: of the body, pixels.
        hands: whether a detector saw the right and the left hand.
    """
    person = matte > 0.5  # (B, 1, h, w)
    wide = max(1, round(LINE * height))
    steps = walk_steps(picture, matte, LENGTH / height)
    darker = _darkness(picture, wide)
    strokes = (darker / INK).clamp_max(1)
    front = _in_front(distances)  # (B, K, h, w)
    sure = (distances < SEED) & (front > HIDES)
    body = spread_costs(torch.where(sure, 0.0, MOST)[:, BODY], steps).amin(1, keepdim=True)  # (B, 1, h, w)
    inner, outer = ((where & person).repeat(1, len(ARMS), 1, 1) for where in (body < WITHIN, body > BEYOND))
    filled = (_close(inner[:, :1].float(), 2 * wide) > 0.5) & person  # with the dots of a shirt
    inner[:, SLEEVES] |= filled
    outer[:, SLEEVES] &= ~filled
    behind, hidden, shown = _find_unseen(distances[:, ARMS], inner, outer, person)  # (B, arms, 1, 1) each
    for arm, seen in zip(HANDS, hands, strict=True):
        hidden[:, arm] &= not seen
        shown[:, arm] |= seen

    begin = ((distances - SEED) * START).clamp_min(0)
    begin[:, BODY] *= FIRM
    begin[:, ARMS] = torch.where(behind & ~outer, 2 * MOST, begin[:, ARMS])
    begin = begin + (HIDES - front).clamp_min(0) * START
    found = spread_costs(begin.clamp_max(2 * MOST), steps)  # (B, K, h, w)
    # A stroke beside a limb is the outline of the one in front.
    outlined = torch.lerp(found[:, ARMS], -grow(-found[:, ARMS], wide), strokes)  # (B, arms, h, w)
    found[:, ARMS] = torch.where(behind, found[:, ARMS], outlined)
    added = TO_DISTANCE * found.clamp_max(MOST)
    touching = (outlined < WITHIN) & (distances[:, ARMS] < BROAD) & ~behind & ~hidden
    added[:, BODY] += ((darker - BOLD) / INK).clamp(0, 1) * touching.any(1, keepdim=True)
    added[:, ARMS] += GONE * (hidden | (behind & inner))

    beside = ((distances[:, ARMS] < BROAD) & behind & outer)[:, SLEEVES].any(1, keepdim=True)
    aside = distances[:, BODY].amin(1, keepdim=True) > ASIDE
    outlines = strokes * grow(filled.float(), 2 * wide) * ~filled * grow(beside.float(), 2 * wide) * aside
    # An arm whose hand is seen beside the body is not behind it: it is bent, or held up.
    lost = [behind[:, 3 * side + 1] & ~shown[:, hand] for side, hand in enumerate(HANDS)]
    gone = (hidden | (behind & torch.stack([lost[arm // 3] for arm in range(len(ARMS))], 1))).flatten(1).tolist()
    return Regions(
        added, outlines, [[limb for limb, is_gone in zip(ARMS, row, strict=True) if is_gone] for row in gone]
    )


def _in_front(distances: torch.Tensor) -> torch.Tensor:
    """The distance of the nearest limb in front of each: (B, K, h, w), same shape."""
    order = torch.from_numpy(L.DEFAULT_ORDER).to(distances)
    nearest = [
        distances[:, order - order[limb] > 0.5].amin(1)
        if (order - order[limb] > 0.5).any()
        else torch.full_like(distances[:, 0], torch.inf)
        for limb in range(distances.shape[1])
    ]
    return torch.stack(nearest, 1)


def _close(values: torch.Tensor, by: int) -> torch.Tensor:
    """Values (B, n, h, w) with what is darker than both its sides, and no wider than twice this, painted over."""
    return -grow(-grow(values, by), by)


def _darkness(picture: torch.Tensor, wide: int) -> torch.Tensor:
    """How much darker a stroke is than what is on both sides of it: (B, 3, h, w) -> (B, 1, h, w), 0 elsewhere."""
    return (_close(picture, wide) - picture).amax(1, keepdim=True)


def _find_unseen(
    arms: torch.Tensor, inner: torch.Tensor, outer: torch.Tensor, person: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Which limbs of the arms are behind the body's outline, which hands are not seen at all, which are seen beside it.

    (B, arms, 1, 1) each.

    Args:
        arms: (B, arms, h, w) their distances.
        inner, outer: (B, arms, h, w), person: (B, 1, h, w), where the body is in front, where it is not.
    """
    capsule = (arms < 1) & person
    counts = [(capsule & where).sum((-1, -2), keepdim=True) for where in (inner, outer, person)]
    beside = counts[1] / counts[2].clamp_min(1)
    shown = beside > SHOWN
    for hand in HANDS:  # what is seen of an arm behind the body may end in a hand's place
        shown[:, hand] &= beside[:, hand - 1] > BARE
    for count in counts:  # an upper arm and its forearm are judged together
        for upper in (0, 3):
            count[:, upper : upper + 2] = count[:, upper : upper + 2].sum(1, keepdim=True)
    inside, outside = (count / counts[2].clamp_min(1) for count in counts[:2])
    behind = (inside > BEHIND) & (outside > BESIDE)
    both = (inside[:, 0] > BEHIND) & (inside[:, 3] > BEHIND)  # then the joints are wrong, or all is one region
    behind &= ~both[:, None]
    hidden = (inside > HIDDEN) & (outside < 1 - HIDDEN)
    hidden[:, SLEEVES] = False
    return behind, hidden, shown


def share_outlines(shares: torch.Tensor, distances: torch.Tensor, outlines: torch.Tensor) -> torch.Tensor:
    """Shares (B, K, h, w) with both the body and the arm behind it keeping the line between them.

    Args:
        distances: (B, K, h, w).
        outlines: (B, 1, h, w) from `read_lines`.
    """
    shares = shares.clone()
    for limbs in (BODY, ARMS):
        nearest = distances[:, limbs].argmin(1, keepdim=True)
        own = torch.zeros_like(shares[:, limbs]).scatter(1, nearest, 1.0)
        shares[:, limbs] = torch.maximum(shares[:, limbs], own * outlines)
    return shares


def walk_steps(picture: torch.Tensor, matte: torch.Tensor, length: float) -> list[tuple[int, torch.Tensor]]:
    """For each axis the sums of colour changes from the first row or column on: (B, 1, h, w) twice."""
    steps = []
    for axis in (2, 3):
        change = (picture.diff(dim=axis).abs().amax(1, keepdim=True) - NOISE).clamp_min(0)
        ends = [matte.narrow(axis, first, matte.shape[axis] - 1) for first in (0, 1)]
        change = change + AIR * (1 - torch.minimum(*ends)) + length
        start = torch.zeros_like(matte.narrow(axis, 0, 1))
        steps.append((axis, torch.cat([start, change.cumsum(axis)], axis)))
    return steps


def spread_costs(begin: torch.Tensor, steps: list[tuple[int, torch.Tensor]]) -> torch.Tensor:
    """The least of a start and the changes on the way from there, along rows and columns: (B, n, h, w), same shape."""
    found = begin.numpy(force=True)
    ways = [(axis, way.numpy(force=True)) for axis, way in steps]
    for _ in range(ROUNDS):
        for axis, way in ways:
            found = way + np.minimum.accumulate(found - way, axis)
            found = np.flip(np.minimum.accumulate(np.flip(found + way, axis), axis), axis) - way
    return torch.from_numpy(found).to(begin)
