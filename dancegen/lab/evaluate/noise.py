"""A dance to plain noise: nothing is there to be heard, and it dances all the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dancegen.audio.beats import find_beats
from dancegen.audio.song import SAMPLE_RATE, Song
from dancegen.choreographers.base import Choreographer
from dancegen.choreographers.stg_mamba.counting import count_for
from dancegen.dances import metrics

SECONDS, LEVEL = 30, 0.1
COUNTED_STYLE = "rumba"
TOLD = ("hit_rate", "coverage", "jitter_ratio", "skate_ratio", "frozen")


def noise_rows(dancer: Choreographer, draws: int = 4) -> dict[str, float]:
    """TOLD of dances to white noise, against the beats that they count; mean over draws."""
    rows = []
    for draw in range(draws):
        samples = np.random.default_rng(draw).normal(size=SECONDS * SAMPLE_RATE) * LEVEL
        song = Song(Path("noise"), samples.astype(np.float32), 0.0)
        grid = find_beats(song)
        dance = dancer.dance(song, grid, seed=draw, style="auto")
        beats = count_for(grid, song.seconds, COUNTED_STYLE).beats
        rows.append(metrics.score(dance.joints, dance.fps, beats))
    return {f"plain noise: {name}": float(np.mean([row[name] for row in rows])) for name in TOLD}
