"""The shipped choreographer on one fixed case that needs no outside data: it reproduces the model card's numbers."""

from __future__ import annotations

import json
import re
import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch

from dancegen.audio.beats import BeatGrid, find_beats
from dancegen.audio.song import Song
from dancegen.audio.spectrum import mel_pieces
from dancegen.body.joints import mid_hip
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.counting import sections
from dancegen.choreographers.stg_mamba.dance import StgMamba, choreograph, listen, plan_for
from dancegen.choreographers.stg_mamba.hearing import KNOWN_BY
from dancegen.choreographers.stg_mamba.imagine import imagine
from dancegen.choreographers.stg_mamba.model import Choreographer, load_choreographer
from dancegen.choreographers.stg_mamba.prior import SHARED
from dancegen.dances.metrics import diversity, joint_speed, score
from dancegen.lab.evaluate.listening import PHRASE_SECONDS, meter_share, variety, with_sound_of
from dancegen.weights.resolve import weights_path

REAL_DISTANCE = 0.085  # body heights, between clips of real dancers (the card's "diversity")
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


def test_a_dance_stands_before_the_first_beat_and_ends_in_a_pose_that_it_holds(network: Choreographer) -> None:
    song = fixed_song(24)
    joints = choreograph(song, find_beats(song), network, seed=0).joints
    speed = joint_speed(joints, 30)
    assert speed[-15:].max() < 0.12 < 0.16 < speed[120:-120].mean()


def test_it_hears_the_sound_and_not_the_beats_alone(network: Choreographer) -> None:
    song = fixed_song(28)
    grid, time = find_beats(song), np.arange(len(song.samples)) / 16_000
    after = slice(30 * (KNOWN_BY + PHRASE_SECONDS), None)  # until then the sound is the song's own: so is its number
    soft = 0.05 * np.sin(2 * np.pi * 440 * time) * (1 + np.sin(0.7 * time))
    bright = np.random.default_rng(0).normal(0, 0.2, len(time)) * np.exp(-12 * ((time * 112 / 60 * 4) % 1))
    takes = [choreograph(song, grid, network, seed=seed, style="rumba").joints[after] for seed in range(2)]
    sounds = [Song(song.path, (a + 0.05 * b).astype(np.float32), 0.0) for a, b in ((soft, bright), (bright, soft))]
    given = [with_sound_of(song, other) for other in sounds]
    other = [choreograph(one, grid, network, seed=0, style="rumba").joints[after] for one in given]
    seeds = diversity(takes)
    assert min(diversity([takes[0], one]) for one in other) > 0.25 * seeds
    assert all((layer.std(0) > 1e-3).all() for layer in heard_layers(network, song))


def heard_layers(network: Choreographer, song: Song) -> list[torch.Tensor]:
    with torch.inference_mode():
        return [layer[0] for layer in network.ear.layers(torch.from_numpy(mel_pieces(song))[None])]


def test_waltz_is_danced_in_three(network: Choreographer) -> None:
    song, beats = fixed_song(40, 120), np.arange(0, 40, 0.5)
    dance = choreograph(song, BeatGrid(beats, 120, 1.0), network, seed=0, style="waltz", turns=0)
    assert meter_share(dance.joints[90:-150], 30, beats - 3.0, 3) > 1.5 * meter_share(
        dance.joints[90:-150], 30, beats - 3.0, 4
    )


def three_songs() -> list[tuple[Song, BeatGrid]]:
    """Drum and chords at 145, 120 and 156 beats a minute, the middle half of each louder and with noise between."""
    songs = []
    for number, tempo in enumerate((145.0, 120.0, 156.0)):
        song = fixed_song(40, tempo)
        time = np.arange(len(song.samples)) / 16_000
        hiss = np.random.default_rng(number).normal(0, 0.1, len(time)) * np.exp(-9 * ((time * tempo / 30) % 1))
        middle = (time > 10) & (time < 30)
        samples = (song.samples * (0.5 + 0.5 * middle) + hiss * middle * (1 + number) / 2).astype(np.float32)
        songs.append(
            (Song(Path(f"song{number}.wav"), samples, 0.0), BeatGrid(np.arange(0, 40, 60 / tempo), tempo, 1.0))
        )
    return songs


def test_songs_and_seeds_are_danced_and_ended_unlike_each_other(network: Choreographer) -> None:
    """At equal beats nearly as far apart as two real dancers' clips are, and never near to each other."""
    songs = three_songs()
    rows = variety(StgMamba(network), songs, (0, 1, 2), REAL_DISTANCE)
    assert rows["variety, songs of one seed"] > 0.8 and rows["variety, seeds of one song"] > 0.8, rows
    assert rows["the same, least"] > 0.5 and rows["the same, least of seeds"] > 0.5, rows
    ends = [choreograph(*song, network, seed=seed).joints[-1] for song in songs for seed in range(3)]
    gaps = [np.linalg.norm(a - b, axis=-1).max() for a, b in combinations([e - mid_hip(e[None]) for e in ends], 2)]
    assert np.mean(np.asarray(gaps) > 0.15) > 0.9 and np.mean(gaps) > 0.25, gaps


def test_the_style_changes_with_the_section(network: Choreographer) -> None:
    changes = []
    for song, grid in three_songs():
        heard = listen(song, grid, "auto", network.ranks.numpy())
        for seed in range(5):
            made, parts = plan_for(heard, seed, "auto"), sections(heard.heard.sound, heard.heard.repeats)
            inside = [made[i] == made[i + 1] for i in range(len(made) - 1) if (parts[i] == parts[i + 1]).all()]
            changes += [made[i] != made[i + 1] for i in range(len(made) - 1) if parts[i, 0] != parts[i + 1, 0]]
            assert all(inside)
    assert len(changes) > 15 and np.mean(changes) > 0.8


def test_seeds_and_styles_differ(network: Choreographer) -> None:
    song = fixed_song(12)
    grid = find_beats(song)
    takes = [choreograph(song, grid, network, seed=s).joints for s in range(3)]
    takes.append(choreograph(song, grid, network, seed=0, style="tango").joints)
    assert diversity(takes) > 0.05


def test_an_amount_of_a_style_lies_between_the_musics_own_and_all_of_it(network: Choreographer) -> None:
    """No amount is auto, whole amounts are the style; half is nearer to both than they are to each other."""
    song = fixed_song(16)
    grid = find_beats(song)
    gaps = []
    for seed in range(3):
        auto, whole = (choreograph(song, grid, network, seed=seed, style=style).joints for style in ("auto", "salsa"))
        none, half, all_ = (
            choreograph(song, grid, network, seed=seed, style="salsa", amount=amount).joints for amount in (0, 0.5, 1)
        )
        assert np.array_equal(none, auto) and np.array_equal(all_, whole)
        gaps.append([np.linalg.norm(a - b, axis=-1).mean() for a, b in ((half, auto), (half, whole), (auto, whole))])
    to_auto, to_whole, apart = np.mean(gaps, axis=0)
    assert apart > 0.1 and 0.2 * apart < to_auto < 0.85 * apart and 0.2 * apart < to_whole < 0.85 * apart, gaps


def test_neighbouring_phrases_agree_on_what_they_share(network: Choreographer) -> None:
    """The beats around a join are the same in both phrases, and nobody is dragged aside from one into the next."""
    song, rates = fixed_song(60), []
    heard = listen(song, find_beats(song), "salsa", network.ranks.numpy())
    alone = heard.heard
    codes = imagine(network, alone, np.full((len(alone.period), 2), STYLES.index("salsa")), 0, alone.period < 0)
    assert torch.allclose(codes[:-1, -SHARED:], codes[1:, :SHARED], atol=1e-4) and codes.std() > 0.1
    for seed in range(3):
        joints = choreograph(song, find_beats(song), network, seed=seed, turns=0).joints[150:-150]
        place = heard.count.position(np.arange(len(joints)) / 30 + 5) % heard.count.phrase
        speed = np.abs(np.gradient(mid_hip(joints)[:, 0]))
        rates.append([speed[(place < 1) | (place > 7)].mean(), speed[(place >= 1) & (place <= 7)].mean()])
    at_joins, within = np.mean(rates, axis=0)
    assert at_joins < 1.35 * within, (at_joins, within)


def test_in_silence_somebody_stands_and_breathes(network: Choreographer) -> None:
    song = Song(Path("silence.wav"), np.zeros(16_000 * 12, np.float32), 0.0)
    speed = joint_speed(choreograph(song, find_beats(song), network, seed=0).joints[60:], 30)
    assert 0 < speed.mean() < 0.05


def test_the_cards_pictures_exist() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", CARD.read_text())
    assert len(pictures) >= 4 and all((CARD.parent / picture).is_file() for picture in pictures)


def test_the_file_is_small() -> None:
    assert weights_path("choreographer", offline=True).stat().st_size <= 16e6


if __name__ == "__main__":  # the card's line of the fixed case: python -m tests.test_choreography_weights
    shipped = measured(load_choreographer(weights_path("choreographer", offline=True)))
    stated = {name: round(shipped[name], 3) for name in TOLERANCE}
    sys.stdout.write(f"fixed case: {json.dumps(stated)}\n")
