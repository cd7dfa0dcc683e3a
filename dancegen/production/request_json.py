"""A request, or a part of one, as JSON that somebody may have written by hand."""

from __future__ import annotations

import json
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dancegen import registry
from dancegen.errors import DancegenError
from dancegen.files import is_file
from dancegen.jsonfile import SMALL, read_json
from dancegen.production.request import PATHS, SAID, TYPES, VERSION, plain_type


def read_request(file: Path) -> dict[str, Any]:
    """The fields of a JSON file that describes a request, or a part of one; relative paths are meant from its folder.

    Raises:
        DancegenError: it is not there, no JSON, or as `check_fields`.
    """
    remedy = 'check the name given with --request; a request looks like {"song": ...}'
    content = read_json(file, "request", remedy, largest=SMALL, packed=False)
    if not isinstance(content, dict):
        raise DancegenError(f"{file} holds no JSON object", 'write one like {"song": "a.mp3", "picture": "me.jpg"}')
    try:
        return check_fields(content, file.parent)
    except DancegenError as cause:
        raise DancegenError(f"{file}: {cause.what}", cause.remedy) from cause


def check_fields(content: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The fields of a request's JSON, each of its type, paths from `folder`; the version is taken off."""
    values = dict(content)
    version = values.pop("version", VERSION)
    if version != VERSION:
        raise DancegenError(f"this request is of version {version!r}, not {VERSION}", "upgrade dancegen")
    if unknown := sorted(values.keys() - TYPES.keys()):
        raise DancegenError(f"a request has no {unknown[0]!r}", f"choose among {', '.join(TYPES)}")
    values = {name: _convert(name, value) for name, value in values.items()}
    for name in PATHS:
        if values.get(name) is not None:
            values[name] = folder / values[name]
    if values.get("background") and is_file(folder / values["background"]):
        values["background"] = str(folder / values["background"])
    if registry.is_style_file(values.get("style", "")):
        values["style"] = str(folder / values["style"])
    if "weights" in values:
        own = {role: folder / what for role, what in values["weights"].items()}
        values["weights"] |= {role: str(path) for role, path in own.items() if is_file(path)}
    return values


def _convert(name: str, value: Any) -> Any:
    """A value of JSON as the type of the field, refused if it is of another."""
    kind = TYPES[name]
    optional = isinstance(kind, types.UnionType)
    if value is None and optional:
        return None
    wanted = plain_type(kind)
    if wanted is Path and isinstance(value, str):
        return Path(value)
    if wanted is float and type(value) is int:
        return float(value)
    plain = (int, float, bool, str)
    if wanted in plain and type(value) is wanted:
        return value
    if wanted not in (*plain, Path) and isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
        return dict(value)
    raise DancegenError(f"{name} must be {SAID.get(wanted, 'texts by role')}, not {json.dumps(value)[:60]}")
