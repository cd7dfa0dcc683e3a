"""Models that are a whole repository of the Hub, not one file: listed beside the checkpoints in the manifest.

An entry that is pinned has a full commit and every file with its size and sha256. One that is not yet is taken as the
Hub has it, on the user's word (`--unpinned`); what was taken then is remembered, and later uses are held against it.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dancegen.errors import DancegenError
from dancegen.jsonfile import SMALL, read_json
from dancegen.weights.manifest import ROLES, Entry, manifest_file, path_fault
from dancegen.weights.verify import write_json

COMMIT, SHA256 = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9a-f]{64}")
FILE_TYPES = (".safetensors", ".json", ".model", ".txt")  # what is taken; never a pickle


@dataclass(frozen=True)
class RepositoryFile:
    """One file: its path in the repository, its bytes, its sha256."""

    filename: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Repository:
    """A model of many files.

    Attributes:
        name, role, licence, card: as of a checkpoint (`manifest.Entry`).
        repo_id: on the Hub, "ORG/NAME".
        revision: the full commit; None while it is not pinned.
        size: bytes of all files, about where it is not pinned.
        files: all that is taken; none while it is not pinned.
    """

    name: str
    role: str
    repo_id: str
    revision: str | None
    licence: str
    size: int
    card: str
    files: tuple[RepositoryFile, ...] = ()

    @property
    def pinned(self) -> bool:
        """Whether its content is known."""
        return self.revision is not None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Its files as entries that `hub.fetch` takes.

        Raises:
            DancegenError: it is not pinned.
        """
        if self.revision is None:
            raise DancegenError(f"{self.name} is not pinned", f"run `dancegen weights download {self.name} --unpinned`")
        about: dict[str, Any] = {"role": self.role, "source": "hub", "licence": self.licence, "card": self.card}
        about |= {"repo_id": self.repo_id, "revision": self.revision, "config_version": None}
        return tuple(
            Entry(
                name=f"{self.name}/{file.filename}", filename=file.filename, sha256=file.sha256, size=file.size, **about
            )
            for file in self.files
        )


def load_repositories(path: Path | None = None) -> tuple[Repository, ...]:
    """The repositories of the manifest, checked field by field.

    Raises:
        DancegenError: an entry is not of the form.
    """
    path = path or manifest_file()
    content = read_json(path, "weights manifest", "install dancegen again", largest=SMALL)
    listed = content.get("repositories", []) if isinstance(content, dict) else []
    return tuple(repository_from_json(item, path.name) for item in listed)


def repository_from_json(item: Any, where: str) -> Repository:
    """One checked entry."""
    remedy = "mend it, or install dancegen again"
    try:
        files = tuple(RepositoryFile(**file) for file in item["files"])
        made = Repository(**{**item, "files": files})
    except (TypeError, KeyError) as cause:
        raise DancegenError(f"{where}: a repository has missing or unknown fields ({cause})", remedy) from cause
    faults = [
        *([] if made.role in ROLES else [f"role is {made.role!r}"]),
        *([] if made.revision is None or COMMIT.fullmatch(str(made.revision)) else [f"revision is {made.revision!r}"]),
        *([] if made.pinned == bool(made.files) else ["it is pinned and has no files, or has files and is not pinned"]),
        *(f"{file.filename!r}: {fault}" for file in made.files if (fault := _file_fault(file))),
    ]
    if faults:
        raise DancegenError(f"{where} ({made.name}): {faults[0]}", remedy)
    return made


def _file_fault(file: RepositoryFile) -> str:
    if fault := path_fault(file.filename):
        return fault
    if not file.filename.endswith(FILE_TYPES):
        return f"not of {', '.join(FILE_TYPES)}"
    return "" if SHA256.fullmatch(str(file.sha256)) and isinstance(file.size, int) else "no size and sha256"


def repository_named(name: str) -> Repository | None:
    """The repository of that name or role as it is known here: pinned, or as it was taken once; None for others."""
    for one in load_repositories():
        if name in (one.name, one.role):
            return one if one.pinned else taken_repositories().get(one.name, one)
    return None


def taken_repositories() -> dict[str, Repository]:
    """What was downloaded though it was not pinned, by name."""
    path = _taken_file()
    if not path.is_file():
        return {}
    listed = read_json(path, "list of weights taken unpinned", f"delete {path} and download them again")
    items = listed if isinstance(listed, list) else []
    return {one.name: one for one in (repository_from_json(item, path.name) for item in items)}


def remember(repository: Repository) -> None:
    """Hold every later use of an unpinned repository against what was taken now."""
    known = {**taken_repositories(), repository.name: repository}
    _taken_file().parent.mkdir(parents=True, exist_ok=True)
    write_json(_taken_file(), [dataclasses.asdict(one) for one in known.values()])


def write_pin(repository: Repository) -> Path:
    """Put a pinned repository into the manifest of this checkout; returns the manifest's path."""
    path = manifest_file()
    content = read_json(path, "weights manifest", "install dancegen again", largest=SMALL)
    others = [item for item in content.get("repositories", []) if item["name"] != repository.name]
    content["repositories"] = [*others, dataclasses.asdict(repository)]
    write_json(path, content)
    return path


def _taken_file() -> Path:
    from dancegen.weights.resolve import defaults_file

    return defaults_file().with_name("unpinned.json")
