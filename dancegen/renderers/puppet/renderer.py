"""From a subject and its skeletons to frames: everything that depends on the picture once, then frame by frame.

Glossary: h x w the video; H x W the picture; V = 18 joints; K = 15 limbs; B frames worked on together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.body.capsules import limb_distances
from dancegen.body.joints import body_height
from dancegen.body.sequence import SkeletonSequence
from dancegen.images.matting import separate
from dancegen.images.picture import output_size
from dancegen.people.subject import Subject
from dancegen.renderers.plate import background_plate, is_plain
from dancegen.renderers.puppet.motion import Motion, motions
from dancegen.renderers.puppet.parts import by_colour
from dancegen.renderers.puppet.puppet import (
    LimbLayers,
    cut_layers,
    lay,
    mean_colours,
    puppet_box,
    shrunk_layers,
)
from dancegen.renderers.retouch.conditions import draw_conditions
from dancegen.renderers.retouch.generator import Generator, Retouch, compose, decided, load_generator
from dancegen.renderers.window import Window, fit_window

LAYER_DENSITY = 2.0  # texels per video pixel: bilinear sampling of twice the detail keeps the picture's sharpness
LARGEST_LAYER = 2048  # texels, the longer side of the person's part of the picture
CRISPNESS = 0.75  # then a person drawn in their own pose has the gradient energy of the picture; without it 0.93
DEFAULT_GRID = 128  # where there is no network to ask
PART_TRUST = 0.5  # share of the network's corrections of the limbs' distances that is used: best on real pairs
BATCH = 8  # frames worked on together


@dataclass(frozen=True)
class Canvas:
    """A picture made ready to dance.

    Attributes:
        size: (w, h) of the video.
        scale: (x, y) video pixels per picture pixel.
        joints: (V, 2) the subject's, in video pixels.
        plate: (3, h, w) the empty background, 0..1, and the same as a finished frame: empty, uint8 (h, w, 3).
        layers: the puppet; coarse: the same for the network's grid.
        colours: (K, 3) mean colour of each limb.
        window: what the network looks at.
        plain: whether the background is of one colour.
    """

    size: tuple[int, int]
    scale: tuple[float, float]
    joints: np.ndarray
    plate: torch.Tensor
    empty: np.ndarray
    layers: LimbLayers
    coarse: LimbLayers
    colours: torch.Tensor
    window: Window
    plain: bool


class Renderer:
    """Makes the person of a picture follow skeletons.

    Args:
        network: G_r, or None for the analytic puppet alone.
        device: where to work.
    """

    def __init__(self, network: Generator | None = None, device: str | torch.device = "cpu") -> None:
        self.network = network
        self.device = torch.device(device)

    @torch.inference_mode()
    def prepare(self, subject: Subject, size: int) -> Canvas:
        """Everything that depends on the picture alone; `size` is the longer side of the video, pixels."""
        height, width = subject.image.pixels.shape[:2]
        out_width, out_height = output_size((width, height), size)
        scale = np.array([out_width / width, out_height / height])
        joints = subject.joints[:, :2] * scale
        picture = torch.tensor(subject.image.pixels).to(self.device).permute(2, 0, 1).float() / 255  # (3, H, W)
        matte = torch.tensor(np.ascontiguousarray(subject.mask)).to(self.device).float()[None]  # (1, H, W)
        small, small_matte = (resized(p, (out_height, out_width)) for p in (picture, matte))
        window = fit_window(joints, (out_width, out_height), self.network.config.grid if self.network else DEFAULT_GRID)
        plate = background_plate(small, small_matte, reach=1 + 0.02 * float(body_height(joints)))
        corrections = self._part_corrections(small, small_matte, joints, window)
        layers = person_layers(picture, matte, joints, scale, corrections)
        return Canvas(
            (out_width, out_height),
            (float(scale[0]), float(scale[1])),
            joints,
            plate,
            finished(plate),
            layers,
            shrunk_layers(layers, 2 / window.cell),
            mean_colours(layers),
            window,
            is_plain(plate),
        )

    def _part_corrections(
        self, picture: torch.Tensor, matte: torch.Tensor, joints: np.ndarray, window: Window
    ) -> torch.Tensor | None:
        """The network's corrections of the limbs' distances over the whole video frame: (K, h, w), or None."""
        if self.network is None:
            return None
        origin = window.origins(joints[None])[0]
        seen, mask = window.look(picture, origin)[None], window.look(matte, origin)[None]
        local = ((joints - origin) / window.cell)[None].astype(np.float32)
        distances = by_colour(limb_distances(local, window.rows, window.columns).to(self.device), seen, mask)
        corrections = self.network.part_corrections(seen, mask, (1 - distances / 2).clamp_min(0))
        height, width = picture.shape[-2:]
        x = ((torch.arange(width, device=self.device) + 0.5 - float(origin[0])) / window.cell) * 2 / window.columns - 1
        y = ((torch.arange(height, device=self.device) + 0.5 - float(origin[1])) / window.cell) * 2 / window.rows - 1
        grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], -1)[None]
        return PART_TRUST * F.grid_sample(corrections, grid, align_corners=False)[0]

    @torch.inference_mode()
    def render(self, canvas: Canvas, skeletons: SkeletonSequence) -> Iterator[np.ndarray]:
        """The frames, one by one: uint8 (h, w, 3). Memory does not grow with their number.

        Args:
            canvas: from `prepare`.
            skeletons: in pixels of the picture, as `retarget` gives them.
        """
        scale = np.array([*canvas.scale, np.mean(canvas.scale)], np.float32)
        for start in range(0, len(skeletons), BATCH):
            targets = skeletons.joints[start : start + BATCH] * scale  # (B, V, 3) video pixels
            poses = motions(canvas.joints, targets, self.network.limb if self.network else None)
            if self.network is None:
                yield from (puppet_frame(canvas, pose) for pose in poses)
            else:
                yield from self._network_frames(canvas, targets, poses)

    def _network_frames(self, canvas: Canvas, targets: np.ndarray, poses: list[Motion]) -> Iterator[np.ndarray]:
        """Look at the puppet on the coarse grid, ask the network, draw the puppet again at full size as it says."""
        assert self.network is not None
        window, origins = canvas.window, canvas.window.origins(targets)
        coarse = torch.zeros(len(targets), 4, window.rows, window.columns, device=self.device)
        for puppet, pose, (x, y) in zip(coarse, poses, origins, strict=True):
            lay(canvas.coarse, *pose.seen_from(float(x), float(y), window.cell), puppet)
        plates = torch.stack([window.look(canvas.plate, origin) for origin in origins])
        local = (targets - np.pad(origins, ((0, 0), (0, 1)))[:, None]) / window.cell
        colours = canvas.colours[None].expand(len(targets), -1, -1)
        conditions = draw_conditions(local.astype(np.float32), colours, window.rows, window.columns)
        with torch.autocast(self.device.type, torch.float16, enabled=self.device.type == "cuda"):
            retouch = self.network(coarse, plates, conditions)
        touched = coarse[:, 3:] + conditions.reach > 0.004
        for index, origin in enumerate(origins):
            yield network_frame(canvas, poses[index], origin, retouch.rows(index), touched[index, 0])


def person_layers(
    picture: torch.Tensor,
    matte: torch.Tensor,
    joints: np.ndarray,
    scale: np.ndarray,
    corrections: torch.Tensor | None,
) -> LimbLayers:
    """Cut the person out of the picture (3, H, W), finely enough for the video; matte (1, H, W)."""
    left, top, right, bottom = person_box(matte[0])
    extent = np.array([(right - left) * scale[0], (bottom - top) * scale[1]])  # video pixels
    density = min(LAYER_DENSITY, LARGEST_LAYER / float(extent.max()))
    texels = (max(4, round(float(extent[1]) * density)), max(4, round(float(extent[0]) * density)))
    fine, fine_matte = (resized(p[:, top:bottom, left:right], texels)[None] for p in (picture, matte))
    body = float(body_height(joints))
    colours, edge = separate(fine, fine_matte, band=max(1.0, 0.006 * body * density))
    colours = crisp(colours)
    corner = (left * float(scale[0]), top * float(scale[1]))
    if corrections is not None:
        x0, y0 = round(corner[0]), round(corner[1])
        corrections = corrections[:, y0 : y0 + max(1, round(extent[1])), x0 : x0 + max(1, round(extent[0]))]
    return cut_layers(colours[0], edge[0, 0], joints, density, corner, corrections)


def crisp(colours: torch.Tensor) -> torch.Tensor:
    """Colours (1, 3, H, W) as much sharper as being sampled again, bilinearly, makes them softer."""
    taps = colours.new_tensor([0.25, 0.5, 0.25])
    kernel = (taps[:, None] * taps)[None, None].expand(3, 1, 3, 3)
    soft = F.conv2d(F.pad(colours, (1, 1, 1, 1), mode="replicate"), kernel, groups=3)
    return (colours + CRISPNESS * (colours - soft)).clamp(0, 1)


def puppet_frame(canvas: Canvas, pose: Motion) -> np.ndarray:
    """One frame of the analytic puppet over the plate: uint8 (h, w, 3)."""
    frame = canvas.empty.copy()
    box = puppet_box(canvas.layers, pose.maps, pose.bends, (canvas.size[1], canvas.size[0]))
    if box is None:
        return frame
    left, top, right, bottom = box
    part = canvas.plate[:, top:bottom, left:right].clone()
    lay(canvas.layers, *pose.seen_from(left, top), part)
    frame[top:bottom, left:right] = finished(part)
    return frame


def network_frame(
    canvas: Canvas, pose: Motion, origin: np.ndarray, retouch: Retouch, touched: torch.Tensor
) -> np.ndarray:
    """One frame as the network retouched it: uint8 (h, w, 3).

    Args:
        retouch: the answer for this frame (1, ., rows, columns).
        touched: (rows, columns) the cells where anything differs from the empty plate.
    """
    frame, window = canvas.empty.copy(), canvas.window
    rows, columns = torch.where(touched.any(1))[0], torch.where(touched.any(0))[0]
    if not len(rows):
        return frame
    # One cell more all around: the coarse puppet is sampled once a cell and misses the ends of thin lines.
    first = max(int(rows[0]) - 1, 0), max(int(columns[0]) - 1, 0)
    last = min(int(rows[-1]) + 2, window.rows), min(int(columns[-1]) + 2, window.columns)
    retouch = retouch.cropped(first, last)
    # The cropped cells in video pixels, and of those what lies in the frame.
    left, top = round(float(origin[0]) + first[1] * window.cell), round(float(origin[1]) + first[0] * window.cell)
    width, height = round((last[1] - first[1]) * window.cell), round((last[0] - first[0]) * window.cell)
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + width, canvas.size[0]), min(top + height, canvas.size[1])
    if x1 <= x0 or y1 <= y0:
        return frame
    large = retouch.enlarged(height, width).cropped((y0 - top, x0 - left), (y1 - top, x1 - left))
    puppet = torch.zeros(4, y1 - y0, x1 - x0, device=canvas.plate.device)
    lay(canvas.layers, *pose.seen_from(x0, y0), puppet)
    # On paper nothing is painted beneath: the strokes' colours, spread, are smears, and what is missing is hardly seen.
    under = torch.zeros_like(large.under) if canvas.plain else decided(large.under)
    made, _ = compose(puppet[None], replace(large, under=under), canvas.plate[None, :, y0:y1, x0:x1])
    frame[y0:y1, x0:x1] = finished(made[0])
    return frame


def finished(picture: torch.Tensor) -> np.ndarray:
    """(3, h, w) 0..1 -> uint8 (h, w, 3)."""
    return (picture.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


def resized(picture: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(C, h, w) at another size, without aliasing: (C, *size)."""
    if tuple(picture.shape[-2:]) == size:
        return picture
    return F.interpolate(picture[None], size, mode="bicubic", align_corners=False, antialias=True)[0].clamp(0, 1)


def person_box(matte: torch.Tensor) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the person with a little room around, inside the picture (H, W)."""
    height, width = matte.shape
    rows, columns = torch.where((matte > 0.02).any(1))[0], torch.where((matte > 0.02).any(0))[0]
    if not len(rows):
        return 0, 0, width, height
    room = 4 + (int(rows[-1]) - int(rows[0])) // 30
    return (
        max(int(columns[0]) - room, 0),
        max(int(rows[0]) - room, 0),
        min(int(columns[-1]) + 1 + room, width),
        min(int(rows[-1]) + 1 + room, height),
    )


def load(weights: Path | None, device: torch.device) -> Renderer:
    """See `registry`; without weights, the analytic puppet."""
    return Renderer(load_generator(weights, device) if weights else None, device)
