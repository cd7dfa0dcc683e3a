"""Which joint of a motion file is which of ours, by name.

Known are the names of CMU, Mixamo, Blender's Rigify, MakeHuman, Poser, 3ds Max, Unreal, VRoid, Xsens, OptiTrack and
SMPL, with any prefix that most joints share; others are told by a mapping {our joint: its name}.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from dancegen.body.joints import JOINT_NAMES
from dancegen.errors import DancegenError

# Part of the body -> how files call it, with S = left or right and @ = l or r; the first that a file has is taken.
PARTS = {
    "shoulder": "Sarm Supperarm upperarm@ @upperarm upperarm01@ @shldr @uarm Sshoulder @shoulder shoulder@",
    "elbow": "Sforearm Slowerarm forearm@ @forearm lowerarm@ @lowerarm lowerarm01@ @farm Selbow @elbow elbow@",
    "wrist": "Swrist @wrist wrist@ Shand hand@ @hand",
    "hip": "Supleg Supperleg Sthigh thigh@ @thigh upperleg@ @upperleg upperleg01@ Ship @hip hip@",
    "knee": "Sleg Slowerleg Sshin shin@ @shin calf@ @calf @lowerleg lowerleg01@ Sknee @knee knee@",
    "ankle": "Sankle @ankle ankle@ Sfoot foot@ @foot",
}
HEADS = ("head", "chead", "skull", "spine006", "neck1", "neck")
SHARED = 0.75  # of the joints that begin alike: that is a prefix, as `DEF-`, `Bip01_`, `J_Bip_`


@dataclass(frozen=True)
class Found:
    """Our limb joints -> a file's joint, by number; and that of the head, if it has any."""

    limbs: dict[int, int]
    head: int | None


def find_joints(there: Mapping[int, str], told: Mapping[str, str], path: str) -> Found:
    """Which joints of a file are ours.

    Args:
        there: number -> name, of the file's joints.
        told: our joint, or "head" -> the file's name, where names are not known.
        path: of the file.

    Raises:
        DancegenError: a limb's joint is not among them.
    """
    prefix = len(shared_prefix(list(there.values())))
    numbers: dict[str, int] = {}
    for number, name in there.items():
        for form in (plain(name[prefix:]), plain(name)):
            numbers.setdefault(form, number)
    limbs: dict[int, int] = {}
    missing: list[str] = []
    for joint, called in enumerate(JOINT_NAMES):
        side, _, part = called.partition("_")
        if part not in PARTS:
            continue
        forms = [form.replace("S", side).replace("@", side[0]) for form in PARTS[part].split()]
        found = _first([plain(told[called])] if called in told else forms, numbers)
        if found is None:
            missing.append(called)
        else:
            limbs[joint] = found
    if missing:
        names = ", ".join(there.values())[:120]
        raise DancegenError(f"{path}: no joint is known as {', '.join(missing)} (it has {names})", "give --names")
    return Found(limbs, _first([plain(told["head"])] if "head" in told else HEADS, numbers))


def _first(forms: list[str] | tuple[str, ...], numbers: Mapping[str, int]) -> int | None:
    return next((numbers[form] for form in forms if form in numbers), None)


def shared_prefix(names: list[str]) -> str:
    """What most joints' names begin with, up to a mark."""
    starts = Counter(name[: mark.end()] for name in names for mark in re.finditer(r"[-_. ]", name))
    return max((start for start, count in starts.items() if count >= SHARED * len(names)), key=len, default="")


def plain(name: str) -> str:
    """A joint's name without prefixes, marks and capitals: `mixamorig:LeftArm`, `upper_arm.L` -> leftarm, upperarml."""
    return re.sub(r"[^a-z0-9]", "", name.split(":")[-1].lower())
