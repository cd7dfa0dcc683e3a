"""A choreographer of few random numbers and a song of clicks, for the tests of dances."""

from __future__ import annotations

from pathlib import Path

import torch

from dancegen.audio.beats import BeatGrid
from dancegen.audio.song import Song
from dancegen.choreographers.stg_mamba.model import Choreographer
from tests.conftest import click_track
from tests.tiny import TINY


def tiny_choreographer() -> Choreographer:
    """A choreographer of TINY whose phrases, ranks and prior are random."""
    torch.manual_seed(0)
    made = Choreographer(TINY).eval()
    made.phrases.vectors.normal_(0, 0.1)
    made.ranks.copy_(torch.linspace(-1, 1, 101)[:, None].expand(-1, 4))
    torch.nn.init.normal_(made.prior.leave.weight, 0, 0.1)
    return made


def song_of(seconds: float, tempo: float = 120) -> tuple[Song, BeatGrid]:
    """Clicks and their beats."""
    samples, times = click_track(tempo, seconds)
    return Song(Path("clicks.wav"), samples, 0.0), BeatGrid(times, tempo, 1.0)
