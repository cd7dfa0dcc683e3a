"""The backends of dancegen, one line each: who dances, who draws, who finds people, who does a batch's jobs.

A backend is chosen by its name (`--choreographer NAME`, `--renderer NAME`, `--detector NAME`, `--engine NAME`), or as
"module:factory" if it is not of this package. Nothing is imported before it is asked for.

A factory of a choreographer, a renderer or a detector is `load(weights, device)`: the file of its weights (None where
it has none, or where it works without) and a torch device; it returns what the role's contract describes
(`choreographers/base.py`, `renderers/base.py`, `people/detectors/base.py`).
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dancegen.errors import DancegenError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Backend:
    """One line of the registry.

    Attributes:
        factory: "module:function".
        says: what it is, for `dancegen doctor`.
        weights: the role of its weights; empty if it has none of its own.
        config: "module:Class" of the frozen dataclass that lies in its weights' metadata; empty for foreign files.
        module: what must be importable besides dancegen's own needs.
        extra: the extra of dancegen that brings `module`.
        styles: the dance styles that a choreographer knows, the plain one first.
        learns: whether a choreographer dances styles of files, of `dancegen style learn`, too.
        fits: whether it dances for the body of a picture.
        bare: whether it works without its weights too.
        alone: whether a renderer draws one person and what is behind them in one, so that there is no other background.
        fps: frames a second that a renderer draws; None for any.
    """

    factory: str
    says: str
    weights: str = ""
    config: str = ""
    module: str = ""
    extra: str = ""
    styles: tuple[str, ...] = ()
    learns: bool = False
    fits: bool = False
    bare: bool = False
    alone: bool = False
    fps: float | None = None

    @property
    def missing(self) -> str:
        """What it lacks on this machine, with the remedy; empty if nothing (of its weights nothing is said)."""
        if not self.module or importlib.util.find_spec(self.module) is not None:
            return ""
        return f"{self.module} is not installed: pip install 'dancegen[{self.extra}]'"


_STYLES = ("auto", "cha-cha", "rumba", "tango", "waltz", "salsa", "ballet")
BACKENDS: dict[str, dict[str, Backend]] = {
    "choreographer": {
        "stg-mamba": Backend(
            "dancegen.choreographers.stg_mamba.dance:load",
            "the paper's network: dances to the sound and its beats",
            weights="choreographer.stg-mamba",
            config="dancegen.choreographers.stg_mamba.config:ChoreographerConfig",
            styles=_STYLES,
            learns=True,
        ),
        "hotdance": Backend(
            "dancegen.choreographers.hotdance.dance:load",
            "draws pictures of poses for the picture's own body; slower, experimental",
            weights="choreographer.hotdance",
            config="dancegen.choreographers.hotdance.config:HotDanceConfig",
            styles=_STYLES,
            fits=True,
        ),
    },
    "renderer": {
        "auto": Backend(
            "dancegen.renderers.auto:load",
            "avatar for photos and shaded pictures, a flat skin for line drawings",
            weights="renderer.puppet",
            config="dancegen.renderers.retouch.generator:RendererConfig",
            bare=True,
        ),
        "avatar": Backend(
            "dancegen.renderers.avatar.renderer:load",
            "a figure in three dimensions cut from the picture: it turns",
        ),
        "puppet": Backend(
            "dancegen.renderers.puppet.renderer:load",
            "the picture's own limbs, retouched by a network",
            weights="renderer.puppet",
            config="dancegen.renderers.retouch.generator:RendererConfig",
            bare=True,
        ),
        "skeleton": Backend("dancegen.renderers.skeleton:load", "the bones on black, as --preview draws"),
        "wan-animate": Backend(
            "dancegen.renderers.diffusion.renderer:load",
            "a filmed person, by a diffusion model on a GPU; 82 GB of weights to download",
            weights="renderer.wan-animate",
            module="diffusers",
            extra="photoreal",
            alone=True,
            fps=30.0,
        ),
    },
    "detector": {
        "dwpose": Backend(
            "dancegen.people.detectors.dwpose:load",
            "photos, the most precise; 351 MB of weights to download",
            weights="detector",
            module="onnxruntime",
            extra="dwpose",
        ),
        "mediapipe": Backend(
            "dancegen.people.detectors.mediapipe:load", "photos", module="mediapipe", extra="mediapipe"
        ),
        "network": Backend(
            "dancegen.people.detectors.embedded:load",
            "photos and drawings, on every machine",
            weights="subject",
            config="dancegen.people.network.network:SubjectConfig",
        ),
    },
    "beats": {
        "tcn": Backend(
            "dancegen.audio.beats:load",
            "a network that hears beats and bars; without its weights librosa finds beats alone",
            weights="beats",
            config="dancegen.audio.network:BeatNetConfig",
            bare=True,
        ),
    },
    "capture": {
        "vimo": Backend(
            "dancegen.capture.imagine:load",
            "imagines the movement behind a video",
            weights="capture.vimo",
            config="dancegen.capture.network:VimoConfig",
        ),
    },
    "engine": {
        "local": Backend("dancegen.batch.engine_local:open_engine", "processes of this machine"),
        "ray": Backend("dancegen.batch.engine_ray:open_engine", "a Ray cluster", module="ray", extra="ray"),
    },
}
ALIASES = {"choreographer": "choreographer.stg-mamba", "renderer": "renderer.puppet"}  # roles of weights in 0.1.0


def names(role: str) -> tuple[str, ...]:
    """The names of the backends of a role, in the order of preference."""
    return tuple(BACKENDS[role])


def backend(role: str, name: str) -> Backend:
    """The backend of that name; one that is given as "module:factory" has no line and needs none.

    Raises:
        DancegenError: there is none of that name.
    """
    if name in BACKENDS[role]:
        return BACKENDS[role][name]
    module, colon, factory = name.partition(":")
    if colon and module and factory.isidentifier():
        return Backend(name, "a backend of your own")
    known = " or ".join(names(role))
    raise DancegenError(f"--{role} {name} is not known", f"choose {known}, or give your own as MODULE:FACTORY")


def register(role: str, name: str, line: Backend) -> None:
    """Make a backend known under a name while this program runs."""
    BACKENDS[role][name] = line


def import_named(name: str) -> Any:
    """What "module:thing" names, imported now.

    Raises:
        DancegenError: there is no such module, or nothing of that name in it.
    """
    module, _, thing = name.partition(":")
    try:
        return getattr(importlib.import_module(module), thing)
    except (ImportError, AttributeError) as cause:
        raise DancegenError(
            f"{name} cannot be imported ({cause})", "check its name, and that it is installed"
        ) from cause


def load(role: str, name: str, weights: Path | None, device: torch.device) -> Any:
    """The backend itself, ready for work.

    Raises:
        DancegenError: it is not known, lacks something on this machine, or its weights are not there.
    """
    line = backend(role, name)
    if line.missing:
        raise DancegenError(f"--{role} {name} cannot work here", line.missing)
    if line.config and weights is None and not line.bare:  # foreign weights are fetched by their backend
        raise DancegenError(f"--{role} {name} has no weights here", f"give --weights {line.weights}=FILE")
    factory: Callable[[Path | None, torch.device], Any] = import_named(line.factory)
    return factory(weights, device)


def is_style_file(style: str) -> bool:
    """Whether a style is the name of a file, of `dancegen style learn`."""
    return style.lower().endswith(".safetensors")


def styles() -> tuple[str, ...]:
    """The dance styles that any choreographer knows, the plain one first."""
    return tuple(dict.fromkeys(style for line in BACKENDS["choreographer"].values() for style in line.styles))


def weights_roles() -> tuple[str, ...]:
    """The roles that weights can have, as `--weights ROLE=FILE` takes them."""
    lines = [line for role in BACKENDS.values() for line in role.values()]
    return tuple(dict.fromkeys(line.weights for line in lines if line.weights))


def config_of(role: str) -> str:
    """ "module:Class" of the config in weights of a role; empty for files that dancegen does not write."""
    return next(line.config for lines in BACKENDS.values() for line in lines.values() if line.weights == role)


def full_role(role: str) -> str:
    """The role of weights that version 0.1.0 called `role`; other names stay as they are."""
    return ALIASES.get(role, role)


def role_without(name: str) -> str:
    """The role of the weights that `--weights ROLE=NAME` leaves out, where NAME is a backend that works bare; or ""."""
    lines = (lines[name] for lines in BACKENDS.values() if name in lines)
    return next((line.weights for line in lines if line.bare), "")
