"""Deprecated name of `dancegen.production.networks`, kept for version 0.2."""

import warnings

from dancegen.production.networks import Networks, load_networks

__all__ = ["Networks", "load_networks"]
warnings.warn("dancegen.networks is now dancegen.production.networks: import from there", DeprecationWarning, 2)
