"""The one list of checkpoints, `weights_manifest.json`: what each is called, where it lies, and its exact content."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from dancegen.errors import DancegenError
from dancegen.jsonfile import SMALL, read_json
from dancegen.registry import full_role, weights_roles

PACKAGE_FOLDER = Path(__file__).resolve().parent.parent  # .../dancegen
ROLES = weights_roles()
SOURCES = ("package", "hub")
FILE_TYPES = (".safetensors", ".onnx")

_PATTERNS = {
    "name": re.compile(r"[a-z0-9][a-z0-9._-]*"),
    "repo_id": re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*"),
    "revision": re.compile(r"[0-9a-f]{40}"),
    "sha256": re.compile(r"[0-9a-f]{64}"),
}


@dataclass(frozen=True)
class Entry:
    """One checkpoint of the manifest.

    `filename` and `card` are relative, with forward slashes: `card` always to the package folder; `filename` to the
    package folder where `source` is "package", to the repository's root where it is "hub". `repo_id` and `revision`
    (a full commit) are None for "package". `config_version` is `checkpoint.FORMAT_VERSION` of the file, None for a
    file that dancegen did not write. `size` is in bytes.
    """

    name: str
    role: str
    source: str
    repo_id: str | None
    revision: str | None
    filename: str
    sha256: str
    size: int
    licence: str
    config_version: int | None
    card: str

    @property
    def origin(self) -> str:
        """Where it comes from, for people: "the package" or "ORG/NAME"."""
        return self.repo_id or "the package"

    @property
    def package_path(self) -> Path:
        """The file of a "package" entry; it may be missing, it may not lie outside the package."""
        return path_inside(PACKAGE_FOLDER, self.filename)


def manifest_file() -> Path:
    """The manifest: beside the package's modules in a wheel, at the top level of a checkout (editable install)."""
    for folder in (PACKAGE_FOLDER, PACKAGE_FOLDER.parent):
        if (folder / "weights_manifest.json").is_file():
            return folder / "weights_manifest.json"
    raise DancegenError(f"no weights_manifest.json in or beside {PACKAGE_FOLDER}", "install dancegen again")


def load_manifest(path: Path | None = None) -> tuple[Entry, ...]:
    """All entries, checked field by field.

    Args:
        path: another manifest than this installation's own.

    Raises:
        DancegenError: it is unreadable, or an entry is not of the form; the entry and the field are named.
    """
    path = path or manifest_file()
    try:
        listed = list(read_json(path, "weights manifest", "install dancegen again", largest=SMALL)["weights"])
    except (KeyError, TypeError) as cause:
        raise DancegenError(f"{path} is not a weights manifest ({cause})", "install dancegen again") from cause
    except DancegenError as cause:
        raise DancegenError(f"{path} is not a weights manifest ({cause.what})", cause.remedy) from cause
    entries = tuple(entry_from_json(item, f"{path.name}, entry {number}") for number, item in enumerate(listed, 1))
    names = [entry.name for entry in entries]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DancegenError(f"{path.name} lists {', '.join(twice)} twice", "keep one entry of each name")
    return entries


def entry_from_json(item: dict[str, Any], where: str) -> Entry:
    """One checked entry; `where` names it in errors until its own name is known."""
    fields = [field.name for field in dataclasses.fields(Entry)]
    if not isinstance(item, dict) or set(item) != set(fields):
        wrong = sorted(set(item) ^ set(fields)) if isinstance(item, dict) else [repr(item)]
        raise DancegenError(f"{where}: missing or unknown {', '.join(wrong)}", "mend the manifest")
    if isinstance(item["role"], str):
        item = {**item, "role": full_role(item["role"])}  # a manifest of version 0.1.0
    if faults := _faults(item):
        told = "; ".join(f"{name} {fault}" for name, fault in faults)
        raise DancegenError(f"{where} ({item['name']}): {told}", "mend the manifest")
    return Entry(**item)


def _faults(item: dict[str, Any]) -> list[tuple[str, str]]:
    """(field, what is wrong with it) for every field that is not as it must be."""
    hub = item["source"] == "hub"
    wanted = ["name", "sha256"] + (["repo_id", "revision"] if hub else [])
    faults = [
        (name, f"is {item[name]!r}, not of the form {_PATTERNS[name].pattern}")
        for name in wanted
        if not isinstance(item[name], str) or not _PATTERNS[name].fullmatch(item[name])
    ]
    faults += [(name, f"is {item[name]!r}, not null") for name in ("repo_id", "revision") if not hub and item[name]]
    faults += [
        (name, f"is {item[name]!r}, not one of {', '.join(known)}")
        for name, known in (("role", ROLES), ("source", SOURCES))
        if item[name] not in known
    ]
    faults += [
        (name, f"is {item[name]!r}: {fault}") for name in ("filename", "card") if (fault := path_fault(item[name]))
    ]
    if isinstance(item["filename"], str) and PurePosixPath(item["filename"]).suffix not in FILE_TYPES:
        faults.append(("filename", f"is {item['filename']!r}, not a {' or '.join(FILE_TYPES)} file"))
    if not _is_count(item["size"]):
        faults.append(("size", f"is {item['size']!r}, not a number of bytes"))
    if item["config_version"] is not None and not _is_count(item["config_version"]):
        faults.append(("config_version", f"is {item['config_version']!r}, not a version number or null"))
    if not isinstance(item["licence"], str) or not item["licence"]:
        faults.append(("licence", "is missing"))
    return faults


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def path_fault(path: Any) -> str:
    """Why `path` is no plain relative path with forward slashes that stays below its folder; "" if it is one."""
    if not isinstance(path, str) or not path:
        return "not a path"
    if PurePosixPath(path).is_absolute() or PureWindowsPath(path).drive or path.startswith("~"):
        return "an absolute path"
    if "\\" in path or "\0" in path:
        return "a character that does not belong in a path"
    if any(part in ("", ".", "..") for part in path.split("/")):
        return "a path that leaves its folder or does not say it plainly"
    return ""


def path_inside(folder: Path, relative: str) -> Path:
    """`folder / relative`, refused if it leads outside `folder`, be it by `..` or by a symbolic link."""
    path = folder / relative
    if path_fault(relative) or not path.resolve().is_relative_to(folder.resolve()):
        raise DancegenError(f"{path} leads outside {folder}", "remove the link or mend the manifest")
    return path


def entries_named(name: str, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """The entry called `name`, or all of a family (`dwpose` is `dwpose-boxes` and `dwpose-keypoints`).

    Raises:
        DancegenError: there is none; the names there are, are listed.
    """
    found = tuple(entry for entry in entries if entry.name == name)
    found = found or tuple(entry for entry in entries if entry.name.startswith(f"{name}-"))
    if not found:
        known = ", ".join(entry.name for entry in entries)
        raise DancegenError(f"there are no weights called {name!r}", f"choose one of {known}")
    return found


def readable_size(size: int) -> str:
    """Bytes for people: 216746733 is "217 MB"."""
    value = float(size)
    for unit in ("B", "kB", "MB"):
        if value < 999.5:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"
