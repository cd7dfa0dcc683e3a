"""What files and their names say is shown as text; streams are taken as they are found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ROOT, Ran
from hypothesis import given
from hypothesis import strategies as st

from dancegen.cli.tables import safe_console
from dancegen.errors import HIDDEN, LONGEST, DancegenError, escape, one_line

EVIL = "a\x1b[2J\x1b]0;title\x07\r\nb\u202egpm.\u2028\x9b31m\udcff\0"


@given(st.text() | st.text(alphabet=EVIL))
def test_what_is_shown_is_one_short_line_without_control_characters(text: str) -> None:
    for told in (one_line(text), str(DancegenError(text, text)), one_line(text * 999)):
        assert len(told) <= LONGEST and not HIDDEN.search(told) and len(told.splitlines()) <= 1
        told.encode()
    assert one_line(one_line(text)) == one_line(text)


def test_escapes_can_be_read() -> None:
    assert escape("bad\udcff.wav") == r"bad\xff.wav"
    assert one_line(EVIL) == r"a\x1b[2J\x1b]0;title\x07 b\u202egpm. \x9b31m\xff\x00"
    assert one_line("Ünïcode 音楽 👩‍💻 می‌خواهم.wav") == "Ünïcode 音楽 👩‍💻 می‌خواهم.wav"
    assert one_line("x" * 1000, 100).startswith("xxx") and " ... " in one_line("x" * 1000, 100)


def test_a_message_keeps_its_remedy_however_long_a_name_is() -> None:
    told = DancegenError(f"{'x' * 5000}.wav is no song", "give another")
    assert len(str(told)) < 400 and str(told).endswith("is no song: give another")


def test_tables_show_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.table import Table

    table = Table("name", "number")
    table.add_row(EVIL, "1")
    safe_console(width=100).print(table)
    out = capsys.readouterr().out
    assert r"\x1b[2J" in out and not HIDDEN.search(out.replace("\n", "")) and "1" in out


def run(
    *arguments: object, shell: str = "", cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """The program as its own process, through a shell that redirects."""
    command = [sys.executable, "-m", "dancegen", *map(os.fsencode, map(str, arguments))]
    wrapped = [b"sh", b"-c", f'exec "$@" {shell}'.encode(), b"sh", *command]
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(wrapped, capture_output=True, cwd=cwd, env=env, check=False)


needs_shell = pytest.mark.skipif(os.name != "posix", reason="shells redirect elsewhere in another way")


@needs_shell
@pytest.mark.parametrize("shell", [">&-", ">&- 2>&-", "<&- >&- 2>&-", "2>&-"])
def test_closed_streams_are_no_fault(tmp_path: Path, shell: str) -> None:
    ran = run("weights", "list", shell=shell)
    assert ran.returncode == 0 and ran.stderr == b""


@needs_shell
def test_nothing_printed_goes_into_a_file_that_took_the_place_of_a_closed_stream(
    tmp_path: Path, beat_song: Path
) -> None:
    assert run("beats", beat_song, "-o", tmp_path / "a.txt", shell=">&- 2>&-").returncode == 0
    assert "beats a minute" not in (tmp_path / "a.txt").read_text()


@needs_shell
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_standard_output_is_told() -> None:
    ran = run("weights", "list", shell="> /dev/full")
    assert ran.returncode == 1
    assert ran.stderr == b"dancegen: the result could not be printed (No space left on device): free some room\n"


@needs_shell
@pytest.mark.parametrize("arguments", [("weights", "list"), ("--help",), ("doctor", "--offline")])
def test_a_reader_that_goes_away_is_no_fault(arguments: tuple[str, ...]) -> None:
    ran = run(*arguments, shell="| true")
    assert b"Traceback" not in ran.stderr and b"fault" not in ran.stderr and b"Exception" not in ran.stderr


@needs_shell
def test_a_name_that_is_no_text(tmp_path: Path, beat_song: Path) -> None:
    name = os.fsencode(tmp_path) + b"/bad\xff\x1b[31m.wav"
    try:
        Path(os.fsdecode(name)).write_bytes(beat_song.read_bytes())
    except OSError:
        pytest.skip("this file system takes text only")
    ran = run("beats", os.fsdecode(name))
    assert ran.returncode == 0 and rb"bad\xff\x1b[31m.wav" in ran.stdout, ran.stderr
    ran = run("beats", os.fsdecode(name), "-o", tmp_path / "a.txt")
    assert ran.returncode == 0 and rb"bad\xff\x1b[31m.wav" in (tmp_path / "a.txt").read_bytes(), ran.stderr
    ran = run("beats", os.fsdecode(name) + "x")
    assert ran.returncode == 1 and rb"bad\xff\x1b[31m.wavx: no such file" in ran.stderr and b"\x1b" not in ran.stderr


@needs_shell
def test_names_that_the_terminal_has_no_letters_for(tmp_path: Path, beat_song: Path) -> None:
    path = tmp_path / "音楽.wav"
    path.write_bytes(beat_song.read_bytes())
    for arguments in ((path,), (tmp_path / "無.wav",)):
        ran = run("beats", *arguments, PYTHONIOENCODING="ascii")
        assert ran.returncode == (arguments != (path,)) and b"fault" not in ran.stderr
        assert b"\\u97f3\\u697d.wav" in ran.stdout or b"\\u7121.wav: no such file" in ran.stderr


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
@pytest.mark.parametrize("arguments", [("--help",), ("weights", "list"), ("render", "--sise"), ("beats", "none.wav")])
def test_no_color_means_no_escape_codes(arguments: tuple[str, ...]) -> None:
    outer, inner = os.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "TERM": "xterm-256color"}
    command = [sys.executable, "-m", "dancegen", *arguments]
    with subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, env=env, cwd=ROOT) as process:
        os.close(inner)
        told = b""
        try:
            while part := os.read(outer, 1 << 16):
                told += part
        except OSError:  # its other end is closed
            pass
    os.close(outer)
    assert process.returncode in (0, 1, 2) and len(told) > 20 and not re.search(rb"\x1b", told), told


def test_a_line_end_in_a_name_is_no_line_end_in_what_is_printed(
    tmp_path: Path, beat_song: Path, quick: tuple[str, ...], run_main: Callable[..., Ran]
) -> None:
    song = tmp_path / "a\nall is well.wav"
    song.write_bytes(beat_song.read_bytes())
    ran = run_main("beats", song)
    assert ran.status == 0 and ran.out.splitlines()[0].startswith("a all is well.wav: 4.0 s")
    out = tmp_path / "b\nc.dance.json"
    ran = run_main("dance", song, "-o", out, "--duration", 2, "--weights", quick[1])
    assert ran.status == 0 and "b c.dance.json: 2.0 s of a all is well.wav" in ran.out.splitlines()[0]
