"""From a subject and its skeletons to frames: everything that depends on the picture once, then frame by frame.

Glossary: h x w the video; H x W the picture; V = 18 joints; K = 15 limbs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from dancegen.rendering.limbs import limb_maps, limb_order
from dancegen.rendering.matting import separate
from dancegen.rendering.plate import background_plate
from dancegen.rendering.puppet import LimbLayers, cut_layers, lay
from dancegen.skeleton.joints import body_height
from dancegen.skeleton.sequence import SkeletonSequence
from dancegen.subject.subject import Subject

LAYER_DENSITY = 2.0  # texels per video pixel: bilinear sampling of twice the detail keeps the picture's sharpness
LARGEST_LAYER = 2048  # texels, the longer side of the person's part of the picture


def output_size(picture_size: tuple[int, int], size: int) -> tuple[int, int]:
    """Width and height of the video: the longer side is `size`, the picture's aspect is kept, both are even."""
    width, height = picture_size
    scale = size / max(width, height)
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


@dataclass(frozen=True)
class Canvas:
    """A picture made ready to dance.

    Attributes:
        size: (w, h) of the video.
        scale: (x, y) video pixels per picture pixel.
        joints: (V, 2) the subject's, in video pixels.
        plate: (3, h, w) the empty background, 0..1.
        layers: the puppet.
    """

    size: tuple[int, int]
    scale: tuple[float, float]
    joints: np.ndarray
    plate: torch.Tensor
    layers: LimbLayers


class Renderer:
    """Makes the person of a picture follow skeletons.

    Args:
        network: G_r, or None for the analytic puppet alone.
        subject_network: tells limbs apart and paints the background, or None for the analytic ways.
        device: where to work.
    """

    def __init__(self, network: None = None, subject_network: object = None, device: str = "cpu") -> None:
        self.network = network
        self.subject_network = subject_network
        self.device = torch.device(device)

    @torch.inference_mode()
    def prepare(self, subject: Subject, size: int) -> Canvas:
        """Everything that depends on the picture alone; `size` is the longer side of the video, pixels."""
        height, width = subject.image.pixels.shape[:2]
        out_width, out_height = output_size((width, height), size)
        scale = np.array([out_width / width, out_height / height])
        joints = subject.joints[:, :2] * scale
        picture = torch.from_numpy(subject.image.pixels).permute(2, 0, 1).float() / 255  # (3, H, W)
        matte = torch.from_numpy(np.ascontiguousarray(subject.mask)).float()  # (H, W)
        body = float(body_height(joints))
        small, small_matte = resized(picture, (out_height, out_width)), resized(matte[None], (out_height, out_width))[0]
        plate = background_plate(small[None], small_matte[None, None], reach=1 + 0.02 * body)[0]
        layers = self._layers(picture, matte, joints, scale, body)
        return Canvas((out_width, out_height), (float(scale[0]), float(scale[1])), joints, plate, layers)

    def _layers(
        self, picture: torch.Tensor, matte: torch.Tensor, joints: np.ndarray, scale: np.ndarray, body: float
    ) -> LimbLayers:
        left, top, right, bottom = person_box(matte)
        crop, crop_matte = picture[:, top:bottom, left:right], matte[top:bottom, left:right]
        extent = np.array([(right - left) * scale[0], (bottom - top) * scale[1]])  # video pixels
        density = min(LAYER_DENSITY, LARGEST_LAYER / float(extent.max()))
        texels = tuple(max(4, round(float(side) * density)) for side in extent[::-1])
        fine, fine_matte = resized(crop, texels), resized(crop_matte[None], texels)[0]
        colours, edge = separate(fine[None], fine_matte[None, None], band=max(1.0, 0.006 * body * density))
        corner = (left * float(scale[0]), top * float(scale[1]))
        return cut_layers(colours[0], edge[0, 0], joints, density, corner)

    @torch.inference_mode()
    def render(self, canvas: Canvas, skeletons: SkeletonSequence) -> Iterator[np.ndarray]:
        """The frames, one by one: uint8 (h, w, 3). Memory does not grow with their number."""
        scale = np.array([*canvas.scale, np.mean(canvas.scale)], np.float32)
        for start in range(0, len(skeletons), 64):
            targets = skeletons.joints[start : start + 64] * scale  # (B, V, 3) video pixels
            maps, order = limb_maps(canvas.joints, targets), limb_order(targets)
            for frame_maps, frame_order in zip(maps, order, strict=True):
                frame = canvas.plate.clone()
                lay(canvas.layers, frame_maps, frame_order, frame)
                yield (frame.clamp_(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()


def resized(picture: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(C, h, w) at another size, without aliasing: (C, *size)."""
    if picture.shape[-2:] == size:
        return picture
    return F.interpolate(picture[None], size, mode="bicubic", align_corners=False, antialias=True)[0].clamp(0, 1)


def person_box(matte: torch.Tensor) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the person with a little room around, inside the picture."""
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
