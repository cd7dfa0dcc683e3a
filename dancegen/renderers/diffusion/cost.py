"""What Wan-Animate costs: memory, by how its parts are held; arithmetic, and so time; room on the disk.

Figures of memory and time are reckoned from the network's sizes; they were not measured on its real weights.
Glossary: a token is 16 x 16 pixels of four frames.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dancegen.errors import DancegenError
from dancegen.renderers.control.wan import OVERLAP, SEGMENT

# Parameters of its parts, by the sizes of the files in bfloat16 (34.5, 11.4 and 1.3 GB) and in float32 (0.5 GB).
PARAMETERS = {
    **{"transformer": 17_250_000_000, "text_encoder": 5_700_000_000},
    **{"image_encoder": 630_000_000, "vae": 127_000_000},
}
LAYERS, WIDTH = 40, 5120  # of the transformer
STEPS = 20  # of denoising a segment, as Wan-Animate's own script has it
WORKING_BYTES = 16 * WIDTH * 2  # a token, while a layer works: about sixteen vectors in bfloat16
CODING_BYTES = 4 * 96 * 4 * 4  # a pixel, while frames are coded: four times 96 channels in float32, four frames at once
USED = 0.4  # share of a GPU's matrix arithmetic that attention and what lies between leave
GPU_FLOPS = 150e12  # operations a second in bfloat16, where no GPU can be asked: a large consumer card
COMPONENTS = ("transformer", "image_encoder", "vae")  # that are held while frames are drawn


@dataclass(frozen=True)
class Plan:
    """How the network is held.

    Attributes:
        name: "whole": all on the GPU; "parts": one part at a time; "blocks": one layer of the transformer at a time.
        eight_bit: the transformer is stored in 8 bits a number and computes in 16.
        device_bytes: that the GPU needs.
        host_bytes: that the computer needs besides.
        says: in words.
    """

    name: str
    eight_bit: bool
    device_bytes: float
    host_bytes: float
    says: str


def tokens(size: tuple[int, int]) -> int:
    """Of a segment and the reference picture, at (w, h) pixels."""
    return ((SEGMENT - 1) // 4 + 2) * (size[0] // 16) * (size[1] // 16)


def plans(size: tuple[int, int], parameters: Mapping[str, int] = PARAMETERS) -> list[Plan]:
    """The ways to hold the network for frames of (w, h) pixels, the fastest first."""
    main = 2.0 * parameters["transformer"]
    rest = 2.0 * parameters.get("image_encoder", 0) + 4.0 * parameters.get("vae", 0)
    work = float(max(tokens(size) * WORKING_BYTES, CODING_BYTES * size[0] * size[1]))
    layer = main / LAYERS
    return [
        Plan("whole", False, main + rest + work, main, "all of it on the GPU"),
        Plan("parts", False, main + work, main + rest, "one part at a time on the GPU"),
        Plan("parts", True, main / 2 + work, main + rest, "one part at a time on the GPU, stored in 8 bits"),
        Plan("blocks", False, 3 * layer + rest + work, main + rest, "one layer at a time on the GPU: slower"),
    ]


def choose(size: tuple[int, int], free: float, parameters: Mapping[str, int] = PARAMETERS) -> Plan:
    """The fastest plan that `free` bytes of the GPU's memory allow.

    Raises:
        DancegenError: none; it says what would be enough.
    """
    ways = plans(size, parameters)
    for plan in ways:
        if plan.device_bytes <= free:
            return plan
    best, least = (gigabytes(way.device_bytes) for way in (ways[0], ways[-1]))
    what = f"Wan-Animate at {size[0]}x{size[1]} needs {least} of the GPU's memory, {gigabytes(free)} are free"
    remedy = f"choose a smaller --size, close other programs, or use a GPU with {least} ({best} is quickest)"
    raise DancegenError(what, remedy)


def segments(frames: int) -> int:
    """How many segments a video of so many frames is drawn in."""
    return max(1, math.ceil((frames - OVERLAP) / (SEGMENT - OVERLAP)))


def operations(size: tuple[int, int], frames: int) -> float:
    """Multiplications and additions for a video."""
    count = tokens(size)
    step = 2.0 * PARAMETERS["transformer"] * count + 4.0 * LAYERS * WIDTH * count * count
    return segments(frames) * STEPS * step


def seconds(size: tuple[int, int], frames: int, flops: float = GPU_FLOPS) -> float:
    """How long a video takes on a GPU of so many operations a second."""
    return operations(size, frames) / (flops * USED)


def room(size: tuple[int, int], frames: int) -> float:
    """Bytes on the disk for the segments of a video that is being drawn."""
    return 3.0 * size[0] * size[1] * (frames + segments(frames) * 4 * OVERLAP)


def parameters_of(folder: Path) -> dict[str, int]:
    """Parameters of each part of a pipeline that was downloaded, by the headers of its files."""
    counts = {}
    for part in (*COMPONENTS, "text_encoder"):
        counts[part] = sum(_numbers(file) for file in (folder / part).glob("*.safetensors"))
    return counts


def _numbers(file: Path) -> int:
    """How many numbers a safetensors file holds."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(min(length, 100 << 20)))
    return sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")


def gigabytes(value: float) -> str:
    """Bytes for people who own a GPU: 23456789012 is "23 GB"."""
    return f"{value / 1e9:.0f} GB" if value >= 9.5e9 else f"{value / 1e9:.1f} GB"
