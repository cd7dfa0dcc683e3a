"""`dancegen evaluate beats`: made songs whose beats are known, agreement, halves, excerpts, dances around jumps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import Ran, click_track

from dancegen.audio.comb import onset_strength
from dancegen.audio.grid import BeatGrid
from dancegen.audio.song import Song
from dancegen.errors import DancegenError
from dancegen.lab.evaluate import beats as evaluation
from dancegen.lab.evaluate.beats import Agreement, HeardKnown
from dancegen.lab.synthetic.songs import known
from dancegen.lab.synthetic.songs.known import KnownSong, Recipe

pytest.importorskip("mir_eval")
CLICKS = Recipe("click", (100.0, 100.0), "100")
JUMP = Recipe("jump", (90.0, 140.0), "90_140", change="jump")


def silent(recipe: Recipe) -> KnownSong:
    """A song of which only the beats matter."""
    beats = known.beat_times(recipe)
    return KnownSong(recipe.kind, recipe, np.zeros(1, np.float32), beats, np.arange(len(beats)) % recipe.meter == 0)


def grid(times: np.ndarray, meter: int = 4) -> BeatGrid:
    return BeatGrid(times, 60 / float(np.median(np.diff(times))), 1.0, np.arange(len(times)) % meter == 0)


@pytest.mark.parametrize("number", (1, 16, 24, 28, 41, 45))
def test_songs_sound_on_their_beats(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = known.recipes()[number]
    monkeypatch.setattr(known, "recipes", lambda seed: [recipe])
    (song,) = known.known_songs(known.SEED)
    onset = onset_strength(evaluation.to_song(song).samples)
    frames = np.round(song.beats[1:-1] * 100).astype(int)
    on = np.max([onset[frames + shift] for shift in range(-1, 4)], axis=0)
    assert on.mean() > 3 * onset.mean(), recipe
    assert set(np.diff(np.flatnonzero(song.downbeat))) == {recipe.meter}
    assert np.argmax(song.downbeat) == recipe.pickup


def test_other_seeds_are_other_songs_of_the_same_kinds() -> None:
    first, second, again = known.recipes(), known.recipes(2), known.recipes(2)
    assert second == again and [recipe.kind for recipe in second] == [recipe.kind for recipe in first]
    ratios = np.array([b.tempo[0] / a.tempo[0] for a, b in zip(first, second, strict=True)])
    assert (np.abs(np.log2(ratios)) <= known.SPREAD + 0.01).all() and len(set(ratios.round(3))) > 40
    assert all(recipe.change or recipe.tempo[0] == recipe.tempo[1] for recipe in second)


def test_a_jump_is_where_it_is_said_to_be() -> None:
    song = silent(JUMP)
    before, after = evaluation.beats_after_jump(song)
    assert before[-1] < known.JUMP_AT <= after[0] - 60 / 140
    np.testing.assert_allclose(np.diff(before), 60 / 90)
    np.testing.assert_allclose(np.diff(after), 60 / 140)
    early = grid(song.beats[song.beats < known.JUMP_AT])
    assert evaluation.found_around_jumps([HeardKnown(song, early)]) == (1.0, 0.0)


def test_agreement_knows_octaves() -> None:
    song = silent(CLICKS)
    assert HeardKnown(song, grid(song.beats)).agreement == Agreement(1.0, 1.0, 1.0)
    halved = HeardKnown(song, grid(song.beats[::2])).agreement
    assert halved.f < 0.7 and halved.cmlt == 0 and halved.amlt > 0.95
    fast = silent(replace(CLICKS, tempo=(160.0, 160.0)))
    assert HeardKnown(fast, grid(fast.beats[1::2])).agreement.f == 1
    assert HeardKnown(song, grid(song.beats + 0.2)).agreement.f == 0
    assert evaluation.agreement(song.beats, np.zeros(0)) == Agreement(0.0, 0.0, 0.0)


def test_rows_of_bars_and_of_loud_noise() -> None:
    three = silent(replace(CLICKS, meter=3))
    noisy = silent(replace(CLICKS, kind=evaluation.LOUD_NOISE))
    heard = [
        HeardKnown(three, grid(three.beats, 3)),
        HeardKnown(three, grid(three.beats, 4)),
        HeardKnown(noisy, grid(noisy.beats + 0.2)),
    ]
    assert evaluation.known_rows(heard)["all but noise-20"].f == 1
    rows = evaluation.bar_rows(heard)
    assert rows["bars of 3 heard as such"] == "1 of 2" and rows["downbeats"].endswith("in 1 of 2 songs")


def test_the_half_that_was_chosen_on_stands_apart() -> None:
    rows = {name: Agreement(value, 0.0, 1.0) for name, value in (("b", 0.5), ("a", 1.0), ("c", 0.0))}
    means = [row.f for row in evaluation.halves(rows).values()]
    assert means == [0.5, 0.5, 0.5] and evaluation.halves({"a": rows["a"]}).keys() == {"every second, chosen on", "all"}


def test_excerpts_are_compared_with_the_song() -> None:
    whole = grid(np.arange(0.25, 60, 0.5))

    def late(part: Song) -> BeatGrid:
        return grid(np.arange(0.25, part.seconds, 0.5) + 0.2 * (part.samples[0] > 0))

    samples = np.zeros(60 * 16_000, np.float32)
    samples[24 * 16_000 :] = 1
    found = evaluation.excerpt_agreement(samples, whole, 12.0, late)
    assert [row.f for row in found] == [1, 1, 0, 0, 0]


def test_dances_are_judged_on_both_sides_of_a_jump() -> None:
    accents = np.array([1.0, 2.0, 3.5, 9.0])
    assert evaluation._share_on(accents, np.array([1.05, 2.02, 3.0, 4.0])) == pytest.approx(2 / 3)
    assert evaluation._share_on(np.zeros(0), np.array([1.0, 2.0])) == 0


def test_the_command_prints_all_of_it(tmp_path: Path, run_main: Callable[..., Ran]) -> None:
    for name in ("one", "two"):
        samples, _ = click_track(100, 24)
        soundfile.write(tmp_path / f"{name}.wav", samples, 16_000)
    (tmp_path / "told").mkdir()
    np.savetxt(tmp_path / "told" / "one.txt", click_track(100, 24)[1])
    (tmp_path / "told" / "two.txt").write_text("beat\n")
    words = ("evaluate", "beats", "--songs", str(tmp_path), "--beats", str(tmp_path / "told"))
    assert "two.txt is no list of beats" in run_main(*words).err
    (tmp_path / "told" / "two.txt").unlink()
    ran = run_main(*words, "--excerpts", "12", "--each")
    assert ran.status == 0, ran.err
    assert "1 song beside other beats" in ran.out
    assert "one 1" in ran.out and "two" not in ran.out
    assert "give --beats" in run_main("evaluate", "beats", "--songs", str(tmp_path)).err
    assert "belong to songs" in run_main("evaluate", "beats", "--excerpts", "12").err


def test_the_command_makes_songs(run_main: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "recipes", lambda seed: [CLICKS, JUMP])
    ran = run_main("evaluate", "beats", "--dance", "--each")
    assert ran.status == 0, ran.err
    assert "click_100" in ran.out and "bars of 4 heard as such: 2 of 2" in ran.out
    sides = [line for line in ran.out.splitlines() if "jump_90_140: " in line]
    assert len(sides) == 1 and "jumps of tempo: 100% of the beats found before, 100% from the third" in ran.out


def test_a_missing_judge_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mir_eval.beat", None)
    with pytest.raises(DancegenError, match="mir_eval is not installed"):
        evaluation.agreement(np.arange(9.0), np.arange(9.0))
