"""Each way a download goes wrong: what the user reads, that nothing broken stays, and that the next call heals."""

from __future__ import annotations

import errno
import hashlib
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fake_hub import REPO, FakeHub, Fault, Listener, broken_things, point_client_at, running_hub

from dancegen.errors import DancegenError
from dancegen.weights import hub as client
from dancegen.weights.manifest import Entry
from dancegen.weights.verify import known_sha256

CONTENT = np.random.default_rng(5).bytes(300_000)
ALWAYS = math.inf


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with running_hub() as running:
        yield running


@pytest.fixture
def cache(hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return point_client_at(hub, tmp_path, monkeypatch)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been slept; nobody sleeps."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def refused(entry: Entry, listener: Listener | None = None) -> str:
    with pytest.raises(DancegenError) as caught:
        client.fetch(entry, reporter=listener)
    assert caught.value.remedy, "an error the user can mend says how"
    assert "\n" not in str(caught.value)
    return str(caught.value)


def heals(hub: FakeHub, entry: Entry, cache: Path) -> None:
    """Without faults the next call succeeds, and the one after it needs no network."""
    hub.faults.clear()
    path = client.fetch(entry)
    assert path.read_bytes() == CONTENT
    assert broken_things(cache, CONTENT) == []
    asked = len(hub.requests)
    assert client.fetch(entry) == path
    assert len(hub.requests) == asked


def test_download_tells_size_licence_source_and_progress(hub: FakeHub, cache: Path) -> None:
    content = np.random.default_rng(1).bytes(3_400_000)
    listener = Listener()
    path = client.fetch(hub.add(content), reporter=listener)
    assert path.read_bytes() == content
    assert path.is_relative_to(cache)
    (note,) = listener.notes
    for said in ("net", "3 MB", "Apache-2.0", REPO, hub.url):
        assert said in note
    assert ("download net.onnx", 3, "MB") in listener.stages
    assert listener.steps == 3
    assert (hub.asked("HEAD"), hub.asked("GET")) == (1, 1)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault("status", "HEAD", 404, "EntryNotFound"), "has no file net.onnx"),
        (Fault("status", "HEAD", 404, "RevisionNotFound"), "has no commit 0123456789abcdef"),
        (Fault("status", "HEAD", 404, "RepoNotFound"), "does not exist or is closed to you"),
        (Fault("status", "HEAD", 401, "GatedRepo"), "hf auth login"),
        (Fault("status", "HEAD", 403, "GatedRepo"), "accept"),
        (Fault("status", "HEAD", 401, "RepoNotFound"), "hf auth login"),
    ],
)
def test_refusals_are_told_and_not_retried(
    hub: FakeHub, cache: Path, waits: list[float], fault: Fault, said: str
) -> None:
    entry = hub.add(CONTENT)
    hub.order(fault, ALWAYS)
    message = refused(entry)
    assert said in message
    assert hub.url in message
    assert waits == []
    assert broken_things(cache, CONTENT) == []
    heals(hub, entry, cache)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_too_many_requests_waits_as_long_as_asked(hub: FakeHub, cache: Path, waits: list[float], method: str) -> None:
    entry, listener = hub.add(CONTENT), Listener()
    hub.order(Fault("status", method, 429, headers=(("Retry-After", "7"),)), 2)
    assert client.fetch(entry, reporter=listener).read_bytes() == CONTENT
    assert any(7 <= wait <= 8 for wait in waits)
    assert any("Rate limited" in note for note in listener.notes), "a wait is not silent"
    heals(hub, entry, cache)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_too_many_requests_for_ever(hub: FakeHub, cache: Path, waits: list[float], method: str) -> None:
    entry = hub.add(CONTENT)
    hub.order(Fault("status", method, 429, headers=(("Retry-After", "7"),)), ALWAYS)
    message = refused(entry)
    assert "429" in message
    assert "try again in 7 s" in message
    assert broken_things(cache, CONTENT) == []
    heals(hub, entry, cache)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_server_error(hub: FakeHub, cache: Path, waits: list[float], method: str) -> None:
    entry = hub.add(CONTENT)
    hub.order(Fault("status", method, 500), ALWAYS)
    message = refused(entry)
    assert "fault of its own (500)" in message
    assert "HF_ENDPOINT" in message
    assert sum(waits) < 60
    assert broken_things(cache, CONTENT) == []
    heals(hub, entry, cache)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.99])
def test_connection_cut_is_made_anew(hub: FakeHub, cache: Path, waits: list[float], at: float) -> None:
    entry, listener = hub.add(CONTENT), Listener()
    hub.order(Fault("cut", at=at))
    assert client.fetch(entry, reporter=listener).read_bytes() == CONTENT
    assert hub.asked("GET") == 2
    assert any("reset" in note for note in listener.notes)
    heals(hub, entry, cache)


@pytest.mark.parametrize("at", [0.1, 0.5, 0.99])
def test_truncated_body_is_resumed(hub: FakeHub, cache: Path, waits: list[float], at: float) -> None:
    entry, listener = hub.add(CONTENT), Listener()
    hub.order(Fault("truncated", at=at))
    assert client.fetch(entry, reporter=listener).read_bytes() == CONTENT
    ranges = [headers["Range"] for method, _, headers in hub.requests if method == "GET" and "Range" in headers]
    assert len(ranges) == 1, "what had arrived was not asked for again"
    assert any("resume" in note for note in listener.notes)
    heals(hub, entry, cache)


@pytest.mark.parametrize("kind", ["cut", "truncated"])
@pytest.mark.parametrize("at", [0.0, 0.1])
def test_connection_lost_again_and_again(hub: FakeHub, cache: Path, waits: list[float], kind: str, at: float) -> None:
    entry = hub.add(CONTENT[:40_000])  # so that no whole piece arrives: progress would renew the client's patience
    hub.order(Fault(kind, at=at), ALWAYS)
    message = refused(entry)
    assert "could not be fetched from" in message
    assert broken_things(cache, b"") == []
    hub.faults.clear()
    assert client.fetch(entry).read_bytes() == CONTENT[:40_000]


def test_resume_from_a_server_that_knows_no_ranges(hub: FakeHub, cache: Path, waits: list[float]) -> None:
    entry, listener = hub.add(CONTENT), Listener()
    hub.order(Fault("truncated", at=0.5))
    hub.order(Fault("no-range"))
    assert client.fetch(entry, reporter=listener).read_bytes() == CONTENT
    heals(hub, entry, cache)


@pytest.mark.parametrize("times", [1, 2])
def test_shorter_file_than_announced(hub: FakeHub, cache: Path, waits: list[float], times: int) -> None:
    """A consistent but short answer: its own length header agrees with it, the announced size does not."""
    entry = hub.add(CONTENT)
    hub.order(Fault("short", at=0.7), times)
    assert "could not be fetched" in refused(entry)
    assert broken_things(cache, CONTENT) == []
    heals(hub, entry, cache)


def test_corrupt_body_of_the_right_size_is_fetched_once_more(hub: FakeHub, cache: Path) -> None:
    entry, listener = hub.add(CONTENT), Listener()
    hub.order(Fault("corrupt"))
    assert client.fetch(entry, reporter=listener).read_bytes() == CONTENT
    assert hub.asked("GET") == 2
    assert any("not what the manifest says" in note for note in listener.notes)
    heals(hub, entry, cache)


def test_corrupt_twice_says_expected_and_found(hub: FakeHub, cache: Path) -> None:
    entry = hub.add(CONTENT)
    hub.order(Fault("corrupt"), ALWAYS)
    message = refused(entry)
    assert f"expected sha256 {entry.sha256}" in message
    assert f"found {hashlib.sha256(bytes([CONTENT[0] ^ 1]) + CONTENT[1:]).hexdigest()}" in message
    assert hub.asked("GET") == 2
    assert broken_things(cache, CONTENT) == []
    heals(hub, entry, cache)


def test_another_file_under_the_same_name(hub: FakeHub, cache: Path) -> None:
    """A mirror that serves something else, consistently: its size and ETag are its own."""
    entry = hub.add(CONTENT)
    hub.add(b"something else")
    assert "expected sha256" in refused(entry)
    assert broken_things(cache, CONTENT) == []
    hub.add(CONTENT)
    heals(hub, entry, cache)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
def test_redirect_is_followed(hub: FakeHub, cache: Path, method: str) -> None:
    entry = hub.add(CONTENT)
    hub.order(Fault("redirect", method))
    assert client.fetch(entry).read_bytes() == CONTENT
    assert any(path.startswith("/cdn/") for _, path, _ in hub.requests)
    heals(hub, entry, cache)


def test_redirect_elsewhere_takes_no_token_along(hub: FakeHub, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("hf_secret")
    entry = hub.add(CONTENT)
    with running_hub() as elsewhere:
        elsewhere.files = hub.files
        away = (("Location", f"{elsewhere.url}/cdn/{REPO}/resolve/{entry.revision}/net.onnx"),)
        told = (("X-Repo-Commit", str(entry.revision)), ("X-Linked-Etag", f'"{entry.sha256}"'))
        hub.order(Fault("status", "HEAD", 302, headers=away + told))
        assert client.fetch(entry).read_bytes() == CONTENT
        assert "hf_secret" in str(hub.requests[0][2])
        assert elsewhere.asked("GET") == 1
        assert "hf_secret" not in str(elsewhere.requests)
    heals(hub, entry, cache)


def test_slow_trickle_arrives(hub: FakeHub, cache: Path) -> None:
    entry, listener = hub.add(CONTENT), Listener()
    hub.order(Fault("trickle", pause=0.02))
    assert client.fetch(entry, reporter=listener).read_bytes() == CONTENT
    assert hub.asked("GET") == 1, "slow is not broken"
    heals(hub, entry, cache)


def test_silence_is_taken_for_a_lost_connection(
    hub: FakeHub, cache: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.3)
    entry = hub.add(CONTENT)
    hub.order(Fault("stall", pause=60.0))
    began = time.monotonic()
    assert client.fetch(entry).read_bytes() == CONTENT
    assert time.monotonic() - began < 50  # it did not wait for the rest
    heals(hub, entry, cache)


def test_no_server_at_all(hub: FakeHub, cache: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    entry = hub.add(CONTENT)
    with monkeypatch.context() as patch:
        patch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
        patch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
        )
        message = refused(entry)
    assert "http://127.0.0.1:9" in message
    assert "connection" in message
    heals(hub, entry, cache)


def test_a_server_that_is_no_hub(hub: FakeHub, cache: Path) -> None:
    entry = hub.add(CONTENT)
    hub.order(Fault("status", "HEAD", 200), ALWAYS)  # a captive portal answers 200 to everything
    assert "does not answer like a Hub" in refused(entry)
    heals(hub, entry, cache)


def test_file_damaged_in_the_cache_is_replaced(hub: FakeHub, cache: Path) -> None:
    entry = hub.add(CONTENT)
    blob = client.fetch(entry).resolve()
    blob.write_bytes(CONTENT[:1000])
    assert client.fetch(entry).read_bytes() == CONTENT
    heals(hub, entry, cache)


def test_blob_without_its_link_is_not_trusted(hub: FakeHub, cache: Path) -> None:
    """As a process killed between its last two steps leaves it, here with a blob that is bad besides."""
    entry = hub.add(CONTENT)
    path = client.fetch(entry)
    path.resolve().write_bytes(b"cut short")
    path.unlink()
    assert client.fetch(entry).read_bytes() == CONTENT
    heals(hub, entry, cache)


def test_content_is_hashed_once_per_version(hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dancegen.weights import verify

    entry = hub.add(CONTENT)
    hashed: list[Path] = []
    real = verify.sha256_of
    monkeypatch.setattr(verify, "sha256_of", lambda path, *rest: hashed.append(path) or real(path, *rest))
    path = client.fetch(entry)
    client.fetch(entry)
    assert len(hashed) == 1
    blob = path.resolve()
    os.utime(blob, (0, 0))  # another mtime: another version
    assert known_sha256(path) is None
    client.fetch(entry)
    assert len(hashed) == 2


def test_link_out_of_the_cache_is_refused(hub: FakeHub, cache: Path, tmp_path: Path) -> None:
    entry = hub.add(CONTENT)
    path = client.fetch(entry)
    outside = tmp_path / "outside.onnx"
    outside.write_bytes(CONTENT)
    path.unlink()
    path.symlink_to(outside)
    assert "leads out of the cache" in refused(entry)
    assert outside.read_bytes() == CONTENT
    path.unlink()
    heals(hub, entry, cache)


@pytest.mark.parametrize("name", ["makedirs", "open"])
def test_folder_of_somebody_else(hub: FakeHub, cache: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Permissions do not bind root, who runs the tests in containers: the refusal is put in by hand."""
    entry = hub.add(CONTENT)

    def refuse(path: object, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        if name == "makedirs":
            patch.setattr(os, "makedirs", refuse)
        else:
            os.utime(client.fetch(entry).resolve(), (0, 0))
            patch.setattr(Path, "open", refuse)
        message = refused(entry)
    assert str(cache) in message
    assert "closed to you" in message
    assert "HF_HOME" in message
    heals(hub, entry, cache)
