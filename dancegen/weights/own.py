"""Weights that a user chooses: with `--weights` for one run, with `weights use` for all that follow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dancegen.errors import DancegenError
from dancegen.registry import config_of, full_role, import_named, role_without
from dancegen.weights.checkpoint import CONFIG_KEY, config_from_json, read_metadata
from dancegen.weights.manifest import ROLES, entries_named, load_manifest
from dancegen.weights.resolve import defaults, defaults_file, is_file_name, of_repositories, role_of_file
from dancegen.weights.verify import write_json


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


def check_config(path: Path, role: str) -> None:
    """Refuse a checkpoint whose config does not fit this version of the role's network; the field is named."""
    config_from_json(read_metadata(path)[CONFIG_KEY], import_named(config_of(role)), str(path))


def _write(chosen: dict[str, str]) -> None:
    try:
        write_json(defaults_file(), chosen)
    except OSError as cause:
        raise DancegenError(
            f"{defaults_file()} cannot be written ({cause.strerror})", "set XDG_CONFIG_HOME to a folder you may write"
        ) from cause


def _as_text(paths: dict[str, Path]) -> dict[str, str]:
    return {role: str(path) for role, path in paths.items()}


def weights_by_role(options: Sequence[str]) -> dict[str, str]:
    """What `--weights` chose, by role. Each option is ROLE=FILE_OR_NAME, or FILE_OR_NAME where it tells its role.

    >>> weights_by_role(["renderer=mine.safetensors", "detector=dwpose"])
    {'renderer.puppet': 'mine.safetensors', 'detector': 'dwpose'}

    Raises:
        DancegenError: an unknown role, an unknown name, a role given twice, or a file that does not fit its role.
    """
    chosen: dict[str, str] = {}
    for option in options:
        left, equals, right = option.partition("=")
        named = equals and (left.isidentifier() or full_role(left) in ROLES)
        role, what = (full_role(left), right) if named else (_role_of(option), option)
        if role not in ROLES:
            raise DancegenError(f"--weights {option}: there is no role {role!r}", f"choose one of {', '.join(ROLES)}")
        if role in chosen:
            raise DancegenError(f"--weights gives the {role} twice", "give it once")
        _check_role(what, role)
        chosen[role] = what
    return chosen


def _role_of(what: str) -> str:
    if full_role(what) in ROLES:
        return full_role(what)
    if role := role_without(what):
        return role
    return role_of_file(Path(what)) if is_file_name(what) else entries_named(what, load_manifest())[0].role


def _check_role(what: str, role: str) -> None:
    if role in of_repositories() and Path(what).is_dir():
        return
    if (found := _role_of(what)) != role:
        raise DancegenError(f"{what} is a {found}, not a {role}", f"give weights of the role {role}")
