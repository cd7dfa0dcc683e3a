"""A Hub on loopback for the tests: the resolve protocol, what publishing needs, and faults to order."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from dancegen.weights.manifest import Entry

REPO = "someone/models"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE = 16 * 1024  # bytes sent at once


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    kind: "status" (with `status`, `code`: the Hub's X-Error-Code, `headers`), "cut" (the connection is reset after
    the share `at` of the body), "truncated" (the right length header, then a clean end after `at`), "short" (a smaller
    file, consistent in itself), "corrupt" (one byte changed), "redirect", "trickle" (`pause` seconds after each
    piece), "stall" (silence of `pause` seconds after `at`), "no-range" (a range is asked, everything is sent).
    """

    kind: str
    method: str = "GET"
    status: int = 500
    code: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    at: float = 0.5
    pause: float = 0.0


@dataclass
class FakeHub:
    """The state that tests set up and look at."""

    url: str = ""
    files: dict[tuple[str, str], bytes] = field(default_factory=dict)  # (repository, path) -> content
    faults: list[tuple[Fault, float]] = field(default_factory=list)  # with how many more times each will happen
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)  # (method, path, headers)
    sent_pieces: int = 0  # of files, to tell from outside that a download is under way
    commits: list[list[dict[str, Any]]] = field(default_factory=list)  # operations of each publication
    may_write: bool = True

    def order(self, fault: Fault, times: float = 1) -> None:
        """`fault` happens to the next `times` requests of its method."""
        self.faults.append((fault, times))

    def next_fault(self, method: str) -> Fault | None:
        """The fault this request meets, which is used up by it."""
        for index, (fault, times) in enumerate(self.faults):
            if fault.method == method:
                self.faults[index : index + 1] = [(fault, times - 1)] if times > 1 else []
                return fault
        return None

    def add(self, content: bytes, filename: str = "net.onnx", **changes: Any) -> Entry:
        """Host a file and return the manifest entry that describes it."""
        self.files[(REPO, filename)] = content
        values = {
            **{"name": "net", "role": "detector", "source": "hub", "repo_id": REPO, "revision": COMMIT},
            **{"filename": filename, "sha256": hashlib.sha256(content).hexdigest(), "size": len(content)},
            **{"licence": "Apache-2.0", "config_version": None, "card": "assets/weights/net.md"},
        }
        return Entry(**{**values, **changes})

    def asked(self, method: str) -> int:
        """How many requests of a method came."""
        return sum(1 for request in self.requests if request[0] == method)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *_: Any) -> None:
        """Nothing: the tests' output stays clean."""

    def do_HEAD(self) -> None:
        self._resolve("HEAD")

    def do_GET(self) -> None:
        self._resolve("GET")

    def _resolve(self, method: str) -> None:
        if self.path.startswith("/api/models/") and method == "GET":
            return self._answer_model()
        if self.path.startswith("/api/"):  # the client's own curiosity (which tool runs it): no fault is for that
            return self._answer(404, {})
        self.hub.requests.append((method, self.path, dict(self.headers)))
        fault = self.hub.next_fault(method)
        path = unquote(urlsplit(self.path).path).removeprefix("/cdn").lstrip("/")
        repo, _, rest = path.partition("/resolve/")
        revision, _, name = rest.partition("/")
        if fault and fault.kind == "status":
            return self._answer(fault.status, {"X-Error-Code": fault.code, **dict(fault.headers)})
        if (repo, name) not in self.hub.files or revision != COMMIT:
            known = any(hosted == repo for hosted, _ in self.hub.files)
            code = "RepoNotFound" if not known else "RevisionNotFound" if revision != COMMIT else "EntryNotFound"
            return self._answer(404, {"X-Error-Code": code, "X-Repo-Commit": COMMIT})
        content = self.hub.files[(repo, name)]
        etag = hashlib.sha256(content).hexdigest()
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
        if fault and fault.kind == "redirect":
            headers |= {"X-Linked-Etag": f'"{etag}"', "X-Linked-Size": str(len(content))}
            return self._answer(302, {**headers, "Location": f"{self.hub.url}/cdn{self.path}"})
        self._send_file(method, content, headers, fault)

    def _answer_model(self) -> None:
        """What the Hub records of a repository: of large files (here .safetensors) the sha256 too."""
        repo = urlsplit(self.path).path.removeprefix("/api/models/").partition("/revision/")[0]
        self.hub.requests.append(("API", self.path, dict(self.headers)))
        siblings = []
        for (hosted, name), content in self.hub.files.items():
            if hosted == repo:
                large = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
                lfs = {"lfs": large} if name.endswith(".safetensors") else {}
                siblings.append({"rfilename": name, "size": len(content), "blobId": "0" * 40, **lfs})
        if not siblings:
            return self._answer(404, {"X-Error-Code": "RepoNotFound"})
        told = {"id": repo, "modelId": repo, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}
        self._answer(200, {"Content-Type": "application/json"}, json.dumps(told).encode())

    def _send_file(self, method: str, content: bytes, headers: dict[str, str], fault: Fault | None) -> None:
        kind = fault.kind if fault else ""
        if kind == "corrupt":
            content = bytes([content[0] ^ 1]) + content[1:]
        if kind == "short":
            content = content[: int(len(content) * (fault.at if fault else 1))]
        wanted = self.headers.get("Range") if kind != "no-range" else None
        start = int(wanted.removeprefix("bytes=").split("-")[0]) if wanted else 0
        if wanted:
            headers = {**headers, "Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"}
        body = content[start:]
        self.send_response(206 if wanted else 200)
        for key, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
            self.send_header(key, value)
        self.end_headers()
        self.close_connection = True
        if method == "GET":
            with suppress(OSError):  # the client went away
                self._send_body(body, fault)

    def _send_body(self, body: bytes, fault: Fault | None) -> None:
        kind, at = (fault.kind, int(len(body) * fault.at)) if fault else ("", 0)
        stops = kind in ("cut", "truncated", "stall")
        for begin in range(0, at if stops else len(body), PIECE):
            self.wfile.write(body[begin : min(begin + PIECE, at) if stops else begin + PIECE])
            self.hub.sent_pieces += 1
            if fault and kind == "trickle":
                threading.Event().wait(fault.pause)  # not time.sleep, which tests replace
        self.wfile.flush()
        if fault and kind == "stall":
            threading.Event().wait(fault.pause)
        if kind == "cut":  # with a zero linger time the socket is reset, not ended
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.hub.requests.append(("POST", self.path, dict(self.headers)))
        if not self.hub.may_write:
            return self._answer(401, {"X-Error-Message": "Invalid username or password."}, b"{}")
        path = urlsplit(self.path).path
        if path.endswith("/api/repos/create"):
            asked = json.loads(body)
            told: dict[str, Any] = {"url": f"{self.hub.url}/{asked['organization']}/{asked['name']}"}
        elif path.endswith("/api/validate-yaml"):
            told = {"errors": [], "warnings": []}
        elif "/preupload/" in path:
            names = [file["path"] for file in json.loads(body)["files"]]
            told = {"files": [{"path": name, "uploadMode": "regular", "shouldIgnore": False} for name in names]}
        else:
            told = self._commit(path, [json.loads(line) for line in body.splitlines()])
        self._answer(200, {"Content-Type": "application/json"}, json.dumps(told).encode())

    def _commit(self, path: str, operations: list[dict[str, Any]]) -> dict[str, str]:
        repo = path.removeprefix("/api/models/").split("/commit/")[0]
        self.hub.commits.append(operations)
        for operation in operations:
            if operation["key"] == "file":
                value = operation["value"]
                self.hub.files[(repo, value["path"])] = base64.b64decode(value["content"])
        return {"commitUrl": f"{self.hub.url}/{repo}/commit/{COMMIT}", "commitOid": COMMIT}

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(body)), "Connection": "close"}.items():
            if value:
                self.send_header(key, value)
        self.end_headers()
        self.close_connection = True
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def running_hub() -> Iterator[FakeHub]:
    """A Hub at `hub.url` for the length of the `with`."""
    hub = FakeHub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


def point_client_at(hub: FakeHub, home: Path, patch: pytest.MonkeyPatch) -> Path:
    """Make this process's Hub client use `hub` and keep its files below `home`; returns its cache folder."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    patch.setattr(constants, "ENDPOINT", hub.url)
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    patch.setattr(constants, "HF_HUB_OFFLINE", False)
    patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    patch.setattr(constants, "HF_ASSETS_CACHE", str(home / "assets"))
    patch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    patch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", PIECE)  # so that small files arrive in more than one piece
    patch.setenv("NO_PROXY", "127.0.0.1")
    patch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    patch.delenv("HF_TOKEN", raising=False)
    close_session()
    return home / "hub"


def environment_for(hub: FakeHub, home: Path) -> dict[str, str]:
    """The variables that do the same for another process."""
    return {
        **{"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1", "HF_HUB_DISABLE_TELEMETRY": "1"},
        **{"XDG_CONFIG_HOME": str(home / "config"), "HF_HUB_OFFLINE": "0"},
    }


class Listener:
    """A Reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, int | None, str]] = []
        self.notes: list[str] = []
        self.steps = 0

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        self.stages.append((name, total, unit))

    def advance(self, steps: int = 1) -> None:
        self.steps += steps

    def note(self, text: str) -> None:
        self.notes.append(text)


def broken_things(cache: Path, good: bytes) -> list[str]:
    """Every file in the cache that is neither whole nor the client's own bookkeeping."""
    kept = (
        [path for path in cache.rglob("*") if path.is_file() and ".locks" not in path.parts] if cache.exists() else []
    )
    return [
        str(path)
        for path in kept
        if ".no_exist" not in path.parts and path.name != "CACHEDIR.TAG" and path.read_bytes() != good
    ]
