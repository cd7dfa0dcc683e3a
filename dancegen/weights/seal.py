"""For maintainers: write the content of `dancegen/assets/weights/*.safetensors` into `weights_manifest.json`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from dancegen.errors import DancegenError
from dancegen.weights.checkpoint import format_version
from dancegen.weights.manifest import PACKAGE_FOLDER, Entry, load_manifest, manifest_file
from dancegen.weights.repository import load_repositories
from dancegen.weights.resolve import role_of_file
from dancegen.weights.verify import sha256_of, write_json

WEIGHTS_FOLDER = "assets/weights"
LICENCE = "Apache-2.0"  # this project's, for weights trained by it


def seal() -> list[Entry]:
    """Give every checkpoint in the package its entry, with its true sha256 and size; returns those that changed.

    An entry keeps its name and licence; a new file gets its stem as its name. Entries whose file is gone are dropped.
    Run it in a checkout after every change of a shipped checkpoint; a test fails until it was.
    """
    manifest = manifest_file()
    if manifest.parent == PACKAGE_FOLDER:
        raise DancegenError(f"{manifest} belongs to an installed wheel", "seal in a checkout of the repository")
    entries = load_manifest()
    before = {entry.filename: entry for entry in entries if entry.source == "package"}
    files = sorted((PACKAGE_FOLDER / WEIGHTS_FOLDER).glob("*.safetensors"))
    ours = [_seal_file(file, before.get(f"{WEIGHTS_FOLDER}/{file.name}")) for file in files]
    others = [entry for entry in entries if entry.source != "package"]
    kept = [dataclasses.asdict(repository) for repository in load_repositories()]
    listed = [dataclasses.asdict(entry) for entry in [*ours, *others]]
    write_json(manifest, {"weights": listed, "repositories": kept})
    return [entry for entry in ours if entry != before.get(entry.filename)]


def _seal_file(file: Path, before: Entry | None) -> Entry:
    card = file.with_suffix(".md")
    if not card.is_file():
        raise DancegenError(f"{file} has no model card", f"write {card}")
    return Entry(
        name=before.name if before else file.stem,
        role=role_of_file(file),
        source="package",
        repo_id=None,
        revision=None,
        filename=f"{WEIGHTS_FOLDER}/{file.name}",
        sha256=sha256_of(file),
        size=file.stat().st_size,
        licence=before.licence if before else LICENCE,
        config_version=format_version(file),
        card=f"{WEIGHTS_FOLDER}/{card.name}",
    )
