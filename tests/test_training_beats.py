"""Composed songs and the training of the network that hears beats: on a few songs, in a tiny network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dancegen.audio.comb import onset_strength
from dancegen.audio.network import BeatNetConfig, load_beat_net
from dancegen.lab.datasets import beat_songs
from dancegen.lab.synthetic.songs import midi, synth
from dancegen.lab.synthetic.songs.compose import compose
from dancegen.lab.synthetic.songs.mixdown import beatless_sound, song
from dancegen.lab.synthetic.songs.patterns import FOURS, THREES
from dancegen.lab.train.beats.samples import batch
from dancegen.lab.train.beats.train import TrainBeatsConfig, target, train_beats
from dancegen.weights.resolve import role_of_file

TINY = BeatNetConfig(channels=4, blocks=3)


@pytest.fixture(autouse=True)
def _own_sounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(midi, "can_play", lambda: False)  # the same everywhere


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("songs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(midi, "can_play", lambda: False)
        patch.setattr(beat_songs, "SHARD", 4)
        beat_songs.make_songs(folder, 4, seed=1)
    return folder


def test_patterns_fill_their_bars() -> None:
    for table, meter in ((FOURS, 4), (THREES, 3)):
        for genre in table.values():
            lengths = {len(line) / meter for pattern in genre.patterns for line in pattern.values()}
            assert lengths <= {3, 4} and genre.low < genre.high


def test_a_song_sounds_on_its_beats() -> None:
    strong = []
    for seed in range(6):
        piece = compose(np.random.default_rng(seed), 12.0)
        sound = synth.play(np.random.default_rng(seed), piece, 12.0, dict.fromkeys(piece.programs, 0.8))
        onset = onset_strength(sound.astype(np.float32))
        frames = np.round(piece.beats[piece.beats < 11.5] * 100).astype(int)
        strong.append(np.max([onset[frames + shift] for shift in range(4)], axis=0).mean() / onset.mean())
        assert set(np.diff(np.flatnonzero(piece.downbeat))) == {piece.meter}
    assert np.mean(strong) > 2.5


def test_songs_depend_on_their_seed_alone() -> None:
    (first, piece), (again, _), (other, _) = (song(np.random.default_rng(seed), 6.0) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert len(first) == len(other) == 6 * 16_000 and not np.array_equal(first, other)
    assert np.abs(first).max() <= 1 and (np.diff(piece.beats) > 0.25).all()
    assert np.isfinite(beatless_sound(np.random.default_rng(0), 4.0)).all()


def test_midi_has_every_note() -> None:
    piece = compose(np.random.default_rng(1), 8.0)
    written = midi.midi_bytes(piece, {})
    assert written[:4] == b"MThd" and written[-3:] == b"\xff\x2f\x00"
    assert len(written) > 6 * len(piece.notes)


def test_samples_keep_labels_on_what_is_heard(few: Path) -> None:
    songs = beat_songs.read_songs(few)
    drawn = batch(songs, 3, np.random.default_rng(0))
    assert drawn.mel.shape == (3, 4000, 66) and drawn.pitch.shape == (3, 1000, 12)
    assert drawn.label[drawn.known == 0].sum() == 0
    aims = target(drawn.label)
    assert aims.shape == (3, 2, 4000) and (aims[:, 0] >= aims[:, 1]).all()


def test_training_learns_goes_on_and_ships(few: Path, tmp_path: Path) -> None:
    settings = TrainBeatsConfig(steps=6, batch=2, check_every=3, warm_up=2)
    part = TrainBeatsConfig(steps=3, batch=2, check_every=3, warm_up=2, cooling=0.175)
    train_beats(few, few, tmp_path / "run", part, config=TINY)
    weights = train_beats(few, few, tmp_path / "run", settings, config=TINY)
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert rows[0] == "step,seconds,loss,beat,downbeat" and [row.split(",")[0] for row in rows[1:]] == ["3", "6"]
    assert float(rows[2].split(",")[2]) < float(rows[1].split(",")[2])
    assert role_of_file(weights) == "beats" and load_beat_net(weights).config == TINY
    onward = train_beats(few, few, tmp_path / "other", part, start=weights)
    assert torch.isfinite(load_beat_net(onward).out.weight).all()
