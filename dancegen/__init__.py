"""dancegen: a song and one picture of a person become a dance video (STG-Mamba, arXiv 2507.06689)."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dancegen.production.produce import produce
    from dancegen.production.python import frames, render_dance
    from dancegen.production.request import Request

__version__ = "0.2.0"
__all__ = ["Request", "__version__", "frames", "produce", "render_dance"]

# Before torch is imported, which is why it stands here: its threads sleep while they wait. Spinning, they would take
# the cores from the encoder, and on a busy machine from each other (measured: 4 frames/s instead of 17). They spin for
# a moment first: where falling asleep is slow, four dances took 3.8 s without, 2.0 s with it (measured on AMD EPYC).
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "1000")}

_HOMES = {"Request": "request", "frames": "python", "produce": "produce", "render_dance": "python"}


def __getattr__(name: str) -> Any:
    """The public names, imported when they are first used: `import dancegen` stays light (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"dancegen.production.{_HOMES[name]}"), name)
