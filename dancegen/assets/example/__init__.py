"""The example that comes with dancegen: a tune and a figure, both made by `make_example.py` from nothing.

Tune and figure are part of this project and under its licence.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
SONG = FOLDER / "tune.ogg"
PICTURE = FOLDER / "dancer.png"
POSE = FOLDER / "dancer.json"  # where the figure was drawn, as OpenPose JSON
