"""Repositories from the Hub: what they hold, by the Hub's own records, and all their files, verified one by one."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from dancegen.errors import DancegenError
from dancegen.progress import Reporter, SilentReporter
from dancegen.weights import hub
from dancegen.weights.hub_errors import explain
from dancegen.weights.manifest import Entry, readable_size
from dancegen.weights.repository import FILE_TYPES, Repository, RepositoryFile
from dancegen.weights.verify import sha256_of

BRANCH = "main"


def look_up(repository: Repository, reporter: Reporter | None = None) -> Repository:
    """The repository as the Hub has it now: its commit, and all files that are taken, with their sha256.

    Of large files the Hub's records say the sha256; small ones, of which they do not, are fetched and hashed.

    Raises:
        DancegenError: the network is off, the repository cannot be reached, or holds nothing that is taken.
    """
    reporter = reporter or SilentReporter()
    if hub.network_is_off(offline=False):
        raise DancegenError(f"offline mode forbids asking for {repository.name}", "unset HF_HUB_OFFLINE")
    from huggingface_hub import HfApi

    try:
        with hub.client_speaks_to(reporter):
            info = HfApi().model_info(repository.repo_id, revision=BRANCH, files_metadata=True)
    except Exception as cause:  # the client's own classes, and those of its connection
        raise explain(_as_entry(repository, BRANCH), cause, hub.cache_folder()) from cause
    commit = str(info.sha)
    files = tuple(
        _file(repository, commit, one, reporter)
        for one in sorted(info.siblings or (), key=lambda one: one.rfilename)
        if one.rfilename.endswith(FILE_TYPES)
    )
    if not files:
        raise DancegenError(f"{repository.repo_id} holds no weights that are taken", "check the name of the repository")
    return replace(repository, revision=commit, files=files, size=sum(file.size for file in files))


def fetch_all(repository: Repository, *, offline: bool = False, reporter: Reporter | None = None) -> Path:
    """The folder with all files of a repository, verified: from the cache, or downloaded; finished files are kept.

    Raises:
        DancegenError: as `hub.fetch`; there is no room.
    """
    reporter = reporter or SilentReporter()
    entries = repository.entries
    missing = [entry for entry in entries if hub.find_cached(entry) is None]
    if missing and not hub.network_is_off(offline):
        _check_room(repository, sum(entry.size for entry in missing))
        told = f"{repository.name}: {readable_size(repository.size)}, licence {repository.licence}"
        reporter.note(f"{told}; {len(missing)} of {len(entries)} files are to be fetched")
    paths = [hub.fetch(entry, offline=offline, reporter=reporter) for entry in entries]
    return Path(str(paths[0]).removesuffix(entries[0].filename))


def folder_of(repository: Repository, reporter: Reporter | None = None) -> Path | None:
    """The verified folder of a repository that is here whole; None if it is not. Never touches the network."""
    if not repository.pinned or any(hub.find_cached(entry) is None for entry in repository.entries):
        return None
    return fetch_all(repository, offline=True, reporter=reporter)


def _file(repository: Repository, commit: str, one: Any, reporter: Reporter) -> RepositoryFile:
    if one.lfs is not None:
        return RepositoryFile(one.rfilename, int(one.lfs.size), str(one.lfs.sha256))
    from huggingface_hub import hf_hub_download

    try:
        with hub.client_speaks_to(reporter):
            path = Path(hf_hub_download(repository.repo_id, one.rfilename, revision=commit))
        return RepositoryFile(one.rfilename, path.stat().st_size, sha256_of(path))
    except Exception as cause:
        raise explain(_as_entry(repository, commit), cause, hub.cache_folder()) from cause


def _check_room(repository: Repository, needed: int) -> None:
    folder = hub.cache_folder()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < needed:
        what = f"{repository.name} needs {readable_size(needed)}, {hub.cache_folder()} has {readable_size(free)} left"
        raise DancegenError(what, "make room, or set HF_HOME to a folder on a larger disk")


def _as_entry(repository: Repository, revision: str) -> Entry:
    """The repository as one entry, for messages."""
    about: dict[str, Any] = {"source": "hub", "repo_id": repository.repo_id, "revision": revision, "filename": ""}
    about |= {"sha256": "", "config_version": None, "card": repository.card, "licence": repository.licence}
    return Entry(name=repository.name, role=repository.role, size=repository.size, **about)
