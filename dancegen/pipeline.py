"""Deprecated name of `dancegen.production.produce`, kept for version 0.2."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dancegen.dances.origin import Origin
from dancegen.production.backends import Backends
from dancegen.production.known import Known
from dancegen.production.produce import Produced as Rendered
from dancegen.production.python import render_dance as _render_dance
from dancegen.production.request import Request

__all__ = ["Origin", "Rendered", "Settings", "render_dance"]
warnings.warn(
    "dancegen.pipeline is deprecated: use `from dancegen import Request, render_dance`", DeprecationWarning, 2
)


@dataclass(frozen=True)
class Settings:
    """Six of the attributes of `Request`."""

    seed: int = Request.seed
    style: str = Request.style
    size: int = Request.size
    fps: float = Request.fps
    crf: int = Request.crf
    preview: bool = Request.preview

    def __post_init__(self) -> None:
        Request(Path(), Path(), **vars(self))  # refuses what cannot be


def render_dance(
    song: Path | str,
    picture: Path | str,
    out: Path | str,
    *,
    settings: Settings | None = None,
    networks: Backends | None = None,
    **options: Any,
) -> Rendered:
    """`dancegen.render_dance` as version 0.1.0 had it."""
    people = [options.pop("subject")] if options.get("subject") else []
    known = Known(**{name: options.pop(name, None) for name in ("grid", "dance", "origin")}, people=people)
    options.pop("subject", None)
    options |= {name: {} for name in ("weights",) if options.get(name, 0) is None}
    return _render_dance(song, picture, out, known=known, backends=networks, **vars(settings or Settings()), **options)
