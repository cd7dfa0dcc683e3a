"""What the Hub client's exceptions mean for the person at the terminal."""

from __future__ import annotations

import errno
from pathlib import Path

from dancegen.errors import DancegenError
from dancegen.weights.manifest import Entry

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM)


def explain(entry: Entry, error: BaseException, cache: Path) -> DancegenError:
    """One sentence and one remedy for whatever stopped the fetching of `entry` into `cache`."""
    chain = _chain(error)
    for link in chain:
        if isinstance(link, DancegenError):
            return link
        if told := _of_disk(entry, link, cache) or _of_answer(entry, link):
            return told
    return _of_connection(entry, chain[-1])


def is_reset(error: BaseException) -> bool:
    """Whether the connection broke while bytes were under way."""
    # By name: the client has changed from httpx to httpx2, and lists neither among its own errors.
    return any(type(link).__name__ in ("ReadError", "WriteError", "CloseError") for link in _chain(error))


def _chain(error: BaseException) -> list[BaseException]:
    """The error and its causes, outermost first."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return chain


def _of_disk(entry: Entry, error: BaseException, cache: Path) -> DancegenError | None:
    number = getattr(error, "errno", None)
    if number in _FULL:
        return DancegenError(
            f"the disk of {cache} is full: {entry.name} does not fit",
            "make room, or set HF_HOME to a folder on a larger disk",
        )
    remedy = "set HF_HOME to a folder you may write"
    if number == errno.EROFS:
        return DancegenError(f"{cache} cannot be written, so {entry.name} cannot be kept", remedy)
    if number in _FORBIDDEN:
        where = getattr(error, "filename", None) or cache
        return DancegenError(f"{where} is closed to you ({entry.name} would be kept there)", remedy)
    return None


def _of_answer(entry: Entry, error: BaseException) -> DancegenError | None:
    """A refusal by the server, from the client's class and the HTTP status."""
    from huggingface_hub import constants, errors

    at = f"at {constants.ENDPOINT}"
    if isinstance(error, errors.RevisionNotFoundError):
        return DancegenError(f"{entry.repo_id} {at} has no commit {entry.revision}", _OTHER_SERVER)
    if isinstance(error, errors.RemoteEntryNotFoundError):
        return DancegenError(f"{entry.repo_id} {at} has no file {entry.filename}", _OTHER_SERVER)
    if isinstance(error, errors.FileMetadataError):
        return DancegenError(f"{constants.ENDPOINT} does not answer like a Hub ({error})", _OTHER_SERVER)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, errors.GatedRepoError) or status == 403:
        return DancegenError(
            f"{entry.repo_id} {at} is gated: its owner wants you to accept its terms first",
            "accept them on the model's page, then log in with `hf auth login`",
        )
    if status in (401, 404) or isinstance(error, errors.RepositoryNotFoundError):
        return DancegenError(
            f"{entry.repo_id} {at} does not exist or is closed to you ({status})",
            "log in with `hf auth login`, or check HF_ENDPOINT",
        )
    if status == 429:
        return DancegenError(f"{constants.ENDPOINT} asks for fewer requests (429)", _wait(error))
    if status is not None and status >= 500:
        return DancegenError(
            f"{constants.ENDPOINT} has a fault of its own ({status})", "try again later, or set HF_ENDPOINT to a mirror"
        )
    return None


def _of_connection(entry: Entry, error: BaseException) -> DancegenError:
    from huggingface_hub import constants

    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DancegenError(
        f"{entry.name} could not be fetched from {constants.ENDPOINT} ({said})",
        "check the connection and try again, or set HF_ENDPOINT to a mirror",
    )


def _wait(error: BaseException) -> str:
    seconds = getattr(getattr(error, "response", None), "headers", {}).get("Retry-After")
    return f"try again in {seconds} s, or log in with `hf auth login`" if seconds else "try again in some minutes"


_OTHER_SERVER = "check HF_ENDPOINT (a mirror may lack it), or upgrade dancegen"
