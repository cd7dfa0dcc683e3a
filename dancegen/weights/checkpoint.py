"""Checkpoints: safetensors files whose metadata holds the network's frozen dataclass as JSON. No pickle anywhere."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dancegen.errors import DancegenError

if TYPE_CHECKING:
    import torch

Config = TypeVar("Config")
CONFIG_KEY = "dancegen_config"
NOTES_KEY = "dancegen_notes"
PICKLES = (".pt", ".pth", ".ckpt", ".bin", ".pkl")


def save_checkpoint(path: Path, state: dict[str, torch.Tensor], config: Any, notes: dict[str, Any] | None = None) -> None:
    """Write `state` whole or not at all, with `config` (a frozen dataclass) and free `notes` in the metadata."""
    from safetensors.torch import save_file

    metadata = {CONFIG_KEY: json.dumps({"class": type(config).__name__, **dataclasses.asdict(config)})}
    if notes:
        metadata[NOTES_KEY] = json.dumps(notes)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        save_file({key: value.detach().cpu().contiguous() for key, value in state.items()}, name, metadata)
        os.chmod(name, 0o644)
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a checkpoint, its JSON values decoded: {"dancegen_config": {...}, "dancegen_notes": {...}}."""
    from safetensors import SafetensorError, safe_open

    if path.suffix.lower() in PICKLES:
        raise DancegenError(
            f"{path} is a pickle, which can run code of its author's", "give a .safetensors file instead"
        )
    if not path.is_file():
        raise DancegenError(f"{path}: no such weights file", "run `dancegen weights list` for the ones there are")
    try:
        with safe_open(path, "pt") as file:
            raw = file.metadata() or {}
    except (SafetensorError, OSError) as cause:
        raise DancegenError(f"{path} is not a whole safetensors file", "fetch it again") from cause
    return {key: json.loads(value) if key in (CONFIG_KEY, NOTES_KEY) else value for key, value in raw.items()}


def load_checkpoint(path: Path, config_class: type[Config]) -> tuple[Config, dict[str, torch.Tensor]]:
    """The config and the tensors of a checkpoint written by `save_checkpoint`, floats widened to float32.

    Raises:
        DancegenError: the file is missing, a pickle, broken, or its config is not one of `config_class`.
    """
    import torch
    from safetensors.torch import load_file

    stored = read_metadata(path).get(CONFIG_KEY)
    if stored is None:
        raise DancegenError(f"{path} carries no dancegen config", "give a checkpoint that dancegen wrote")
    config = config_from_json(stored, config_class, str(path))
    state = load_file(path)
    return config, {key: value.to(torch.float32) if value.is_floating_point() else value for key, value in state.items()}


def config_from_json(stored: dict[str, Any], config_class: type[Config], where: str) -> Config:
    """A `config_class` from its JSON; every field that does not fit is named."""
    fields = {field.name: field for field in dataclasses.fields(config_class)}  # type: ignore[arg-type]
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()}
    kind = values.pop("class", config_class.__name__)
    if kind != config_class.__name__:
        raise DancegenError(f"{where} holds a {kind}, not a {config_class.__name__}", "give weights of the right role")
    unknown, missing = sorted(values.keys() - fields), sorted(fields.keys() - values)
    if unknown or missing:
        parts = [f"unknown field {name}" for name in unknown] + [f"missing field {name}" for name in missing]
        raise DancegenError(f"{where}: its config does not fit this version ({', '.join(parts)})", "retrain or upgrade")
    return config_class(**values)
