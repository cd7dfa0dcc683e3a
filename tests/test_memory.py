"""What a longer song costs: a few numbers a pose; what is large lies in temporary files."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT

from dancegen import scratch
from dancegen.audio import spectrum
from dancegen.audio.song import SAMPLE_RATE
from dancegen.audio.spectrum import BANDS, SLICES
from dancegen.body import sequence
from dancegen.body.retarget import retarget
from dancegen.body.sequence import SkeletonSequence, by_blocks, place_joints
from dancegen.choreographers.finish.facing import face
from dancegen.choreographers.finish.frame import STANDING, Frame, frame_dance, last_pose
from dancegen.choreographers.finish.ground import settle
from dancegen.choreographers.hotdance.carriage import carry, no_carriage
from dancegen.choreographers.stg_mamba.hearing import ear_traits, unit_sound
from dancegen.choreographers.stg_mamba.sketch import accents
from dancegen.dances.dance_file import round_dance
from dancegen.dances.metrics import score

MINUTE = 1800  # poses
POSE = 18 * 3 * 4  # bytes of one, float32
FRAME = Frame(1.0, 0.5, np.array([[50.0, 60.0]]), 200.0, 0.5)


def moving(poses: int) -> tuple[np.ndarray, np.ndarray]:
    """Directions (T, L, 3) and root (T, 2) of a slowly swaying body."""
    phase = np.arange(poses)[:, None, None] / 40 + np.arange(17)[:, None] + np.arange(3)
    directions = np.asarray(STANDING) + 0.4 * np.sin(phase)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    root = np.stack([0.1 * np.sin(np.arange(poses) / 90), np.full(poses, -0.5)], axis=1)
    return directions.astype(np.float32), root.astype(np.float32)


def dance(poses: int) -> SkeletonSequence:
    return SkeletonSequence(place_joints(*moving(poses)), 30.0)


def person() -> np.ndarray:
    directions = np.asarray(STANDING, np.float32)
    return place_joints(directions, np.zeros(2, np.float32))[:, :2].astype(float) * 150 + (100, 150)


def pieces(poses: int) -> np.ndarray:
    """(F, S, M) mel levels, three poses a piece."""
    return np.sin(np.arange(poses // 3 * SLICES * BANDS, dtype=np.float32)).reshape(-1, SLICES, BANDS)


def counting(poses: int) -> tuple[np.ndarray, ...]:
    position = np.arange(poses // 3) / 5
    return pieces(poses), position, (position // 2).astype(int)


# what is done, to what, and by what share of a pose its peak may grow with each pose: a few numbers of it
PARTS: dict[str, tuple[Callable[[int], tuple], Callable[..., object], float]] = {
    "turning": (lambda n: (moving(n)[0], np.sin(np.arange(n))), lambda d, r: face(d, r, 30.0, 0.5, np.zeros(0)), 0.1),
    "carriage": (moving, lambda d, r: carry(d, r, no_carriage(51), 30.0), 0.05),
    "beginning and end": (
        moving,
        lambda d, r: frame_dance(d, r, 30.0, FRAME, last_pose(("rumba", "rumba"), 0, np.asarray(STANDING))),
        0.4,
    ),
    "ground": (moving, lambda d, r: settle(d, r, 30.0), 0.1),
    "numbers of a file": (lambda n: (dance(n),), round_dance, 0.05),
    "scores": (lambda n: (dance(n),), lambda d: score(d.joints, d.fps, np.arange(0, d.seconds, 0.5)), 0.1),
    "units": (counting, lambda mel, at, unit: unit_sound(mel, at, unit, int(unit[-1]) + 1), 0.8),
    "accents": (lambda n: (pieces(n).reshape(-1, BANDS),), lambda each: accents(each, np.arange(0.0, 60.0)), 0.1),
    "traits": (lambda n: (pieces(n).reshape(-1, BANDS),), ear_traits, 0.05),
    "another rate": (lambda n: (dance(n),), lambda d: d.resample(24.0, len(d) * 4 // 5), 0.1),
    "retargeting": (lambda n: (dance(n),), lambda d: retarget(d, person(), np.ones(18), (200, 240)), 0.1),
}


@pytest.mark.parametrize("part", PARTS)
def test_memory_grows_by_a_few_numbers_a_pose(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "LARGE", 1 << 16)
    given, work, allowed = PARTS[part]
    work(*given(MINUTE))  # what is kept from a first time is not counted
    peaks = []
    for minutes in (5, 10):
        arguments = given(minutes * MINUTE)
        tracemalloc.start()
        work(*arguments)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    grown = (peaks[1] - peaks[0]) / (5 * MINUTE) / POSE
    assert grown < allowed, f"{grown:.2f} poses a pose"


@pytest.mark.parametrize("part", PARTS)
def test_blocks_change_nothing(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given, work, _ = PARTS[part]

    def numbers(result: object) -> np.ndarray:
        if isinstance(result, SkeletonSequence):
            return np.concatenate([result.joints.reshape(-1), result.confidence.reshape(-1)])
        values = result.values() if isinstance(result, dict) else result if isinstance(result, tuple) else (result,)
        return np.concatenate([np.asarray(each, float).reshape(-1) for each in values])

    whole = numbers(work(*given(MINUTE)))
    monkeypatch.setattr(sequence, "BLOCK", 77)
    np.testing.assert_allclose(numbers(work(*given(MINUTE))), whole, rtol=1e-6, atol=1e-6)


def test_a_dance_at_its_own_rate_is_not_copied() -> None:
    made = dance(90)
    assert made.resample(made.fps, 90) is made and len(made.resample(made.fps, 91)) == 91


def test_rows_by_blocks() -> None:
    rows = np.arange(2 * sequence.BLOCK + 1)
    assert (by_blocks(lambda some, more: some + more, rows, rows) == 2 * rows).all()
    assert by_blocks(lambda some: some[:, None] * np.ones(3), rows[:0]).shape == (0, 3)


@pytest.mark.parametrize("levels", [spectrum.mel_levels, spectrum.pitch_levels])
def test_spectra_are_made_a_few_at_a_time(levels: Callable[..., np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    samples = np.sin(np.arange(60 * SAMPLE_RATE) / 9).astype(np.float32)
    stft, made = torch.stft, []

    def counting(*given: object, **options: object) -> torch.Tensor:
        made.append(stft(*given, **options))
        return made[-1]

    monkeypatch.setattr(torch, "stft", counting)
    parts = levels(samples, -8, 5002, 1.3)
    assert max(spectrum.nbytes for spectrum in made) < 10e6
    monkeypatch.setattr(spectrum, "STFT_FRAMES", 1 << 20)
    np.testing.assert_allclose(levels(samples, -8, 5002, 1.3), parts, rtol=1e-6, atol=1e-6)


# Hears, dances, places and writes a song of sys.argv[1] minutes; prints the most KiB that it took.
WHOLE = """
import sys
from pathlib import Path
import numpy as np
from memory import write_song
from tiny import TINY
from test_memory import person
from dancegen.audio.grid import BeatGrid
from dancegen.audio.load import load_song
from dancegen.body.retarget import retarget
from dancegen.choreographers.stg_mamba.dance import StgMamba
from dancegen.choreographers.stg_mamba.model import Choreographer
from dancegen.dances.dance_file import write_dance
from dancegen.dances.make import Styles, make_dance

song = load_song(write_song(Path("song.wav"), 60 * float(sys.argv[1])))
grid = BeatGrid(np.arange(0, song.seconds, 0.5), 120.0, 1.0)
network = Choreographer(TINY).eval()
network.phrases.vectors.normal_(0, 0.15)
made = make_dance(song, grid, StgMamba(network), None, seeds=[0], styles=Styles("auto"))
write_dance(Path("a.dance.json"), made)
dance = made.takes[0].skeleton
placed = retarget(dance.resample(24.0, round(24 * dance.seconds)), person(), np.ones(18), (200, 240))
assert len(placed) == round(24 * dance.seconds)
# not ru_maxrss, which counts what started the process too
print(int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is counted otherwise")
def test_a_long_song_takes_the_memory_of_a_short_one(tmp_path: Path) -> None:
    """The share that numbers of whole commands have: `python tests/memory.py`."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    peaks = []
    for minutes in ("3", "20"):
        run = [sys.executable, "-c", WHOLE, minutes]
        done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout))
    assert peaks[1] < 1.05 * peaks[0], peaks


def test_large_arrays_lie_in_files_and_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    small, large = scratch.zeros((3, 2)), scratch.zeros((scratch.LARGE // 8 + 5, 1), np.float64)
    assert not isinstance(small, np.memmap) and isinstance(large, np.memmap) and not large.any()
    assert not list(tmp_path.iterdir())  # no file is left, be the process killed
    large[:] = np.arange(len(large))[:, None]
    part = np.asarray(large)[7:9]
    scratch.release(part, large, small)
    assert part.tolist() == [[7.0], [8.0]] and large[-1] == len(large) - 1
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    assert not isinstance(scratch.zeros((scratch.LARGE,)), np.memmap)  # where there is no room, memory serves
