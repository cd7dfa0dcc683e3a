"""What the loop trains G_r of the avatar on: batches of drawn shells, terms and the pictures of the same cases.

Colours do not decide coverage: an L1 on them would rather veil the sharp shell with a blurred mean. The true outlines
decide it, and what is painted over the shell must be nearer the truth than the shell by more than `MARGIN`.

Glossary: B scenes, T targets of each, s the trained side, V = 18 joints.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.lab.train.renderer.data import find_scenes, shrink
from dancegen.lab.train.renderer.judged import Judged
from dancegen.lab.train.renderer.losses import PERSON_WEIGHT, difference, picture_gradients
from dancegen.lab.train.renderer.plan import TrainingPlan
from dancegen.lab.train.renderer.shells import (
    NEIGHBOURS,
    RUN,
    TARGETS,
    ShellScene,
    mirror_shell_scene,
    read_shell_scene,
)
from dancegen.renderers.retouch.shells import ShellGenerator, ShellRetouch, merge_shell

MARGIN = 0.06  # of a colour; times the weights of `repaired` and `dropped` in `losses.LossWeights`: 10 and 2
CASES = 8
CASE_TARGETS = (3, 4, 5, 6, 7, 8, 1, 0)  # one of each case


@dataclass(frozen=True, eq=False)
class ShellBatch:
    """B scenes with T targets each, one after the other: n = B T frames, 0..1.

    Attributes:
        shells: (n, 5, s, s) RGBA and depth, multiplied by alpha; frames: (n, 3, s, s); alpha: (n, 1, s, s).
        plates: (n, 3, s, s); targets: (n, V, 3) pixels.
        again: (B, 2, 5, s, s) the shells of `NEIGHBOURS`, or (0, ...) where the targets are no run.
        count: T.
    """

    shells: torch.Tensor
    frames: torch.Tensor
    alpha: torch.Tensor
    plates: torch.Tensor
    targets: np.ndarray
    again: torch.Tensor
    count: int


@dataclass(frozen=True, eq=False)
class Retouched:
    """G_r's frames: frame (n, 3, s, s) and alpha (n, 1, s, s); the shell (n, 5, s, s), and the answer at this size."""

    frame: torch.Tensor
    alpha: torch.Tensor
    shell: torch.Tensor
    retouch: ShellRetouch


class ShellTask:
    """See `loop.Task`."""

    def find_scenes(self, frames: Path, split: str) -> list[Path]:
        """The scenes of a split."""
        return find_scenes(frames, split)

    def make_batch(
        self, scenes: list[Path], batch: int, side: int, in_runs: bool, rng: np.random.Generator, device: str
    ) -> ShellBatch:
        """A batch of random scenes; their three targets are the run where `in_runs`, else any."""
        found = []
        for _ in range(batch):
            which = tuple(range(RUN)) if in_runs else tuple(int(t) for t in rng.permutation(TARGETS)[:RUN])
            scene = read_shell_scene(scenes[int(rng.integers(len(scenes)))], which, in_runs)
            found.append(mirror_shell_scene(scene) if rng.random() < 0.5 else scene)
        return collate(found, side, device)

    def terms(
        self,
        network: ShellGenerator,
        batch: ShellBatch,
        plan: TrainingPlan,
        regularised: bool,
        rng: np.random.Generator,
    ) -> tuple[Judged, dict[str, torch.Tensor]]:
        """What the discriminator looks at, and every term that needs none."""
        made = retouch_frames(network, batch.shells, batch.targets, batch.plates, plan.bf16)
        terms = shell_terms(made, batch.frames, batch.alpha)
        if regularised and len(batch.again):
            forward, backward = neighbour_losses(network, batch, made.frame, plan)
            terms |= ({"fsr": forward} if plan.fsr else {}) | ({"bsr": backward} if plan.bsr else {})
        return Judged(made.frame, batch.frames, batch.shells[:, :4]), terms

    @torch.no_grad()
    def show_cases(self, path: Path, frames: Path, network: ShellGenerator, side: int) -> None:
        """Eight cases: truth, shell and network side by side, two cases a row."""
        from PIL import Image

        scenes = find_scenes(frames, "val" if any((frames / "val").glob("*.npz")) else "train")[:CASES]
        found = [read_shell_scene(scene, (CASE_TARGETS[k],)) for k, scene in enumerate(scenes)]
        batch = collate(found, side, "cpu")
        made = retouch_frames(network, batch.shells, batch.targets, batch.plates, False)
        plain = batch.shells[:, :3] + (1 - batch.shells[:, 3:4]) * batch.plates
        strips = torch.cat([batch.frames, plain, made.frame], -1)
        strips = F.pad(strips, (0, 0, 0, 0, 0, 0, 0, len(strips) % 2))  # a small set may have an odd number of scenes
        rows = [torch.cat([strips[i], strips[i + 1]], -1) for i in range(0, len(strips), 2)]
        picture = torch.cat(rows, 1).clamp(0, 1).permute(1, 2, 0).mul(255).round().byte().numpy()
        Image.fromarray(picture).save(path)


def collate(scenes: list[ShellScene], side: int, device: str) -> ShellBatch:
    """Scenes to tensors."""
    count = len(scenes[0].frames)
    joints = np.concatenate([scene.joints for scene in scenes])
    plates = _tensor(np.stack([scene.plate for scene in scenes]), side).repeat_interleave(count, 0)
    again = [_shells(scene.again, side) for scene in scenes if len(scene.again)]
    return ShellBatch(
        torch.cat([_shells(scene.shells, side) for scene in scenes]).to(device),
        _tensor(np.concatenate([scene.frames for scene in scenes]), side).to(device),
        _tensor(np.concatenate([scene.alpha for scene in scenes])[..., None], side).to(device),
        plates.to(device),
        joints * np.float32(side / scenes[0].frames.shape[2]),
        (torch.stack(again) if again else torch.zeros(0, 2, 5, side, side)).to(device),
        count,
    )


def _tensor(pixels: np.ndarray, side: int) -> torch.Tensor:
    """(n, s, s, C) uint8 to (n, C, side, side) 0..1."""
    return shrink(torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255, side)


def _shells(layers: np.ndarray, side: int) -> torch.Tensor:
    """Stored shells (n, s, s, 5), as `shells.pack_layer` made them, to (n, 5, side, side)."""
    values = torch.from_numpy(np.ascontiguousarray(layers)).permute(0, 3, 1, 2).float()
    colours, alpha = values[:, :4] / 255, values[:, 3:4] / 255
    return shrink(torch.cat([colours, alpha * ((values[:, 4:] - 128) / 127).clamp(-1, 1)], 1), side)


def retouch_frames(
    network: ShellGenerator, shells: torch.Tensor, targets: np.ndarray, plates: torch.Tensor, bf16: bool
) -> Retouched:
    """I = G_r(concat(condition image, S)): shells (n, 5, s, s), targets (n, V, 3) pixels, plates (n, 3, s, s)."""
    side = shells.shape[-1]
    grid = min(network.config.grid, side)
    with torch.autocast(shells.device.type, torch.bfloat16, enabled=bf16):
        retouch = network(shrink(shells, grid), targets * np.float32(grid / side)).enlarge(side, side)
    held = replace(retouch, kept=retouch.kept.detach(), under=retouch.under.detach(), painted=retouch.painted.detach())
    person = merge_shell(shells, held)
    frame = person[:, :3] + (1 - person[:, 3:]) * plates
    return Retouched(frame, merge_shell(shells, retouch)[:, 3:], shells, retouch)


def shell_terms(made: Retouched, frame: torch.Tensor, alpha: torch.Tensor) -> dict[str, torch.Tensor]:
    """The terms that compare frames with the truth: frame (n, 3, s, s), alpha (n, 1, s, s)."""
    weight = 1 + PERSON_WEIGHT * F.max_pool2d(alpha, 5, 1, 2)
    weight = weight / weight.mean()
    return {
        "l1": ((made.frame - frame).abs() * weight).mean(),
        # Inside alone: where outlines do not meet, a person of less contrast has the smaller error of gradients.
        "gradient": picture_gradients(made.frame, frame, 2 * _inside(made, alpha)),
        # L1 finds the more likely of person and background; an entropy would find their mixture, a halo.
        "mask": 2 * (made.alpha - alpha).abs().mean(),
        "raw": ((made.retouch.raw - frame).abs() * alpha).mean(),
        **_paint_terms(made, frame, alpha),
    }


def _paint_terms(made: Retouched, frame: torch.Tensor, alpha: torch.Tensor) -> dict[str, torch.Tensor]:
    """What `painted` alone may answer for: inside both, is the raw picture nearer the truth than the shell is?"""
    inside = _inside(made, alpha)
    colours = (made.shell[:, :3] / made.shell[:, 3:4].clamp_min(1e-3) + made.retouch.tint).clamp(0, 1).detach()
    mixed = colours + made.retouch.painted * (made.retouch.raw.detach() - colours)
    return {
        "repaired": ((mixed - frame).abs() * inside).mean(),
        "dropped": 5 * MARGIN * (made.retouch.painted * inside).mean(),
    }


def _inside(made: Retouched, alpha: torch.Tensor) -> torch.Tensor:
    """(n, 1, s, s) 1 well within both the shell and the true person."""
    both = torch.minimum(alpha, made.shell[:, 3:4])
    return (-F.max_pool2d(-both, 3, 1, 1) > 0.9).float()


def neighbour_losses(
    network: ShellGenerator, batch: ShellBatch, made: torch.Tensor, plan: TrainingPlan
) -> tuple[torch.Tensor, torch.Tensor]:
    """L_fsr and L_bsr: || I_i - G_r(concat(I_neighbour, S_i)) ||_1 with the neighbour before, and after.

    The condition image is the neighbour's true frame, of which a shell was cut beforehand: the paper takes G_r's own,
    but a shell cannot be cut in a step, nor has its cutting a gradient.
    """
    rows = [np.arange(0, len(made), batch.count) + target for target in NEIGHBOURS]
    losses = []
    for k in (1, 0):  # target 2 from the run's middle before it, target 0 from the middle after it
        again = retouch_frames(network, batch.again[:, k], batch.targets[rows[k]], batch.plates[rows[k]], plan.bf16)
        losses.append(difference(made[rows[k]], again.frame))
    return losses[0], losses[1]
