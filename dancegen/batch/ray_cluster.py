"""A Ray cluster to work on: a running one, or one that is started here and lets nobody else in.

Ray's servers listen on every interface, and whoever is let in runs any code there. Since 2.52 Ray can ask for a token,
since 2.59 it does so of its own for what `ray.init` starts. Here the token is asked for by name, is made anew for each
run, and stands in the environment of Ray's processes alone: in no file, in no command line. Its servers, of which those
of its figures ask nobody for a token, are told to listen to this machine alone. Ray's folder, with its sockets, lies in
one that only the user may enter, as Ray opens its own to everybody.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from dancegen.errors import DancegenError

OLDEST = (2, 59)
ANYBODY = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # where Ray has no clusters, or is told so, it takes 127.0.0.1
MODE, TOKEN, TOKEN_FILE = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
ENVIRONMENT = {  # no statistics to Ray's makers; GPUs hidden where none is reserved
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


@contextmanager
def ray_cluster(workers: int, address: str | None) -> Iterator[Any]:
    """The module `ray`, connected; a Ray that is started here ends with the block, one that the caller has stays.

    Args:
        workers: how many cores a Ray that is started here has; 0 takes all.
        address: of a running cluster; None starts one on this machine.

    Raises:
        DancegenError: Ray is missing or too old, nobody answers, or the cluster does not let us in.
    """
    with ExitStack() as held:
        held.enter_context(_environment({**ENVIRONMENT, **_secrets(address)}))
        ray = _ray()
        if not ray.is_initialized():
            where = {"address": address} if address else _own_options(workers, held)
            _start(ray, address, where)
            held.callback(ray.shutdown)
        yield ray


def _secrets(address: str | None) -> dict[str, str | None]:
    """The variables by which Ray keeps to this machine and asks for a token, or shows the user's own to a cluster of
    theirs."""
    if address is None:
        return {MODE: "token", TOKEN: _token(), TOKEN_FILE: None, ANYBODY: "0"}
    has_token = os.environ.get(TOKEN) or os.environ.get(TOKEN_FILE) or Path("~/.ray/auth_token").expanduser().is_file()
    # with no mode, Ray shows no token that is in the environment; a cluster that wants none does not mind one
    return {MODE: "token"} if has_token and MODE not in os.environ else {}


@cache
def _token() -> str:
    """One a process: Ray reads it once."""
    return secrets.token_hex(32)


def _own_options(workers: int, held: ExitStack) -> dict[str, Any]:
    """What `ray.init` is told to start a Ray for this run alone."""
    private = held.enter_context(tempfile.TemporaryDirectory(prefix="dancegen-ray-", ignore_cleanup_errors=True))
    return {"address": "local", "num_cpus": workers or None, "_temp_dir": f"{private}/ray"}


@contextmanager
def _environment(wanted: dict[str, str | None]) -> Iterator[None]:
    """These environment variables, None for none; what the user has set of `ENVIRONMENT` stays."""
    before = {name: os.environ.get(name) for name in wanted}
    new = {name: value for name, value in wanted.items() if name not in ENVIRONMENT or before[name] is None}
    try:
        _set(new)
        yield
    finally:
        _set(before)


def _set(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _ray() -> Any:
    try:
        import ray
    except ImportError as cause:
        raise DancegenError("--engine ray needs Ray", "install it with `pip install 'dancegen[ray]'`") from cause
    if tuple(map(int, re.findall(r"\d+", ray.__version__)[:2])) < OLDEST:
        what = f"Ray {ray.__version__} lets anybody on the network in"
        raise DancegenError(what, "install a newer one with `pip install -U 'dancegen[ray]'`")
    return ray


def _start(ray: Any, address: str | None, where: dict[str, Any]) -> None:
    if address and address != "auto" and not _is_reachable(address):
        remedy = "give HOST:PORT as `ray start --head` prints it, or leave --address out"
        raise DancegenError(f"no Ray cluster answers at {address}", remedy)
    try:
        with _silence():
            ray.init(**where, include_dashboard=False, log_to_driver=False, logging_level="error")
    except Exception as cause:  # Ray's own errors have no common base
        if address is None:
            said = " ".join(str(cause).split())[:200]
            raise DancegenError(f"Ray could not be started ({said})", "try `ray start --head`") from cause
        what = f"the Ray cluster at {address} does not let dancegen in, or is none"
        remedy = f"set {TOKEN} or {TOKEN_FILE} to its token (`ray get-auth-token` there prints it)"
        raise DancegenError(what, f"{remedy}, and check the address with `ray status`") from cause


@contextmanager
def _silence() -> Iterator[None]:
    """Nothing reaches standard error: Ray's libraries repeat there, once a second, what it raises in the end."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _is_reachable(address: str) -> bool:
    """Whether anybody answers at HOST:PORT; Ray itself would try for many minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not re.fullmatch("[0-9]{1,5}", port):
        return False
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, OverflowError):
        return False
    return True
