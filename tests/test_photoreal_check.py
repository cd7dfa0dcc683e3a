"""What `check` tells of a film by Wan-Animate: with a GPU, without one; neither the extra nor weights are needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import Ran

from dancegen import Request
from dancegen.assets.example import PICTURE, POSE
from dancegen.production import photoreal
from dancegen.production.photoreal import photoreal_checks
from dancegen.production.warnings import Check
from dancegen.renderers.diffusion import cost

REQUEST = Request(Path("a.wav"), Path("me.png"), renderer="wan-animate")
SIZE = (288, 504)


def found(request: Request = REQUEST, frames: int = 300) -> dict[str, Check]:
    return {one.name: one for one in photoreal_checks(request, SIZE, frames)}


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Callable[[float, float], None]:
    """A GPU with so many GB free and so many operations a second."""

    def have(gigabytes: float, flops: float) -> None:
        monkeypatch.setattr(photoreal, "choose_device", lambda name: torch.device("cuda"))
        monkeypatch.setattr(photoreal, "free_on", lambda device: gigabytes * 1e9)
        monkeypatch.setattr(photoreal, "_flops", lambda device: flops)

    return have


def test_without_a_gpu_a_kit_is_offered_and_nothing_is_said_unasked() -> None:
    rows = found(replace(REQUEST, device="cpu"))
    assert {"weights", "GPU", "time", "host memory", "segments"} <= set(rows)
    assert rows["weights"].found == "82.3 GB of weights, licence Apache-2.0, to be downloaded"
    assert rows["weights"].remedy == "dancegen weights download wan-animate --unpinned"
    assert rows["GPU"].verdict == "look" and "export --as wan-animate" in rows["GPU"].remedy
    assert "on a large consumer GPU" in rows["time"].found
    assert found(replace(REQUEST, device="cpu", renderer="puppet")) == {}


def test_a_gpu_is_told_how_the_network_fits_and_how_long_it_takes(gpu: Callable[[float, float], None]) -> None:
    gpu(80, 600e12)
    large = found()
    assert large["GPU"].verdict == "ok" and large["GPU"].found.endswith("80 GB are free: all of it on the GPU")
    gpu(24, 150e12)
    middle = found()
    assert middle["GPU"].found.endswith("one part at a time on the GPU, stored in 8 bits")
    assert "300 frames take about" in middle["time"].found and middle["time"].found != large["time"].found
    assert cost.seconds((288, 512), 300, 150e12) == pytest.approx(4 * cost.seconds((288, 512), 300, 600e12))
    gpu(4, 50e12)
    small = found(frames=9000)
    assert small["GPU"].verdict == "look" and "choose a smaller --size" in small["GPU"].remedy
    assert " h here" in small["time"].found and "--duration 3" in small["time"].remedy


def test_a_gpu_owner_hears_of_it_unasked(gpu: Callable[[float, float], None]) -> None:
    gpu(24, 150e12)
    (row,) = photoreal_checks(replace(REQUEST, renderer="puppet"), SIZE, 300)
    assert row.name == "photoreal" and row.verdict == "ok"
    for said in ("--renderer wan-animate", "82.3 GB", "Apache-2.0", "24 GB are free", "300 frames"):
        assert said in row.found
    gpu(2, 150e12)
    assert photoreal_checks(replace(REQUEST, renderer="puppet"), SIZE, 300)[0].verdict == "look"


def test_weights_of_ones_own(tmp_path: Path) -> None:
    row = found(replace(REQUEST, device="cpu", weights={"renderer.wan-animate": str(tmp_path)}))["weights"]
    assert row.verdict == "ok" and str(tmp_path) in row.found


def test_the_command_needs_neither_the_extra_nor_the_weights(
    run_main: Callable[..., Ran], beat_song: Path, tmp_path: Path
) -> None:
    quick = ("--pose", POSE, "--duration", "2", "--device", "cpu", "--offline", "-o", tmp_path / "a.mp4")
    ran = run_main("check", beat_song, PICTURE, "--renderer", "wan-animate", *quick)
    assert ran.status == 0, ran.err
    assert "82.3 GB of weights, licence Apache-2.0" in ran.out and "60 frames take about" in ran.out
    assert "frames takes about" not in ran.out, "nothing is drawn"
    assert not list(tmp_path.iterdir())
