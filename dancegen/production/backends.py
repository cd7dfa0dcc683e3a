"""The backends that a request names, from verified weights: loaded once, used for any number of songs and pictures."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dancegen import registry
from dancegen.device import choose_device
from dancegen.errors import DancegenError
from dancegen.files import check_input
from dancegen.progress import Reporter
from dancegen.weights.manifest import load_manifest
from dancegen.weights.resolve import defaults, weights_path
from dancegen.weights.verify import WeightsInfo, weights_info

if TYPE_CHECKING:
    import torch

    from dancegen.choreographers.base import Choreographer
    from dancegen.people.detectors.base import Detector
    from dancegen.people.network.network import SubjectNetwork
    from dancegen.production.request import Request

JOBS = ("choreographer", "subject", "renderer")  # what a video may need a backend for, in the order of loading


@dataclass(frozen=True)
class Backends:
    """What `load_backends` loaded; None for what was not asked for.

    Attributes:
        device: where they work.
        subject: loads the network that finds and segments people, where nobody else is sure; without it mediapipe does,
            or they are given.
        detector: the only one to ask where people are; None for the best that is here.
        drawn_by: the renderer's name.
        weights: which file each role of weights was loaded from, for the video's metadata.
    """

    device: torch.device
    choreographer: Choreographer | None = None
    subject: Callable[[], SubjectNetwork] | None = None
    detector: Detector | None = None
    renderer: Any = None
    drawn_by: str = ""
    weights: dict[str, WeightsInfo] = field(default_factory=dict)

    def dancer(self) -> Choreographer:
        """The choreographer, where a dance is to be made.

        Raises:
            DancegenError: none was loaded, because none is installed.
        """
        if self.choreographer is None:
            what = "no choreographer's weights are installed"
            raise DancegenError(what, "give --weights choreographer=FILE, or a dance made before with --dance FILE")
        return self.choreographer

    def drawer(self, request: Request) -> Any:
        """The renderer that was loaded, if it is the one that `request` names, else that one without its weights."""
        if self.renderer is not None and self.drawn_by == request.drawn_by:
            return self.renderer
        return registry.load("renderer", request.drawn_by, None, self.device)


def load_backends(request: Request, jobs: Collection[str] = JOBS, reporter: Reporter | None = None) -> Backends:
    """Load what a request names for some jobs.

    Args:
        request: its weights, device, and names of backends.
        jobs: some of JOBS. One whose weights are not there, and that needs them, stays None.
        reporter: is told about downloads.

    Raises:
        DancegenError: weights are missing, tampered with or of another role, or there is no such device.
    """
    if "detector" in request.weights or ("subject" in jobs and request.detector == "dwpose"):
        from dancegen.people.detectors.dwpose import dwpose_models

        dwpose_models(asked=True, offline=request.offline, reporter=reporter)  # used as soon as they are here
    if "choreographer" in jobs and registry.is_style_file(request.style):
        check_input(Path(request.style), "style", "give a file of `dancegen style learn`, or name a style")
    device = choose_device(request.device)
    loaded: dict[str, Any] = {}
    used: dict[str, WeightsInfo] = {}
    for job in (job for job in JOBS if job in jobs):
        role, name = backend_of(request, job)
        line, what = registry.backend(role, name), weights_of(request, job)
        if line.weights and what is None and not line.bare:
            continue
        path = weights_path(what, role=line.weights, offline=request.offline, reporter=reporter) if what else None
        if path and path.is_file():
            used[line.weights] = weights_info(path)
        loaded[job] = partial(registry.load, role, name, path, device)
        if job != "subject":
            loaded[job] = loaded[job]()
    if finder := loaded.pop("subject", None):
        finder = cache(finder)
        loaded["subject"] = lambda: finder().network
    if "subject" in jobs and request.detector != "auto":
        own = finder() if finder and request.detector == "network" else None
        loaded["detector"] = own or registry.load("detector", request.detector, None, device)
    return Backends(device, weights=used, drawn_by=request.drawn_by, **loaded)


def backend_of(request: Request, job: str) -> tuple[str, str]:
    """Role and name in the registry of who does one of JOBS."""
    if job == "subject":
        return "detector", "network"
    return job, request.choreographer if job == "choreographer" else request.drawn_by


def weights_roles(request: Request, jobs: Collection[str]) -> set[str]:
    """The roles of weights that some of JOBS may use."""
    return {registry.backend(*backend_of(request, job)).weights for job in jobs}


def weights_of(request: Request, job: str) -> str | None:
    """The role, name or file of the weights for one of JOBS; None where there are none, or they are left out."""
    role, name = backend_of(request, job)
    line = registry.backend(role, name)
    what = request.weights.get(line.weights)
    if line.bare and what in (name, line.weights.split(".")[-1]):  # "renderer.puppet=puppet": without its network
        return None
    if what is None and line.weights in {*defaults(), *(entry.role for entry in load_manifest())}:
        return line.weights
    return what
