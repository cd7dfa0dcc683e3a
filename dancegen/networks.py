"""Deprecated name of `dancegen.production.backends`, kept for version 0.2."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from pathlib import Path

from dancegen.production.backends import JOBS, load_backends
from dancegen.production.backends import Backends as Networks
from dancegen.production.request import Request
from dancegen.progress import Reporter

__all__ = ["Networks", "load_networks"]
warnings.warn("dancegen.networks is deprecated: use dancegen.production.backends", DeprecationWarning, 2)


def load_networks(
    weights: Mapping[str, str] | None = None,
    *,
    device: str = Request.device,
    roles: Collection[str] = JOBS,
    offline: bool = Request.offline,
    reporter: Reporter | None = None,
) -> Networks:
    """`load_backends` as version 0.1.0 had it."""
    request = Request(Path(), Path(), weights=weights or {}, device=device, offline=offline)
    return load_backends(request, roles, reporter)
