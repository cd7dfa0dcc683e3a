"""`dancegen train limbs`: what becomes of limbs between two pictures, from skeletons alone; read from top to bottom.

No picture is drawn: the outlines of rigged characters in random poses say where each slice of a limb goes
(`frames.outlines`), and the network learns by how much the plain maps miss it. Its result is a G_r whose other heads
are still zero, from which `train renderer` starts.

Glossary: B pairs, K = 15 limbs, S slices, H body height.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.body.limbs import RADII
from dancegen.errors import DancegenError
from dancegen.lab.train.log import append_log, cut_log
from dancegen.lab.train.renderer.limb_data import Pairs, draw_pairs, prepare_outlines
from dancegen.progress import Reporter, SilentReporter
from dancegen.renderers.retouch.generator import Generator, RendererConfig
from dancegen.weights.checkpoint import NOTES_KEY, load_checkpoint, read_metadata, save_checkpoint
from dancegen.weights.run_state import pack, unpack

STATE_FILE, LOG = "limbs.safetensors", "limbs.csv"
COLUMNS = ("seconds", "loss", "plain maps miss by, H/1000", "corrected ones")
SAVE_EVERY = 500
MEAN_DECAY = 0.995
SOFT = 0.001  # H: below this error the loss is quadratic; above it finds the likeliest answer, not a mean of all


@dataclass(frozen=True)
class LimbPlan:
    """How the limb network is trained.

    Attributes:
        people: characters whose outlines are made, eight poses each; held_out: the same of the validation split.
        steps, batch, rate, seed: of Adam; the rate falls along a cosine.
    """

    people: int = 7600
    held_out: int = 300
    steps: int = 4000
    batch: int = 384
    rate: float = 1.5e-3
    seed: int = 0


def train_limbs(
    data: Path, out: Path, plan: LimbPlan, config: RendererConfig, reporter: Reporter | None = None
) -> Path:
    """Train, or go on training, what `out` holds; returns the path of a G_r with the trained limb network.

    Args:
        data: the folder with characters/ and dance/.
        out: outlines, state, limbs.csv and renderer.safetensors go there.
    """
    reporter = reporter or SilentReporter()
    train = prepare_outlines(data, out, "train", plan.people, reporter)
    held_out = prepare_outlines(data, out, "val", plan.held_out, reporter)
    judged = draw_pairs(held_out, 2048, np.random.default_rng([plan.seed, plan.steps]))
    with torch.random.fork_rng():
        torch.manual_seed(plan.seed)
        generator, mean = Generator(config), Generator(config)
    mean.limb.load_state_dict(generator.limb.state_dict())
    optimiser = torch.optim.AdamW(generator.limb.parameters(), plan.rate, weight_decay=1e-3)
    step = _restore(out / STATE_FILE, plan, generator, mean, optimiser)
    cut_log(out / LOG, step)
    reporter.stage("training", plan.steps - step, "steps")
    began = time.monotonic()
    while step < plan.steps:
        _set_rate(optimiser, plan, step)
        pairs = draw_pairs(train, plan.batch, np.random.default_rng([plan.seed, step]))
        loss = train_step(generator, optimiser, pairs)
        step += 1
        decay = min(MEAN_DECAY, step / (10 + step))
        with torch.no_grad():
            for kept, value in zip(mean.limb.parameters(), generator.limb.parameters(), strict=True):
                kept.lerp_(value, 1 - decay)
        reporter.advance()
        if step % SAVE_EVERY == 0 or step == plan.steps:
            _save(out / STATE_FILE, generator, mean, optimiser, step, plan)
            row = (time.monotonic() - began, loss, *compare(mean, judged))
            append_log(out / LOG, step, dict(zip(COLUMNS, row, strict=True)))
    result = out / "renderer.safetensors"
    save_checkpoint(
        result, {k: v.half() for k, v in mean.state_dict().items()}, config, {"limbs": asdict(plan), "step": step}
    )
    return result


def train_step(generator: Generator, optimiser: torch.optim.Optimizer, pairs: Pairs) -> float:
    """One update of the limb network; the loss."""
    scale, shift = generator.limb(pairs.features, pairs.still)  # (B, K, 2) each
    loss = measure_misses(errors(scale, shift, pairs))
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(generator.limb.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def errors(scale: torch.Tensor, shift: torch.Tensor, pairs: Pairs) -> torch.Tensor:
    """By how much corrected maps miss the first picture's edges: (B, K, 2 S, 2), H; 0 where there is none."""
    corrected = pairs.places * (1 + scale[:, :, None]) + shift[:, :, None]  # (B, K, 2 S, 2)
    reached = torch.einsum("bkij,bknj->bkni", pairs.linear, corrected)
    return (reached - pairs.wanted) * pairs.known[..., None]


def measure_misses(off: torch.Tensor) -> torch.Tensor:
    """The loss of `errors`: a robust distance, limbs weighted by their thickness."""
    each = F.smooth_l1_loss(off, torch.zeros_like(off), beta=SOFT, reduction="none").sum(-1).mean((0, 2))  # (K,)
    weights = torch.from_numpy(RADII / RADII.mean())
    return (each * weights).mean()


@torch.no_grad()
def compare(generator: Generator, pairs: Pairs) -> tuple[float, float]:
    """The mean distance by which plain and stretched and shifted maps miss the edges, in thousandths of H."""
    scale, shift = generator.limb(pairs.features, pairs.still)
    nothing = torch.zeros_like(scale)
    plain, better = (errors(a, b, pairs).norm(dim=-1).sum() for a, b in ((nothing, nothing), (scale, shift)))
    count = pairs.known.sum()
    return float(1000 * plain / count), float(1000 * better / count)


def _set_rate(optimiser: torch.optim.Optimizer, plan: LimbPlan, step: int) -> None:
    rate = plan.rate * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * step / plan.steps)))
    for group in optimiser.param_groups:
        group["lr"] = float(rate)


def _save(
    path: Path, generator: Generator, mean: Generator, optimiser: torch.optim.Optimizer, step: int, plan: LimbPlan
) -> None:
    tensors = pack(generator.limb, mean.limb.state_dict(), optimiser)
    save_checkpoint(path, tensors, generator.config, {"step": step, "plan": asdict(plan)})


def _restore(
    path: Path, plan: LimbPlan, generator: Generator, mean: Generator, optimiser: torch.optim.Optimizer
) -> int:
    """Go on from a saved state, if there is one; the step reached."""
    if not path.exists():
        return 0
    config, tensors = load_checkpoint(path, RendererConfig)
    if config != generator.config:
        raise DancegenError(f"{path} was trained with {config}", "give the same sizes or another --out")
    notes = read_metadata(path)[NOTES_KEY]
    if notes["plan"] != asdict(plan):
        raise DancegenError(f"{path} belongs to a run with other options", "give another --out or the same options")
    kept = mean.limb.state_dict()
    unpack(tensors, generator.limb, kept, optimiser)
    mean.limb.load_state_dict(kept)
    return int(notes["step"])
