"""Deprecated name of `dancegen.production.produce`, kept for version 0.2."""

import warnings

from dancegen.dances.origin import Origin
from dancegen.production.produce import Rendered, Settings, render_dance

__all__ = ["Origin", "Rendered", "Settings", "render_dance"]
warnings.warn(
    "dancegen.pipeline is now dancegen.production: use `from dancegen import render_dance`", DeprecationWarning, 2
)
