"""The three networks of a render, from verified weights: loaded once, used for any number of songs and pictures."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dancegen.device import choose_device
from dancegen.errors import DancegenError
from dancegen.progress import Reporter, SilentReporter
from dancegen.weights.manifest import load_manifest
from dancegen.weights.resolve import weights_path
from dancegen.weights.verify import WeightsInfo, weights_info

if TYPE_CHECKING:
    import torch

    from dancegen.choreographers.stg_mamba.model import Choreographer
    from dancegen.people.network.network import SubjectNetwork
    from dancegen.renderers.retouch.generator import Generator

LOADED_ROLES = ("choreographer", "subject", "renderer")


@dataclass(frozen=True)
class Networks:
    """What `load_networks` loaded; None for a role that was not asked for.

    Without a subject network, the person is found by mediapipe or given; without a renderer network, the analytic
    puppet draws the frames.

    Attributes:
        weights: which file each role was loaded from, for the video's metadata.
    """

    device: torch.device
    choreographer: Choreographer | None = None
    subject: SubjectNetwork | None = None
    renderer: Generator | None = None
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


def load_networks(
    weights: Mapping[str, str] | None = None,
    *,
    device: str = "auto",
    roles: Collection[str] = LOADED_ROLES,
    offline: bool = False,
    reporter: Reporter | None = None,
) -> Networks:
    """Load the networks of `roles`.

    Args:
        weights: role -> name in the manifest or file, for roles that shall not take the default; the renderer's may
            be "puppet" for no network, the detector's "dwpose" is fetched for the subject finder.
        device: see `device.DEVICES`.
        roles: those to load. A role that the manifest does not list and `weights` does not name stays None.
        offline: never touch the network.
        reporter: is told about downloads.

    Raises:
        DancegenError: weights are missing, tampered with or of another role, or there is no such device.
    """
    chosen = dict(weights or {})
    if "detector" in chosen:  # the subject finder uses it as soon as it is here
        from dancegen.people.detectors.dwpose import dwpose_models

        dwpose_models(asked=True, offline=offline, reporter=reporter)
    place = choose_device(device)
    listed = {entry.role for entry in load_manifest()}
    loaded: dict[str, object] = {}
    used: dict[str, WeightsInfo] = {}
    for role in LOADED_ROLES:
        if role not in roles or (role not in chosen and role not in listed) or chosen.get(role) == "puppet":
            continue
        path = weights_path(chosen.get(role, role), role=role, offline=offline, reporter=reporter or SilentReporter())
        used[role] = weights_info(path)
        try:
            loaded[role] = _load(role, path, place)
        except (RuntimeError, ValueError) as cause:  # what torch says of tensors that are missing or of another shape
            if any(word in str(cause) for word in ("out of memory", "CUDA", "MPS")):  # the device's fault, not theirs
                raise
            told = " ".join(str(cause).split("\n\t")[:2][-1].split())  # torch's list of faults: its first
            what = f"the tensors of {path} do not fit this version's {role} ({told[:150]})"
            raise DancegenError(what, "give other weights, or install the dancegen they were made with") from cause
    return Networks(place, weights=used, **loaded)  # type: ignore[arg-type]


def _load(role: str, path: Path, device: torch.device) -> object:
    """The network of one role; imported here, so that a role that is not needed costs nothing."""
    if role == "choreographer":
        from dancegen.choreographers.stg_mamba.dance import load_choreographer

        return load_choreographer(path, device)
    if role == "subject":
        from dancegen.people.network.network import load_subject_network

        return load_subject_network(path, device)
    from dancegen.renderers.retouch.generator import load_generator

    return load_generator(path, device)
