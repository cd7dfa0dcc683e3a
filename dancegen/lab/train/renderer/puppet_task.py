"""What the loop trains G_r of the puppet on: batches, terms and the pictures of the same cases.

Glossary: B scenes, T targets of each, s the trained side.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.body.capsules import limb_distances
from dancegen.lab.train.renderer.animate import Animated, animate
from dancegen.lab.train.renderer.data import Batch, find_scenes, make_batch, shrink
from dancegen.lab.train.renderer.judged import Judged
from dancegen.lab.train.renderer.losses import difference, part_loss, supervised_terms
from dancegen.lab.train.renderer.plan import TrainingPlan
from dancegen.lab.train.renderer.puppet import cut
from dancegen.renderers.puppet.cues import foreign_colour
from dancegen.renderers.retouch.generator import Generator


class PuppetTask:
    """See `loop.Task`."""

    def find_scenes(self, frames: Path, split: str) -> list[Path]:
        """As `data.find_scenes`."""
        return find_scenes(frames, split)

    def make_batch(
        self, scenes: list[Path], batch: int, side: int, in_runs: bool, rng: np.random.Generator, device: str
    ) -> Batch:
        """As `data.make_batch`."""
        return move_batch(make_batch(scenes, batch, side, in_runs, rng), device)

    def terms(
        self, network: Generator, batch: Batch, plan: TrainingPlan, regularised: bool, rng: np.random.Generator
    ) -> tuple[Judged, dict[str, torch.Tensor]]:
        """What the discriminator looks at, and every term that needs none."""
        made, terms = generator_terms(network, batch, plan, regularised, rng)
        truth = batch.frames.transpose(0, 1).flatten(0, 1)  # (T * B, 3, s, s), the order of `made`
        skeleton = torch.cat([torch.cat([m.conditions.painted, m.conditions.covered], 1) for m in made]).detach()
        return Judged(torch.cat([m.frame for m in made]), truth, skeleton), terms

    def show_cases(self, path: Path, frames: Path, network: Generator, side: int) -> None:
        """As the function."""
        show_cases(path, frames, network, side)


def generator_terms(
    network: Generator, batch: Batch, plan: TrainingPlan, regularised: bool, rng: np.random.Generator
) -> tuple[list[Animated], dict[str, torch.Tensor]]:
    """The baseline frames of a batch, one `Animated` per target, and every term that needs no discriminator."""
    with torch.no_grad():
        cutout = cut(batch.picture, batch.matte, batch.joints)
    times = range(batch.frames.shape[1])
    made = [animate(network, cutout, batch.targets[:, t], batch.plate, plan.bf16) for t in times]  # equation 2
    each = [supervised_terms(m, batch.frames[:, t], batch.alpha[:, t]) for t, m in enumerate(made)]
    terms = {name: torch.stack([one[name] for one in each]).mean() for name in each[0]}
    terms["parts"] = limb_loss(network, batch, plan.bf16)
    if regularised:
        # One pair of neighbours a step stands for the sum over all: i and i - 1 forward, i and i + 1 backward.
        if plan.fsr:
            i = int(rng.integers(1, len(made)))
            terms["fsr"] = neighbour_loss(network, batch, made, i, i - 1, plan.bf16)
        if plan.bsr:
            i = int(rng.integers(0, len(made) - 1))
            terms["bsr"] = neighbour_loss(network, batch, made, i, i + 1, plan.bf16)
    return made, terms


def neighbour_loss(
    network: Generator, batch: Batch, made: list[Animated], i: int, neighbour: int, bf16: bool
) -> torch.Tensor:
    """L_fsr (neighbour = i - 1) or L_bsr (neighbour = i + 1): || I_i - G_r(concat(I_neighbour, S_i)) ||_1.

    The condition image is G_r's own baseline frame with its own alpha and its own skeleton.
    """
    condition = made[neighbour]
    cutout = cut(condition.frame, condition.alpha, batch.targets[:, neighbour])
    again = animate(network, cutout, batch.targets[:, i], batch.plate, bf16)
    return difference(made[i].frame, again.frame)


def limb_loss(network: Generator, batch: Batch, bf16: bool) -> torch.Tensor:
    """The once-per-picture network against the true limb labels of the condition image."""
    grid = network.config.grid
    local = (batch.joints[..., :2] * (grid / batch.picture.shape[-1])).astype(np.float32)
    picture, matte = (shrink(p, grid) for p in (batch.picture, batch.matte))
    capsules = limb_distances(local, grid, grid).to(picture.device)
    distances = capsules + foreign_colour(capsules, picture, matte)
    with torch.autocast(picture.device.type, torch.bfloat16, enabled=bf16):
        corrections = network.part_corrections(picture, matte, (1 - distances / 2).clamp_min(0))
    labels = F.interpolate(batch.labels[:, None].float(), (grid, grid), mode="nearest")[:, 0].long()
    return part_loss(distances - corrections, labels)


def move_batch(batch: Batch, device: str) -> Batch:
    """The batch with its tensors on `device`."""
    moved: dict[str, Any] = {key: v.to(device) if torch.is_tensor(v) else v for key, v in vars(batch).items()}
    return Batch(**moved)


@torch.no_grad()
def show_cases(path: Path, frames: Path, network: Generator, side: int) -> None:
    """The same 8 fixed cases: picture, truth, puppet and network side by side, two cases a row."""
    from PIL import Image

    from dancegen.lab.train.renderer.cases import fixed_cases

    batch, plate = fixed_cases(frames, side)
    cutout = cut(batch.picture, batch.matte, batch.joints)
    made = animate(network, cutout, batch.targets[:, 0], plate, bf16=False)
    zero = animate(Generator(network.config), cutout, batch.targets[:, 0], plate, bf16=False)
    strips = torch.cat([batch.picture, batch.frames[:, 0], zero.frame, made.frame], -1)  # (8, 3, s, 4 s)
    strips = F.pad(strips, (0, 0, 0, 0, 0, 0, 0, len(strips) % 2))  # a small set may have an odd number of scenes
    rows = [torch.cat([strips[i], strips[i + 1]], -1) for i in range(0, len(strips) - 1, 2)]
    picture = torch.cat(rows, 1).clamp(0, 1).permute(1, 2, 0).mul(255).round().byte().cpu().numpy()
    Image.fromarray(picture).save(path)
