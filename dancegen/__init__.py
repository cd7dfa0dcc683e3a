"""dancegen: a song and one picture of a person become a dance video (STG-Mamba, arXiv 2507.06689)."""

__version__ = "0.1.0"
