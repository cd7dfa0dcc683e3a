"""Opens the studio: a port of this machine, the project behind it, until Ctrl-C."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn

from dancegen.errors import DancegenError
from dancegen.files import claim
from dancegen.web.app import make_app
from dancegen.web.guard import Guard
from dancegen.web.project import Project
from dancegen.web.studio import Studio
from dancegen.web.uploads import sweep

HERE = ("127.0.0.1", "localhost", "::1")
FEWEST = 8  # characters of a password
CLOSING = 2  # seconds that pages which listen are given when the studio closes


def serve(
    folder: Path,
    host: str,
    port: int,
    password: str | None,
    usual: dict[str, Any],
    tell: Callable[[str], None],
) -> None:
    """Serve a project until the process is told to end.

    Args:
        folder: the project; made where it is missing.
        host: what to listen at; other than 127.0.0.1 only with a password.
        port: 0 takes any that is free.
        password: instead of the key in the address.
        usual: attributes of `Request` that hold for everything.
        tell: is told the address.

    Raises:
        DancegenError: no such project, a port that is taken, a host without password.
    """
    check_door(host, port, password)
    project = Project(folder)
    with claim(project.folder / "studio"):  # a second studio of one project would undo what the first one does
        sweep(project)
        listening = _listen(host, port)
        port = listening.getsockname()[1]
        studio = Studio(project, usual)
        guard = Guard(make_app(studio), port, host, password)
        config = uvicorn.Config(
            guard,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=CLOSING,
            lifespan="off",
        )
        name = f"[{host}]" if ":" in host else host
        tell(f"http://{name}:{port}/" + (f"?key={guard.key}" if guard.key else ""))
        server = uvicorn.Server(config)
        studio.over = lambda: bool(server.should_exit)
        studio.warm_up()
        try:
            server.run(sockets=[listening])
        finally:
            studio.close()


def check_door(host: str, port: int, password: str | None) -> None:
    """Refuse a door that anybody could open."""
    if host not in HERE and not password:
        what = f"--host {host}: others in the network could use your files and this machine"
        raise DancegenError(what, "give --password too, or leave --host out")
    if password is not None and len(password) < FEWEST:
        raise DancegenError(f"--password has {len(password)} characters", f"give {FEWEST} at least")
    if not 0 <= port <= 65535:
        raise DancegenError(f"--port {port} is none", "choose 1024 to 65535, or 0 for any that is free")


def _listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        DancegenError: it cannot.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name != "nt":
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen()  # who comes as soon as the address is told waits a moment, and is not refused
        except OSError:
            listening.close()
            raise
    except OSError as cause:
        what = f"the studio cannot listen at {host}, port {port} ({cause.strerror or cause})"
        raise DancegenError(what, "choose another --port or --host; 0 takes any port that is free") from cause
    return listening


def can_show() -> bool:
    """Whether there is a screen on which a browser can open; in a terminal alone a text browser would take it over."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
