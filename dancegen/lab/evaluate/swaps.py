"""What each input of HotDance's transformer decides: inputs are swapped one at a time, and dances compared as drawn.

Joints are compared about the mid-hip, frame by frame of the pictures (which are counted in beats), in body heights.
`by itself` is the network: one draw of each segment. Dances take the one of several draws that suits the music.

Glossary: B songs, X tokens, D width, N beats, V = 18 joints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dancegen.audio.grid import BeatGrid
from dancegen.audio.song import Song
from dancegen.body.joints import mid_hip
from dancegen.choreographers.hotdance.dance import HotDancer, Listening, Wish, draw_points, listen
from dancegen.choreographers.hotdance.dancer import Dancer, canonical_dancer
from dancegen.choreographers.hotdance.generate import Sampling
from dancegen.progress import SilentReporter

STYLE, OTHER_STYLE = "cha-cha", "rumba"
SHIFT = 5  # columns by which music is moved
SLOWER = 1.1
BEGINNING = 24  # frames, three beats
DEAD = 0.01  # of what the layer's middle unit changes: a unit that changes less is dead
Changed = Callable[..., tuple[Any, ...]]


def draw_raw(dancer: HotDancer, heard: Listening, who: Dancer, wish: Wish, sampling: Sampling) -> np.ndarray:
    """Points (T, V, 3) as they are drawn, before anything is set right."""
    return draw_points(dancer.network, heard, wish, who, sampling, SilentReporter())


def gap(first: np.ndarray, second: np.ndarray) -> float:
    """Mean distance of joints about the mid-hip, beat by beat; a slower count has fewer."""
    length = min(len(first), len(second))
    first, second = first[:length], second[:length]
    shapes = [points - mid_hip(points)[:, None] for points in (first, second)]
    return float(np.linalg.norm(shapes[0] - shapes[1], axis=-1).mean())


@contextmanager
def change_inputs(modules: Iterable[nn.Module], change: Changed) -> Iterator[None]:
    """Other inputs for the modules: `change` gets theirs and gives what they get instead."""
    with ExitStack() as stack:
        for module in modules:
            handle = module.register_forward_pre_hook(lambda _, given: change(*given))
            stack.callback(handle.remove)
        yield


def hide_mask(noisy: Tensor, time: Tensor, told: Tensor, mask: Tensor, heard: Any) -> tuple[Any, ...]:
    """Nothing says which frames are known."""
    return noisy, time, told, torch.zeros_like(mask), heard


def hide_known(noisy: Tensor, time: Tensor, told: Tensor, mask: Tensor, heard: Any) -> tuple[Any, ...]:
    """The reference shows the picture where known frames are said to be."""
    return noisy, time, told[..., -1:].expand_as(told), mask, heard


def move_music(noisy: Tensor, time: Tensor, told: Tensor, mask: Tensor, heard: Any) -> tuple[Any, ...]:
    """The music and the count of other beats: they no longer share the time of the poses."""
    moved = {name: getattr(heard, name).roll(SHIFT, 1) for name in ("asked", "clock")}
    return noisy, time, told, mask, heard._replace(**moved)


def measure_swaps(
    dancer: HotDancer, heard: Listening, strange: np.ndarray, other: Dancer, sampling: Sampling
) -> dict[str, np.ndarray]:
    """Dances (T, V, 3) of one seed to what is heard, and with each input another; `strange` is another song's mel."""
    who, wish, network = canonical_dancer(), Wish(0, STYLE), dancer.network
    its = np.resize(strange, heard.mel.shape)
    slower = replace(heard.count, beats=heard.count.beats * SLOWER)

    def dance(heard: Listening = heard, who: Dancer = who, wish: Wish = wish) -> np.ndarray:
        return draw_raw(dancer, heard, who, wish, sampling)

    found = {
        "nothing": dance(),
        "again": dance(),
        "seed": dance(wish=Wish(1, STYLE)),
        "music": dance(replace(heard, mel=its)),
        "beats": dance(replace(heard, count=slower)),
        "style": dance(replace(heard, shares={OTHER_STYLE: 1.0})),
        "amount": dance(replace(heard, shares={STYLE: 0.5, OTHER_STYLE: 0.5})),
        "turns": dance(wish=Wish(0, STYLE, turns=1.0)),
        "picture": dance(who=other),
        "its pose alone": dance(who=replace(who, shape=other.shape, seen=other.seen, pose=other.pose)),
        "its measures alone": dance(who=replace(who, bones=other.bones)),
    }
    hooked: dict[str, tuple[Iterable[nn.Module], Changed]] = {
        "mask": ([network.transformer], hide_mask),
        "known frames": ([network.transformer], hide_known),
        "time index": ([network.transformer], move_music),
    }
    for name, (modules, change) in hooked.items():
        with change_inputs(modules, change):
            found[name] = dance()
    return found


def swap_rows(dancer: HotDancer, songs: Sequence[tuple[Song, BeatGrid]], other: Dancer) -> dict[str, float]:
    """How far a dance moves when one input is another, body heights, mean over songs."""
    rows: dict[str, list[float]] = {}
    for (song, grid), (strange, its_grid) in pairwise([*songs, songs[0]]):
        heard = listen(song, grid, dancer.network, Wish(0, STYLE))
        its = listen(strange, its_grid, dancer.network, Wish(0, STYLE)).mel
        for how, sampling in (("by itself", Sampling(ideas=1)), ("chosen", Sampling())):
            made = measure_swaps(dancer, heard, its, other, sampling)
            for name, points in made.items():
                moved = gap(made["nothing"], points) / canonical_dancer().scale
                rows.setdefault(f"swapped {name}, {how}, body heights", []).append(moved)
            begins = gap(made["nothing"][:BEGINNING], made["its pose alone"][:BEGINNING]) / canonical_dancer().scale
            rows.setdefault(f"swapped its pose alone, first three beats, {how}, body heights", []).append(begins)
    return {name: float(np.mean(found)) for name, found in rows.items() if "nothing" not in name}


@contextmanager
def _listening_to(layers: Iterable[nn.Module], heard: list[list[Tensor]]) -> Iterator[None]:
    """Keep what each of the layers says while a dance is drawn."""
    handles = [
        layer.register_forward_hook(lambda _, __, out, kept=kept: kept.append(out.flatten(0, -2)[::7].float()))
        for layer, kept in zip(layers, heard, strict=True)
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def dead_units(dancer: HotDancer, songs: Sequence[tuple[Song, BeatGrid]]) -> dict[str, float]:
    """The share in % of the transformer's hidden units that change by less than DEAD of what the middle one changes:
    of its layers, and of what hears the music."""
    network = dancer.network.transformer
    groups: dict[str, list[nn.Module]] = {
        "layers": [layer.widen for layer in network.layers],  # type: ignore[misc]
        "hearing": [part[0] for part in (network.ask, network.clock)],
    }
    rows = {}
    for name, layers in groups.items():
        kept: list[list[Tensor]] = [[] for _ in layers]
        with _listening_to(layers, kept):
            for song, grid in songs:
                dancer.dance(song, grid, seed=0, style=STYLE)
        shares = []
        for outs in kept:
            change = nn.functional.gelu(torch.cat(outs)).std(dim=0)
            shares.append(float((change < DEAD * change.median()).float().mean()))
        rows[f"dead units, {name}, %"] = 100 * float(np.mean(shares))
    return rows
