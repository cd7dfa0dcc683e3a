"""What the motion network listens to: how far its movement goes with each input swapped, and which units sleep.

Glossary: B windows, S frames, V = 18 joints, X and Y numbers of movement and 2D.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dancegen.capture.diffusion import Given, Sampling, sample
from dancegen.capture.imagine import OVERLAP
from dancegen.capture.movement import place
from dancegen.capture.network import Vimo
from dancegen.capture.settle import calm
from dancegen.capture.sight import CUT, JOINTS, PLACE
from dancegen.lab.datasets.performances import Performances
from dancegen.lab.evaluate.vimo import BATCH, MILLIMETRES, imagine_joints, in_place, windows_at
from dancegen.lab.train.vimo.samples import Windows, generator_of
from dancegen.lab.train.vimo.units import watch_units

DEAD_TIMES = 100  # time steps at which the units that only time feeds are looked at


def measure_swaps(network: Vimo, held_out: Performances, count: int, how: Sampling) -> dict[str, float]:
    """How far joints move (mm, about the mid-hip) where an input is another window's; and with another seed."""
    windows = windows_at(network, held_out, count, "E")
    plain, sight = imagine_joints(network, windows.sight, how, 0), windows.sight
    confidence = list(range(2, JOINTS.stop, 3))
    places = [number for number in range(JOINTS.stop) if number % 3 < 2]
    parts = {"2D places": places, "confidences": confidence, "place and size": list(range(PLACE.start, PLACE.stop))}
    found = {"seed": _apart(plain, imagine_joints(network, sight, how, 1))}
    for name, numbers in (parts | {"cut flags": [CUT]}).items():
        other = sight.clone()
        other[..., numbers] = sight.roll(1, 0)[..., numbers]
        found[name] = _apart(plain, imagine_joints(network, other, how, 0))
    with torch.no_grad():
        memory = network.watch(sight[:BATCH])
        noise = torch.randn(
            len(sight[:BATCH]), network.config.frames, len(network.spread), generator=generator_of(1, 1)
        )
        said = [network.denoise(noise, torch.full((len(noise),), time), memory) for time in (1.0, 0.3)]
        joints = [place(one * network.spread + network.centre) for one in said]
    return found | {"time step": _apart(*joints)} | _swap_known(network, windows, how)


def _swap_known(network: Vimo, windows: Windows, how: Sampling) -> dict[str, float]:
    """Likewise what is imagined without any 2D; and behind a second of known movement, without it or with another's."""
    sight, moved = windows.sight[:BATCH], windows.moved[:BATCH]
    free, mask = torch.zeros_like(moved), torch.zeros_like(moved)
    mask[:, :OVERLAP] = 1

    def joints(seen: Tensor | None, given: Given) -> Tensor:
        return place(calm(sample(network, seen, how, generator_of(0, 0), given)))[:, OVERLAP:]

    plain, held = joints(sight, Given(moved, free)), joints(sight, Given(moved, mask))
    return {
        "no 2D at all": _apart(plain, joints(None, Given(moved, free))),
        "known frames left out": _apart(held, plain),
        "known frames": _apart(held, joints(sight, Given(moved.roll(1, 0), mask))),
    }


def _apart(one: Tensor, other: Tensor) -> float:
    return float((in_place(one) - in_place(other)).norm(dim=-1).mean()) * MILLIMETRES


def dead_units(network: Vimo, held_out: Performances, count: int) -> tuple[int, int]:
    """Hidden units of the MLPs that never pass zero on held-out windows, and how many there are."""
    sight = windows_at(network, held_out, count, "E").sight
    with watch_units(network) as found, torch.no_grad():
        imagine_joints(network, sight, Sampling(), 0)
        moved = torch.zeros(DEAD_TIMES, network.config.frames, len(network.spread))  # at all times
        memory = network.watch(sight[:1].expand(DEAD_TIMES, -1, -1))
        network.denoise(moved, torch.linspace(0, 1, DEAD_TIMES), memory)
    units = torch.cat([top for top, _ in found.values()])
    return int((units <= 0).sum()), len(units)
