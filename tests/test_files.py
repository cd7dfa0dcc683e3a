"""Outputs: whole or not there, one writer at a time, never an input, nothing left of killed runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROOT

from dancegen.errors import DancegenError
from dancegen.files import (
    claim,
    put,
    refuse_existing,
    refuse_inputs,
    whole_file,
    write_whole,
)
from dancegen.folders import refuse_inside, whole_folder

HOLD = """
import sys, time
from pathlib import Path
from dancegen.files import claim, whole_file
from dancegen.folders import whole_folder
out = Path(sys.argv[1])
with claim(out), whole_file(out) as part, whole_folder(out.parent / "folder") as folder:
    (folder / "half").write_text("half")
    part.write_text("half")
    print("ready", flush=True)
    time.sleep(600)
"""


@contextmanager
def another_process(out: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is in the middle of writing `out`, and a folder beside it."""
    command = [sys.executable, "-c", HOLD, str(out)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_what_another_process_writes_is_left_to_it(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    out = tmp_path / "o.mp4"
    with another_process(out):
        before = left(tmp_path)
        assert len(before) == 4  # two locks, a part, a folder
        for path in (out, tmp_path / "link" / "o.mp4", Path(os.path.relpath(out))):
            with pytest.raises(DancegenError, match=r"o.mp4 is being written by another run"), claim(path, 0.1):
                pass
        with claim(tmp_path / "other.mp4"):
            write_whole(tmp_path / "third.json", b"{}")
        assert left(tmp_path) == before  # of a living process nothing is swept


@pytest.mark.parametrize("name", ["o.mp4", "other.mp4"])
def test_what_a_killed_process_left_is_swept_by_the_next(tmp_path: Path, name: str) -> None:
    with another_process(tmp_path / "o.mp4") as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    mine = [".o.mp4.0123abcd", ".o.mp4.0123abcd.parts", ".other.part.mp4"]
    for file in mine:
        (tmp_path / file).write_text("mine")
    assert len(left(tmp_path)) == 4 + len(mine)
    write_whole(tmp_path / name, b"new")
    assert left(tmp_path) == mine and (tmp_path / name).read_bytes() == b"new"


def test_a_process_that_is_ended_leaves_nothing(tmp_path: Path) -> None:
    with another_process(tmp_path / "o.mp4") as process:
        process.send_signal(signal.SIGINT)
        process.wait()
    assert left(tmp_path) == []


def test_many_threads_and_processes_want_one_output(tmp_path: Path) -> None:
    """Each is refused or writes it, and whoever says so has."""
    out, told = tmp_path / "o.txt", []

    def write(number: int) -> None:
        try:
            with claim(out):
                refuse_existing(out, False)
                time.sleep(0.02)
                write_whole(out, str(number).encode())
                told.append(number)
        except DancegenError as error:
            assert "is being written" in error.what or "exists" in error.what

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert out.read_text() == str(told[0]) and len(told) == 1 and left(tmp_path) == []


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    out = tmp_path / "o.txt"
    out.write_text("old")
    with pytest.raises(RuntimeError), whole_file(out) as part:
        part.write_text("new")
        raise RuntimeError
    folder = tmp_path / "folder"
    with pytest.raises(RuntimeError), whole_folder(folder) as part:
        (part / "a").write_text("new")
        raise RuntimeError
    assert out.read_text() == "old" and sorted(path.name for path in tmp_path.iterdir()) == ["o.txt"]


def test_a_folder_takes_the_place_of_another(tmp_path: Path) -> None:
    for number in range(2):
        with whole_folder(tmp_path / "folder") as part:
            (part / f"{number}").write_text("")
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["1"] and left(tmp_path) == []


REPLACING = """
import os, sys
from pathlib import Path
from dancegen import folders
rename, remove, step = Path.replace, folders.remove, [0]
def dying(work):
    def die(*given):
        step[0] += 1
        if step[0] == int(sys.argv[2]):
            os._exit(9)
        return work(*given)
    return die
Path.replace, folders.remove = dying(rename), dying(remove)
if sys.argv[3] == "aside":
    folders._exchange = lambda one, other: False
else:
    folders._exchange = dying(folders._exchange)
with folders.whole_folder(Path(sys.argv[1])) as part:
    (part / "new").write_text("new")
"""


@pytest.mark.parametrize("way", ["exchange", "aside"])
@pytest.mark.parametrize("step", [1, 2, 3])
def test_a_folder_that_is_being_replaced_is_never_lost(tmp_path: Path, way: str, step: int) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old").write_text("old")
    command = [sys.executable, "-c", REPLACING, str(folder), str(step), way]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == (0 if (way, step) == ("exchange", 3) else 9)
    with claim(tmp_path / "other"):  # whoever writes there next
        assert [path.name for path in folder.iterdir()] in (["old"], ["new"])
        assert (way, step) != ("aside", 2) or (folder / "old").exists()
    assert left(tmp_path) == []


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_the_users(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "new", b"")
        with whole_folder(tmp_path / "folder"):
            pass
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o666 & ~umask
        assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o777 & ~umask
        for mode in (0o600, 0o664, 0o444):
            (tmp_path / "new").chmod(mode)
            write_whole(tmp_path / "new", b"again")
            assert (tmp_path / "new").stat().st_mode & 0o777 == mode
    finally:
        os.umask(before)


def test_success_is_said_only_of_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part, out = tmp_path / "part", tmp_path / "out"
    part.write_text("mine")
    rename = Path.replace

    def meanwhile(self: Path, target: Path) -> None:
        rename(self, target)
        (tmp_path / "theirs").write_text("theirs")
        rename(tmp_path / "theirs", target)

    monkeypatch.setattr(Path, "replace", meanwhile)
    with pytest.raises(DancegenError, match="another program has replaced or removed it"):
        put(part, out)


def test_an_output_is_never_an_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = tmp_path / "song.wav"
    given.write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "pose.json").write_text("mine")
    (tmp_path / "hard").hardlink_to(given)
    (tmp_path / "soft").symlink_to("song.wav")
    (tmp_path / "beside").symlink_to("folder")
    for out in ("song.wav", "./folder/../song.wav", "hard", "soft", str(given), "beside/../song.wav"):
        with pytest.raises(DancegenError, match="is an input too"):
            refuse_inputs(Path(out), [None, given])
    for out in ("folder", "beside", "."):
        with pytest.raises(DancegenError, match="which would be replaced"):
            refuse_inside(Path(out), [None, "folder/pose.json"])
    with pytest.raises(DancegenError, match="one of the files in"):
        refuse_inputs(Path("folder/pose.json"), [tmp_path / "beside"])
    with pytest.raises(DancegenError, match="is an input too"):
        refuse_inputs(Path("new.png"), [Path("./new.png")])  # two outputs that are one
    refuse_inputs(Path("folder/new.json"), [tmp_path / "folder", given, None, "nowhere.wav"])
    refuse_inputs(Path("new"), [given])
    refuse_inside(Path("folder"), [given, "folder/none.json"])


def test_a_link_to_nothing_is_not_replaced_unasked(tmp_path: Path) -> None:
    out = tmp_path / "o.mp4"
    out.symlink_to(tmp_path / "unmounted" / "o.mp4")
    with pytest.raises(DancegenError, match="a link to a file that is not there: add --overwrite"):
        refuse_existing(out, False)
    refuse_existing(out, True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_or_a_device_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(os.devnull)
    for out in (tmp_path / "pipe", tmp_path / "link", Path(os.devnull)):
        for overwrite in (False, True):
            with pytest.raises(DancegenError, match="not a file but a pipe or a device: name a file with -o"):
                refuse_existing(out, overwrite)


def test_long_and_odd_names(tmp_path: Path) -> None:
    for name in ("ö" * 125 + ".json", os.fsdecode(b"a\xff.json"), "a\nb.json", "a.b-c d"):
        try:
            (tmp_path / name).write_text("old")
        except OSError:
            continue
        write_whole(tmp_path / name, b"new")
        assert (tmp_path / name).read_bytes() == b"new" and left(tmp_path) == []
