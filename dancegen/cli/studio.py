"""`dancegen studio`: everything in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from dancegen.cli.context import reporter
from dancegen.cli.options import Device, Offline, Weights
from dancegen.production.request import Request


def studio(
    folder: Annotated[Path, typer.Argument(help="The project's folder; made where it is missing.")] = Path("studio"),
    port: Annotated[int, typer.Option(help="Where to listen; 0 takes any port that is free.")] = 0,
    host: Annotated[str, typer.Option(help="127.0.0.1 is this machine alone; others need --password.")] = "127.0.0.1",
    password: Annotated[
        str | None,
        typer.Option(envvar="DANCEGEN_PASSWORD", help="Asked for instead of the key in the address."),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    weights: Weights = None,
    device: Device = Request.device,
    offline: Offline = Request.offline,
) -> Any:
    """Open the studio in a browser: pictures, song, dance and video on one page."""
    import importlib.util
    import webbrowser

    from dancegen.errors import DancegenError
    from dancegen.weights.own import weights_by_role

    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise DancegenError(f"the studio needs {missing[0]}", "pip install 'dancegen[studio]'")
    from dancegen.web.serve import can_show, serve

    usual: dict[str, Any] = {"weights": weights_by_role(weights or []), "device": device, "offline": offline}
    Request(Path(), Path(), **usual)

    def tell(address: str) -> None:
        reporter().note(f"the studio of {folder} is at {address} until Ctrl-C")
        if browser and can_show():
            webbrowser.open(address)

    serve(folder, host, port, password, {name: one for name, one in usual.items() if one}, tell)
    return None


COMMANDS = {"studio": studio}
