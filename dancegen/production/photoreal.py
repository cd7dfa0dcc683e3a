"""What a film by Wan-Animate needs here, told before it is made: weights, memory, time, room on the disk.

The figures are reckoned (`renderers.diffusion.cost`), not measured on the network's real weights.
"""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from dancegen import registry
from dancegen.device import choose_device, free_memory, free_on
from dancegen.errors import DancegenError
from dancegen.production.checks import LONG_WAIT
from dancegen.production.request import Request
from dancegen.production.warnings import LOOK, OK, Check
from dancegen.progress import count_of
from dancegen.renderers.control.wan import STEP
from dancegen.renderers.diffusion import cost
from dancegen.weights.manifest import readable_size

if TYPE_CHECKING:
    import torch

NAME = "wan-animate"
TRIAL = 4096  # rows and columns of the matrices by whose product a GPU's speed is told


def photoreal_checks(request: Request, size: tuple[int, int], frames: int) -> list[Check]:
    """All that Wan-Animate needs, where it is asked for; one line where a GPU could do it; else nothing.

    Args:
        request: its renderer, device and weights.
        size: (w, h) of the video, pixels.
        frames: of the video.
    """
    device = choose_device(request.device)
    asked = request.drawn_by == NAME
    if not asked and device.type != "cuda":
        return []
    size = (-(-size[0] // STEP) * STEP, -(-size[1] // STEP) * STEP)
    needed = [_weights(request), _gpu(device, size), _time(device, size, frames)]
    if asked:
        return [*_extra(), *needed, _memory(size), _room(size, frames)]
    verdict = LOOK if needed[1].verdict == LOOK else OK
    found = f"--renderer {NAME} would make a film: {'; '.join(one.found for one in needed)}"
    return [Check("photoreal", verdict, found, needed[1].remedy)]


def _extra() -> list[Check]:
    missing = registry.backend("renderer", NAME).missing
    if not missing:
        return []
    what, _, remedy = missing.partition(": ")
    return [Check("extra", LOOK, what, remedy)]


def _weights(request: Request) -> Check:
    """Whether the weights are here, how large they are, and their licence."""
    from dancegen.weights import hub
    from dancegen.weights.repository import repository_named

    role = registry.backend("renderer", NAME).weights
    if own := request.weights.get(role):
        return Check("weights", OK, f"weights of your own, {own}")
    repository = repository_named(NAME)
    if repository is None:
        return Check("weights", LOOK, f"the manifest lists no weights for {NAME}", "install dancegen again")
    told = f"{readable_size(repository.size)} of weights, licence {repository.licence}"
    if repository.pinned and all(hub.find_cached(entry) is not None for entry in repository.entries):
        return Check("weights", OK, f"{told}, are here")
    remedy = f"dancegen weights download {NAME}{'' if repository.pinned else ' --unpinned'}"
    return Check("weights", LOOK, f"{told}, to be downloaded", remedy)


def _gpu(device: torch.device, size: tuple[int, int]) -> Check:
    """How the network would be held on the device."""
    ways = cost.plans(size)
    best, least = (cost.gigabytes(way.device_bytes) for way in (ways[0], ways[-1]))
    need = f"{best} of GPU memory are quickest, {least} enough"
    if device.type == "cpu":
        remedy = f"run it where one is, or `dancegen export --as {NAME}` for those who have one"
        return Check("GPU", LOOK, f"{need}; there is no GPU here that torch can use", remedy)
    free = free_on(device)
    try:
        plan = cost.choose(size, free)
    except DancegenError as cause:
        return Check("GPU", LOOK, f"{need}, {cost.gigabytes(free)} are free", cause.remedy)
    return Check("GPU", OK, f"{need}, {cost.gigabytes(free)} are free: {plan.says}")


def _time(device: torch.device, size: tuple[int, int], frames: int) -> Check:
    there = device.type == "cuda"
    spent = cost.seconds(size, frames, _flops(device)) if there else cost.seconds(size, frames)
    said = f"{spent / 3600:.1f} h" if spent > 5400 else f"{max(spent / 60, 1):.0f} min"
    where = "here" if there else "on a large consumer GPU"
    what = f"{count_of(frames, 'frames')} take about {said} {where}, by reckoning"
    if spent < LONG_WAIT:
        return Check("time", OK, what)
    return Check("time", LOOK, what, "try --duration 3 and a smaller --size first; segments that are done are kept")


def _flops(device: torch.device) -> float:
    """Operations a second in bfloat16, by multiplying matrices."""
    import torch

    one = torch.zeros(TRIAL, TRIAL, dtype=torch.bfloat16, device=device)
    one @ one  # the first is slower
    torch.cuda.synchronize(device)
    began = time.perf_counter()
    for _ in range(10):
        one @ one
    torch.cuda.synchronize(device)
    return 10 * 2.0 * TRIAL**3 / max(time.perf_counter() - began, 1e-6)


def _memory(size: tuple[int, int]) -> Check:
    """The computer's own memory, which holds what is not on the GPU."""
    need, free = max(plan.host_bytes for plan in cost.plans(size)), free_memory()
    what = f"about {cost.gigabytes(need)} besides the GPU's"
    if free is None:
        return Check("host memory", OK, f"{what}; how much is free is not known")
    what += f", {cost.gigabytes(free)} are free"
    return Check("host memory", OK, what) if free >= need else Check("host memory", LOOK, what, "close other programs")


def _room(size: tuple[int, int], frames: int) -> Check:
    """Room for the segments that are kept while the film is made."""
    from dancegen.renderers.diffusion.store import cache_folder

    folder = cache_folder()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    need, free = cost.room(size, frames), float(shutil.disk_usage(folder).free)
    what = f"segments that are done take up to {need / 1e6:.0f} MB, {cost.gigabytes(free)} are free"
    return Check("segments", OK, what) if free >= need else Check("segments", LOOK, what, "free some room")
