"""The way from a role, a name or a file to weights that may be loaded."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from dancegen.choreographers.stg_mamba.config import ChoreographerConfig
from dancegen.errors import DancegenError
from dancegen.weights import manifest, resolve, seal
from dancegen.weights import own as own_weights
from dancegen.weights.checkpoint import CONFIG_KEY, save_checkpoint
from dancegen.weights.manifest import Entry, load_manifest
from dancegen.weights.own import weights_by_role
from dancegen.weights.resolve import weights_path
from dancegen.weights.verify import checked_sha256, known_sha256


@dataclass(frozen=True)
class TinyConfig:
    width: int = 4
    rate: float = 0.5
    name: str = "tiny"
    sizes: tuple[int, ...] = (1, 2)


STATE = {"weight": torch.arange(6, dtype=torch.float16).reshape(2, 3), "steps": torch.tensor([7])}


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr(constants, "HF_ASSETS_CACHE", str(tmp_path / "assets"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own: an empty package with the manifest above it."""
    folder = tmp_path / "checkout" / "dancegen"
    (folder / "assets/weights").mkdir(parents=True)
    (folder.parent / "weights_manifest.json").write_text('{"weights": []}')
    for module in (manifest, seal):
        monkeypatch.setattr(module, "PACKAGE_FOLDER", folder)
    return folder


def shipped(package: Path, config: Any = None) -> Path:
    path = package / "assets/weights/choreographer.safetensors"
    save_checkpoint(path, STATE, config or ChoreographerConfig())
    path.with_suffix(".md").write_text("Apache-2.0")
    return path


def edited(path: Path, **metadata: str) -> Path:
    """The same file with other metadata."""
    save_file(STATE, path, metadata)
    return path


# --- the package's own weights


def test_sealed_checkpoint_is_found_by_role_and_name(package: Path) -> None:
    path = shipped(package)
    with pytest.raises(DancegenError, match="lists no choreographer"):
        weights_path("choreographer")
    (entry,) = seal.seal()
    assert (entry.name, entry.role, entry.source, entry.size) == (
        "choreographer",
        "choreographer.stg-mamba",
        "package",
        path.stat().st_size,
    )
    assert weights_path("choreographer") == path
    assert weights_path("choreographer", role="choreographer") == path
    assert seal.seal() == []


def test_seal_keeps_what_is_not_the_files(package: Path) -> None:
    from fake_hub import FakeHub

    path = shipped(package)
    other = FakeHub().add(b"x")
    (entry,) = seal.seal()
    kept = dataclasses.replace(entry, licence="MIT", name="first")
    listed = [dataclasses.asdict(kept), dataclasses.asdict(other)]
    (package.parent / "weights_manifest.json").write_text(json.dumps({"weights": listed}))
    shipped(package, ChoreographerConfig(**{}))
    save_checkpoint(path, {"weight": torch.zeros(1)}, ChoreographerConfig())
    (changed,) = seal.seal()
    assert (changed.name, changed.licence) == ("first", "MIT")
    assert changed.sha256 != entry.sha256
    assert load_manifest() == (changed, other)
    path.unlink()
    seal.seal()
    assert load_manifest() == (other,)


def test_seal_wants_a_card_and_a_checkout(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped(package).with_suffix(".md").unlink()
    with pytest.raises(DancegenError, match="no model card"):
        seal.seal()
    (package / "weights_manifest.json").write_text('{"weights": []}')
    with pytest.raises(DancegenError, match="installed wheel"):
        seal.seal()


def test_tampered_package_file_is_refused(package: Path) -> None:
    path = shipped(package)
    (entry,) = seal.seal()
    assert weights_path("choreographer") == path
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, (0, 0))  # its clock may tick too slowly to tell two writes apart
    with pytest.raises(DancegenError) as caught:
        weights_path("choreographer")
    assert f"expected sha256 {entry.sha256}, found" in str(caught.value)
    path.unlink()
    with pytest.raises(DancegenError, match="missing from this installation"):
        weights_path("choreographer")


def test_package_entry_may_not_be_a_link_out_of_the_package(package: Path, tmp_path: Path) -> None:
    path = shipped(package)
    seal.seal()
    path.rename(tmp_path / "outside.safetensors")
    path.symlink_to(tmp_path / "outside.safetensors")
    with pytest.raises(DancegenError, match="leads outside"):
        weights_path("choreographer")


def test_hash_is_remembered_by_size_time_and_inode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"one")
    found = checked_sha256(path)
    assert known_sha256(path) == found
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    assert known_sha256(path) is None, "another time"
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert known_sha256(path) == found
    path.write_bytes(b"three")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert known_sha256(path) is None, "another size"
    other = tmp_path / "other"
    other.write_bytes(b"six")
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(path)
    assert known_sha256(path) is None, "another inode"


# --- a user's own weights


def test_own_file_becomes_the_default_and_back(package: Path, tmp_path: Path) -> None:
    ships = shipped(package)
    seal.seal()
    own = tmp_path / "mine.safetensors"
    save_checkpoint(own, STATE, ChoreographerConfig())
    assert own_weights.set_default(own) == "choreographer.stg-mamba"
    assert weights_path("choreographer") == own
    own.rename(tmp_path / "away.safetensors")
    with pytest.raises(DancegenError, match="is gone"):
        weights_path("choreographer")
    assert own_weights.forget_default("choreographer")
    assert not own_weights.forget_default("choreographer")
    assert weights_path("choreographer") == ships


def test_default_must_fit_this_version(tmp_path: Path) -> None:
    own = tmp_path / "mine.safetensors"
    stored = {"class": "ChoreographerConfig", **dataclasses.asdict(ChoreographerConfig()), "colour": 1}
    edited(own, **{CONFIG_KEY: json.dumps(stored)})
    with pytest.raises(DancegenError, match="unknown field colour"):
        own_weights.set_default(own)
    save_checkpoint(own, STATE, TinyConfig())
    with pytest.raises(DancegenError, match="'TinyConfig', which belongs to no role"):
        own_weights.set_default(own)
    assert resolve.defaults() == {}


@pytest.mark.parametrize("text", ["{", "[1]", '{"renderer": 3}'])
def test_unreadable_defaults_are_told(text: str) -> None:
    path = resolve.defaults_file()
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(DancegenError, match="delete it"):
        resolve.defaults()


def test_defaults_that_cannot_be_written_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "mine.safetensors"
    save_checkpoint(own, STATE, ChoreographerConfig())
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(DancegenError, match="XDG_CONFIG_HOME"):
        own_weights.set_default(own)


def test_weights_option_finds_its_role(package: Path, tmp_path: Path) -> None:
    shipped(package)
    seal.seal()
    own = tmp_path / "mine.safetensors"
    save_checkpoint(own, STATE, ChoreographerConfig())
    assert weights_by_role([str(own)]) == {"choreographer.stg-mamba": str(own)}
    assert weights_by_role([f"choreographer={own}"]) == {"choreographer.stg-mamba": str(own)}
    assert weights_by_role(["choreographer"]) == {"choreographer.stg-mamba": "choreographer"}
    assert weights_by_role([]) == {}
    assert weights_path(own, role="choreographer") == own


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["renderer={own}"], "is a choreographer.stg-mamba, not a renderer.puppet"),
        (["painter={own}"], "no role 'painter'"),
        (["{own}", "choreographer={own}"], "gives the choreographer.stg-mamba twice"),
        (["nothing"], "no weights called 'nothing'"),
        (["nothing.safetensors"], "no such weights file"),
        (["renderer=choreographer"], "is a choreographer.stg-mamba, not a renderer.puppet"),
        (["net.pth"], "is a pickle"),
    ],
)
def test_weights_option_refuses(package: Path, tmp_path: Path, options: list[str], said: str) -> None:
    shipped(package)
    seal.seal()
    own = tmp_path / "mine.safetensors"
    save_checkpoint(own, STATE, ChoreographerConfig())
    with pytest.raises(DancegenError) as caught:
        weights_by_role([option.format(own=own) for option in options])
    assert said in str(caught.value)


def test_weights_path_refuses_another_role(package: Path, tmp_path: Path) -> None:
    own = shipped(package)
    seal.seal()
    for what in (own, "choreographer"):
        with pytest.raises(DancegenError, match=r"is a choreographer\.stg-mamba, not a renderer\.puppet"):
            weights_path(what, role="renderer")


def test_family_of_files_is_not_one_file() -> None:
    with pytest.raises(DancegenError, match="choose one of dwpose-boxes, dwpose-keypoints"):
        weights_path("dwpose")


def test_hub_entry_is_fetched_by_name(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fake_hub import Listener, point_client_at, running_hub

    with running_hub() as hub:
        point_client_at(hub, tmp_path, monkeypatch)
        entry: Entry = hub.add(b"content")
        (package.parent / "weights_manifest.json").write_text(json.dumps({"weights": [dataclasses.asdict(entry)]}))
        with pytest.raises(DancegenError, match="offline"):
            weights_path("net", offline=True)
        listener = Listener()
        assert weights_path("net", reporter=listener).read_bytes() == b"content"
        assert any("Apache-2.0" in note for note in listener.notes)
        assert weights_path("net", offline=True).read_bytes() == b"content"


def test_render_fetches_what_it_lacks(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_weights: Path
) -> None:
    """A shipped network may move to the Hub: whoever loads it is told its size and licence, and gets it."""
    from fake_hub import Listener, point_client_at, running_hub

    from dancegen.networks import load_networks

    with running_hub() as hub:
        point_client_at(hub, tmp_path, monkeypatch)
        changes = {"name": "choreographer", "role": "choreographer", "config_version": 1}
        entry = hub.add(tiny_weights.read_bytes(), "choreographer.safetensors", **changes)
        (package.parent / "weights_manifest.json").write_text(json.dumps({"weights": [dataclasses.asdict(entry)]}))
        with pytest.raises(DancegenError, match="offline"):
            load_networks(device="cpu", roles=("choreographer",), offline=True)
        listener = Listener()
        networks = load_networks(device="cpu", roles=("choreographer",), reporter=listener)
        assert networks.choreographer is not None
        assert any("kB, licence Apache-2.0" in note for note in listener.notes)
        asked = len(hub.requests)
        assert load_networks(device="cpu", roles=("choreographer",), offline=True).choreographer is not None
        assert len(hub.requests) == asked
