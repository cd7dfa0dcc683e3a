"""The prepared pairs on disk, so that a second run or an ablation need not build them again, and batches from them.

Glossary: B batch, F pieces, T = 3 F poses, L = 17 bones, K beat inputs, S = 1,600 samples of a piece.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dancegen.audio.beats import BeatGrid
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.phrases import UNITS
from dancegen.errors import DancegenError
from dancegen.lab.datasets.data import Dance, Material, Track
from dancegen.lab.datasets.motion import FPS, Motion, mirrored

FORMAT = 2


@dataclass(frozen=True)
class Batch:
    """Windows of dances.

    Attributes:
        audio: (B, F, S) normalised samples.
        beats: (B, F, K).
        unit: (B, F) int, which unit of two beats of the window each piece belongs to, from 0.
        style: (B,) index into STYLES.
        directions: (B, T, L, 3) target.
        root: (B, T, 2) target.
    """

    audio: Tensor
    beats: Tensor
    unit: Tensor
    style: Tensor
    directions: Tensor
    root: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(getattr(self, name).to(device) for name in self.__dataclass_fields__))


class Sampler:
    """Random windows of dances, half of them mirrored."""

    def __init__(self, dances: list[Dance], pieces: int) -> None:
        self.dances = [dance for dance in dances if dance.pieces >= pieces]
        if not self.dances:
            raise DancegenError(f"no dance of {pieces / 10:g} s in the training data", "give longer takes")
        self.pieces = pieces
        self.ends = torch.tensor([dance.pieces - pieces + 1 for dance in self.dances]).cumsum(0)

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """`count` windows, drawn with `generator` alone."""
        at = torch.randint(int(self.ends[-1]), (count,), generator=generator)
        mirror = torch.rand(count, generator=generator) < 0.5
        rows = []
        for place, flip in zip(at, mirror, strict=True):
            index = int(torch.searchsorted(self.ends, place, right=True))
            before = int(self.ends[index - 1]) if index else 0
            rows.append(window(self.dances[index], int(place) - before, self.pieces, bool(flip)))
        return collate(rows)


def draw_styles(motions: list[Motion], count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Stretches of two seconds of the performances, as many of each style: directions, root and style's number."""
    length = 2 * FPS
    by_style: dict[int, list[Motion]] = {}
    for motion in motions:
        if len(motion) >= length:
            by_style.setdefault(STYLES.index(motion.style), []).append(motion)
    known = sorted(by_style)
    rows = []
    for _ in range(count):
        at = torch.rand(4, generator=generator).tolist()
        style = known[int(at[0] * len(known))]
        motion = by_style[style][int(at[1] * len(by_style[style]))]
        first = int(at[2] * (len(motion) - length + 1))
        directions, root = motion.directions[first : first + length], motion.root[first : first + length]
        if at[3] < 0.5:
            directions, root = mirrored(directions, root)
        rows.append((torch.from_numpy(directions.copy()), torch.from_numpy(root.copy()), torch.tensor(style)))
    return tuple(torch.stack(column) for column in zip(*rows, strict=True))  # type: ignore[return-value]


def window(dance: Dance, first: int, pieces: int, flip: bool = False) -> Batch:
    """One window as a batch without its first axis."""
    track, begin = dance.track, dance.first + first
    unit = np.floor(track.position[begin : begin + pieces] * UNITS).astype(np.int64)
    directions = dance.directions[first * 3 : (first + pieces) * 3].astype(np.float32)
    root = dance.root[first * 3 : (first + pieces) * 3].astype(np.float32)
    if flip:
        directions, root = mirrored(directions, root)
    samples = track.samples[begin : begin + pieces].astype(np.float32) * np.float32(track.gain)
    return Batch(
        torch.from_numpy(samples),
        torch.from_numpy(track.beats[begin : begin + pieces]),
        torch.from_numpy(unit - unit[0]),
        torch.tensor(dance.style),
        torch.from_numpy(directions),
        torch.from_numpy(root),
    )


def collate(rows: list[Batch]) -> Batch:
    """Stack windows of one length."""
    return Batch(*(torch.stack([getattr(row, name) for row in rows]) for name in Batch.__dataclass_fields__))


def save_material(path: Path, material: Material) -> None:
    """Write everything `prepare` made into one .npz, whole or not at all."""
    tracks: list[Track] = []
    arrays: dict[str, np.ndarray] = {}
    listed: dict[str, list[dict]] = {"tracks": [], "train": [], "held_out": [], "motions": []}
    for kind, dances in (("train", material.train), ("held_out", material.held_out)):
        for number, dance in enumerate(dances):
            index = next((i for i, track in enumerate(tracks) if track is dance.track), None)
            if index is None:
                index = len(tracks)
                tracks.append(dance.track)
            arrays[f"{kind}_{number}_directions"], arrays[f"{kind}_{number}_root"] = dance.directions, dance.root
            listed[kind].append({"track": index, "first": dance.first, "style": dance.style})
    for index, track in enumerate(tracks):
        for name in ("samples", "beats", "position"):
            arrays[f"track_{index}_{name}"] = getattr(track, name)
        arrays[f"track_{index}_times"], arrays[f"track_{index}_downbeat"] = track.grid.times, track.grid.downbeat
        listed["tracks"].append(
            {"name": track.name, "gain": track.gain, "tempo": track.grid.tempo, "confidence": track.grid.confidence}
        )
    for index, motion in enumerate(material.motions):
        arrays[f"motion_{index}_directions"] = motion.directions.astype(np.float16)
        arrays[f"motion_{index}_root"] = motion.root
        listed["motions"].append({"style": motion.style, "source": motion.source, "start": motion.start})
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part.npz")
    np.savez(part, index=np.array(json.dumps({"format": FORMAT, **listed})), **arrays)  # type: ignore[arg-type]
    part.replace(path)


def load_material(path: Path) -> Material:
    """Read what `save_material` wrote; raises DancegenError where it is missing or of another format."""
    try:
        file = np.load(path, allow_pickle=False)
        listed = json.loads(str(file["index"]))
    except (OSError, ValueError, KeyError) as cause:
        raise DancegenError(f"{path} is no prepared training material", "delete it and run again") from cause
    if listed.get("format") != FORMAT:
        raise DancegenError(f"{path} was prepared by another version", "delete it and run again")
    tracks = [
        Track(
            row["name"],
            file[f"track_{i}_samples"],
            row["gain"],
            file[f"track_{i}_beats"],
            file[f"track_{i}_position"],
            BeatGrid(file[f"track_{i}_times"], row["tempo"], row["confidence"], file[f"track_{i}_downbeat"]),
        )
        for i, row in enumerate(listed["tracks"])
    ]

    def dances(kind: str) -> list[Dance]:
        return [
            Dance(
                tracks[row["track"]],
                row["first"],
                file[f"{kind}_{i}_directions"],
                file[f"{kind}_{i}_root"],
                row["style"],
            )
            for i, row in enumerate(listed[kind])
        ]

    motions = [
        Motion(
            file[f"motion_{i}_directions"].astype(np.float32),
            file[f"motion_{i}_root"],
            row["style"],
            row["source"],
            row["start"],
        )
        for i, row in enumerate(listed["motions"])
    ]
    return Material(dances("train"), dances("held_out"), motions)
