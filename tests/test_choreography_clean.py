"""Weights that know some styles alone (the clean ones do), and the rows of the paper's ablation."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dancegen.audio.beats import find_beats
from dancegen.choreographers.stg_mamba.dance import StgMamba, choreograph, listen, plan_for
from dancegen.choreographers.stg_mamba.model import Choreographer, load_choreographer
from dancegen.dances.metrics import score
from dancegen.errors import DancegenError
from dancegen.lab.datasets.data import Material
from dancegen.lab.train.stg_mamba import ablate
from dancegen.lab.train.stg_mamba.export import assemble
from dancegen.progress import SilentReporter
from dancegen.weights.resolve import weights_path
from tests.test_choreography_weights import fixed_song
from tests.test_training_choreographer import TINY, material

__all__ = ["material"]
ROLE = "choreographer.stg-mamba"


@pytest.fixture(scope="module")
def clean() -> Choreographer:
    return load_choreographer(weights_path("clean", role=ROLE, offline=True))


def test_clean_weights_are_a_choice_that_is_on_the_beat(clean: Choreographer) -> None:
    assert weights_path("choreographer", offline=True) != weights_path("clean", role=ROLE, offline=True)
    song = fixed_song()
    grid = find_beats(song)
    found = [score(choreograph(song, grid, clean, seed=seed).joints, 30, grid.times) for seed in range(3)]
    assert np.mean([row["hit_rate"] for row in found]) > 85 and np.mean([row["coverage"] for row in found]) > 70
    assert all(row["jitter_ratio"] < 1.5 and row["frozen"] <= 5 for row in found)


def test_styles_that_clean_weights_do_not_know_are_told_and_never_planned(clean: Choreographer) -> None:
    assert StgMamba(clean).styles == clean.known == ("auto", "salsa", "ballet")
    song = fixed_song(40)
    with pytest.raises(DancegenError, match="no dance style 'rumba' in these weights") as told:
        choreograph(song, find_beats(song), clean, seed=0, style="rumba")
    assert "salsa" in told.value.remedy
    heard = listen(song, find_beats(song), "auto", clean.ranks.numpy())
    planned = {style for seed in range(20) for pair in plan_for(heard, seed, "auto", clean.known) for style in pair}
    assert planned == {"salsa", "ballet"}


def test_the_full_weights_know_every_style() -> None:
    full = load_choreographer(weights_path("choreographer", offline=True))
    assert len(full.known) == 7


def test_trained_weights_know_the_styles_of_their_material(material: Material) -> None:
    network = Choreographer(TINY)
    made = assemble(TINY, network.state_dict(), network.prior.state_dict(), material.stage)
    assert made.known == ("auto", "cha-cha", "rumba", "waltz")


def test_the_ablation_trains_each_row_alike_and_goes_on(
    material: Material, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ablate, "SMALL", {})
    monkeypatch.setattr(ablate, "POOL", 2)
    monkeypatch.setattr(ablate, "HELD_OUT", 1)
    torch.manual_seed(0)
    some = replace(material, held_out=material.motions[:2])
    how = ablate.Ablation(steps=2, batch=1, pieces=16, seeds=(0,))
    table = ablate.ablate(some, Choreographer(TINY), tmp_path, how, SilentReporter())
    whole = table.read_text()
    rows = list(csv.DictReader(whole.splitlines()))
    assert [row["row"] for row in rows] == list(ablate.ROWS)
    assert load_choreographer(tmp_path / "S1-5-0.safetensors").config.scans == ("tgf", "tgb")
    table.write_text("".join(whole.splitlines(keepends=True)[:-1]))
    ablate.ablate(some, Choreographer(TINY), tmp_path, how, SilentReporter())
    assert table.read_text() == whole
