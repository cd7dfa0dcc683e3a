"""Weights from the Hub: huggingface_hub fetches and caches them, we check the content and say what went wrong.

The Hub client checks sizes, not contents, and leaves the temporary file of a killed process behind; so every file is
hashed before use, and what a dead process left is swept. HF_ENDPOINT, HF_HOME, HF_HUB_OFFLINE and its tokens hold.
"""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from dancegen.errors import DancegenError
from dancegen.progress import Reporter, SilentReporter
from dancegen.weights.hub_errors import explain, is_reset
from dancegen.weights.manifest import Entry, readable_size
from dancegen.weights.verify import Megabytes, checked_sha256, known_sha256

DOWNLOADS = 2  # one, and one more where the first came out wrong
CONNECTIONS = 3  # the client resumes after an early end and after silence by itself, but not after a reset
LOCK_PATIENCE_SECONDS = 1.0  # then the user is told what is being waited for


def cache_folder() -> Path:
    """The Hub client's cache, wherever its environment variables put it."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def network_is_off(offline: bool) -> bool:
    """Whether `--offline` or HF_HUB_OFFLINE forbids the network."""
    from huggingface_hub import constants

    return offline or bool(constants.HF_HUB_OFFLINE)


def find_cached(entry: Entry) -> Path | None:
    """The file of a hub entry in the cache, unchecked; None if it is not there. Never touches the network.

    Raises:
        DancegenError: the cached file is a link that leads out of the cache.
    """
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(str(entry.repo_id), entry.filename, revision=entry.revision)
    if not isinstance(found, str):  # None, or a mark that the Hub once said 404
        return None
    if not Path(found).resolve().is_relative_to(cache_folder().resolve()):
        raise DancegenError(f"{found} is a link that leads out of the cache", "remove it and fetch the weights again")
    return Path(found)


def fetch(entry: Entry, *, offline: bool = False, reporter: Reporter | None = None) -> Path:
    """The verified file of a hub entry: from the cache, or downloaded.

    Raises:
        DancegenError: it cannot be had (no network, no right, no space ...), or what arrives is not what the manifest
            says, twice; then nothing of it stays in the cache.
    """
    reporter = reporter or SilentReporter()
    try:
        path = find_cached(entry)
        if path and checked_sha256(path, reporter) == entry.sha256:
            return path
        if path is None and network_is_off(offline):
            raise _not_here(entry)
        with _hold_alone(entry, reporter):
            return _fetch_alone(entry, offline, reporter)
    except OSError as cause:
        raise explain(entry, cause, cache_folder()) from cause


def _fetch_alone(entry: Entry, offline: bool, reporter: Reporter) -> Path:
    """What `fetch` does while no other process of ours fetches the same file."""
    found = ""
    if path := find_cached(entry):  # bad, or made whole by the process we waited for
        found = checked_sha256(path, reporter)
        if found == entry.sha256:
            return path
        discard(entry, path, found, reporter)
    if network_is_off(offline):
        raise _mismatch(entry, found)
    for _ in range(DOWNLOADS):
        path = _download(entry, reporter)
        found = checked_sha256(path, reporter)
        if found == entry.sha256:
            _sweep(path)
            return path
        discard(entry, path, found, reporter)
    raise _mismatch(entry, found)


def _download(entry: Entry, reporter: Reporter) -> Path:
    """Fetch through the Hub client, unchecked; whatever stops it becomes a DancegenError."""
    from huggingface_hub import constants, hf_hub_download

    _check_space(entry)
    what = f"{entry.name}, {readable_size(entry.size)}, licence {entry.licence}"
    reporter.note(f"fetching {what}, from {entry.repo_id} at {constants.ENDPOINT}")
    for attempt in range(1, CONNECTIONS + 1):
        shown = Megabytes(reporter, f"download {entry.filename}", entry.size)
        try:
            with client_speaks_to(reporter):
                path = hf_hub_download(
                    str(entry.repo_id), entry.filename, revision=entry.revision, tqdm_class=_bar_for(shown)
                )
            return Path(path)
        except (TypeError, AttributeError, NameError):  # a fault of ours or of the client's, not of the network
            raise
        except Exception as cause:  # httpx, xet and the client have no common base
            if attempt == CONNECTIONS or not is_reset(cause):
                raise explain(entry, cause, cache_folder()) from cause
            reporter.note(f"the connection was reset: once more ({attempt + 1} of {CONNECTIONS})")
            time.sleep(attempt)
    raise AssertionError("the last attempt returns or raises")


def _check_space(entry: Entry) -> None:
    """Refuse before the first byte what cannot fit."""
    folder = cache_folder()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < entry.size:
        raise DancegenError(
            f"{entry.name} needs {readable_size(entry.size)}, {cache_folder()} has {readable_size(free)} left",
            "make room, or set HF_HOME to a folder on a larger disk",
        )


@contextlib.contextmanager
def _hold_alone(entry: Entry, reporter: Reporter) -> Iterator[None]:
    """Hold this file's lock among processes; the system frees it when its holder dies."""
    from filelock import Timeout
    from huggingface_hub.utils import WeakFileLock

    lock = cache_folder() / ".locks" / "dancegen" / f"{entry.sha256}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(WeakFileLock(lock, timeout=LOCK_PATIENCE_SECONDS))
        except Timeout:
            reporter.note(f"another process is fetching {entry.name}: waiting for it")
            held.enter_context(WeakFileLock(lock))
        yield


def discard(entry: Entry, path: Path, found: str, reporter: Reporter) -> None:
    """Delete a wrong file and its blob, unless another process has replaced it since it was hashed."""
    blob = path.resolve()
    if known_sha256(blob) not in (found, None):
        return
    reporter.note(f"{entry.name} is not what the manifest says (its sha256 is {found[:12]}...): it is deleted")
    try:
        path.unlink(missing_ok=True)
        blob.unlink(missing_ok=True)
    except OSError as cause:
        raise DancegenError(f"{blob} is damaged and cannot be deleted ({cause.strerror})", "delete it") from cause


def _sweep(path: Path) -> None:
    """Delete what killed processes left of this file: the client names it BLOB.RANDOM.incomplete and never returns."""
    from filelock import Timeout
    from huggingface_hub.utils import WeakFileLock

    blob = path.resolve()
    repository = blob.parent.parent
    lock = repository.parent / ".locks" / repository.name / f"{blob.name}.lock"
    # Whoever holds the client's own lock is downloading right now, with or without dancegen.
    with contextlib.suppress(OSError, Timeout), WeakFileLock(lock, timeout=0.1):
        for left in blob.parent.glob(f"{blob.name}.*.incomplete"):
            left.unlink(missing_ok=True)


@contextlib.contextmanager
def client_speaks_to(reporter: Reporter) -> Iterator[None]:
    """What the Hub client logs ("Retrying in 2s") becomes notes, and does not reach the terminal by itself.

    Nor do its own bars, which would be there with --quiet too and beside ours.
    """
    from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

    class ToNotes(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said = " ".join(record.getMessage().split())
            reporter.note(re.sub(r"(https?://[^/\s]+)\S*", r"\1", said))  # of a long address only the server

    logger = logging.getLogger("huggingface_hub")
    before, propagate, handler = logger.handlers, logger.propagate, ToNotes(logging.WARNING)
    logger.handlers, logger.propagate = [handler], False
    bars = not are_progress_bars_disabled()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its only ones: disk space, checked above, and links on Windows
            if bars:
                disable_progress_bars()
            yield
    finally:
        if bars:
            enable_progress_bars()
        logger.handlers, logger.propagate = before, propagate


def _bar_for(shown: Megabytes) -> type:
    """A tqdm class that draws nothing and passes the bytes on."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):
        def __init__(self, *args: object, **options: object) -> None:
            # Xet has a second bar, for bytes on the wire: one is enough.
            self._counts = "transfer" not in str(options.get("name"))
            super().__init__(*args, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> None:
            if self._counts:
                shown.add(int(n or 0))

    return Bar


def _not_here(entry: Entry) -> DancegenError:
    return DancegenError(
        f"{entry.name} ({readable_size(entry.size)}) is not on this machine, and offline mode forbids fetching it",
        f"run `dancegen weights download {entry.name}` once with a connection, or point HF_HOME at a cache that has it",
    )


def _mismatch(entry: Entry, found: str) -> DancegenError:
    return DancegenError(
        f"{entry.name} is not the file of the manifest: expected sha256 {entry.sha256}, found {found}",
        "nothing was kept; try again, or with another HF_ENDPOINT",
    )
