"""From folders, patterns and CSVs to jobs; and a whole batch with real stages."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dancegen.assets.example import PICTURE, POSE
from dancegen.batch import plan
from dancegen.batch.pairs import Pair, find_files, make_pairs, read_pairs
from dancegen.batch.plan import make_jobs
from dancegen.errors import DancegenError
from dancegen.production.request import Request
from dancegen.video.comment import read_comment
from dancegen.weights.manifest import load_manifest
from dancegen.weights.verify import sha256_of

OPTIONS = Request(Path(), Path(), size=64, fps=5.0, preview=True, device="cpu", offline=True)
CONTENT = {"choreographer": "c" * 64}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name in ("a.wav", "b.mp3", "notes.txt", "x.png", "y.jpg", "x.mask.png"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_folders_patterns_and_files(files: Path) -> None:
    (files / "._a.wav").write_text("of a Mac")
    (files / "live.wav").mkdir()
    (files / "y.pose.json").write_text("{}")
    songs, notes = find_files(str(files), "songs")
    assert [path.name for path in songs] == ["a.wav", "b.mp3"]
    assert notes == [
        f"{files}: live.wav not taken: folders in a folder are not looked into",
        f"{files}: notes.txt, x.png, y.jpg not taken: by their endings they are no songs",
    ]
    for number in range(6):
        (files / f"c{number}.doc").write_text("")
    pictures, notes = find_files(str(files / "*"), "pictures")
    assert [path.name for path in pictures] == ["x.png", "y.jpg"] and "c2.doc and 4 more not taken" in " ".join(notes)
    assert [path.name for path in find_files(str(files / "*.mp3"), "songs")[0]] == ["b.mp3"]
    assert [path.name for path in find_files(str(files / "*.txt"), "songs")[0]] == ["notes.txt"]  # as it was said
    assert [path.name for path in find_files(str(files / "a.wav"), "songs")[0]] == ["a.wav"]
    with pytest.raises(DancegenError, match="no songs there"):
        find_files(str(files / "none"), "songs")


def test_pairs() -> None:
    songs, pictures = [Path("a"), Path("b")], [Path("x"), Path("y")]
    assert len(make_pairs(songs, pictures, "product")) == 4
    assert [(p.song.name, p.picture.name) for p in make_pairs(songs, pictures, "zip")] == [("a", "x"), ("b", "y")]
    with pytest.raises(DancegenError, match="as many pictures as songs, not 1 for 2"):
        make_pairs(songs, pictures[:1], "zip")
    with pytest.raises(DancegenError, match="choose product or zip"):
        make_pairs(songs, pictures, "all")


def test_a_csv_of_pairs(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("picture,song,seed\nx.png,a.wav,7\n\ny.png,b.wav,\n")
    pairs = read_pairs(path)
    assert [(p.song.name, p.picture.name, p.seed, p.where) for p in pairs] == [
        ("a.wav", "x.png", 7, "pairs.csv line 2"),
        ("b.wav", "y.png", None, "pairs.csv line 4"),
    ]
    assert pairs[0].song.parent == tmp_path
    for row in ("a.wav,x.png\n", "a.wav;x.png\n", "a.wav\tx.png\n", "\ufeffsong;picture;seed\r\na.wav;x.png;3\r\n"):
        path.write_text(row, encoding="utf-8")
        assert (read_pairs(path)[0].song.name, read_pairs(path)[0].picture.name) == ("a.wav", "x.png")
    for content, message in (
        ("", "has no pairs"),
        ("a.wav\n", "line 1 has no song or no picture"),
        ("song,image\n", "unknown column 'image'"),
        ("song,picture,seed\na,b,x\n", "line 2: the seed x"),
        ("a,b\na,b,1,polka\n", "line 2: there is no style 'polka'"),
        ("a,b\n\n'x,\ny',b,-1\n", "line 3 has no song or no picture"),
        ('song,picture,seed\n"a\nb",x,1\nb,x,\u00b2\n', "line 4: the seed \u00b2 is no whole number"),
        ("a,b,-1\n", "line 1: the seed -1 is no whole number"),
        ("a,b,1_0\n", "line 1: the seed 1_0 is no whole number"),
        (f"a,b\na,b,{'9' * 5000}\n", "line 2: the seed 9{19} cannot be: give 0 to"),
        ("a,b,9223372036854775808\n", "line 1: the seed 9223372036854775808 cannot be"),
        ("a,b\n.,b\n", "line 2: the song '.' is a folder: name a song in it"),
        ("song,picture\ns\0.wav,b\n", r"line 2 has a character in it that no file name has \(NUL\)"),
        (f"a,b\n{'x' * 200_000},b\n", "line 2 cannot be read as a line of pairs .field larger"),
    ):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(DancegenError, match=message):
            read_pairs(path)


def test_stages_are_shared_and_keys_follow_the_content(files: Path) -> None:
    songs, pictures = [files / "a.wav", files / "b.mp3"], [files / "x.png", files / "y.jpg"]
    jobs = make_jobs(make_pairs(songs, pictures, "product"), OPTIONS, CONTENT, files / "out")
    kinds = [job.kind for job in jobs]
    assert (kinds.count("dance"), kinds.count("subject"), kinds.count("video")) == (2, 2, 4)
    assert len({job.output for job in jobs}) == 8
    again = make_jobs(make_pairs(songs, pictures, "product"), OPTIONS, CONTENT, files / "out")
    assert [job.key for job in again] == [job.key for job in jobs]
    (files / "a.wav").write_text("another song")
    changed = make_jobs(make_pairs(songs, pictures, "product"), OPTIONS, CONTENT, files / "out")
    differ = {old.name for old, new in zip(jobs, changed, strict=True) if old.key != new.key}
    assert differ == {"a.wav", "a--x", "a--y"}


def test_names_do_not_clash_and_missing_files_are_named(files: Path) -> None:
    (files / "sub").mkdir()
    (files / "sub" / "a.wav").write_text("other")
    pairs = [
        Pair(files / "a.wav", files / "x.png"),
        Pair(files / "sub" / "a.wav", files / "x.png"),
        Pair(files / "a.wav", files / "x.png", seed=5),
        Pair(files / "gone.wav", files / "x.png", where="pairs.csv line 9"),
    ]
    jobs = make_jobs(pairs, OPTIONS, CONTENT, files / "out")
    videos = [job for job in jobs if job.kind == "video"]
    assert len({job.output for job in videos}) == 4 and sum(job.kind == "dance" for job in jobs) == 4
    problems = [job.problem for job in jobs if job.problem]
    assert problems == [f"pairs.csv line 9: the song {files / 'gone.wav'} does not exist"]


def test_long_names_are_cut(files: Path) -> None:
    songs, pictures = [files / f"{'ö' * 110}{end}.wav" for end in "ab"], [files / f"{'歌' * 80}.png"]
    for path in (*songs, *pictures):
        path.write_text(path.name)
    jobs = make_jobs(make_pairs(songs, pictures, "product"), OPTIONS, CONTENT, files / "out")
    assert len({job.output for job in jobs}) == len(jobs) == 5
    assert all(len(job.output.name.encode()) < 255 and "ööö" in job.output.name for job in jobs if job.kind == "video")


def test_a_correction_beside_the_picture_changes_its_subject(files: Path) -> None:
    pair = [Pair(files / "a.wav", files / "y.jpg")]
    before = make_jobs(pair, OPTIONS, CONTENT, files / "out")
    (files / "y.pose.json").write_text("{}")
    after = make_jobs(pair, OPTIONS, CONTENT, files / "out")
    assert [old.key == new.key for old, new in zip(before, after, strict=True)] == [True, False, False]
    assert after[1].task["request"]["pose"] == str((files / "y.pose.json").resolve())


def test_keys_tell_versions_apart_and_wishes_do_not(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = make_pairs([files / "a.wav"], [files / "x.png", files / "y.jpg"], "product")
    twins = [*pairs, Pair(files / "a.wav", files / "x.png", seed=5)]
    before = make_jobs(twins, OPTIONS, CONTENT, files / "out")
    monkeypatch.setattr(plan, "edition", lambda kind: f"0.2.0+newer {kind}")
    after = make_jobs(twins, OPTIONS, CONTENT, files / "out")
    assert all(old.key != new.key and old.wish == new.wish for old, new in zip(before, after, strict=True))
    videos = [[job for job in jobs if job.kind == "video"] for jobs in (before, after)]
    assert [job.output for job in videos[0]] == [job.output for job in videos[1]] and len(videos[0]) == 3
    assert len({job.wish for job in videos[0]}) == 3
    own = replace(OPTIONS, weights={"choreographer": "mine.safetensors"})
    mine, theirs = (make_jobs(pairs, own, {"choreographer": c}, files / "out") for c in "cd")
    assert mine[-1].wish != theirs[-1].wish  # weights that were named are a part of what is asked for


def test_a_batch_makes_each_stage_once(
    tmp_path: Path, run_main: Callable, beat_song: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(beat_song, tmp_path / "one.wav")
    (tmp_path / "bad.wav").write_text("no sound")
    shutil.copy(PICTURE, tmp_path / "me.png")
    shutil.copy(POSE, tmp_path / "me.pose.json")
    (tmp_path / "pairs.csv").write_text("one.wav,me.png\nbad.wav,me.png\ngone.wav,me.png\n")
    out = tmp_path / "out"
    arguments = ("batch", tmp_path / "pairs.csv", "-o", out, "--preview", "--size", 64, "--fps", 5, "--device", "cpu")
    arguments = (*arguments, "--workers", 1, "--weights", f"choreographer={tiny_weights}", "--offline")
    ran = run_main(*arguments, "--dry-run")
    assert ran.status == 0 and "gone.wav does not exist" in " ".join(ran.out.split()) and not out.exists()
    assert ran.out.startswith("3 videos from 3 choreographies and 1 picture analysis, each made once")
    ran = run_main(*arguments)
    said = " ".join(ran.out.split())
    assert ran.status == 1, ran.err
    assert "1 video made" in said and "2 failed" in said and "bad.wav is not a sound file" in said
    assert [path.name for path in out.glob("*.mp4")] == ["one--me.mp4"]
    video = out / "one--me.mp4"
    weights = read_comment(video)["weights"]  # of stages that other jobs made, too
    assert weights["choreographer.stg-mamba"] == {"name": tiny_weights.name, "sha256": sha256_of(tiny_weights)}
    assert weights["subject"]["sha256"] in {entry.sha256 for entry in load_manifest()}
    stamp = video.stat().st_mtime_ns
    (tmp_path / "pairs.csv").write_text("one.wav,me.png\n")
    ran = run_main(*arguments)
    assert ran.status == 0 and "0 videos made" in ran.out and "1 there before" in ran.out
    assert video.stat().st_mtime_ns == stamp
    assert re.search(r"video +one--me.mp4 +is there", run_main(*arguments, "--dry-run").out)
    monkeypatch.setattr(plan, "edition", lambda kind: f"0.2.0+newer {kind}")
    ran = run_main(*arguments, "--dry-run")
    assert re.search(r"video +one--me.mp4 +made by another version .*: --overwrite makes it anew", ran.out)
    assert "not needed" in ran.out and "to do" not in ran.out
    ran = run_main(*arguments)
    assert ran.status == 0 and "0 videos made" in ran.out and "1 there before, 0 failed" in ran.out
    assert "1 video made by another version of dancegen or of its weights, kept: --overwrite makes it anew" in ran.out
    assert video.stat().st_mtime_ns == stamp and "choreography" not in ran.err
    ran = run_main(*arguments, "--overwrite")
    assert ran.status == 0 and "1 video made" in ran.out and "another version" not in ran.out
    stamp = video.stat().st_mtime_ns
    ran = run_main(*arguments, "--overwrite")
    assert ran.status == 0 and "1 there before" in ran.out and video.stat().st_mtime_ns == stamp
    for name, same in (("one.wav", "same.wav"), ("me.png", "you.png"), ("me.pose.json", "you.pose.json")):
        shutil.copy(tmp_path / name, tmp_path / same)
    (tmp_path / "pairs.csv").write_text("one.wav,me.png\nsame.wav,you.png\n")
    ran = run_main(*arguments)  # of equal files under other names: work is shared, and each pair has its video
    assert ran.status == 0 and "1 video made" in ran.out and "(0 choreographies" in ran.out and "1 there" in ran.out
    assert (out / "same--you.mp4").read_bytes()[4:8] == b"ftyp" and (out / "one--me.mp4").exists()
    ran = run_main(*arguments, "--seed", 4, "--dry-run")
    assert ran.status == 0 and re.search(r"video +one--me.mp4 +made otherwise: --overwrite", ran.out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("songs", "pictures"), "no songs there"),
        (("x.csv", "pictures"), "leave PICTURES out"),
        (("x.csv",), "x.csv: no such file"),
        (("songs",), "no pictures are given"),
        (("songs", "pictures", "--engine", "cloud"), "choose local or ray"),
        (("songs", "pictures", "--workers", "-1"), "give 1 or more"),
        (("songs", "pictures", "--size", "1"), "--size must be 64 to 2048, not 1"),
        (("songs", "pictures", "--tempo", "fast"), "--tempo fast is none: choose half or double"),
        (("songs", "pictures", "--device", "gpu"), "--device gpu is none"),
        (("songs", "pictures", "--start", "-1"), "--start -1 is not a time"),
    ],
)
def test_wrong_arguments_get_one_line(run_main: Callable, arguments: tuple[str, ...], message: str) -> None:
    ran = run_main("batch", *arguments)
    assert ran.status == 1 and message in ran.err and ran.err.count("\n") == 1


def test_who_dances_for_a_picture_has_a_dance_for_each_pair(files: Path) -> None:
    """One dance a pair, made after its picture's person is found; others dance once for all pictures."""
    pairs = make_pairs([files / "a.wav"], [files / "x.png", files / "y.jpg"], "product")
    counts = {}
    for name in ("stg-mamba", "hotdance"):
        jobs = make_jobs(pairs, replace(OPTIONS, choreographer=name), CONTENT, files / "out")
        dances, subjects = ([job for job in jobs if job.kind == kind] for kind in ("dance", "subject"))
        counts[name] = len(dances)
        needed = [need for job in dances for need in job.needs]
        assert needed == ([job.key for job in subjects] if name == "hotdance" else [])
    assert counts == {"stg-mamba": 1, "hotdance": 2}
