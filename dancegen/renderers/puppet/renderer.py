"""The puppet as a renderer: a person of a picture is cut into limbs once, then moved pose by pose and retouched by G_r.

Glossary: B batch; h x w the video; H x W the picture; V = 18 joints; K = 15 limbs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.body.capsules import limb_distances
from dancegen.body.sequence import SkeletonSequence
from dancegen.people.located import LocatedBody
from dancegen.renderers.base import KEEP, Layer
from dancegen.renderers.plate import Plate
from dancegen.renderers.puppet.cues import foreign_colour
from dancegen.renderers.puppet.cut import LimbLayers, cut_person
from dancegen.renderers.puppet.motion import Motion, motions
from dancegen.renderers.puppet.puppet import lay, mean_colours, puppet_box, shrink_layers
from dancegen.renderers.retouch.conditions import Window, draw_conditions, fit_window
from dancegen.renderers.retouch.generator import Generator, Retouch, firm_cover, load_generator, merge

DEFAULT_GRID = 128  # where there is no network to ask
PART_TRUST = 0.5  # share of the network's corrections of the limbs' distances that is used: best on real pairs
BATCH = 8  # frames worked on together


@dataclass(frozen=True, eq=False)
class Figure:
    """A person made ready to dance.

    Attributes:
        plate: the picture they come from, and its background.
        joints: (V, 2) their joints, in video pixels.
        layers: the puppet; coarse: the same for the network's grid.
        colours: (K, 3) mean colour of each limb.
        window: what the network looks at.
    """

    plate: Plate
    joints: np.ndarray
    layers: LimbLayers
    coarse: LimbLayers
    colours: torch.Tensor
    window: Window


def make_figure(person: LocatedBody, plate: Plate, network: Generator | None) -> Figure:
    """Cut a person out of their picture, into limbs, as the network tells them apart."""
    joints = plate.joints(person)
    window = fit_window(joints, plate.size, network.config.grid if network else DEFAULT_GRID)
    corrections = None
    if network is not None:
        corrections = _part_corrections(network, plate.pixels, plate.matte(person), joints, window)
    layers = cut_person(person, plate, joints, corrections)
    return Figure(plate, joints, layers, shrink_layers(layers, 2 / window.cell), mean_colours(layers), window)


def _part_corrections(
    network: Generator, picture: torch.Tensor, matte: torch.Tensor, joints: np.ndarray, window: Window
) -> torch.Tensor:
    """The network's corrections of the limbs' distances over the whole video frame: (K, h, w)."""
    origin = window.origins(joints[None])[0]
    seen, mask = window.look(picture, origin)[None], window.look(matte, origin)[None]
    local = ((joints - origin) / window.cell)[None].astype(np.float32)
    capsules = limb_distances(local, window.rows, window.columns).to(picture.device)
    distances = capsules + foreign_colour(capsules, seen, mask)
    corrections = network.part_corrections(seen, mask, (1 - distances / 2).clamp_min(0))
    height, width = picture.shape[-2:]
    x = ((torch.arange(width, device=picture.device) + 0.5 - float(origin[0])) / window.cell) * 2 / window.columns - 1
    y = ((torch.arange(height, device=picture.device) + 0.5 - float(origin[1])) / window.cell) * 2 / window.rows - 1
    grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)[None]
    return PART_TRUST * F.grid_sample(corrections, grid, align_corners=False)[0]


class PuppetRenderer:
    """See `renderers.base.Renderer`.

    Args:
        network: G_r, or None for the analytic puppet alone.
        device: where to work.
    """

    background = KEEP
    shows_turns = False  # of one picture there is one side

    def __init__(self, network: Generator | None = None, device: str | torch.device = "cpu") -> None:
        self.network = network
        self.device = torch.device(device)

    @torch.inference_mode()
    def prepare(self, person: LocatedBody, plate: Plate) -> Figure:
        """The person cut into limbs."""
        return make_figure(person, plate, self.network)

    @torch.inference_mode()
    def draw(self, figure: Figure, poses: SkeletonSequence) -> Iterator[Layer]:
        """One layer for each pose; poses are in pixels of the picture."""
        scale = np.array([*figure.plate.scale, np.mean(figure.plate.scale)], np.float32)
        for start in range(0, len(poses), BATCH):
            targets = poses.joints[start : start + BATCH] * scale  # (B, V, 3) video pixels
            moves = motions(figure.joints, targets, self.network.limb if self.network else None)
            if self.network is None:
                yield from (puppet_layer(figure, move) for move in moves)
            else:
                yield from self._retouch(figure, targets, moves)

    def _retouch(self, figure: Figure, targets: np.ndarray, moves: list[Motion]) -> Iterator[Layer]:
        """Look at the puppet on the coarse grid, ask the network, draw the puppet again at full size as it says."""
        assert self.network is not None
        window, origins = figure.window, figure.window.origins(targets)
        coarse = torch.zeros(len(targets), 4, window.rows, window.columns, device=self.device)
        for puppet, move, (x, y) in zip(coarse, moves, origins, strict=True):
            lay(figure.coarse, *move.view_from(float(x), float(y), window.cell), puppet)
        plates = torch.stack([window.look(figure.plate.colours, origin) for origin in origins])
        local = (targets - np.pad(origins, ((0, 0), (0, 1)))[:, None]) / window.cell
        colours = figure.colours[None].expand(len(targets), -1, -1)
        conditions = draw_conditions(local.astype(np.float32), colours, window.rows, window.columns)
        with torch.autocast(self.device.type, torch.float16, enabled=self.device.type == "cuda"):
            retouch = self.network(coarse, plates, conditions)
        touched = coarse[:, 3:] + conditions.reach > 0.004
        for index, origin in enumerate(origins):
            yield retouched_layer(figure, moves[index], origin, retouch.rows(index), touched[index, 0])


def load(weights: Path | None, device: torch.device) -> PuppetRenderer:
    """The renderer with the network of a weights file; without one, the analytic puppet alone."""
    return PuppetRenderer(load_generator(weights, device) if weights else None, device)


def puppet_layer(figure: Figure, move: Motion) -> Layer:
    """The analytic puppet in one pose."""
    width, height = figure.plate.size
    box = puppet_box(figure.layers, move.maps, move.bends, (height, width))
    left, top, right, bottom = box or (0, 0, 0, 0)
    puppet = torch.zeros(4, bottom - top, right - left, device=figure.plate.device)
    if box:
        lay(figure.layers, *move.view_from(left, top), puppet)
    return Layer(puppet, (left, top))


def retouched_layer(figure: Figure, move: Motion, origin: np.ndarray, retouch: Retouch, touched: torch.Tensor) -> Layer:
    """The puppet in one pose as the network retouched it.

    Args:
        origin: (2,) the window's first corner, video pixels.
        retouch: the answer for this frame (1, ., rows, columns).
        touched: (rows, columns) the cells where anything differs from the empty plate.
    """
    window, (video_width, video_height) = figure.window, figure.plate.size
    nothing = Layer(torch.zeros(4, 0, 0, device=touched.device), (0, 0))
    rows, columns = torch.where(touched.any(1))[0], torch.where(touched.any(0))[0]
    if not len(rows):
        return nothing
    # One cell more all around: the coarse puppet is sampled once a cell and misses the ends of thin lines.
    first = max(int(rows[0]) - 1, 0), max(int(columns[0]) - 1, 0)
    last = min(int(rows[-1]) + 2, window.rows), min(int(columns[-1]) + 2, window.columns)
    retouch = retouch.crop(first, last)
    # The cropped cells in video pixels, and of those what lies in the frame.
    left, top = round(float(origin[0]) + first[1] * window.cell), round(float(origin[1]) + first[0] * window.cell)
    width, height = round((last[1] - first[1]) * window.cell), round((last[0] - first[0]) * window.cell)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, video_width), min(top + height, video_height)
    if x1 <= x0 or y1 <= y0:
        return nothing
    large = retouch.enlarge(height, width).crop((y0 - top, x0 - left), (y1 - top, x1 - left))
    puppet = torch.zeros(4, y1 - y0, x1 - x0, device=touched.device)
    lay(figure.layers, *move.view_from(x0, y0), puppet)
    # On paper nothing is painted beneath: the strokes' colours, spread, are smears, and what is missing is hardly seen.
    if figure.plate.is_plain:
        return Layer((large.kept * puppet)[0], (x0, y0))
    return Layer(merge(puppet[None], Retouch(large.kept, firm_cover(large.under), large.raw))[0], (x0, y0))
