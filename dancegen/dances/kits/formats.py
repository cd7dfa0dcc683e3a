"""The kits there are, one line each, and how one is written."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dancegen.errors import DancegenError
from dancegen.files import write_error
from dancegen.folders import whole_folder

if TYPE_CHECKING:
    from dancegen.dances.kits.material import Material


@dataclass(frozen=True)
class Format:
    """One animator and what it is given.

    Attributes:
        writer: "module:function", takes a `Material`.
        fps: frames a second of what it is given.
        several: whether it animates several people.
        drives: whether it takes a driving video, so that a figure has to be drawn.
    """

    writer: str
    fps: float
    several: bool
    drives: bool


_HERE = "dancegen.dances.kits"
FORMATS = {
    "wan-animate": Format(f"{_HERE}.wan_animate:write", 30, False, False),
    "wan-animate-2": Format(f"{_HERE}.raw_video:write_wan_animate_2", 30, False, True),
    "scail-2": Format(f"{_HERE}.raw_video:write_scail_2", 30, True, True),
    "steadydancer": Format(f"{_HERE}.steadydancer:write", 16, False, False),
    "one-to-all": Format(f"{_HERE}.one_to_all:write", 30, False, False),
    "controlnet": Format(f"{_HERE}.pose_pictures:write_controlnet", 30, True, False),
    "animate-anyone": Format(f"{_HERE}.pose_pictures:write_animate_anyone", 30, False, False),
}
KIT = ("README.md", "workflow.json")  # every kit has them


def check_folder(out: Path) -> None:
    """Refuse to replace a folder that is no kit: what else is in it would be lost.

    Raises:
        DancegenError: it holds something, and is no kit.
    """
    if out.is_dir() and any(out.iterdir()) and not all((out / name).is_file() for name in KIT):
        raise DancegenError(f"{out} holds other files than a kit", "name a new folder")


def write_kit(out: Path, kind: str, make: Callable[[Path], Material], notes: Sequence[str] = ()) -> Material:
    """Write the kit of a format into a folder, which appears when it is whole.

    Args:
        out: the folder.
        kind: one of FORMATS.
        make: makes the material, told where its files go for now.
        notes: what its README says of this dance and this picture.

    Raises:
        DancegenError: the folder is no kit, cannot be written to or is full; what the writing meets.
    """
    from dancegen.dances.kits.readme import readme

    check_folder(out)
    module, _, function = FORMATS[kind].writer.partition(":")
    try:
        with whole_folder(out) as folder:
            material = make(folder)
            facts = getattr(importlib.import_module(module), function)(material)
            facts = {**facts, "name": material.name, "fps": f"{FORMATS[kind].fps:g}", "song": material.sound()}
            material.write("README.md", readme(kind, facts, notes))
            return replace(material, folder=out)
    except OSError as cause:
        raise write_error(out, cause) from cause
