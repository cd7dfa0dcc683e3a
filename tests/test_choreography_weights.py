"""The shipped choreographer on one fixed case that needs no outside data: it reproduces the model card's numbers."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from dancegen.audio.beats import find_beats
from dancegen.audio.song import Song
from dancegen.body.joints import NECK, mid_hip
from dancegen.choreographers.stg_mamba.dance import choreograph
from dancegen.choreographers.stg_mamba.model import Choreographer, load_choreographer
from dancegen.dances.metrics import diversity, score
from dancegen.weights.resolve import weights_path

CARD = Path(__file__).parent.parent / "dancegen" / "assets" / "weights" / "choreographer.md"
TOLERANCE = {"hit_rate": 8, "coverage": 10, "bc_music": 0.06, "jitter_ratio": 0.2, "speed": 0.05}


@pytest.fixture(scope="module")
def network() -> Choreographer:
    return load_choreographer(weights_path("choreographer", offline=True))


def fixed_song(seconds: float = 24.0, tempo: float = 112.0) -> Song:
    """A bass drum on every beat, a chord on every second: the same on every machine."""
    time = np.arange(round(seconds * 16_000)) / 16_000
    phase = time * tempo / 60
    drum = np.sin(2 * np.pi * 60 * (phase % 1) * 60 / tempo) * np.exp(-8 * (phase % 1))
    chord = sum(np.sin(2 * np.pi * f * time) for f in (220.0, 277.2, 329.6)) * np.exp(-3 * ((phase / 2) % 1)) / 6
    return Song(Path("fixed.wav"), (0.5 * drum + 0.4 * chord).astype(np.float32), 0.0)


def measured(network: Choreographer) -> dict[str, float]:
    song = fixed_song()
    grid = find_beats(song)
    rows = [score(choreograph(song, grid, network, seed=s).joints, 30, grid.times) for s in range(3)]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def test_the_fixed_case_gives_the_cards_numbers(network: Choreographer) -> None:
    stated = json.loads(re.findall(r"fixed case: (\{.*\})", CARD.read_text())[0])
    found = measured(network)
    for name, value in stated.items():
        assert found[name] == pytest.approx(value, abs=TOLERANCE[name]), name


def test_it_is_on_the_beat_alive_and_of_one_body(network: Choreographer) -> None:
    found = measured(network)
    assert found["hit_rate"] > 75 and 58 <= found["coverage"] <= 150
    assert found["frozen"] <= 5 and found["bone_drift"] < 1e-5 and found["jitter_ratio"] < 1.5


def test_a_long_dance_ends_with_a_curtsy(network: Choreographer) -> None:
    song = fixed_song(50)
    joints = choreograph(song, find_beats(song), network, seed=0).joints
    neck = mid_hip(joints)[:, 1] - joints[:, NECK, 1]  # (T,) body heights
    assert neck[: -30 * 8].min() > 0.2 > 0.15 > neck[-30 * 6 :].min()


def test_seeds_and_styles_differ(network: Choreographer) -> None:
    song = fixed_song(12)
    grid = find_beats(song)
    takes = [choreograph(song, grid, network, seed=s).joints for s in range(3)]
    takes.append(choreograph(song, grid, network, seed=0, style="tango").joints)
    assert diversity(takes) > 0.05


def test_silence_gets_a_gentle_dance_that_is_not_frozen(network: Choreographer) -> None:
    song = Song(Path("silence.wav"), np.zeros(16_000 * 12, np.float32), 0.0)
    found = score(choreograph(song, find_beats(song), network, seed=0).joints, 30, np.zeros(0))
    assert 0.03 < found["speed"] < 0.6 and found["frozen"] < 30


def test_the_cards_pictures_exist() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", CARD.read_text())
    assert len(pictures) >= 4 and all((CARD.parent / picture).is_file() for picture in pictures)


def test_the_file_is_small() -> None:
    assert weights_path("choreographer", offline=True).stat().st_size <= 12e6


if __name__ == "__main__":  # the card's line of the fixed case: python -m tests.test_choreography_weights
    shipped = measured(load_choreographer(weights_path("choreographer", offline=True)))
    stated = {name: round(shipped[name], 3) for name in TOLERANCE}
    sys.stdout.write(f"fixed case: {json.dumps(stated)}\n")
