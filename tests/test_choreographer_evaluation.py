"""`dancegen evaluate choreographer`: on two songs of clicks and two dancers that the test makes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import Ran, click_track

from dancegen.cli.evaluate_choreographer import LABELS
from dancegen.lab.datasets.split import VALIDATION_SONGS, VALIDATION_TAKES
from dancegen.lab.evaluate import choreographer as evaluation
from tests.test_training_choreographer import turning


@pytest.fixture
def material(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pair and a song that are kept out of training, and one more dancer."""
    monkeypatch.setattr(evaluation, "TAKES", 2)
    monkeypatch.setattr(evaluation, "speed_row", lambda *_: {"wall": 0.5, "processor": 0.25})
    folder = tmp_path / "material"
    folder.mkdir()
    for name, tempo in ((VALIDATION_TAKES[0], 120), (VALIDATION_SONGS[0], 100)):
        soundfile.write(folder / f"{name}.wav", click_track(tempo, 9.0)[0], 16_000)
    for name in (VALIDATION_TAKES[0], "another"):
        np.savez(folder / f"{name}.npz", joints=turning(9), fps=30, genre="rumba")
    return folder


def test_a_line_for_real_dancers_model_and_songs(
    material: Path, tiny_weights: Path, run_main: Callable[..., Ran]
) -> None:
    measured = ("--data", material, "--weights", tiny_weights, "--seeds", 1, "--songs")
    ran = run_main("evaluate", "choreographer", *measured, "--also", f"again={tiny_weights}", "--json")
    assert ran.status == 0, ran.err
    table = json.loads(ran.out)["table"]
    assert list(table) == ["real", "two halves", "model", "shuffled", VALIDATION_TAKES[0], VALIDATION_SONGS[0], "again"]
    assert set(table["model"]) == set(table["real"]) == set(LABELS)
    assert table["again"] == pytest.approx(table["model"], rel=1e-3, abs=1e-9)  # bones drift by rounding alone
    assert table["model"]["bone_drift"] < 1e-5 and table["two halves"]["pfd"] < 1e-3  # both dance alike


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--style", "polka"), "--style polka: there is no such style"),
        (("--also", "mine.safetensors"), "--also mine.safetensors is no NAME=FILE"),
        (("--also", "mine=missing.safetensors"), "missing.safetensors: no such weights file"),
    ],
)
def test_options_that_cannot_be_are_said_before_anything_is_read(
    tmp_path: Path, tiny_weights: Path, run_main: Callable[..., Ran], options: tuple[str, ...], said: str
) -> None:
    ran = run_main("evaluate", "choreographer", "--data", tmp_path, "--weights", tiny_weights, *options)
    assert ran.status == 1 and said in ran.err and ran.err.count("\n") == 1, ran.err


def test_a_folder_without_the_dancers_kept_out(
    material: Path, tiny_weights: Path, run_main: Callable[..., Ran]
) -> None:
    (material / f"{VALIDATION_TAKES[0]}.npz").rename(material / "third.npz")
    ran = run_main("evaluate", "choreographer", "--data", material, "--weights", tiny_weights)
    assert ran.status == 1 and "2 songs and 0 dances kept out of training, and 2 recordings in all" in ran.err, ran.err
