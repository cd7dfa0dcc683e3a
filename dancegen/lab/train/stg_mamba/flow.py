"""Training of the prior: codes of the stage's phrases, and a flow from plain noise to them.

The loss is that of `styles/flow.py`.

Glossary: N phrases, U = 4 units, K tokens of a phrase, D numbers of a token, A sound features.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from dancegen.bf16 import is_bf16_quicker
from dancegen.choreographers.stg_mamba.config import ARM_STYLES, ChoreographerConfig
from dancegen.choreographers.stg_mamba.counting import BEATS_OF_UNIT, UNITS
from dancegen.choreographers.stg_mamba.hearing import unit_sound
from dancegen.choreographers.stg_mamba.prior import USUAL_PERIOD, Prior
from dancegen.lab.datasets.batches import style_index
from dancegen.lab.datasets.placing import Stage, Window
from dancegen.progress import Reporter, SilentReporter
from dancegen.styles.flow import Phrases, flow_loss

PIECES = 180  # of a window that phrases are taken from: two at least
TOLD_EVERY = 100  # steps
SAVED_EVERY = 500  # steps
BATCH = 64
AVERAGE = 0.998  # of the weights, what a step keeps of their mean


def phrases_of(window: Window) -> list[tuple[Tensor, ...]]:
    """The rows of `Phrases` that a window which begins with a phrase holds: each whole phrase."""
    whole = min(int(window.position[-1] // window.phrase), len(window.codes))
    unit = np.floor(window.position / BEATS_OF_UNIT[window.meter]).astype(int)
    sound = torch.from_numpy(unit_sound(window.mel, window.position, unit, whole * UNITS))  # (whole U, A)
    codes = torch.from_numpy(window.codes)
    styles = [torch.tensor([style_index(steps), ARM_STYLES.index(arms)]) for steps, arms in window.styles]
    rows: list[tuple[Tensor, ...]] = []
    for phrase in range(whole):
        inside = (window.position >= phrase * window.phrase) & (window.position < (phrase + 1) * window.phrase)
        facts = [np.log(window.period[inside].mean() / USUAL_PERIOD), window.meter == 3, window.spins[phrase]]
        heard = sound[phrase * UNITS : (phrase + 1) * UNITS]
        known = torch.tensor([phrase > 0, phrase + 1 < len(codes)]).float()
        before, after = codes[max(phrase - 1, 0)] * known[0], codes[min(phrase + 1, len(codes) - 1)] * known[1]
        rows.append(
            (codes[phrase], before, after, known, heard, torch.tensor(facts, dtype=torch.float32), styles[phrase])
        )
    return rows


def collect(stage: Stage, windows: int, seed: int) -> dict[int, Phrases]:
    """The phrases of `windows` windows, by meter."""
    rng = np.random.default_rng([seed, 7])
    rows: dict[int, list[tuple[Tensor, ...]]] = {}
    for _ in range(windows):
        window = stage.draw(PIECES, rng, whole=True, free=True)
        rows.setdefault(window.meter, []).extend(phrases_of(window))
    return {
        meter: Phrases(*(torch.stack(column) for column in zip(*found, strict=True)))
        for meter, found in rows.items()
        if found
    }


def fit_prior(
    prior: Prior,
    phrases: dict[int, Phrases],
    *,
    steps: int,
    batch: int,
    seed: int,
    rate: float = 1e-3,
    state: Path | None = None,
    tell: Callable[[int, float, dict[str, Tensor]], None] | None = None,
) -> dict[str, Tensor]:
    """Train a prior; returns the averaged weights.

    A run whose `state` is there goes on exactly. `tell` hears of the step, its recent loss and the averaged weights.
    """
    generator = torch.Generator()
    optimiser = torch.optim.AdamW(prior.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.02)
    kept = {name: value.detach().clone() for name, value in prior.state_dict().items()}
    sizes = torch.tensor([float(len(each)) for each in phrases.values()])
    recent, first = 0.0, load_state(state, prior, optimiser, kept) if state and state.exists() else 0
    for step in range(first, steps):
        generator.manual_seed(seed * 1_000_003 + step)
        meter = list(phrases)[int(torch.multinomial(sizes, 1, generator=generator))]
        rows = torch.randint(len(phrases[meter]), (batch,), generator=generator)
        with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16_quicker()):  # the draws' noise is far larger
            loss = flow_loss(prior, phrases[meter], rows, meter, generator)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(prior.parameters(), 1.0)
        warm = min(1.0, (step + 1) / 100)
        optimiser.param_groups[0]["lr"] = rate * warm * (0.02 + 0.49 * (1 + float(np.cos(np.pi * step / steps))))
        optimiser.step()
        keep = min(AVERAGE, (step + 1) / (step + 10))
        with torch.no_grad():
            for name, value in prior.state_dict().items():
                kept[name].lerp_(value, 1 - keep)
        recent = 0.98 * recent + 0.02 * float(loss.detach()) if step > first else float(loss.detach())
        if state and (step + 1) % SAVED_EVERY == 0:
            save_state(state, prior, optimiser, kept, step + 1)
        if tell and (step + 1) % TOLD_EVERY == 0:
            tell(step + 1, recent, kept)
    return kept


def save_state(path: Path, prior: Prior, optimiser: torch.optim.Optimizer, kept: dict[str, Tensor], step: int) -> None:
    """Write all that the next step depends on, whole or not at all."""
    tensors = {f"prior.{name}": value for name, value in prior.state_dict().items()}
    tensors |= {f"kept.{name}": value for name, value in kept.items()}
    for index, moments in optimiser.state_dict()["state"].items():
        tensors |= {f"optimiser.{index}.{name}": torch.as_tensor(value) for name, value in moments.items()}
    part = path.with_name(f".{path.name}.part")
    save_file({name: value.contiguous().clone() for name, value in tensors.items()}, part, {"step": str(step)})
    part.replace(path)


def load_state(path: Path, prior: Prior, optimiser: torch.optim.Optimizer, kept: dict[str, Tensor]) -> int:
    """Read what `save_state` wrote into a prior, its optimiser and averaged weights; the next step."""
    groups: dict[str, dict[str, Tensor]] = {"prior": {}, "kept": {}, "optimiser": {}}
    with safe_open(path, "pt") as file:
        for name in file.keys():  # noqa: SIM118, it is no dict
            group, _, rest = name.partition(".")
            groups[group][rest] = file.get_tensor(name)
        step = int(file.metadata()["step"])
    prior.load_state_dict(groups["prior"])
    kept.update(groups["kept"])
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in groups["optimiser"].items():
        index, _, kind = name.partition(".")
        moments.setdefault(int(index), {})[kind] = value
    optimiser.load_state_dict(optimiser.state_dict() | {"state": moments})
    return step


def begin_as(prior: Prior, earlier: dict[str, Tensor]) -> None:
    """Take over an earlier prior's weights; numbers of a token that it does not know begin at nothing."""
    token, known = prior.leave.out_features, len(earlier["leave.bias"])
    state = prior.state_dict()
    for name, value in earlier.items():
        if state[name].shape == value.shape:
            state[name] = value.float()
    enter, width = torch.zeros_like(state["enter.weight"]), earlier["enter.weight"].shape[1]
    enter[:, :known], enter[:, token : token + width - known] = earlier["enter.weight"].float().tensor_split([known], 1)
    if known < token:  # whether a beside is known is told after all its numbers
        enter[:, -1], enter[:, token + known] = enter[:, token + known].clone(), 0
    leave, bias = torch.zeros_like(state["leave.weight"]), torch.zeros_like(state["leave.bias"])
    leave[:known], bias[:known] = earlier["leave.weight"].float(), earlier["leave.bias"].float()
    prior.load_state_dict(state | {"enter.weight": enter, "leave.weight": leave, "leave.bias": bias})


def trained_prior(
    config: ChoreographerConfig,
    stage: Stage,
    out: Path,
    *,
    windows: int,
    steps: int,
    seed: int,
    start: dict[str, Tensor] | None = None,
    reporter: Reporter | None = None,
) -> dict[str, Tensor]:
    """The averaged weights of a prior, trained or as OUT/prior.safetensors has them from a run before.

    `start`: the weights of an earlier prior to begin with.
    """
    reporter, file = reporter or SilentReporter(), out / "prior.safetensors"
    if file.exists():
        return load_file(file)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        prior = Prior(config)
    if start is not None:
        begin_as(prior, start)
    phrases = collect(stage, windows, seed)
    reporter.stage("training the prior", steps, "steps")

    def tell(step: int, loss: float, kept: dict[str, Tensor]) -> None:
        reporter.advance(TOLD_EVERY)

    kept = fit_prior(
        prior, phrases, steps=steps, batch=BATCH, seed=seed, state=out / "prior-state.safetensors", tell=tell
    )
    part = file.with_name(f".{file.name}.part")
    save_file({name: value.contiguous() for name, value in kept.items()}, part)
    part.replace(file)
    return kept
