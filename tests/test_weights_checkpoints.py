"""Checkpoint files: what comes back, what is refused, and how it is told."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from dancegen.errors import DancegenError
from dancegen.weights import own as own_weights
from dancegen.weights.checkpoint import (
    CONFIG_KEY,
    FORMAT_KEY,
    FORMAT_VERSION,
    fill_network,
    format_version,
    load_checkpoint,
    read_metadata,
    save_checkpoint,
)
from dancegen.weights.resolve import weights_path


@dataclass(frozen=True)
class TinyConfig:
    width: int = 4
    rate: float = 0.5
    name: str = "tiny"
    sizes: tuple[int, ...] = (1, 2)


STATE = {"weight": torch.arange(6, dtype=torch.float16).reshape(2, 3), "steps": torch.tensor([7])}
RUNS = []  # what a loaded pickle would have appended to


class Trap:
    """Runs code when unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return RUNS.append, ("ran",)


def edited(path: Path, **metadata: str) -> Path:
    """The same file with other metadata."""
    save_file(STATE, path, metadata)
    return path


@pytest.mark.skipif(os.name == "nt", reason="no umask there")
def test_a_checkpoint_is_readable_as_the_umask_has_it(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        save_checkpoint(tmp_path / "tiny.safetensors", STATE, TinyConfig())
    finally:
        os.umask(before)
    assert (tmp_path / "tiny.safetensors").stat().st_mode & 0o777 == 0o640


def test_checkpoint_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "tiny.safetensors"
    config = TinyConfig(width=9, sizes=(3, 4, 5))
    save_checkpoint(path, STATE, config, notes={"steps": 10})
    found, state = load_checkpoint(path, TinyConfig)
    assert found == config
    assert torch.equal(state["weight"], STATE["weight"].float())
    assert state["weight"].dtype == torch.float32
    assert torch.equal(state["steps"], STATE["steps"])
    assert format_version(path) == FORMAT_VERSION
    assert [kept.name for kept in path.parent.iterdir()] == [path.name]


def test_failed_save_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, STATE, TinyConfig())
    before = path.read_bytes()
    shared = torch.zeros(4)
    with pytest.raises(RuntimeError):  # safetensors refuses tensors that share memory
        save_checkpoint(path, {"a": shared, "b": shared}, TinyConfig())
    assert path.read_bytes() == before
    assert [kept.name for kept in tmp_path.iterdir() if kept.name != "config"] == [path.name]


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".bin", ".PT", ".safetensors"])
@pytest.mark.parametrize("kind", ["torch", "pickle"])
def test_pickle_is_refused_unread(tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / f"evil{suffix}"
    if kind == "torch":
        torch.save({"weight": Trap()}, path)
    else:
        path.write_bytes(pickle.dumps(Trap()))
    for attempt in (
        lambda: load_checkpoint(path, TinyConfig),
        lambda: weights_path(path),
        lambda: own_weights.set_default(path),
    ):
        with pytest.raises(DancegenError, match="is a pickle, which can run code"):
            attempt()
    assert RUNS == []


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff" * 100, b"\x10\0\0\0\0\0\0\0{"])
def test_broken_file_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(content)
    with pytest.raises(DancegenError, match="not a whole safetensors file"):
        read_metadata(path)


def test_file_cut_short_is_told(tmp_path: Path) -> None:
    path = tmp_path / "cut.safetensors"
    save_checkpoint(path, STATE, TinyConfig())
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(DancegenError, match="not a whole safetensors file"):
        load_checkpoint(path, TinyConfig)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"depth": 3}, "unknown field depth"),
        ({"width": None}, "field width is None"),
        ({"width": "wide"}, "field width is 'wide', not of type int"),
        ({"width": True}, "field width is True"),
        ({"sizes": 3}, "field sizes is 3"),
        ({"class": "RendererConfig"}, "holds a RendererConfig, not a TinyConfig"),
    ],
)
def test_config_that_does_not_fit_names_the_field(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    stored = {"class": "TinyConfig", **dataclasses.asdict(TinyConfig()), **changes}
    path = edited(tmp_path / "a.safetensors", **{CONFIG_KEY: json.dumps(stored)})
    with pytest.raises(DancegenError) as caught:
        load_checkpoint(path, TinyConfig)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_tensors_that_do_not_fit_are_named() -> None:
    network = torch.nn.Linear(3, 2)
    state = {"weight": torch.zeros(4, 3), "scale": torch.ones(1)}
    with pytest.raises(DancegenError) as caught:
        fill_network(network, state, Path("w.safetensors"))
    for said in ("missing tensor bias", "unknown tensor scale", "tensor weight is (4, 3), not (2, 3)", "w.safetensors"):
        assert said in str(caught.value)
    fill_network(network, {"weight": torch.ones(2, 3), "bias": torch.ones(2)}, Path("w.safetensors"))
    assert float(network(torch.ones(3)).detach().sum()) == 8.0


def test_of_many_tensors_that_do_not_fit_some_are_named() -> None:
    state = {f"old.{index}": torch.zeros(1) for index in range(20)}
    with pytest.raises(DancegenError, match="17 more"):
        fill_network(torch.nn.Linear(3, 2), state, Path("w.safetensors"))


def test_missing_field_is_named(tmp_path: Path) -> None:
    path = edited(tmp_path / "a.safetensors", **{CONFIG_KEY: '{"class": "TinyConfig", "width": 1, "rate": 1}'})
    with pytest.raises(DancegenError, match=r"missing field name, missing field sizes"):
        load_checkpoint(path, TinyConfig)


@pytest.mark.parametrize("config", ["{", "[]", '"x"'])
def test_unreadable_config_is_told(tmp_path: Path, config: str) -> None:
    with pytest.raises(DancegenError):
        load_checkpoint(edited(tmp_path / "a.safetensors", **{CONFIG_KEY: config}), TinyConfig)


def test_file_of_somebody_else_is_told(tmp_path: Path) -> None:
    with pytest.raises(DancegenError, match="no dancegen config"):
        load_checkpoint(edited(tmp_path / "a.safetensors", format="pt"), TinyConfig)


@pytest.mark.parametrize("version", [str(FORMAT_VERSION + 1), "0", "new"])
def test_newer_layout_is_refused(tmp_path: Path, version: str) -> None:
    config = json.dumps({"class": "TinyConfig", **dataclasses.asdict(TinyConfig())})
    path = edited(tmp_path / "a.safetensors", **{CONFIG_KEY: config, FORMAT_KEY: version})
    with pytest.raises(DancegenError, match="upgrade dancegen"):
        load_checkpoint(path, TinyConfig)


@pytest.mark.parametrize(
    ("module", "role"),
    [
        ("choreographers.stg_mamba.dance", "choreographer"),
        ("choreographers.hotdance.dance", "hotdance"),
        ("capture.imagine", "vimo"),
    ],
)
def test_no_compiler_is_imported_to_load_weights(module: str, role: str) -> None:
    """Shapes are looked at without memory, where some functions of PyTorch import its compiler, for half a second."""
    code = "import sys, torch\nfrom pathlib import Path\n"
    code += f"from dancegen.{module} import load\nload(Path({str(weights_path(role))!r}), torch.device('cpu'))\n"
    code += "print('sympy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
