"""The choreographer: determinism, any length, silence, sections, and what the music decides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dancegen.audio.beats import BeatGrid, find_beats
from dancegen.audio.song import Song
from dancegen.audio.spectrum import mel_pieces
from dancegen.choreographers.stg_mamba import dance as dances
from dancegen.choreographers.stg_mamba.config import ChoreographerConfig
from dancegen.choreographers.stg_mamba.counting import SECTION, count_for, repeats, sections
from dancegen.choreographers.stg_mamba.dance import choreograph, window_starts
from dancegen.choreographers.stg_mamba.hearing import KNOWN_BY, mixed_seed, number_of
from dancegen.choreographers.stg_mamba.imagine import roots, rounds, suits
from dancegen.choreographers.stg_mamba.model import Choreographer, load_choreographer
from dancegen.choreographers.stg_mamba.sketch import EDGE, STEPS, lay
from dancegen.choreographers.stg_mamba.styles import ARMS as LENT
from dancegen.choreographers.stg_mamba.styles import appeal, choose_style, plan
from dancegen.dances.metrics import bone_drift
from dancegen.errors import DancegenError
from dancegen.weights.checkpoint import save_checkpoint
from tests.tiny_choreographer import song_of, tiny_choreographer


@pytest.fixture(scope="module")
def network() -> Choreographer:
    return tiny_choreographer()


@pytest.mark.parametrize("seconds", [0.5, 3.21, 9.99, 10.0, 10.1, 27.3])
def test_a_dance_has_the_length_of_its_song(network: Choreographer, seconds: float) -> None:
    song, grid = song_of(seconds)
    dance = choreograph(song, grid, network, seed=1)
    assert len(dance) == song.pieces * 3 and dance.fps == 30
    assert bone_drift(dance.joints) < 1e-5


def test_one_seed_is_one_dance_and_another_seed_another(network: Choreographer) -> None:
    song, grid = song_of(12)
    first, again = (choreograph(song, grid, network, seed=7).joints for _ in range(2))
    other = choreograph(song, grid, network, seed=8).joints
    assert np.allclose(first, again, atol=1e-7)  # threads add up in any order: the last digit is not promised
    assert np.abs(first - other).mean() > 1e-4


def test_a_dance_does_not_depend_on_windows_batched_together(
    network: Choreographer, monkeypatch: pytest.MonkeyPatch
) -> None:
    song, grid = song_of(40)
    together = choreograph(song, grid, network, seed=3).joints
    monkeypatch.setattr(dances, "WINDOWS_AT_ONCE", 1)
    assert np.allclose(choreograph(song, grid, network, seed=3).joints, together, atol=1e-5)


@pytest.mark.parametrize("pieces", [1, 20, 99, 100, 101, 180, 181, 263, 1000])
def test_windows_cover_the_song_and_their_shares_sum_to_one(pieces: int) -> None:
    total = np.zeros(pieces * 3)
    for first in window_starts(pieces):
        count = min(dances.WINDOW, pieces)
        total[first * 3 : (first + count) * 3] += dances._fade(first, count, pieces, 3)
    assert np.allclose(total, 1, atol=1e-5)


def test_joins_of_windows_do_not_jump(network: Choreographer) -> None:
    song, grid = song_of(30)
    steps = np.abs(np.diff(choreograph(song, grid, network, seed=0).joints, axis=0)).max(axis=(1, 2))
    seam = (dances.WINDOW - dances.OVERLAP) * 3
    assert steps[seam : seam + dances.OVERLAP * 3].max() < 1.5 * np.quantile(steps, 0.99)


def test_silence_dances_without_a_beat(network: Choreographer) -> None:
    song = Song(Path("silence.wav"), np.zeros(16_000 * 6, np.float32), 0.0)
    dance = choreograph(song, find_beats(song), network, seed=0)
    assert len(dance) == 180 and np.isfinite(dance.joints).all()


def test_an_unknown_style_names_the_known(network: Choreographer) -> None:
    song, grid = song_of(2)
    with pytest.raises(DancegenError, match="cha-cha"):
        choreograph(song, grid, network, seed=0, style="polka")


def test_weights_survive_the_disk_and_styles_differ(network: Choreographer, tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "n.safetensors", network.state_dict(), network.config)
    loaded = load_choreographer(tmp_path / "n.safetensors")
    song, grid = song_of(20)
    rumba = choreograph(song, grid, network, seed=5, style="rumba").joints
    assert np.allclose(rumba, choreograph(song, grid, loaded, seed=5, style="rumba").joints, atol=1e-7)
    assert not np.allclose(rumba, choreograph(song, grid, loaded, seed=5, style="tango").joints)


def test_every_unit_of_the_ear_hears(network: Choreographer) -> None:
    mel = torch.from_numpy(mel_pieces(song_of(12)[0]))[None]
    torch.manual_seed(0)
    for layer in Choreographer(ChoreographerConfig()).ear.layers(mel):
        assert (layer[0].std(0) > 1e-3).all()


def test_other_sound_at_the_same_beats_is_another_dance(network: Choreographer) -> None:
    song, grid = song_of(20)
    noise = np.random.default_rng(0).normal(0, 0.2, len(song.samples)).astype(np.float32)
    noise[: 16_000 * KNOWN_BY] = song.samples[: 16_000 * KNOWN_BY]  # not by the song's number alone
    dances_ = [
        choreograph(Song(song.path, s), grid, network, seed=1, style="rumba").joints for s in (song.samples, noise)
    ]
    assert np.abs(dances_[0] - dances_[1]).mean() > 1e-3


def test_a_count_dances_every_second_of_fast_beats_and_waltz_in_three() -> None:
    fast = BeatGrid(np.arange(0.3, 40, 0.3), 200, 1)
    assert np.allclose(np.diff(count_for(fast, 40, "salsa").beats), 0.6, atol=0.02)
    slow = BeatGrid(np.arange(0.3, 40, 1.2), 50, 1)
    assert np.allclose(np.diff(count_for(slow, 40, "rumba").beats), 0.6, atol=0.02)
    count = count_for(BeatGrid(np.arange(1.0, 30, 0.5), 120, 1), 40.0, "waltz")
    assert count.meter == 3 and count.phrase == 12
    assert count.beats[0] <= 0 and count.beats[-1] > 40
    assert np.allclose((count.position(np.array([1.0])) + 1e-6) % 12, 0, atol=1e-3)  # a phrase begins with the song's


def test_a_phrase_is_slow_on_the_beats_it_is_laid_on() -> None:
    phrase = np.zeros((1, (8 + 2 * EDGE) * STEPS + 1, 54), np.float32)
    phrase[0, :, 0] = np.arange(phrase.shape[1]) / STEPS  # one a beat
    beat = np.linspace(0.5, 7.5, 701)
    laid = lay(phrase, STEPS, beat, np.full(9, 0.6))[:, 0]
    assert np.allclose(laid[50::100], beat[50::100] + EDGE, atol=0.02)
    speed = np.gradient(laid, beat)
    assert speed[50] == pytest.approx(0.4, abs=0.1) and speed[100] == pytest.approx(1.6, abs=0.1)


def test_a_refrain_repeats_its_phrases() -> None:
    rng = np.random.default_rng(0)
    verse, refrain = rng.normal(size=(4, 4, 6)), rng.normal(size=(4, 4, 6))
    song = np.concatenate([verse, refrain, verse, refrain]) + 0.01 * rng.normal(size=(16, 4, 6))
    assert repeats(song).tolist() == [-1] * 8 + list(range(8))


def test_repeats_of_repeats_go_back_to_one_phrase() -> None:
    repeats = np.array([-1, -1, -1, 0, 1, 3, 4, 5])
    assert roots(repeats).tolist() == [0, 1, 2, 0, 1, 0, 1, 0]
    assert [group.tolist() for group in rounds(repeats)] == [[0, 2], [3, 5, 7], [1], [4, 6]]


def test_the_music_decides_the_style() -> None:
    calm, busy = np.array([0.1, 0.1, 0.5, 0.3]), np.array([0.9, 0.9, 0.8, 0.4])
    slow, fast, three = appeal(0.75, False, calm), appeal(0.44, False, busy), appeal(0.66, True, np.full(4, 0.5))
    assert max(slow, key=slow.__getitem__) == "ballet" and max(fast, key=fast.__getitem__) == "salsa"
    assert three["waltz"] > 0.7 and sum(slow.values()) == pytest.approx(1)
    assert {choose_style(slow, seed) for seed in range(40)} >= {"ballet", "rumba"}


def test_a_song_is_heard_once_where_the_style_counts_it_otherwise(
    network: Choreographer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a waltz to a song in four: its bars are counted in three, its sound is heard once."""
    heard, meters = [], []

    def hear(song: Song) -> np.ndarray:
        heard.append(song)
        return mel_pieces(song)

    def count(*given: Any) -> Any:
        meters.append(count_for(*given).meter)
        return count_for(*given)

    monkeypatch.setattr(dances, "mel_pieces", hear)
    monkeypatch.setattr(dances, "count_for", count)
    choreograph(*song_of(12.0), network, seed=0, style="waltz", amount=0.6)
    assert len(heard) == 1 and set(meters) == {3}


def test_a_song_is_known_by_how_it_begins_however_loud_and_however_long() -> None:
    song, other = song_of(30)[0].samples, np.random.default_rng(0).normal(0, 0.1, 16_000 * 30).astype(np.float32)
    own = number_of(song, 16_000)
    assert own == number_of(song * 0.7, 16_000) == number_of(song[: 16_000 * 12], 16_000)
    assert own == number_of(song + 1e-7, 16_000) and own != number_of(other, 16_000)
    assert mixed_seed(0, own, "noise") != mixed_seed(1, own, "noise") != mixed_seed(1, own, "end")
    assert number_of(song[:0], 16_000) == 0


def test_sections_change_with_the_sound_and_come_back() -> None:
    rng = np.random.default_rng(0)
    verse, refrain = 0.5 * rng.normal(size=(2, 4, 6)), 3 + 0.5 * rng.normal(size=(3, 4, 6))
    sound = np.concatenate([verse, refrain, verse, refrain]) + 0.01 * rng.normal(size=(10, 4, 6))
    parts = sections(sound, repeats(sound))
    assert parts[:, 0].tolist() == [0, 0, 1, 1, 1, 0, 0, 1, 1, 1]
    assert parts[:, 1].tolist() == [0] * 5 + [1] * 5
    same = sections(np.zeros((13, 4, 6)) + 0.001 * rng.normal(size=(13, 4, 6)), np.full(13, -1))
    assert np.bincount(same[:, 0]).max() <= SECTION[1]  # a song that never changes is no single dance


def test_a_change_of_section_is_a_change_of_dance_and_a_return_its_steps_again() -> None:
    parts = np.array([[0, 0], [0, 0], [1, 0], [1, 0], [2, 0], [0, 1], [0, 1]])
    odds = [appeal(0.5, False, np.full(4, 0.6))] * len(parts)
    plans = [plan(parts, odds, seed, 7, "auto") for seed in range(60)]
    for made in plans:
        assert made[0] == made[1] and made[2] == made[3] and made[5][0] == made[0][0]
        assert all(arms in LENT[steps] for steps, arms in made)
        assert "waltz" not in dict(made)  # is danced to music in three alone
    changes = np.mean([made[1][0] != made[2][0] for made in plans])
    assert changes > 0.75 and len({tuple(made) for made in plans}) > 30
    held = np.mean([arms in ("tango", "waltz", "salsa") for made in plans for _, arms in made])
    assert held < 0.25
    assert plan(parts, odds, 0, 7, "auto") != plan(parts, odds, 0, 8, "auto")  # another song, another dance
    asked = [plan(parts, odds, seed, 7, "tango") for seed in range(60)]
    assert {steps for made in asked for steps, _ in made} == {"tango"}
    assert np.mean([arms == "tango" for made in asked for _, arms in made]) > 0.6
    three = plan(parts, [appeal(0.6, True, np.full(4, 0.5))] * len(parts), 0, 7, "auto")
    assert {steps for steps, _ in three} <= {"waltz", "ballet"}


def test_a_phrase_unlike_the_last_ones_is_preferred() -> None:
    rng = np.random.default_rng(0)
    ideas = rng.normal(size=(4, 89, 54)).astype(np.float32)
    ideas[3] = ideas[0] + 0.5 * rng.normal(size=(89, 54))
    ranks = np.full(4, 0.5)
    alone = suits(ideas, ranks, 4)
    after = suits(ideas, ranks, 4, [ideas[alone, ::STEPS]])
    assert after != alone
