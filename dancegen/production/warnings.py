"""What a rendering says before it begins: limbs that are hidden, little room, unsure beats, little memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.audio.grid import BeatGrid, describe_tempo
from dancegen.body import joints as J
from dancegen.body.joints import body_height, mid_hip
from dancegen.body.limbs import LIMB_NAMES, SEGMENTS
from dancegen.body.retarget import retarget
from dancegen.body.sequence import SkeletonSequence
from dancegen.device import free_memory
from dancegen.people.find import better_detector
from dancegen.people.located import LocatedBody

OK, LOOK = "ok", "look"  # fine; go and see
UNSURE_BEAT = 0.15  # confidence of the beat tracker; clear music has 0.2 to 0.8
SMALL = 0.45  # of the picture's height: a smaller person wastes the video's pixels
HIDDEN = 0.4  # a joint's confidence below which it is probably hidden
UNCOVERED = 0.35  # of the mask at a limb's middle, below which the mask has lost that limb
TORSO_RADIUS = 0.09  # body heights: a forearm nearer than that to the torso's axis lies over the body
LESS_TRAVEL = 0.6  # of the dance's own travel
RENDER_BYTES = 1_500_000_000  # memory of one rendering, whatever its length


@dataclass(frozen=True)
class Check:
    """One finding: what was looked at, OK or LOOK, what was found, and what would help."""

    name: str
    verdict: str
    found: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """The finding as one line."""
        return f"{self.found}: {self.remedy}" if self.remedy else self.found


def warnings(grid: BeatGrid, subject: LocatedBody, dance: SkeletonSequence) -> list[str]:
    """What a rendering should say before it begins, one line each; what other modules say already is left out."""
    checks = [
        check_limbs(subject),
        check_figure(subject),
        check_size(subject),
        check_travel(subject, dance),
        check_memory(),
    ]
    if grid.confidence > 0:
        checks.append(check_beats(grid))
    return [check.line for check in checks if check.verdict == LOOK]


def check_limbs(subject: LocatedBody) -> Check:
    """Whether limbs lie over the body, are uncertain, or are not in the mask."""
    points, seen = subject.joints[:, :2].astype(float), subject.confidence > 0
    over, unsure, lost = [], [], []
    for limb, (a, b) in SEGMENTS.items():
        name = LIMB_NAMES[limb]
        if not (seen[a] and seen[b]):
            continue
        if "forearm" in name and _over_torso(points, seen, a, b):
            over.append(name)
        if min(subject.confidence[a], subject.confidence[b]) < HIDDEN:
            unsure.append(name)
        elif _cover(subject.mask, points[a], points[b]) < UNCOVERED:
            lost.append(name)
    found = [
        f"{what} {', '.join(names)}"
        for what, names in (
            ("over the body, so that what is behind has to be made up:", over),
            ("hardly seen by the detector:", unsure),
            ("not in the person's outline:", lost),
        )
        if names
    ]
    if not found:
        return Check("limbs", OK, "arms and legs are free and inside the outline")
    remedy = "a picture with arms and legs apart dances best; `dancegen subject` shows joints and outline to be mended"
    if (unsure or lost) and (better := better_detector()):
        remedy = f"{better}; {remedy}"
    return Check("limbs", LOOK, "; ".join(found), remedy)


def check_figure(subject: LocatedBody) -> Check:
    """Whether all of the figure is near a head, a trunk, two arms and two legs."""
    if subject.detector.startswith("mediapipe"):  # which knows people alone
        return Check("figure", OK, "the figure is a person")
    from dancegen.production.figure import SPARE, spare_share

    if (spare := spare_share(subject)) < SPARE:
        return Check("figure", OK, "the figure is a person")
    what = f"{100 * spare:.0f} % of the figure is far from every limb that was found, and moves with the nearest one"
    return Check("figure", LOOK, what, "`dancegen subject` shows joints and outline; two arms and two legs dance best")


def check_size(subject: LocatedBody) -> Check:
    """Whether the person fills the picture."""
    share = float(body_height(subject.joints[:, :2].astype(float))) / subject.mask.shape[0]
    if share >= SMALL:
        return Check("size", OK, f"the person is {100 * min(share, 1):.0f} % of the picture's height")
    what = f"the person is only {100 * share:.0f} % of the picture's height"
    return Check("size", LOOK, what, "crop the picture to them, with room for the arms")


def check_beats(grid: BeatGrid) -> Check:
    """Whether the beats can be trusted."""
    if grid.confidence <= 0:
        remedy = "give the beats with --beats, if there are any"
        return Check("beats", LOOK, "no beat was found, the dance counts evenly", remedy)
    what = f"{describe_tempo(grid)}, confidence {grid.confidence:.2f}"
    if grid.confidence >= UNSURE_BEAT:
        return Check("beats", OK, what)
    remedy = "see `dancegen beats SONG --plot beats.png`; mend them with --beats or --tempo"
    return Check("beats", LOOK, f"unsure: {what}", remedy)


def check_travel(subject: LocatedBody, dance: SkeletonSequence) -> Check:
    """How much of the dance's travel over the floor the picture has room for."""
    few = dance.resample(5.0, max(2, round(dance.seconds * 5)))  # travel is slow: 5 poses a second tell it
    placed = retarget(few, subject.joints, subject.confidence, subject.image.size)
    own = float(np.ptp(mid_hip(few.joints)[:, 0]))  # body heights
    height = float(np.median(body_height(placed.joints)))
    shown = float(np.ptp(mid_hip(placed.joints)[:, 0])) / max(height, 1e-6)
    if own < 0.2 or shown >= LESS_TRAVEL * own:
        found = f"the dance travels {own:.1f} body heights, the picture has room for "
        smaller = f"{shown:.1f}: its steps are made a little smaller"
        return Check("room", OK, found + (smaller if shown < own - 0.05 else "that"))
    what = f"the dance travels {own:.1f} body heights, the picture has room for {shown:.1f}: its steps are made smaller"
    return Check("room", LOOK, what, "a wider picture shows them whole")


def check_memory() -> Check:
    """Whether the memory that rendering needs is free."""
    free = free_memory()
    if free is None:
        return Check("memory", OK, f"about {RENDER_BYTES / 1e9:.1f} GB are needed; how much is free is not known")
    what = f"about {RENDER_BYTES / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free"
    return Check("memory", OK, what) if free >= RENDER_BYTES else Check("memory", LOOK, what, "close other programs")


def _over_torso(points: np.ndarray, seen: np.ndarray, elbow: int, wrist: int) -> bool:
    """Whether the forearm lies over the axis of the torso."""
    if not (seen[J.NECK] and seen[J.R_HIP] and seen[J.L_HIP]):
        return False
    top, axis = points[J.NECK], mid_hip(points) - points[J.NECK]
    radius = TORSO_RADIUS * float(body_height(points))
    inside = []
    for share in (0.5, 1.0):
        point = points[elbow] * (1 - share) + points[wrist] * share - top
        along = float(point @ axis) / max(float(axis @ axis), 1e-9)
        across = float(np.linalg.norm(point - along * axis))
        inside.append(0.1 < along < 1.05 and across < radius)
    return all(inside)


def _cover(mask: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    """The mask's mean along the middle of a limb."""
    shares = np.linspace(0.2, 0.8, 9)[:, None]
    at = np.rint(a * (1 - shares) + b * shares).astype(int)  # (9, 2)
    rows, columns = np.clip(at[:, 1], 0, mask.shape[0] - 1), np.clip(at[:, 0], 0, mask.shape[1] - 1)
    return float(mask[rows, columns].mean())
