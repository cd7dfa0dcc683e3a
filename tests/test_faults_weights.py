"""Checkpoints whose headers claim what their tensors do not hold."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from dancegen.choreographers.stg_mamba.model import load_choreographer
from dancegen.errors import DancegenError
from dancegen.people.network.network import load_subject_network
from dancegen.renderers.retouch.generator import load_generator
from dancegen.weights.checkpoint import CONFIG_KEY, read_metadata
from dancegen.weights.resolve import weights_path

LOADERS = {"subject": load_subject_network, "renderer": load_generator}


def changed(source: Path, target: Path, **claims: Any) -> Path:
    """A checkpoint that claims another config; a claim that is a str is the raw metadata."""
    content = source.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    metadata = header["__metadata__"]
    for key, claim in claims.items():
        if key == "raw":
            metadata[CONFIG_KEY] = claim
        else:
            metadata[CONFIG_KEY] = json.dumps({**json.loads(metadata[CONFIG_KEY]), key: claim})
    written = json.dumps(header).encode()
    target.write_bytes(struct.pack("<Q", len(written)) + written + content[8 + length :])
    return target


@pytest.mark.parametrize(
    "claim",
    [
        {"hidden": 20_000},
        {"hidden": 2000},
        {"hidden": 0},
        {"hidden": 15},
        {"hidden": -16},
        {"blocks": 1_000_000_000},
        {"blocks": 2000},
        {"blocks": 0},
        {"node": 10**400},
        {"head_width": 0},
        {"conv_width": 0},
        {"audio_channels": [2] * 100_000},
        {"audio_channels": []},
        {"audio_channels": ["a"]},
        {"noise_scale": 1e300},
        {"raw": "[" * 100_000},
        {"raw": '{"a":' * 100_000},
        {"raw": "1" * 5000},
        {"raw": "[]"},
        {"raw": '{"notes": "' + "a" * 2_000_000 + '"}'},
    ],
    ids=str,
)
def test_a_config_is_not_believed(tiny_weights: Path, tmp_path: Path, claim: dict[str, Any]) -> None:
    began = time.monotonic()
    with pytest.raises(DancegenError, match=r"a\.safetensors") as told:
        load_choreographer(changed(tiny_weights, tmp_path / "a.safetensors", **claim))
    assert time.monotonic() - began < 10 and len(str(told.value)) < 400


@pytest.mark.parametrize("role", LOADERS)
def test_the_numbers_of_every_config_are_held_against_the_tensors(tmp_path: Path, role: str) -> None:
    source = weights_path(role, role=role, offline=True)
    LOADERS[role](source)
    for key, value in read_metadata(source)[CONFIG_KEY].items():
        number = value[0] if isinstance(value, list) else value
        if isinstance(number, int) and not isinstance(number, bool):
            for claim in (10**9, -1):
                bent = [claim, *value[1:]] if isinstance(value, list) else claim
                with pytest.raises(DancegenError, match=r"a\.safetensors"):
                    LOADERS[role](changed(source, tmp_path / "a.safetensors", **{key: bent}))


def test_a_manifest_that_is_nested_without_end(tmp_path: Path) -> None:
    from dancegen.weights.manifest import load_manifest

    for text in (
        "[" * 100_000,
        '{"weights":' * 100_000,
        '{"weights": [' + "1" * 5000 + "]}",
        '{"weights": [{"size": 1e999}]}',
    ):
        (tmp_path / "m.json").write_text(text)
        with pytest.raises(DancegenError, match=r"m\.json"):
            load_manifest(tmp_path / "m.json")


def test_loading_networks_imports_no_compiler(tiny_weights: Path) -> None:
    """PyTorch's takes seconds, and leaves a folder in the temporary folder."""
    code = (
        "import sys; from pathlib import Path; from dancegen.choreographers.stg_mamba.model import load_choreographer\n"
        "from dancegen.people.network.network import load_subject_network as subject\n"
        "from dancegen.renderers.retouch.generator import load_generator as renderer\n"
        "from dancegen.weights.resolve import weights_path\n"
        "load_choreographer(Path(sys.argv[1]))\n"
        "for role, load in (('subject', subject), ('renderer', renderer)):\n"
        "    load(weights_path(role, role=role, offline=True))\n"
        "print('torch._dynamo' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, tiny_weights]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stdout == "False\n"
