"""Whether a device computes what the CPU computes: scan, beats, dance, finder and frames of the bundled example.

A renderer that needs an extra is left out: it is slow, and nothing compares with it.
A GPU adds up in another order, so that results differ in their last digits; more than the tolerances here is a fault.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch

from dancegen import registry
from dancegen.audio.beats import find_beats
from dancegen.audio.load import load_song
from dancegen.images.picture import open_picture
from dancegen.people.find import find_people
from dancegen.production.backends import Backends, load_backends
from dancegen.production.known import Known
from dancegen.production.python import frames
from dancegen.production.request import Request

SECONDS = 8.0  # of song
FRAMES = 12
SIZE = 256  # pixels
HEARD = 256  # frames of the spectra that the beats' network hears
SCAN = (2, 60, 4, 16, 16)  # sequences, steps, heads, channels of a head, state: as the choreographer's


@dataclass(frozen=True)
class Row:
    """One comparison: `difference` in `unit`, and how much is allowed."""

    what: str
    difference: float
    tolerance: float
    unit: str

    @property
    def holds(self) -> bool:
        """Whether the difference is within the tolerance (that of nothing comparable is not)."""
        return bool(self.difference <= self.tolerance)


def compare(song: Path, picture: Path, device: str) -> list[Row]:
    """Do the same work on the CPU and on `device`.

    Raises:
        DancegenError: there is no such device, or weights are missing.
    """
    there = Request(song, picture, duration=SECONDS, size=SIZE, device=device)
    here = replace(there, device="cpu")
    pairs = load_backends(here), load_backends(there)
    alike = [_scan(pairs[1].device), _beats(here, pairs[1].device), _dance(here, pairs)]
    return [*alike, *_finder(picture, pairs), *_frames(here, there, pairs)]


def _scan(device: torch.device) -> Row:
    """The scan that the device uses (mamba-ssm's kernel, where it is there) beside a loop in float64."""
    from dancegen.choreographers.stg_mamba.stgm import selective_scan

    batch, steps, heads, width, state = SCAN
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(batch, steps, heads, width, generator=draw)
    b, c = torch.randn(2, batch, steps, state, generator=draw)
    dt, decay = torch.rand(batch, steps, heads, generator=draw) * 0.5, -torch.arange(1.0, heads + 1)
    moved = [part.to(device) for part in (x, dt, decay, b, c)]
    got = selective_scan(moved[0], moved[1], moved[2], moved[3], moved[4]).double().cpu()  # (B, L, H, P)
    x, dt, decay, b, c = (part.double() for part in (x, dt, decay, b, c))
    memory, expected = x.new_zeros(batch, heads, width, state), []
    for step in range(steps):
        fed = (dt[:, step, :, None] * x[:, step])[..., None] * b[:, step, None, None]  # (B, H, P, N)
        memory = memory * (dt[:, step] * decay).exp()[..., None, None] + fed
        expected.append((memory * c[:, step, None, None]).sum(-1))  # (B, H, P)
    truth = torch.stack(expected, 1)
    error = float((got - truth).abs().max() / truth.abs().max())
    return Row("selective scan, largest error", error, 1e-4, "of its largest value")


def _beats(request: Request, device: torch.device) -> Row:
    """What the network hears, at the song's begin. (To find beats it listens on the CPU, whatever the device.)"""
    from dancegen.audio.network import hear, load_beat_net
    from dancegen.weights.resolve import weights_path

    network = load_beat_net(weights_path("beats"))
    samples = load_song(request.song, 0, SECONDS).samples
    one, two = (hear(samples, 0, HEARD, 1.0, copy.deepcopy(network).to(to)) for to in (torch.device("cpu"), device))
    return Row("beats, largest step of what is heard", float(np.abs(one - two).max()), 1e-2, "log odds")


def _dance(request: Request, pairs: tuple[Backends, Backends]) -> Row:
    song = load_song(request.song, 0, SECONDS)
    grid = find_beats(song)
    one, two = (
        backends.dancer().dance(song, grid, seed=request.seed, style=request.style).joints for backends in pairs
    )
    return Row("dance, largest step of a joint", float(np.abs(one - two).max()), 1e-3, "body heights")


def _finder(picture: Path, pairs: tuple[Backends, Backends]) -> list[Row]:
    """Joints and outline by the embedded network alone."""
    pixels = open_picture(picture).pixels
    found = []
    for backends in pairs:
        assert backends.subject is not None
        network = backends.subject()
        joints, confidence = network.find_joints(pixels)
        found.append((joints, network.segment(pixels, joints, confidence).mask))
    (one, mask), (two, other) = found
    return [
        Row("finder, largest step of a joint", float(np.abs(one - two).max()), 0.5, "pixels"),
        Row("finder, mean of the outline", float(np.abs(mask - other).mean()), 2e-3, "of full"),
    ]


def _frames(here: Request, there: Request, pairs: tuple[Backends, Backends]) -> list[Row]:
    """Every renderer drawing one dance of one person, with its network and without."""
    song = load_song(here.song, 0, SECONDS)
    grid = find_beats(song)
    subject = find_people(open_picture(here.picture), network=pairs[0].subject)[0]
    dance = pairs[0].dancer().dance(song, grid, seed=here.seed, style=here.style)
    known = Known(grid, dance, [subject])

    def draw(request: Request, backends: Backends) -> np.ndarray:
        return np.stack(list(islice(frames(request, known=known, backends=backends), FRAMES))).astype(np.float32)

    rows = []
    for name, line in registry.BACKENDS["renderer"].items():
        if line.module:
            continue
        one, two = replace(here, renderer=name), replace(there, renderer=name)
        bare = [replace(backends, renderer=None) for backends in pairs]  # then it is loaded without its weights
        trained = [load_backends(request, ("renderer",)) for request in (one, two)] if line.weights else []
        for whose, (cpu, device) in (("", trained or bare), (" without the network", bare)):
            if whose and not trained:
                continue
            step = float(np.abs(draw(one, cpu) - draw(two, device)).mean())
            rows.append(Row(f"{name}'s frames{whose}, mean of a value", step, 0.5, "of 255"))
    return rows
