"""HotDance from a data folder to weights: windows drawn, the autoencoder trained, the transformer, the carriages.

Each part goes on where it was interrupted: OUT/vae and OUT/dit hold the states, OUT/pool.npz the windows.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from dancegen.choreographers.hotdance.config import HotDanceConfig
from dancegen.choreographers.hotdance.model import HotDance
from dancegen.choreographers.hotdance.vae import PoseVae
from dancegen.errors import DancegenError
from dancegen.lab.datasets.data import load_material, prepare, save_material
from dancegen.lab.train.hotdance.carriage import learn_carriages
from dancegen.lab.train.hotdance.dit import Shares, flow_losses, measure
from dancegen.lab.train.hotdance.pool import Pool, draw_pool, load_pool, save_pool
from dancegen.lab.train.hotdance.run import STATE, Run, Schedule, go_on
from dancegen.lab.train.hotdance.vae import vae_losses
from dancegen.progress import Reporter, SilentReporter
from dancegen.weights.checkpoint import load_checkpoint, save_checkpoint

MATERIAL, POOL, RANKS, WEIGHTS = "material.npz", "pool.npz", "ranks.npy", "hotdance.safetensors"
TOKEN = 64  # numbers by which the stage tells phrases; nothing here depends on them

Network = TypeVar("Network", bound=torch.nn.Module)


@dataclass(frozen=True)
class TrainHotDance:
    """How HotDance is trained.

    Attributes:
        windows: of the pool.
        vae, dit: schedules.
        vae_batch, dit_batch: windows a step.
        shares: what the transformer is told how often.
        songs: to which the finished network dances for the carriages to be learnt; 0 learns none.
        seed: of the pool and the initial weights.
        start: weights that a new run starts from: of the autoencoder only the decoder learns on, and what the
            transformer does not have there starts anew.
    """

    windows: int = 7000
    vae: Schedule = field(default_factory=lambda: Schedule(3000, rate=2e-3, average=0.99))
    dit: Schedule = field(default_factory=lambda: Schedule(6000, rate=1e-3, average=0.999))
    vae_batch: int = 16
    dit_batch: int = 16
    shares: Shares = field(default_factory=Shares)
    songs: int = 8
    seed: int = 0
    start: Path | None = None


def train_hotdance(
    data: Path,
    out: Path,
    settings: TrainHotDance,
    *,
    config: HotDanceConfig | None = None,
    minutes: float = math.inf,
    reporter: Reporter | None = None,
) -> Path:
    """Train, or go on training what lies in `out`.

    Args:
        data: a folder of motions and sounds, as `lab/datasets/data.py` reads them.
        out: gets the pool, states, logs and hotdance.safetensors (the mean weights, fp16).
        settings: how.
        config: the sizes of a new run.
        minutes: stop (and save) after this long; call again to go on.
        reporter: told of the steps.

    Returns:
        The file of the mean weights.

    Raises:
        DancegenError: no data, or `out` holds a run with other sizes.
    """
    reporter, config = reporter or SilentReporter(), config or HotDanceConfig()
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    pool, ranks = read_pool(data, out, settings, config, reporter)
    vae = start_vae(config, settings)
    plan = replace(settings.vae, steps=0) if config.raw else settings.vae
    run = Run(vae, plan, lambda generator: vae_losses(vae, pool, settings.vae_batch, generator))
    reporter.note("autoencoder")
    go_on(run, out / "vae", minutes, reporter)
    if run.step < plan.steps:
        raise DancegenError(f"{out}: the autoencoder is not done", "run the same command again")
    left = minutes - (time.monotonic() - began) / 60
    network = start_dit(out / "vae", config, settings, pool, ranks)
    run = Run(network, settings.dit, lambda g: flow_losses(network, pool, settings.dit_batch, g, settings.shares))
    reporter.note("transformer")
    go_on(run, out / "dit", left, reporter)
    weights = export(out / "dit", out / WEIGHTS, config, run.step)
    if settings.songs and run.step == settings.dit.steps:
        reporter.note("carriages")
        learn_carriages(weights, data, settings.songs)
    return weights


def read_pool(
    data: Path, out: Path, settings: TrainHotDance, config: HotDanceConfig, reporter: Reporter
) -> tuple[Pool, np.ndarray]:
    """The windows, drawn once for a run, and the table (101, 4 + 5) by which music and beats are ranked."""
    if not (out / POOL).exists() or not (out / RANKS).exists():
        if not (out / MATERIAL).exists():
            save_material(out / MATERIAL, prepare(data, token=TOKEN, seed=settings.seed, reporter=reporter))
        stage = load_material(out / MATERIAL).stage
        pool, table = draw_pool(stage, settings.windows, config, settings.seed, reporter)
        np.save(out / RANKS, np.concatenate([stage.table, table], axis=1))
        save_pool(out / POOL, pool)
    return load_pool(out / POOL), np.load(out / RANKS, allow_pickle=False)


def make_network(make: Callable[[], Network], seed: int) -> Network:
    """A network with initial weights that `seed` decides."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def start_vae(config: HotDanceConfig, settings: TrainHotDance) -> PoseVae:
    """The autoencoder as its training begins."""
    vae = make_network(lambda: PoseVae(config), settings.seed)
    vae.start()
    if settings.start is not None:
        state = _part(load_checkpoint(settings.start, HotDanceConfig)[1], "vae.")
        vae.load_state_dict({name: value.float() for name, value in state.items()})
        for part in (vae.see_frame, vae.see_group, vae.encoder, vae.tell):
            part.requires_grad_(False)
    return vae


def start_dit(vae: Path, config: HotDanceConfig, settings: TrainHotDance, pool: Pool, ranks: np.ndarray) -> HotDance:
    """The networks with a trained autoencoder, which is not trained any further, and the transformer as it begins."""
    network = make_network(lambda: HotDance(config), settings.seed)
    _, state = load_checkpoint(vae / STATE, HotDanceConfig)
    network.vae.load_state_dict(_part(state, "mean."))
    network.vae.requires_grad_(False)
    if settings.start is None:
        measure(network, pool, settings.seed)
    else:
        own = network.state_dict()
        known = load_checkpoint(settings.start, HotDanceConfig)[1]
        known = {name: value.float() for name, value in known.items() if not name.startswith("vae.")}
        same = {name: value for name, value in known.items() if name in own and own[name].shape == value.shape}
        network.load_state_dict(same, strict=False)
    network.ranks.copy_(torch.from_numpy(ranks[:, :4]))
    network.asks.copy_(torch.from_numpy(ranks[:, 4:]))
    return network


def _part(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def export(run: Path, weights: Path, config: HotDanceConfig, step: int) -> Path:
    """The mean weights of a run, as they are shipped: fp16."""
    _, state = load_checkpoint(run / STATE, HotDanceConfig)
    mean = {key[5:]: value.half() for key, value in state.items() if key.startswith("mean.")}
    save_checkpoint(weights, mean, config, {"steps": step})
    return weights
