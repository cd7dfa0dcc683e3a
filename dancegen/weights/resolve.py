"""From a role, a name or a file to a verified file that can be loaded.

A user's own checkpoints as the defaults of their roles are remembered in `~/.config/dancegen/weights.json`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dancegen.errors import DancegenError
from dancegen.files import is_file
from dancegen.jsonfile import SMALL, read_json
from dancegen.progress import Reporter, SilentReporter
from dancegen.registry import config_of, full_role, weights_roles
from dancegen.weights.checkpoint import CONFIG_KEY, PICKLES, read_metadata
from dancegen.weights.manifest import FILE_TYPES, ROLES, Entry, entries_named, load_manifest
from dancegen.weights.verify import checked_sha256


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


def weights_path(
    what: str | Path, *, role: str | None = None, offline: bool = False, reporter: Reporter | None = None
) -> Path:
    """The verified file of a role, of a name in the manifest, or a user's own file.

    Args:
        what: "renderer" (the user's default for that role, else the shipped one), "dwpose-boxes", or "my.safetensors".
        role: refuse weights of another role.
        offline: never touch the network.
        reporter: is told about downloads.

    Raises:
        DancegenError: there are none, they cannot be had, they are not what the manifest says, or a pickle.
    """
    what, role = str(what), role and full_role(role)
    if full_role(what) in ROLES:
        own = default_of(full_role(what))
        what = str(own) if own else _find_of_role(full_role(what)).name
    if Path(what).is_dir() and role in of_repositories():
        return Path(what)
    if is_file_name(what):
        return _check_own_file(Path(what), role)
    found = entries_named(what, load_manifest())
    if len(found) > 1:
        raise DancegenError(
            f"{what} is {len(found)} files", f"choose one of {', '.join(entry.name for entry in found)}"
        )
    if role and found[0].role != role:
        raise DancegenError(f"{what} is a {found[0].role}, not a {role}", f"give weights of the role {role}")
    return entry_path(found[0], offline=offline, reporter=reporter)


def entry_path(entry: Entry, *, offline: bool = False, reporter: Reporter | None = None) -> Path:
    """The verified file of one entry; a hub entry is downloaded if it is not cached."""
    reporter = reporter or SilentReporter()
    if entry.source == "hub":
        from dancegen.weights import hub

        return hub.fetch(entry, offline=offline, reporter=reporter)
    path = entry.package_path
    if not path.is_file():
        raise DancegenError(f"{entry.name}: {path} is missing from this installation", "install dancegen again")
    found = checked_sha256(path, reporter)
    if found != entry.sha256:
        raise DancegenError(
            f"{path} is not the file of the manifest: expected sha256 {entry.sha256}, found {found}",
            "install dancegen again (after training: run `dancegen weights seal`)",
        )
    return path


def is_file_name(what: str) -> bool:
    """Whether `what` means a file, not a name of the manifest."""
    path = Path(what)
    return path.suffix.lower() in (*FILE_TYPES, *PICKLES) or len(path.parts) > 1 or is_file(path)


def of_repositories() -> set[str]:
    """The roles whose weights are a folder of files."""
    from dancegen.weights.repository import load_repositories

    return {repository.role for repository in load_repositories()}


def _check_own_file(path: Path, role: str | None) -> Path:
    found = role_of_file(path)
    if role and found != role:
        raise DancegenError(f"{path} is a {found}, not a {role}", f"give weights of the role {role}")
    return path


def _find_of_role(role: str) -> Entry:
    for entry in load_manifest():
        if entry.role == role:
            return entry
    raise DancegenError(f"the manifest lists no {role}", "run `dancegen weights seal` after adding its weights")
