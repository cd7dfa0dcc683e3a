from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from conftest import Ran

from dancegen.cli import bench, doctor
from dancegen.errors import DancegenError
from dancegen.weights import hub, manifest


def test_doctor_finds_a_whole_installation(run_main: Callable[..., Ran]) -> None:
    ran = run_main("doctor")
    assert ran.status == 0 and "!!" not in ran.out
    for what in ("dancegen", "device", "ffmpeg", "choreographer", "mediapipe", "weights cache", "temporary files"):
        assert what in ran.out


def test_doctor_names_what_is_broken_and_the_remedy(
    run_main: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = next(entry for entry in manifest.load_manifest() if entry.role.startswith("choreographer"))
    changed = dataclasses.replace(shipped, name="changed", sha256="0" * 64)
    gone = dataclasses.replace(shipped, name="gone", filename="assets/weights/gone.safetensors")
    monkeypatch.setattr(manifest, "load_manifest", lambda: (shipped, changed, gone))
    ran = run_main("doctor")
    assert ran.status == 1 and ran.out.count("!!") == 2
    text = " ".join(ran.out.split())
    assert "another sha256" in text and "is missing" in text and text.count("install dancegen again") == 2


def test_doctor_tells_of_roles_that_have_no_weights(
    run_main: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "load_manifest", tuple)
    monkeypatch.setattr(doctor, "CHECKS", (doctor._weights,))
    ran = run_main("doctor")
    text = " ".join(ran.out.split())
    assert ran.status == 1 and ran.out.count("!!") == 1
    assert "--dance FILE" in text and "the bare puppet draws" in text and "subject=FILE" in text


@pytest.mark.parametrize("closed", ["hub", "tmp"])
def test_doctor_tells_of_folders_that_cannot_be_written_to(
    run_main: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, closed: str
) -> None:
    for name in ("hub", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(hub, "cache_folder", lambda: tmp_path / "hub")
    monkeypatch.setattr(doctor.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    monkeypatch.setattr(doctor.os, "access", lambda folder, _: Path(folder).name != closed)
    monkeypatch.setattr(doctor, "CHECKS", (doctor._folders,))
    ran = run_main("doctor")
    text = " ".join(ran.out.split())
    assert "cannot be written to" in text and ("set HF_HOME" if closed == "hub" else "set TMPDIR") in text
    assert ran.status == (closed == "tmp"), "a read-only cache is used, without temporary files nothing works"


def test_a_check_that_crashes_is_a_finding(run_main: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    def _device() -> None:
        raise OSError("libcuda is upset")

    monkeypatch.setattr(doctor, "CHECKS", (_device, doctor._folders))
    ran = run_main("doctor")
    assert ran.status == 1 and "libcuda is upset" in ran.out and "temporary files" in ran.out


def test_bench_measures_all_it_names(run_main: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def child(*arguments: str) -> str:
        asked.append(arguments)
        return "PEAK 123.4"

    monkeypatch.setattr(bench, "_child", child)
    monkeypatch.setattr(bench, "SONG_SECONDS", 3)
    monkeypatch.setattr(bench, "LONG_SECONDS", 4)
    ran = run_main("bench", "--repeats", "1", "--frames", "2", "--device", "cpu", "--json", "--quiet")
    told = json.loads(ran.out)
    assert ran.status == 0 and set(told["results"]) == set(bench.LABELS) >= set(bench.TARGETS)
    assert all(value >= 0 for value in told["results"].values()) and told["machine"]["cores"]
    assert told["results"]["memory_10_minutes"] == 123 and len(asked) == 4


def test_bench_children_stop_at_the_first_frame_and_tell_their_memory(
    tmp_path: Path, beat_song: Path, picture: Path, quick: tuple[str, ...]
) -> None:
    render = ("render", str(beat_song), str(picture), "-o", str(tmp_path / "a.mp4"), *quick)
    assert "frames" not in bench._child("-c", bench.CHILD, "first", *render)  # notes on the dance may come before
    assert not list(tmp_path.iterdir())
    told = bench._child("-c", bench.CHILD, "memory", *render)
    assert "frames" in told and 50 < float(told.split("PEAK")[1]) < 4000 and (tmp_path / "a.mp4").is_file()
    with pytest.raises(RuntimeError, match="no such file"):
        bench._child("-c", bench.CHILD, "first", "render", "missing.wav", str(picture), "-o", str(tmp_path / "b.mp4"))


def test_bench_songs_have_their_length(tmp_path: Path) -> None:
    assert soundfile.info(bench._song(tmp_path, 30)).duration == 30


def test_doctor_tries_mediapipe_and_fits_into_a_pipe(
    run_main: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dancegen import registry
    from dancegen.people.detectors import mediapipe

    def broken(*, masks: bool) -> None:
        raise DancegenError("mediapipe is installed and does not work here (ImportError: numpy)", "install it again")

    monkeypatch.setattr(registry.Backend, "missing", "")
    monkeypatch.setattr(mediapipe, "is_available", lambda: True)
    monkeypatch.setattr(mediapipe, "_model", broken)
    monkeypatch.setattr(doctor, "CHECKS", (doctor._programs, doctor._backends))
    ran = run_main("doctor")
    assert ran.status == 1 and "does not work here" in " ".join(ran.out.split()) and ran.out.count("!!") == 1
    assert max(map(len, ran.out.splitlines())) <= 120
