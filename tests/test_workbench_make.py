"""Making, keeping and editing dances through the commands, with a tiny network."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from workbench_tools import dance, dance_file

from dancegen.assets.example import POSE
from dancegen.choreographers.stg_mamba.config import ChoreographerConfig
from dancegen.dances.dance_file import write_dance
from dancegen.dances.make import Styles, parse_styles
from dancegen.dances.read_dance import read_dance
from dancegen.dances.takes import best_first, rank_takes
from dancegen.errors import DancegenError
from dancegen.report.page import weights_rows
from dancegen.video.comment import read_comment
from dancegen.weights.checkpoint import load_checkpoint, save_checkpoint
from dancegen.weights.manifest import load_manifest
from dancegen.weights.verify import WeightsInfo, sha256_of


@pytest.fixture
def make(run_main: Callable, beat_song: Path, tiny_weights: Path) -> Callable:
    """`make("--takes", 3, ...)`: `dancegen dance` on the beat song."""

    def run(*arguments: object, song: Path = beat_song):  # noqa: ANN202
        return run_main("dance", song, "--weights", f"choreographer={tiny_weights}", "--offline", *arguments)

    return run


def test_a_dance_file_says_where_it_comes_from(make: Callable, tmp_path: Path, beat_song: Path) -> None:
    from dancegen.dances.dance_file import file_sha256

    out = tmp_path / "a.dance.json"
    ran = make("-o", out, "--seed", 5, "--style", "tango")
    assert ran.status == 0, ran.err
    made = read_dance(out)
    assert (made.song.name, made.song.sha256) == (beat_song.name, file_sha256(beat_song))
    assert made.song.seconds == pytest.approx(4.0, abs=0.01) and made.fps == 30
    assert made.tempo == pytest.approx(120, abs=3) and made.weights is not None
    assert made.weights.name == "tiny.safetensors" and len(made.weights.sha256) == 64
    assert made.takes[0].seed == 5 and made.takes[0].style == "tango" and "hit_rate" in (made.takes[0].scores or {})
    again = tmp_path / "b.dance.json"
    assert make("-o", again, "--seed", 5, "--style", "tango").status == 0
    joints = read_dance(again).takes[0].skeleton.joints
    np.testing.assert_allclose(joints, made.takes[0].skeleton.joints, atol=2e-6)  # a unit: see README, last digits
    assert make("-o", out).status == 1  # it is there


def test_takes_are_scored_ranked_and_drawn(make: Callable, tmp_path: Path) -> None:
    ran = make("-o", tmp_path / "a.dance.json", "--takes", 3, "--sheet", tmp_path / "t.png")
    assert ran.status == 0, ran.err
    made = read_dance(tmp_path / "a.dance.json")
    assert [take.seed for take in made.takes] == [0, 1, 2]
    assert sorted(take.scores["rank"] for take in made.takes if take.scores) == [1, 2, 3]
    assert made.take(None).scores["rank"] == 1  # type: ignore[index]
    assert "take 2 of 3, choreography" in ran.err
    assert "hit rate" in ran.out and len(re.findall(r"^[123] ", ran.out, re.M)) == 3
    sheet = np.asarray(Image.open(tmp_path / "t.png").convert("RGB"))
    assert sheet.shape[1] == 1200 and sheet.std() > 5
    assert np.abs(made.takes[0].skeleton.joints - made.takes[1].skeleton.joints).max() > 1e-3


def test_options_that_do_not_fit_are_refused_before_any_work(make: Callable, tmp_path: Path) -> None:
    out = tmp_path / "a.dance.json"
    (tmp_path / "there.png").write_bytes(b"mine")
    for options, message in (
        (("--take", 2), "--take only goes with --redo"),
        (("--from", out), "--from only goes with --redo"),
        (("--takes", 2, "--sheet", tmp_path / "t.txt"), "end its name in .png"),
        (("--takes", 2, "--sheet", tmp_path / "none" / "t.png"), "does not exist"),
        (("--takes", 2, "--sheet", tmp_path / "there.png"), "add --overwrite"),
        (("--takes", 0), "--takes must be 1 to 64, not 0"),
        (("--seed", -5), "--seed must be 0 to 9223372036854775807, not -5"),
        (("--seed", 2**63 - 1, "--takes", 2), "not 9223372036854775808"),
        (("--beats", "none.txt"), "none.txt: no such file"),
        (("--style", "tango@9"), "there is no bar 9 in this song: choose within 1-2"),
        (("--style", "tango@2-9"), "bars 2-9 are not in this song"),
    ):
        ran = make("-o", out, *options, "-q")
        assert ran.status == 1 and message in ran.err and ran.err.count("\n") == 1, ran.err
        assert not out.exists()
    assert (tmp_path / "there.png").read_bytes() == b"mine"


def test_ranking_prefers_the_dance_on_the_beat() -> None:
    times = np.arange(0.25, 8.0, 0.5)
    made = dance_file(takes=3)
    takes = rank_takes(made.takes, times)
    best = best_first([take.scores or {} for take in takes])[0]
    assert takes[best].scores["rank"] == 1  # type: ignore[index]
    good = {"hit_rate": 90, "coverage": 100, "bc_music": 0.9, "pvar": 0.3, "skate_ratio": 0.5}
    bad = {"hit_rate": 20, "coverage": 300, "bc_music": 0.2, "pvar": 0.1, "skate_ratio": 2.0}
    assert best_first([bad, good, bad]) == [1, 0, 2]


def test_redone_bars_leave_the_rest_bit_identical(make: Callable, tmp_path: Path) -> None:
    first, second = tmp_path / "a.dance.json", tmp_path / "b.dance.json"
    assert make("-o", first, "--takes", 2).status == 0
    ran = make("--from", first, "-o", second, "--redo", "2", "--seed", 9, "--take", 2)
    assert ran.status == 0, ran.err
    old, new = read_dance(first), read_dance(second)
    np.testing.assert_array_equal(new.takes[0].skeleton.joints, old.takes[0].skeleton.joints)
    changed = np.flatnonzero((new.takes[1].skeleton.joints != old.takes[1].skeleton.joints).any(axis=(1, 2)))
    begin, end = round(old.times[4] * 30), len(old.takes[1].skeleton)  # the song has two bars
    assert len(changed) > 20 and changed.min() >= begin and changed.max() < end
    assert [(e.first, e.last, e.seed) for e in new.takes[1].edits] == [(2, 2, 9)] and new.default_take == 2
    before = first.read_bytes()
    assert make("-o", first, "--redo", "1").status == 0 and first.read_bytes() != before  # in place
    ran = make("-o", first, "--redo", "7")
    assert (
        ran.status == 1
        and "there is no bar 7 in this song: choose within 1-2" in ran.err
        and "choreography" not in ran.err
    )
    assert make("-o", first, "--redo", "1", "--tempo", "half").status == 1
    assert make("--from", first, "-o", second, "--redo", "1").status == 1  # b is there


def test_a_tempo_that_nobody_can_step_to_is_told(make: Callable, tmp_path: Path) -> None:
    ran = make("-o", tmp_path / "a.dance.json", "--tempo", "half")
    assert ran.status == 0 and "steps to 60 beats a minute would be too slow: the dance counts 120" in ran.err, ran.err
    ran = make("-o", tmp_path / "b.dance.json")
    assert ran.status == 0 and "would be too" not in ran.err


def test_the_video_tells_who_made_which_bars(
    make: Callable, run_main: Callable, quick: tuple, tmp_path: Path, beat_song: Path, picture: Path, tiny_weights: Path
) -> None:
    """The weights of bars that others made anew are not those of the dance."""
    out = tmp_path / "a.dance.json"
    make("-o", out)
    redo = ("dance", beat_song, "-o", out, "--redo", "2", "--offline", "--weights")
    other = tmp_path / "other.safetensors"
    config, state = load_checkpoint(tiny_weights, ChoreographerConfig)
    save_checkpoint(other, {name: tensor * 0.9 for name, tensor in state.items()}, config)
    assert run_main(*redo, f"choreographer={tiny_weights}", "--seed", 8).status == 0
    assert run_main(*redo, f"choreographer={other}", "--seed", 9).status == 0
    first, second = read_dance(out).takes[0].edits
    assert first.weights is None and second.weights == WeightsInfo("other.safetensors", sha256_of(other))
    video = tmp_path / "a.mp4"
    assert run_main("render", beat_song, picture, "-o", video, "--preview", *quick, "--dance", out).status == 0
    told = read_comment(video)
    assert told["weights"]["choreographer.stg-mamba"]["sha256"] == sha256_of(tiny_weights) and told["preview"] is True
    assert [(edit["seed"], edit.get("weights", {}).get("sha256")) for edit in told["dance"]["edits"]] == [
        (8, None),
        (9, sha256_of(other)),
    ]


def test_an_imported_dance_has_no_weights(
    run_main: Callable, quick: tuple, tmp_path: Path, beat_song: Path, picture: Path
) -> None:
    out, video, page = tmp_path / "a.dance.json", tmp_path / "a.mp4", tmp_path / "a.html"
    made = dance_file(seconds=4.0)
    take = replace(made.takes[0], style="imported")
    song = replace(made.song, sha256=sha256_of(beat_song))
    write_dance(out, replace(made, song=song, weights=None, takes=(take,)))
    given = ("--dance", out, "--report", page)
    ran = run_main("render", beat_song, picture, "-o", video, "--preview", *quick, *given)
    assert ran.status == 0, ran.err
    assert "choreographer" not in read_comment(video)["weights"]
    assert "none: the dance is imported" in page.read_text() and "none: the skeleton only" in page.read_text()


def test_a_report_knows_weights_by_their_content(tmp_path: Path) -> None:
    """One's own file of a shipped file's name is not taken for it, nor a renamed shipped file for one's own."""
    shipped = next(entry for entry in load_manifest() if entry.role == "renderer.puppet")
    facts = {"weights": {"renderer": {"name": "renderer.safetensors", "sha256": "a" * 64}}}
    facts["weights"]["subject"] = {"name": "mine.safetensors", "sha256": shipped.sha256}
    rows = {row[0]: row[1:] for row in weights_rows(facts, "network, mask: network")}
    assert rows["renderer"] == ("renderer.safetensors", "not a file of this dancegen", "a" * 64)
    assert rows["subject"] == ("mine.safetensors", shipped.licence, shipped.sha256)
    assert rows["choreographer"] == ("none: the dance is given", "", "") and "detector" not in rows
    assert sum(row[0] == "detector" for row in weights_rows(facts, "dwpose, mask: network")) == 2


def test_another_song_cannot_be_redone(make: Callable, tmp_path: Path, run_main: Callable) -> None:
    import soundfile

    out = tmp_path / "a.dance.json"
    make("-o", out)
    other = tmp_path / "other.wav"
    soundfile.write(other, np.random.default_rng(0).normal(0, 0.1, 64_000), 16_000)
    ran = make("-o", out, "--redo", "1", song=other)
    assert ran.status == 1 and "made for another song" in ran.err and ran.err.count("\n") == 1


def test_style_by_stretch(make: Callable, tmp_path: Path) -> None:
    assert parse_styles(["rumba", "tango@9-16"]) == Styles("rumba", (("tango", 9, 16),))
    for options, message in (
        (["polka"], "no style 'polka'"),
        (["rumba", "tango"], "give bars"),
        (["tango@x"], "17-24"),
    ):
        with pytest.raises(DancegenError, match=re.escape(message)):
            parse_styles(options)
    plain, mixed = tmp_path / "a.dance.json", tmp_path / "b.dance.json"
    make("-o", plain, "--style", "rumba")
    assert make("-o", mixed, "--style", "rumba", "--style", "tango@2").status == 0
    old, new = read_dance(plain).takes[0].skeleton.joints, read_dance(mixed).takes[0].skeleton.joints
    differ = (old != new).any(axis=(1, 2))
    assert differ[-10:].all() and not differ[:60].any()


def test_tempo_and_given_beats_change_the_grid(
    make: Callable, tmp_path: Path, run_main: Callable, beat_song: Path
) -> None:
    listed = tmp_path / "beats.txt"
    assert run_main("beats", beat_song, "-o", listed, "--plot", tmp_path / "b.png").status == 0
    assert Image.open(tmp_path / "b.png").size[0] == 1200
    out = tmp_path / "a.dance.json"
    assert make("-o", out, "--tempo", "half").status == 0
    half = read_dance(out)
    np.testing.assert_allclose(np.diff(half.times), 1.0, atol=0.1)
    listed.write_text("0.1\n0.9\n1.7\n2.5\n3.3\n")
    assert make("-o", out, "--beats", listed, "--overwrite").status == 0
    np.testing.assert_allclose(read_dance(out).times, [0.1, 0.9, 1.7, 2.5, 3.3])
    listed.write_text("0.1\nx\n")
    ran = make("-o", out, "--beats", listed, "--overwrite")
    assert ran.status == 1 and "line 2" in ran.err


def test_a_dance_file_renders_the_dance_that_render_would_make(
    make: Callable, run_main: Callable, quick: tuple, tmp_path: Path, beat_song: Path, picture: Path
) -> None:
    out = tmp_path / "a.dance.json"
    make("-o", out, "--seed", 3)
    videos = tmp_path / "direct.mp4", tmp_path / "file.mp4"
    assert run_main("render", beat_song, picture, "-o", videos[0], *quick, "--seed", 3).status == 0
    page = tmp_path / "r.html"
    ran = run_main("render", beat_song, picture, "-o", videos[1], *quick, "--dance", out, "--report", page)
    assert ran.status == 0, ran.err
    difference = [abs(a - b) for a, b in zip(*(frames(video) for video in videos), strict=True)]
    assert max(difference) < 0.2  # mean grey level of each frame
    text = page.read_text()
    told = read_comment(videos[1])
    made = read_dance(out)
    assert made.weights and told["weights"]["choreographer.stg-mamba"] == vars(made.weights) and told["seed"] == 3
    assert told["dance"]["song_sha256"] == made.song.sha256 and (told["dance"]["take"], told["dance"]["seed"]) == (1, 3)
    for said in (
        made.weights.sha256,
        "none: the analytic puppet",
        "<h2>The video</h2>",
        "<h2>Scores</h2>",
        "dancegen render",
        "whole body",
    ):
        assert said in text
    for bad in (page, tmp_path / "r.pdf", tmp_path / "none" / "r.html"):  # said before anything is rendered
        ran = run_main("render", beat_song, picture, "-o", tmp_path / "new.mp4", *quick, "--report", bad)
        assert ran.status == 1 and ran.err.count("\n") == 1 and not (tmp_path / "new.mp4").exists()
    assert text.count("data:image/jpeg;base64,") >= 12 and "http" not in text.replace("http-equiv", "")


def test_render_takes_the_stretch_and_the_take_of_the_dance(
    make: Callable, run_main: Callable, quick: tuple, tmp_path: Path, beat_song: Path, picture: Path
) -> None:
    out, video = tmp_path / "a.dance.json", tmp_path / "v.mp4"
    make("-o", out, "--start", 1, "--duration", 2, "--takes", 2)
    render = ("render", beat_song, picture, "-o", video, *quick, "--overwrite", "--dance", out)
    ran = run_main(*render, "--take", 2)
    assert ran.status == 0 and "2.0 s, 10 frames" in ran.out, ran.err
    for more, message in (
        (("--take", 3), "no take 3: choose one of 1 to 2"),
        (("--start", 0.5), "the dance covers 1.0 to 3.0 s of the song"),
    ):
        ran = run_main("-q", *render, *more)
        assert ran.status == 1 and message in ran.err and ran.err.count("\n") == 1
    for more in (("--seed", 4), ("--style", "tango"), ("--tempo", "half")):
        ran = run_main(*render, *more)
        assert ran.status == 1 and f"{more[0]} does not go with --dance" in ran.err and ran.err.count("\n") == 1
    listed = tmp_path / "beats.txt"
    listed.write_text("0\n1\n2\n3\n")
    for more in (("--dance", out), ("--beats", listed)):  # an output that cannot be is said before the song is heard
        ran = run_main("render", beat_song, picture, "-o", tmp_path / "v.txt", *quick, *more)
        assert ran.status == 1 and "end it in .mp4" in ran.err and ran.err.count("\n") == 1
    ran = run_main("render", beat_song, picture, "-o", video, *quick, "--overwrite", "--beats", listed)
    assert ran.status == 0 and "60 beats a minute" in ran.out, ran.err
    ran = run_main("render", beat_song, picture, "-o", video, *quick, "--overwrite", "--take", 2)
    assert ran.status == 1 and "name the file with --dance" in ran.err


@pytest.mark.parametrize("given", [(), ("--dance", "a.dance.json"), ("--beats", "beats.txt"), ("--tempo", "half")])
def test_the_song_is_decoded_once(
    make: Callable,
    run_main: Callable,
    quick: tuple,
    tmp_path: Path,
    beat_song: Path,
    picture: Path,
    given: tuple,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from dancegen.audio import load

    monkeypatch.chdir(tmp_path)
    (tmp_path / "beats.txt").write_text("0\n1\n2\n3\n")
    make("-o", "a.dance.json", "--duration", 3)
    decoded, decode = [], load._decode
    monkeypatch.setattr(load, "_decode", lambda *which: decoded.append(which[0]) or decode(*which))
    ran = run_main("render", beat_song, picture, "--preview", *quick, *given, "--duration", 3)
    assert ran.status == 0 and decoded == [beat_song], ran.err


def frames(video: Path) -> list[float]:
    """The mean grey level of each frame."""
    import subprocess

    from dancegen.ffmpeg import ffmpeg_program

    command = [ffmpeg_program(), "-v", "error", "-i", video, "-f", "rawvideo", "-pix_fmt", "gray", "-s", "32x32", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, 1024).mean(axis=1).tolist()


def test_export_and_import_through_the_commands(
    make: Callable, run_main: Callable, tmp_path: Path, beat_song: Path, picture: Path
) -> None:
    out = tmp_path / "a.dance.json"
    make("-o", out)
    for name in ("p.json", "poses", "p.mp4", "p.npz", "p.csv"):
        ran = run_main("export", out, "-o", tmp_path / name, "--canvas", "256x320")
        assert ran.status == 0 and (tmp_path / name).exists(), ran.err
    for name, more, said in (
        ("p.json", (), "p.json exists: add --overwrite"),
        ("poses", (), "poses exists: add --overwrite"),
        ("poses", ("--as", "npz", "--overwrite"), "poses is a folder"),
        ("p.npz", ("--as", "openpose", "--overwrite"), "p.npz is a file"),
        ("q.json", ("--picture", picture, "--canvas", "256x320"), "--canvas does not go with --picture"),
        ("q.json", ("--pose", POSE), "--pose only goes with --picture"),
    ):
        ran = run_main("export", out, "-o", tmp_path / name, *more)
        assert ran.status == 1 and said in ran.err, ran.err
    assert run_main("export", out, "-o", tmp_path / "q.json", "--canvas", "big").status == 1
    back = tmp_path / "back.dance.json"
    ran = run_main("import", tmp_path / "poses", "--song", beat_song, "-o", back)
    assert ran.status == 0, ran.err
    made = read_dance(back)
    assert made.weights is None and len(made.takes[0].skeleton) == 120 and made.placement is not None
    (tmp_path / "none.json").write_text('[{"people": []}]')
    ran = run_main("import", tmp_path / "none.json", "--song", beat_song, "-o", back, "--overwrite")
    assert ran.status == 1 and "no people" in ran.err and ran.err.count("\n") == 1
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "letter.txt").write_text("mine")
    ran = run_main("export", out, "-o", tmp_path / "other", "--overwrite")
    assert ran.status == 1 and (tmp_path / "other" / "letter.txt").exists()


def test_imported_dances_are_usable(tmp_path: Path) -> None:
    from workbench_tools import STANDING

    from dancegen.body.retarget import retarget
    from dancegen.dances import export
    from dancegen.dances.imports import read_poses

    made = dance(2.0)
    pixels = export.place(made, export.fit(made, 512, 768))
    export.write_comfyui(tmp_path / "p.json", pixels, (512, 768))
    imported = read_poses(tmp_path / "p.json", 30).skeleton
    subject = STANDING * 400 + (250, 480)
    placed = retarget(imported, subject, np.ones(18), (500, 500))
    assert np.isfinite(placed.joints).all() and np.ptp(placed.joints[..., 1]) > 300
