"""Every command that writes a file: never one that it reads, by whatever name; one run at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from conftest import ROOT
from workbench_tools import dance_file

from dancegen.assets.example import PICTURE, POSE
from dancegen.cli.main import _build
from dancegen.dances.dance_file import write_dance
from dancegen.files import claim

OUTPUTS = ("out", "sheet", "plot", "report", "json")  # parameters of commands that name what is written
WEIGHTS = ("--weights", "choreographer=w.safetensors")
DANCE = ("dance", "song.wav", "--offline")
RENDER = ("render", "song.wav", "me.png", "--offline", "--preview", "--size", "64", "--fps", "5")
FILES = {  # command: (what is typed without an output, its outputs: (option, ending), its inputs as they are typed)
    "render": (RENDER, (("-o", ".mp4"), ("--report", ".html")), ("song.wav", "me.png")),
    "render with files": (
        (*RENDER, *("--dance", "d.json", "--pose", "p.json", "--mask", "m.png"), *WEIGHTS),
        (("-o", ".mp4"), ("--report", ".html")),
        ("d.json", "p.json", "m.png", "w.safetensors"),
    ),
    "render with beats": ((*RENDER, "--beats", "b.txt"), (("-o", ".mp4"),), ("b.txt",)),
    "check": (("check", "song.wav", "me.png", "--offline"), (("-o", ".mp4"),), ("song.wav", "me.png")),
    "dance": (
        (*DANCE, "--beats", "b.txt", *WEIGHTS),
        (("-o", ".json"), ("--sheet", ".png")),
        ("song.wav", "b.txt", "w.safetensors"),
    ),
    "dance again": ((*DANCE, "--redo", "1", "--from", "d.json"), (("--sheet", ".png"),), ("d.json",)),
    "beats": (
        ("beats", "song.wav", "--beats", "b.txt"),
        (("-o", ".txt"), ("--plot", ".png")),
        ("song.wav", "b.txt"),
    ),
    "export": (
        ("export", "d.json", "--picture", "me.png", "--pose", "p.json"),
        (("-o", ".json"), ("-o", ".csv"), ("-o", ".mp4"), ("-o", ".npz")),
        ("d.json", "me.png", "p.json"),
    ),
    "import": (("import", "p.json", "--song", "song.wav"), (("-o", ".json"),), ("p.json", "song.wav")),
    "capture": (("capture", "me.png", "--song", "song.wav"), (("-o", ".json"),), ("me.png", "song.wav")),
    "join": (("join", "d.json", "d.json"), (("-o", ".json"),), ("d.json",)),
    "style learn": (
        ("style", "learn", "me.png", "d.json", *WEIGHTS),
        (("-o", ".style.safetensors"),),
        ("me.png", "d.json", "w.safetensors"),
    ),
    "evaluate vimo": (
        ("evaluate", "vimo", "--data", "pics", "--weights", "w.safetensors"),
        (("--json", ".json"),),
        ("pics/me.png", "w.safetensors"),
    ),
    "train frames": (("train", "frames", "--data", "pics", "--out", "o"), (("--sheet", ".png"),), ("pics/me.png",)),
    "evaluate puppet": (
        ("evaluate", "puppet", "--pairs", "song.wav", "--weights", "w.safetensors"),
        (("--json", ".json"), ("--plot", ".png")),
        ("song.wav", "w.safetensors"),
    ),
    "evaluate subject": (
        ("evaluate", "subject", "--pictures", "pics", "--weights", "w.safetensors"),
        (("--json", ".json"), ("--plot", ".png")),
        ("pics/me.png", "w.safetensors"),
    ),
}
FOLDERS = {  # those that write into a folder: what is typed, up to the folder
    "export": (("export", "d.json", "--picture", "me.png", "--pose", "poses/1_keypoints.json", "-o"), "poses"),
    "train frames": (("train", "frames", "--data", "pics", "--out"), "pics"),
    "train stg-mamba": (("train", "stg-mamba", "--data", "pics", "--out"), "pics"),
    "train limbs": (("train", "limbs", "--data", "pics", "--out"), "pics"),
    "train puppet": (("train", "puppet", "--frames", "pics", "--out"), "pics"),
    "train beats": (("train", "beats", "--songs", "pics", "--validation", "poses", "--out"), "pics"),
    "train vimo": (("train", "vimo", "--data", "pics", "--out"), "pics"),
    "train hotdance": (("train", "hotdance", "--data", "pics", "--out"), "pics"),
    "train subject": (("train", "subject", "--frames", "pics", "--out"), "pics"),
    "evaluate stg-mamba": (("evaluate", "stg-mamba", "--data", "pics", "--plot"), "pics"),
}
OTHERWISE = {"batch", "subject", "example", "train songs"}  # see their own tests below; the last two read nothing
TWO = [(*command, option, ending) for command, outputs, _ in FILES.values() for option, ending in outputs]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, beat_song: Path, tiny_weights: Path) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    for name, content in {
        **{"song.wav": beat_song.read_bytes(), "me.png": PICTURE.read_bytes(), "p.json": POSE.read_bytes()},
        **{"pics/me.png": PICTURE.read_bytes(), "poses/1_keypoints.json": POSE.read_bytes(), "m.png": b"mask"},
        **{"w.safetensors": tiny_weights.read_bytes(), "b.txt": b"0.5\n1.0\n1.5\n2.0\n"},
    }.items():
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_bytes(content)
    write_dance(Path("d.json"), dance_file(seconds=2.0))
    yield tmp_path
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def commands() -> Iterator[tuple[str, Any]]:
    """(words, command) of all commands that write a file or a folder that the user names."""

    def walk(words: str, group: Any) -> Iterator[tuple[str, Any]]:
        for word, command in group.commands.items():
            path = f"{words} {word}".strip()
            yield from walk(path, command) if hasattr(command, "commands") else [(path, command)]

    yield from walk("", typer.main.get_command(_build()))


def test_no_command_is_forgotten_here() -> None:
    tried: dict[str, set[str]] = {}
    for typed, outputs, _ in FILES.values():
        words = " ".join(typed[:2]) if typed[0] in ("evaluate", "train", "style") else typed[0]
        tried.setdefault(words, set()).update(option for option, _ in outputs)
    for name, (typed, _) in FOLDERS.items():
        tried.setdefault(name, set()).add(typed[-1])
    for words, command in commands():
        for parameter in command.params:
            if parameter.name in OUTPUTS and words not in OTHERWISE and not command.hidden:  # names of 0.1.0 are
                assert tried.get(words, set()) & set(parameter.opts), (words, parameter.opts)


@pytest.mark.parametrize("link", ["hard", "soft"])
@pytest.mark.parametrize("name", FILES)
def test_no_output_is_an_input(here: Path, run_main: Callable, name: str, link: str) -> None:
    typed, outputs, inputs = FILES[name]
    for option, ending in outputs:
        for given in inputs:
            out = here / f"out-{Path(given).stem}{ending}"
            out.hardlink_to(given) if link == "hard" else out.symlink_to(given)
            before = content(here)
            overwrite = [] if typed[0] in ("check", "evaluate", "train") else ["--overwrite"]
            ran = run_main(*typed, option, out, *overwrite)
            assert ran.status == 1, (option, given, ran)
            assert "is an input too" in ran.err or "is one of the files in" in ran.err, (option, given, ran.err)
            assert ran.err.count("\n") == 1 and content(here) == before
            out.unlink()


@pytest.mark.parametrize("name", FOLDERS)
def test_no_folder_of_outputs_is_one_of_inputs(here: Path, run_main: Callable, name: str) -> None:
    typed, folder = FOLDERS[name]
    (here / "link").symlink_to(folder)
    before = content(here)
    for out in (folder, f"./{folder}/../{folder}", here / "link"):
        more = ["--as", "openpose", "--overwrite"] if name == "export" else []
        ran = run_main(*typed, out, *more)
        assert (ran.status == 1 and "is an input too" in ran.err) or "would be replaced" in ran.err, ran
        assert content(here) == before


def test_the_persons_files_are_no_inputs(here: Path, run_main: Callable) -> None:
    for option, name in (("--pose", "me.pose.json"), ("--mask", "me.mask.png")):
        Path(name).write_bytes(POSE.read_bytes())
        for out, given in (("", name), ("pics", here / name)):
            (here / "pics" / name).unlink(missing_ok=True)
            (here / "pics" / name).hardlink_to(here / name)
            ran = run_main("subject", "me.png", option, given, "-o", out or ".", "--overwrite", "--offline")
            assert ran.status == 1 and "is an input too" in ran.err and Path(name).read_bytes() == POSE.read_bytes()


def test_a_batch_writes_over_none_of_its_inputs(here: Path, run_main: Callable) -> None:
    Path("song--me.mp4").write_bytes(b"a song of mine")
    Path("pairs.csv").write_text("song.wav,me.png\nsong--me.mp4,me.png\n")
    before = content(here)
    (here / "soft").symlink_to(".")
    for songs, out in (("pairs.csv", "."), ("pairs.csv", "soft"), ("pairs.csv", here)):
        ran = run_main("batch", songs, "-o", out, "--overwrite", "--preview", "--offline")
        assert ran.status == 1 and "song--me.mp4 is an input too" in ran.err and content(here) == before


def test_two_outputs_are_two_files(here: Path, run_main: Callable) -> None:
    for typed, second in ((("dance", "song.wav"), "--sheet"), (("beats", "song.wav"), "--plot")):
        ran = run_main(*typed, "-o", "x.png", second, "./x.png")
        assert (
            ran.status == 1
            and "two outputs are called x.png" in ran.err.replace("./", "")
            and not Path("x.png").exists()
        )


@pytest.mark.parametrize("typed", TWO, ids=lambda typed: " ".join(typed[-2:]) + " of " + typed[0])
def test_a_link_to_nothing_is_not_replaced(here: Path, run_main: Callable, typed: tuple[str, ...]) -> None:
    *command, option, ending = typed
    if command[0] in ("check", "evaluate", "train"):
        pytest.skip("replaces what is there, or writes nothing")
    out = here / f"out{ending}"
    out.symlink_to("/nowhere/at/all")
    ran = run_main(*command, option, out)
    assert ran.status == 1 and "is a link to a file that is not there" in ran.err, ran.err
    assert os.readlink(out) == "/nowhere/at/all" and ran.err.count("\n") == 1  # noqa: PTH115


def test_four_exports_to_one_folder(here: Path) -> None:
    """Each says that it made it, and then it is there, or that it could not."""
    command = [sys.executable, "-m", "dancegen", "export", "d.json", "-o", "keys"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    runs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        for _ in range(4)
    ]
    ended = [(*process.communicate(timeout=300), process.returncode) for process in runs]
    made = [out for out, _, status in ended if status == 0]
    assert len(made) == 1 and made[0].startswith("keys: 60 poses")
    assert all("is being written by another run" in err or "keys exists" in err for _, err, status in ended if status)
    assert len(list(Path("keys").iterdir())) == 60


@pytest.mark.parametrize("name", ["render", "dance", "beats", "export", "import"])
def test_a_second_run_is_refused_before_its_work(here: Path, run_main: Callable, name: str) -> None:
    typed, outputs, _ = FILES[name]
    for option, ending in outputs:
        out = here / f"out{ending}"
        out.write_text("of the first run")
        with claim(out):
            ran = run_main(*typed, option, out, "--overwrite")
        assert ran.status == 1 and f"out{ending} is being written by another run of dancegen" in ran.err
        assert ran.err.count("\n") == 1 and out.read_text() == "of the first run"
