"""Everything that may be asked for, as the page shows it: read from `Request` itself and from the registry.

A new attribute of `Request` appears on the page by itself, in the group "video" unless it is named in GROUPS.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Collection
from dataclasses import fields
from pathlib import Path
from typing import Any

from dancegen.choreographers.base import MOST_STEPS
from dancegen.device import DEVICES
from dancegen.production import request as requests
from dancegen.production.request import LIMITS, Request
from dancegen.registry import BACKENDS, Backend
from dancegen.registry import styles as registry_styles
from dancegen.weights.manifest import load_manifest
from dancegen.weights.resolve import defaults

# Where an attribute is chosen. "files" are named by the page itself, "" is not offered.
GROUPS = {
    **dict.fromkeys(
        ("song", "picture", "beats", "dance", "take", "pose", "mask", "start", "duration", "tempo"), "files"
    ),
    "people": "files",
    **dict.fromkeys(("choreographer", "style", "seed", "turns", "style_amount", "steps"), "dance"),
    **dict.fromkeys(("weights", "force", "offline"), ""),
    **dict.fromkeys(("detector", "device", "renderer", "crf", "fps", "preview"), "more"),
}
ROLES = ("choreographer", "renderer", "detector")
OWN_LIMITS = {"style_amount": (0.0, 1.0), "steps": (1, MOST_STEPS)}  # limits that have no place in LIMITS
SEVERAL = {"camera": requests.MOVES}  # of which several may be joined by commas; the first is none of the others
USUAL = {"detector": ("auto",), "device": DEVICES}  # words that are no backend's name


def offers(weights: Collection[str] = ()) -> list[dict[str, Any]]:
    """One entry an attribute: name, group, default, limits, words to choose among, and what it is for.

    Its kind is "number", "whole", "switch", "word", "words" (several of them) or "text".

    Args:
        weights: roles for which weights were given, besides those that are shipped.
    """
    said = _meanings()
    hints = typing.get_type_hints(Request)
    found = []
    for one in fields(Request):
        group = GROUPS.get(one.name, "video")
        if not group or group == "files":
            continue
        kind = next(kind for kind in (*typing.get_args(hints[one.name]), hints[one.name]) if kind is not types.NoneType)
        words = _words(one.name, weights)
        names = {bool: "switch", int: "whole", float: "number"}
        entry: dict[str, Any] = {"name": one.name, "group": group, "says": said.get(one.name, "")}
        entry |= {
            "kind": "words" if one.name in SEVERAL else "word" if words else names.get(kind, "text"),
            "words": words,
        }
        entry |= {"default": one.default if isinstance(one.default, bool | int | float | str) else None}
        found.append(entry | {"limits": LIMITS.get(one.name) or OWN_LIMITS.get(one.name)})
    return found


def styles() -> dict[str, list[str]]:
    """The styles that each choreographer knows."""
    return {name: list(line.styles) for name, line in BACKENDS["choreographer"].items() if not line.missing}


def learners() -> list[str]:
    """The choreographers who dance in styles that were learnt."""
    return [name for name, line in BACKENDS["choreographer"].items() if line.learns]


def _works(line: Backend, weights: Collection[str]) -> bool:
    """Whether a backend has what it needs here; weights that it fetches itself count as there."""
    shipped = {*defaults(), *(entry.role for entry in load_manifest())}
    return not line.missing and (line.bare or not line.config or line.weights in {*shipped, *weights})


def _words(name: str, weights: Collection[str]) -> list[Any]:
    """What a value may be, where that is a closed list: backends that work here, or NAMES beside `Request`."""
    if name in ROLES:
        here = [one for one, line in BACKENDS[name].items() if _works(line, weights)]
        return [*USUAL.get(name, ()), *here]
    if name == "style":
        return list(registry_styles())
    if name in SEVERAL:
        return list(SEVERAL[name])
    if name in USUAL:
        return list(USUAL[name])
    several = (f"{name.upper()}S", f"{name.upper().removesuffix('S')}_LEVELS")
    return next((list(getattr(requests, one)) for one in several if hasattr(requests, one)), [])


def _meanings() -> dict[str, str]:
    """What `Request`'s own text says of each attribute."""
    told = (Request.__doc__ or "").partition("Attributes:")[2].partition("Raises:")[0]
    found: dict[str, str] = {}
    for names, text in re.findall(r"^ {8}([\w, ]+): (.*(?:\n {12}.*)*)", told, re.MULTILINE):
        found |= dict.fromkeys(re.split(r",\s*", names), re.sub(r"\s+", " ", text).rstrip("."))
    return found


def relative_name(path: Path, folder: Path) -> str:
    """A file of a project as its requests name it."""
    return path.relative_to(folder).as_posix()
