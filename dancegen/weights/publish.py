"""Put a checkpoint and its model card into a repository on the Hub, and make the manifest entry that points at it."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import dataclass
from pathlib import Path

from dancegen.errors import DancegenError
from dancegen.progress import Reporter, SilentReporter
from dancegen.weights.checkpoint import format_version
from dancegen.weights.hub import client_speaks_to, network_is_off
from dancegen.weights.manifest import PACKAGE_FOLDER, Entry, entries_named, load_manifest, readable_size
from dancegen.weights.resolve import entry_path, is_file_name, role_of_file
from dancegen.weights.verify import sha256_of

CARD_NAME = "README.md"  # the Hub shows this file as the model card
NO_REVISION = "0" * 40  # of what was not sent yet


@dataclass(frozen=True)
class Publication:
    """What is to be sent: a checkpoint, the text of its card, and its entry (without the commit it will get)."""

    file: Path
    card_text: str
    entry: Entry


def prepare(what: str, repo_id: str, *, card: Path | None = None, licence: str | None = None) -> Publication:
    """Collect and check what `publish` will send; touches no network.

    Args:
        what: a name of the manifest (source "package") or a checkpoint file.
        repo_id: ORG/NAME.
        card: a Markdown model card; by default the shipped one, or the file's own with the suffix .md.
        licence: of a user's own file; a manifest entry brings its own.
    """
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", repo_id):
        raise DancegenError(f"--repo {repo_id} is no repository name", "give ORG/NAME")
    if is_file_name(what):
        file, name = Path(what), re.sub(r"[^a-z0-9._-]", "-", Path(what).stem.lower()).lstrip("-._") or "weights"
        card = card or file.with_suffix(".md")
    else:
        (known,) = _publishable_files(what)
        file, name, licence = entry_path(known), known.name, licence or known.licence
        card = card or PACKAGE_FOLDER / known.card
    role = role_of_file(file)
    if not licence:
        raise DancegenError(f"the licence of {file} is not known", "give it: --licence Apache-2.0")
    if not card.is_file():
        raise DancegenError(f"{file} has no model card at {card}", "write one, or give --card FILE")
    entry = Entry(
        name=name,
        role=role,
        source="hub",
        repo_id=repo_id,
        revision=NO_REVISION,
        filename=f"{name}{file.suffix}",
        sha256=sha256_of(file),
        size=file.stat().st_size,
        licence=licence,
        config_version=format_version(file),
        card=f"assets/weights/{name}.md",
    )
    return Publication(file, with_front_matter(card.read_text(encoding="utf-8"), licence), entry)


def _publishable_files(name: str) -> tuple[Entry, ...]:
    found = entries_named(name, load_manifest())
    if len(found) > 1 or found[0].source == "hub":
        raise DancegenError(f"{name} is on the Hub already, at {found[0].repo_id}", "give weights of your own")
    return found


def with_front_matter(card: str, licence: str) -> str:
    """The card with the YAML head by which the Hub knows its licence; one that has a head is left alone."""
    if card.startswith("---\n"):
        return card
    return f"---\nlicense: {licence.lower()}\nlibrary_name: dancegen\n---\n\n{card}"


def describe(publication: Publication) -> str:
    """What would be sent, for `--dry-run`."""
    entry, card = publication.entry, publication.card_text
    return "\n".join(
        [
            f"would send to {entry.repo_id}:",
            f"  {entry.filename}  {readable_size(entry.size)}, sha256 {entry.sha256}",
            f"  {CARD_NAME}  {readable_size(len(card.encode()))}, licence {entry.licence}",
            "and print this entry with the commit in place of the zeros:",
            entry_json(entry),
        ]
    )


def publish(publication: Publication, *, offline: bool = False, reporter: Reporter | None = None) -> Entry:
    """Send it in one commit (the repository is made if there is none) and return its entry with that commit.

    Raises:
        DancegenError: no network, no token that may write, or the Hub refuses.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    reporter = reporter or SilentReporter()
    entry = publication.entry
    if network_is_off(offline):
        raise DancegenError("publishing needs the network, and offline mode forbids it", "leave out --offline")
    reporter.stage(f"send {entry.filename} to {entry.repo_id}")
    api = HfApi(library_name="dancegen")
    try:
        with client_speaks_to(reporter):
            api.create_repo(str(entry.repo_id), exist_ok=True)
            commit = api.create_commit(
                str(entry.repo_id),
                [
                    CommitOperationAdd(entry.filename, str(publication.file)),
                    CommitOperationAdd(CARD_NAME, publication.card_text.encode()),
                ],
                commit_message=f"{entry.name}: {entry.filename} and its card",
            )
    except Exception as cause:  # httpx, xet and the client have no common base
        raise _explain(entry, cause) from cause
    return dataclasses.replace(entry, revision=commit.oid)


def _explain(entry: Entry, error: Exception) -> DancegenError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in (401, 403, 404) or type(error).__name__ == "LocalTokenNotFoundError":
        return DancegenError(
            f"the Hub does not let you write to {entry.repo_id} ({status or 'no token'})",
            "log in with `hf auth login` and a token that may write there",
        )
    said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return DancegenError(f"{entry.filename} was not published ({said})", "check the connection and try again")


def entry_json(entry: Entry) -> str:
    """The entry as it stands in the manifest."""
    return json.dumps(dataclasses.asdict(entry), indent=2, ensure_ascii=False)
