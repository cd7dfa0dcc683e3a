"""`bench` on a GPU: the device's results beside the CPU's, on a GPU that is not there, and on one that is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from conftest import Ran

from dancegen.assets.example import PICTURE, SONG
from dancegen.cli import bench
from dancegen.production import parity
from tests.fake_device import FakeGpu, moved

pytestmark = pytest.mark.filterwarnings("ignore:CUDA is not available", "ignore:PyTorch was compiled without cuDNN")


def test_a_gpu_that_is_right_holds_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(parity, "SECONDS", 3.0)
    monkeypatch.setattr(parity, "FRAMES", 2)
    kept = torch.nn.Module.to
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, to: moved(self) if "cuda" in str(to) else kept(self, to))
    with FakeGpu():
        rows = parity.compare(SONG, PICTURE, "cuda")
    assert all(row.holds for row in rows), rows
    named = " ".join(row.what for row in rows)
    for part in ("scan", "beats", "dance", "finder", "puppet's", "avatar's", "skeleton's", "puppet's frames without"):
        assert part in named, "each network and each renderer that needs no extra is compared"
    assert rows[0].difference < 1e-5


def test_a_wrong_scan_is_told_and_exits_1(run_main: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch) -> None:
    from dancegen.choreographers.stg_mamba import stgm

    monkeypatch.setattr(stgm, "selective_scan", lambda x, dt, *rest: stgm.chunked_scan(x, dt * 1.01, *rest))
    monkeypatch.setattr(parity, "SECONDS", 2.0)
    monkeypatch.setattr(parity, "FRAMES", 1)
    monkeypatch.setattr(bench, "_stages", lambda *_: {})
    monkeypatch.setattr(bench, "_child", lambda *_: "")
    how = ("--device", "cpu", "--no-memory", "--repeats", "1", "--quiet")
    ran = run_main("bench", *how, "--parity")
    assert ran.status == 1 and ran.out.count("NOT AS THE CPU") == 1
    rows = json.loads(run_main("bench", *how, "--parity", "--json").out)["parity"]
    assert [row["holds"] for row in rows] == [False, *[True] * (len(rows) - 1)] and len(rows) > 6
    assert run_main("bench", *how).status == 0, "on the CPU nothing is compared unless it is asked for"


def test_what_cannot_be_compared_does_not_hold() -> None:
    assert not parity.Row("dance", float("nan"), 1.0, "").holds
