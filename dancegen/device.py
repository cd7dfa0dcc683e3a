"""What this machine has to compute with: devices and free memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dancegen.errors import DancegenError
from dancegen.progress import count_of

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda", "mps")


def choose_device(name: str = "auto") -> torch.device:
    """The torch device for `--device`: auto takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        DancegenError: the name is none of `DEVICES` (or `cuda:N`), or this machine does not have that device.
    """
    import torch

    usable = available_devices()
    if name == "auto":
        return torch.device(usable[0])
    kind = name.split(":")[0]
    if kind not in DEVICES:
        raise DancegenError(f"--device {name} is none", f"choose one of {', '.join(DEVICES)}")
    if kind not in usable:
        raise DancegenError(f"this machine has no {kind} device that torch can use", f"choose {' or '.join(usable)}")
    try:
        device = torch.device(name)
    except RuntimeError as cause:
        raise DancegenError(f"--device {name} is none", f"choose one of {', '.join(DEVICES)}") from cause
    if kind == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        there = count_of(torch.cuda.device_count(), "GPUs")
        raise DancegenError(
            f"--device {name}: this machine has {there}, counted from cuda:0", "choose a smaller number"
        )
    return device


def available_devices() -> list[str]:
    """The kinds of device torch can use here, best first."""
    import torch

    found = ["cuda"] if torch.cuda.is_available() else []
    found += ["mps"] if torch.backends.mps.is_available() else []
    return [*found, "cpu"]


def free_on(device: torch.device) -> float:
    """Bytes that are free for work on a device: of a GPU's own memory, else of the machine's (0 if unknown)."""
    import torch

    if device.type == "cuda":
        return float(torch.cuda.mem_get_info(device)[0])
    return float(free_memory() or 0)


def free_memory() -> int | None:
    """Bytes that new processes can have (the machine's, or the container's limit if that is less); None if unknown."""
    free = []
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free.append(int(lines["MemAvailable"].split()[0]) * 1024)
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        if limit != "max":
            free.append(int(limit) - int(Path("/sys/fs/cgroup/memory.current").read_text()))
    except (OSError, KeyError, ValueError):
        pass
    return max(0, min(free)) if free else None
