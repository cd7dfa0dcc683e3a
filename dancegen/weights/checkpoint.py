"""Checkpoints: safetensors files whose metadata holds the network's frozen dataclass as JSON. No pickle anywhere."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from dancegen.errors import DancegenError
from dancegen.files import whole_file
from dancegen.jsonfile import parse_json

if TYPE_CHECKING:
    import torch

Config = TypeVar("Config")
Network = TypeVar("Network", bound="torch.nn.Module")
CONFIG_KEY = "dancegen_config"
NOTES_KEY = "dancegen_notes"
FORMAT_KEY = "dancegen_format"
FORMAT_VERSION = 1  # of this file's layout; raised when an older dancegen could no longer read a new checkpoint
# Numbers of a config are sizes of tensors and counts of them; one beyond both and this is a fault or an attack.
USUAL_NUMBER = 2048
FILLS = ("normal_", "uniform_", "fill_", "zero_")
ELEMENTWISE = ("add", "sub", "mul", "__rmul__", "div", "neg", "log", "exp", "expm1", "log1p", "sqrt")
SPARE_PARAMETERS = 100  # that a network may make and replace
FAULTS_NAMED = 5  # tensors that do not fit, in one message
PICKLES = (".pt", ".pth", ".ckpt", ".bin", ".pkl")
PICKLE_STARTS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # torch.save's zip; plain pickle


def save_checkpoint(
    path: Path, state: dict[str, torch.Tensor], config: Any, notes: dict[str, Any] | None = None
) -> None:
    """Write `state` whole or not at all, with `config` (a frozen dataclass) and free `notes` in the metadata."""
    from safetensors.torch import save_file

    metadata = {CONFIG_KEY: json.dumps({"class": type(config).__name__, **dataclasses.asdict(config)})}
    metadata[FORMAT_KEY] = str(FORMAT_VERSION)
    if notes:
        metadata[NOTES_KEY] = json.dumps(notes)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as scratch:
        mode = scratch.stat().st_mode  # by the umask; safetensors puts a file of its own there, for its owner alone
        save_file({key: value.detach().cpu().contiguous() for key, value in state.items()}, scratch, metadata)
        scratch.chmod(mode & 0o777)


def read_metadata(path: Path) -> dict[str, Any]:
    """The metadata of a checkpoint, its JSON values decoded: {"dancegen_config": {...}, "dancegen_notes": {...}}.

    Raises:
        DancegenError: the file is missing, a pickle (by its suffix or its first bytes), or no whole safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    if path.suffix.lower() in PICKLES:
        raise _pickle(path)
    if not path.is_file():
        raise DancegenError(f"{path}: no such weights file", "run `dancegen weights list` for the ones there are")
    try:
        with safe_open(path, "np") as file:  # "np" spares the import of torch: only the header is read
            raw = file.metadata() or {}
        decoded = {key: _decode(path, key, value) for key, value in raw.items()}
        if not isinstance(decoded.get(CONFIG_KEY, {}), dict):
            raise ValueError(f"its {CONFIG_KEY} is no JSON object")
        return decoded
    except (SafetensorError, OSError, ValueError) as cause:
        if _starts_like_pickle(path):
            raise _pickle(path) from cause
        raise DancegenError(f"{path} is not a whole safetensors file ({cause})", "fetch it again") from cause


def _decode(path: Path, key: str, value: str) -> Any:
    if key not in (CONFIG_KEY, NOTES_KEY):
        return value
    return parse_json(value, f"{path}: its {key}", "fetch it again", packed=False)


def format_version(path: Path) -> int:
    """The layout version of a checkpoint; those from before it was written down are of version 1."""
    said = str(read_metadata(path).get(FORMAT_KEY, 1))
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 9 else 0


def load_checkpoint(path: Path, config_class: type[Config]) -> tuple[Config, dict[str, torch.Tensor]]:
    """The config and the tensors of a checkpoint written by `save_checkpoint`, floats widened to float32.

    Raises:
        DancegenError: the file is missing, a pickle, broken, of a newer layout, or its config is not one of
            `config_class`.
    """
    import torch
    from safetensors.torch import load_file

    stored = read_metadata(path).get(CONFIG_KEY)
    if stored is None:
        raise DancegenError(f"{path} carries no dancegen config", "give a checkpoint that dancegen wrote")
    if not 1 <= format_version(path) <= FORMAT_VERSION:
        raise DancegenError(f"{path} is of a layout that this version cannot read", "upgrade dancegen")
    config = config_from_json(stored, config_class, str(path))
    state = load_file(path)
    return config, {
        key: value.to(torch.float32) if value.is_floating_point() else value for key, value in state.items()
    }


def build_network(
    make: Callable[[Config], Network], config: Config, state: dict[str, torch.Tensor], path: Path
) -> Network:
    """The network of a checkpoint. Its config is not believed before the tensors are looked at.

    Raises:
        DancegenError: numbers beyond all tensors, a config that makes no network, or as `fill_network`.
    """
    import torch

    _check_numbers(config, state, path)
    try:
        with torch.device("meta"), _leave_unfilled(), _at_most(len(state)):  # shapes alone, no memory
            shapes = make(config)
        _check_tensors(shapes, state, path)
        network = make(config)
    except (RuntimeError, ValueError, TypeError, ArithmeticError, LookupError, AssertionError) as cause:
        raise DancegenError(f"{path}: its config makes no network ({cause})", "retrain or upgrade") from cause
    network.load_state_dict(state)
    return network


def _leave_unfilled() -> contextlib.AbstractContextManager[Any]:
    """Leaves out what fills new parameters: without memory it has no effect but that PyTorch imports its compiler."""
    import torch
    from torch.overrides import TorchFunctionMode

    class Unfilled(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            name = getattr(function, "__name__", "")
            if getattr(function, "__module__", "") == "torch.nn.init" or name in FILLS:
                return args[0] if args else kwargs["tensor"]
            if name in ELEMENTWISE:
                return max((arg for arg in args if isinstance(arg, torch.Tensor)), key=torch.Tensor.numel)
            if name in ("randn", "rand"):
                return torch.empty(*args)
            if name == "linspace":
                return torch.empty(args[2])
            return function(*args, **(kwargs or {}))

    return Unfilled()


@contextlib.contextmanager
def _at_most(tensors: int) -> Iterator[None]:
    """Stop a network in the making that has far more parameters than its file: blocks = 1000 would take minutes."""
    from torch.nn.modules.module import register_module_parameter_registration_hook

    made = 0

    def count(*_: Any) -> None:
        nonlocal made
        made += 1
        if made > 2 * tensors + SPARE_PARAMETERS:
            raise ValueError("it has more tensors than the file")

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


def _check_numbers(config: Any, state: dict[str, torch.Tensor], path: Path) -> None:
    largest = max([USUAL_NUMBER, len(state), *(size for tensor in state.values() for size in tensor.shape)])
    for name, value in dataclasses.asdict(config).items():
        for number in value if isinstance(value, tuple) else (value,):
            odd = isinstance(number, float) and not math.isfinite(number)
            if odd or (isinstance(number, int | float) and not 0 <= number <= largest):
                raise DancegenError(
                    f"{path}: its config says {name} = {number}, which fits no tensor", "fetch it again"
                )
        if isinstance(value, tuple) and len(value) > len(state):
            raise DancegenError(f"{path}: its config says {len(value)} {name}, more than tensors", "fetch it again")


def fill_network(network: torch.nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    """Put the tensors of a checkpoint into its network; every one that does not fit is named.

    Raises:
        DancegenError: a tensor is missing, unknown or of another shape.
    """
    _check_tensors(network, state, path)
    network.load_state_dict(state)


def _check_tensors(network: torch.nn.Module, state: dict[str, torch.Tensor], path: Path) -> None:
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in state.items()}
    faults = [f"missing tensor {name}" for name in sorted(wanted.keys() - found)]
    faults += [f"unknown tensor {name}" for name in sorted(found.keys() - wanted)]
    both = sorted(wanted.keys() & found)
    faults += [f"tensor {name} is {found[name]}, not {wanted[name]}" for name in both if found[name] != wanted[name]]
    if faults:
        more = f" and {len(faults) - FAULTS_NAMED} more" if len(faults) > FAULTS_NAMED else ""
        said = ", ".join(faults[:FAULTS_NAMED])
        raise DancegenError(f"{path}: its tensors do not fit this version ({said}{more})", "retrain or upgrade")


def config_from_json(stored: dict[str, Any], config_class: type[Config], where: str) -> Config:
    """A `config_class` from its JSON; every field that does not fit is named.

    Raises:
        DancegenError: another class, an unknown or a missing field, a value of the wrong type or one the class refuses.
    """
    fields = {field.name: field for field in dataclasses.fields(config_class)}  # type: ignore[arg-type]
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()}
    kind = values.pop("class", config_class.__name__)
    if kind != config_class.__name__:
        raise DancegenError(f"{where} holds a {kind}, not a {config_class.__name__}", "give weights of the right role")
    unknown, missing = sorted(values.keys() - fields), sorted(fields.keys() - values)
    faults = [f"unknown field {name}" for name in unknown] + [f"missing field {name}" for name in missing]
    faults += _wrong_types(values, typing.get_type_hints(config_class))
    if faults:
        raise DancegenError(
            f"{where}: its config does not fit this version ({', '.join(faults)})", "retrain or upgrade"
        )
    try:
        return config_class(**values)
    except ValueError as cause:  # the class checks its values itself
        raise DancegenError(f"{where}: its config does not fit ({cause})", "retrain or upgrade") from cause


def _wrong_types(values: dict[str, Any], hints: dict[str, Any]) -> list[str]:
    """Fields of a plain type (int, float, bool, str, tuple) that hold another one."""
    faults = []
    for name, value in values.items():
        wanted: Any = typing.get_origin(hints.get(name)) or hints.get(name)
        if wanted is float and isinstance(value, int) and not isinstance(value, bool):
            continue
        plain = wanted in (int, float, bool, str, tuple)
        if plain and (not isinstance(value, wanted) or (wanted is int and isinstance(value, bool))):
            faults.append(f"field {name} is {value!r}, not of type {wanted.__name__}")
    return faults


def _starts_like_pickle(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(PICKLE_STARTS)
    except OSError:
        return False


def _pickle(path: Path) -> DancegenError:
    return DancegenError(f"{path} is a pickle, which can run code of its author's", "give a .safetensors file instead")
