"""A user's own checkpoints as the defaults of their roles, remembered in `~/.config/dancegen/weights.json`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dancegen.errors import DancegenError
from dancegen.jsonfile import SMALL, read_json
from dancegen.registry import config_of, found, full_role, weights_roles
from dancegen.weights.checkpoint import CONFIG_KEY, config_from_json, read_metadata
from dancegen.weights.verify import write_json


def defaults_file() -> Path:
    """Where the choices are kept: XDG_CONFIG_HOME, %APPDATA% on Windows, else ~/.config."""
    base = os.environ.get("XDG_CONFIG_HOME") or (os.environ.get("APPDATA") if os.name == "nt" else None)
    return (Path(base) if base else Path.home() / ".config") / "dancegen" / "weights.json"


def defaults() -> dict[str, Path]:
    """The user's own file of each role that has one."""
    path = defaults_file()
    if not path.is_file():
        return {}
    remedy = "delete it and run `dancegen weights use` again"
    stored = read_json(path, "list of your own weights", remedy, largest=SMALL)
    if not isinstance(stored, dict) or not all(isinstance(file, str) for file in stored.values()):
        raise DancegenError(f"{path} is not readable (no file names by role)", remedy)
    return {full_role(role): Path(file) for role, file in stored.items()}


def default_of(role: str) -> Path | None:
    """The user's own file for `role`, None for the shipped one.

    Raises:
        DancegenError: it was chosen once and is gone: a silent return to the shipped one would surprise.
    """
    path = defaults().get(full_role(role))
    if path and not path.is_file():
        raise DancegenError(
            f"{path}, your default {role}, is gone", f"put it back or run `dancegen weights use --shipped {role}`"
        )
    return path


def set_default(path: Path) -> str:
    """Make `path` the default of its role, after checking that its config fits this version. Returns the role."""
    role = role_of_file(path)
    check_config(path, role)
    _write({**_as_text(defaults()), role: str(path.resolve())})
    return role


def forget_default(role: str) -> bool:
    """Back to the shipped weights of `role`; whether there was another default."""
    kept = _as_text(defaults())
    was = kept.pop(full_role(role), None)
    if was:
        _write(kept)
    return was is not None


def role_of_file(path: Path) -> str:
    """The role of a checkpoint, from the config class named in its metadata.

    Raises:
        DancegenError: missing, a pickle, broken, or not one of ours.
    """
    stored: dict[str, Any] = read_metadata(path).get(CONFIG_KEY) or {}
    for role in weights_roles():
        if stored.get("class") and config_of(role).endswith(f":{stored['class']}"):
            return role
    told = f"a config {stored['class']!r}, which" if "class" in stored else "no dancegen config: it"
    raise DancegenError(f"{path} carries {told} belongs to no role", "give a checkpoint that dancegen wrote")


def check_config(path: Path, role: str) -> None:
    """Refuse a checkpoint whose config does not fit this version of the role's network; the field is named."""
    config_from_json(read_metadata(path)[CONFIG_KEY], found(config_of(role)), str(path))


def _write(chosen: dict[str, str]) -> None:
    try:
        write_json(defaults_file(), chosen)
    except OSError as cause:
        raise DancegenError(
            f"{defaults_file()} cannot be written ({cause.strerror})", "set XDG_CONFIG_HOME to a folder you may write"
        ) from cause


def _as_text(paths: dict[str, Path]) -> dict[str, str]:
    return {role: str(path) for role, path in paths.items()}
