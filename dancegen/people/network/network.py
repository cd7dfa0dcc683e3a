"""The subject network: what is learnt about the conditional picture itself, once per picture.

Three networks in one checkpoint, all fully convolutional:
    finder     picture -> heatmaps of the 18 joints and whether each is in the picture at all
    segmenter  picture and limb capsules around the joints -> the person's mask and its 15 limb parts
    painter    picture with the person cut out -> the background where the person stood

Trained on rendered characters and drawn figures alone (dancegen/lab/train/subject). Not part of the paper, which takes
its skeletons from OpenPose.

Glossary: B batch; V 18 joints; P 15 limb parts (order of body/limbs.py: head, upper torso, lower torso, R upper
arm, R forearm, R hand, L upper arm, L forearm, L hand, R thigh, R shin, R foot, L thigh, L shin, L foot); h, w a
network's input; H, W the picture. Pixel coordinates: (0, 0) is the corner of the first pixel.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dancegen.body.joints import MIRROR, V
from dancegen.body.limbs import LIMB_MIRROR
from dancegen.body.limbs import K as PARTS
from dancegen.images.filters import push_pull
from dancegen.people.network.choice import choose_joints
from dancegen.people.network.crop import Box, box_around_joints, box_around_mask, crop_square, first_boxes, paste_square
from dancegen.people.network.limb_field import soft_limbs
from dancegen.weights.checkpoint import build_network, load_checkpoint

ELSEWHERE = 1.5  # nats that a joint's place away from the figure on a flat background costs
FINER = 1.25  # times `find_size`
PRESENT = 0.3  # chance of a joint to be in the picture, below which it is not


class Block(nn.Module):
    """Two 3x3 convolutions around which the input is carried."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C, h, w)."""
        y = F.relu(self.first_norm(self.first(x)))
        return F.relu(x + self.second_norm(self.second(y)))


class Halve(nn.Module):
    """A 3x3 convolution of stride 2."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C', h / 2, w / 2)."""
        return F.relu(self.norm(self.conv(x)))


class UNet(nn.Module):
    """Levels down and up again with skips. The input enters at `widths[0]` channels.

    The other U-Net, of `renderers/retouch/generator.py`, is another network and not this one twice: it joins its skips
    by concatenation, without batch normalisation (it must begin as the identity), and shares no tensor's shape.

    Args:
        widths: channels of the levels.
        blocks: residual blocks of each level on the way down (the coarsest has one); one on the way up.
        extra: channels that are given beside the second level's input.
    """

    def __init__(self, widths: tuple[int, ...], blocks: int, extra: int = 0) -> None:
        super().__init__()
        last = len(widths) - 1
        self.down = nn.ModuleList(Halve(a, b) for a, b in itertools.pairwise(widths))
        self.inside = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(1 if level == last else blocks)))
            for level, width in enumerate(widths)
        )
        self.extra = nn.Conv2d(extra, widths[1], 1) if extra else None
        self.narrow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in itertools.pairwise(widths))
        self.up = nn.ModuleList(Block(width) for width in widths[:-1])

    def forward(self, x: Tensor, extra: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(B, widths[0], h, w) -> the same shape, and the coarsest features."""
        skips = []
        x = self.inside[0](x)
        for level, (halve, inside) in enumerate(zip(self.down, self.inside[1:], strict=True)):
            skips.append(x)
            x = halve(x)  # (B, widths[level + 1], h / 2, w / 2)
            if level == 0 and self.extra is not None and extra is not None:
                x = x + self.extra(extra)
            x = inside(x)
        coarsest = x
        for level in reversed(range(len(skips))):
            finer = F.interpolate(self.narrow[level](x), scale_factor=2.0, mode="bilinear", align_corners=False)
            x = self.up[level](skips[level] + finer)  # (B, widths[level], ...)
        return x, coarsest


@dataclass(frozen=True)
class SubjectConfig:
    """Sizes of the three networks.

    Attributes:
        finder_widths, segmenter_widths, painter_widths: channels at each level, the finest first; each level halves.
        find_size, segment_size, paint_size: side of the square input used at inference, px, multiples of 32.
    """

    finder_widths: tuple[int, ...] = (48, 96, 160, 208)
    segmenter_widths: tuple[int, ...] = (32, 64, 96, 128, 160)
    painter_widths: tuple[int, ...] = (32, 48, 80, 112, 144)
    find_size: int = 128
    segment_size: int = 192
    paint_size: int = 192


@dataclass(frozen=True)
class Segmentation:
    """What `SubjectNetwork.segment` finds.

    Attributes:
        mask: (H, W) float32 in 0..1, how far each pixel of the picture is the person.
        parts: (P, h, w) float32, sums to the mask (resized) over P; covers the box `box` of the picture.
        box: the square of the picture, px, that `parts` covers.
    """

    mask: np.ndarray
    parts: np.ndarray
    box: Box


class Finder(nn.Module):
    """Heatmaps of the joints at a quarter of the input's size."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = nn.Sequential(Halve(3, widths[0] // 2), Halve(widths[0] // 2, widths[0]))
        self.body = UNet(widths, blocks=2)
        self.heat = nn.Conv2d(widths[0], V, 1)
        self.present = nn.Linear(widths[-1], V)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, h, w) in 0..1 -> heatmap logits (B, V, h / 4, w / 4) and presence logits (B, V)."""
        features, coarsest = self.body(self.stem(picture - 0.5))
        present = self.present(coarsest.amax(dim=(2, 3)))  # (B, V)
        return self.heat(features), present


class Segmenter(nn.Module):
    """The person's mask and parts at the input's size."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = Halve(3, widths[0])
        self.body = UNet(widths, blocks=1, extra=PARTS)
        self.parts = nn.Conv2d(widths[0], PARTS, 1)
        self.coarse = nn.Conv2d(widths[0], 4, 1)
        self.sharp = nn.Sequential(nn.Conv2d(1 + 3 + 4, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 1, 3, padding=1))
        self.widen = nn.Conv2d(widths[0], 4 * 4, 1)

    def forward(self, picture: Tensor, joints: Tensor, confidence: Tensor) -> tuple[Tensor, Tensor]:
        """Mask and parts.

        Args:
            picture: (B, 3, h, w) in 0..1.
            joints: (B, V, 2) px of that input.
            confidence: (B, V); limbs whose joints have 0 are left out.

        Returns:
            mask logits (B, 1, h, w), part logits (B, P, h / 2, w / 2).
        """
        capsules = soft_limbs(joints, confidence, picture.shape[-2:], stride=4)  # (B, P, h / 4, w / 4)
        features, _ = self.body(self.stem(picture - 0.5), capsules)  # (B, C, h / 2, w / 2)
        coarse = F.pixel_shuffle(self.coarse(features), 2)  # (B, 1, h, w)
        hints = F.pixel_shuffle(self.widen(features), 2)  # (B, 4, h, w)
        correction = self.sharp(torch.cat([coarse, picture - 0.5, hints], dim=1))
        return coarse + correction, self.parts(features)


class Painter(nn.Module):
    """Paints the hole, starting from a smooth fill."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.stem = Halve(7, widths[0])
        self.body = UNet(widths, blocks=1)
        self.out = nn.Conv2d(widths[0], 3 * 4, 1)
        for parameter in self.out.parameters():
            nn.init.zeros_(parameter)  # step 0 is the smooth fill

    def forward(self, picture: Tensor, hole: Tensor) -> Tensor:
        """Paint.

        Args:
            picture: (B, 3, h, w) in 0..1; what is in the hole is ignored.
            hole: (B, 1, h, w), 1 where the background is hidden.

        Returns:
            (B, 3, h, w): the picture outside the hole, painted inside.
        """
        kept = picture * (1 - hole)
        smooth = push_pull(picture, 1 - hole)
        features, _ = self.body(self.stem(torch.cat([kept, smooth - 0.5, hole], dim=1)))
        painted = smooth + F.pixel_shuffle(self.out(features), 2)  # (B, 3, h, w)
        return kept + painted * hole


class SubjectNetwork(nn.Module):
    """The three networks with the steps around them: crops, two passes, back to the picture's pixels."""

    def __init__(self, config: SubjectConfig | None = None) -> None:
        super().__init__()
        self.config = config or SubjectConfig()
        self.finder = Finder(self.config.finder_widths)
        self.segmenter = Segmenter(self.config.segmenter_widths)
        self.painter = Painter(self.config.painter_widths)

    @torch.inference_mode()
    def find_finer(self, pixels: np.ndarray, figure: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """As `find_joints`, looked at with a quarter more pixels a side: another opinion, a little worse on photos."""
        return self.find_joints(pixels, figure, round(FINER * self.config.find_size))

    @torch.inference_mode()
    def find_joints(
        self, pixels: np.ndarray, figure: np.ndarray | None = None, size: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where the person's joints are.

        The whole picture first, as the middle of a square of `find_size`, and where it is far from square also squares
        along its longer side; then, twice, the square around the joints of the surest look. Each look averages the
        heatmaps of the picture and of its mirror image.

        Args:
            pixels: (H, W, 3) uint8.
            figure: (H, W) bool, where joints are likelier than elsewhere: what stands out from a flat background.
            size: other than `find_size`.

        Returns:
            (V, 2) float32 px of the picture, (V,) float32 confidence in 0..1: 0 for joints that are not in the picture,
            below about 0.2 a joint is a guess.
        """
        height, width = pixels.shape[:2]
        likely = None if figure is None else (figure * np.uint8(255))[..., None]
        looks = [self._find_in(pixels, box, likely, size) for box in first_boxes(width, height)]
        joints, confidence = max(looks, key=lambda found: float(found[1].mean()))
        for _ in range(2):
            if (confidence > 0.15).sum() < 4:
                break
            box = box_around_joints(joints, confidence, width, height)
            closer, sure = self._find_in(pixels, box, likely, size)
            if sure.mean() < 0.7 * confidence.mean():
                break
            joints, confidence = closer, sure
        return joints, confidence

    @torch.inference_mode()
    def segment(self, pixels: np.ndarray, joints: np.ndarray, confidence: np.ndarray) -> Segmentation:
        """The person's mask and limb parts.

        Works on the square around the joints, widened by a third, at `segment_size`; outside of it the mask is 0.

        Args:
            pixels: (H, W, 3) uint8.
            joints: (V, 2) px; confidence: (V,), 0 for joints that are not known.
        """
        height, width = pixels.shape[:2]
        size = self.config.segment_size
        box = box_around_joints(joints, confidence, width, height)
        picture = self._tensor(crop_square(pixels, box, size))  # (1, 3, size, size)
        inside = torch.from_numpy(box.to_crop(joints, size)).float()[None].to(picture.device)
        known = torch.from_numpy(np.asarray(confidence, np.float32))[None].to(picture.device)
        mask, parts = self._segment_both(picture, inside, known)
        full = paste_square(mask, box, width, height)
        return Segmentation(full, parts, box)

    @torch.inference_mode()
    def paint_background(self, pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """The background without the person.

        Works on the square around the mask, widened by a half, at `paint_size`: what is painted is soft. The mask is
        first widened by 1.5 % of the square.

        Args:
            pixels: (H, W, 3) uint8.
            mask: (H, W) float32 in 0..1.

        Returns:
            (H, W, 3) uint8: the picture outside the widened mask, painted inside it.
        """
        if not (mask > 0.02).any():
            return pixels.copy()
        height, width = pixels.shape[:2]
        size = self.config.paint_size
        box = box_around_mask(mask, width, height)
        picture = self._tensor(crop_square(pixels, box, size))
        cover = crop_square((np.clip(mask, 0, 1) * 255).astype(np.uint8)[..., None], box, size)[..., 0]
        hole = torch.from_numpy(cover.astype(np.float32) / 255)[None, None].to(picture.device)
        hole = (F.max_pool2d(hole, 7, stride=1, padding=3) > 0.05).float()
        painted = self.painter(picture, hole)[0].permute(1, 2, 0).clamp(0, 1).cpu().numpy()  # (size, size, 3)
        reach = F.avg_pool2d(F.max_pool2d(hole, 3, stride=1, padding=1), 5, stride=1, padding=2)[0, 0].cpu().numpy()
        share = np.maximum(paste_square(reach, box, width, height), mask)[..., None]
        layers = [paste_square(painted[..., channel], box, width, height) for channel in range(3)]
        plate = pixels * (1 - share) + 255 * np.stack(layers, axis=2) * share
        return np.clip(plate + 0.5, 0, 255).astype(np.uint8)

    def _find_in(
        self, pixels: np.ndarray, box: Box, likely: np.ndarray | None = None, size: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """(V, 2) picture px and (V,) confidence from a look at one square; `likely`: (H, W, 1) in 0..255 or None."""
        size = size or self.config.find_size
        picture = self._tensor(crop_square(pixels, box, size))
        heat, present = self.finder(torch.cat([picture, picture.flip(3)]))  # (2, V, ...), (2, V)
        mirror = list(MIRROR)
        heat = (heat[0] + heat[1, mirror].flip(2)) / 2  # (V, h, w)
        if likely is not None:
            near = torch.from_numpy(crop_square(likely, box, heat.shape[-1])[..., 0]).to(heat.device)  # (h, w)
            heat = heat - ELSEWHERE * (1 - near / 255)
        here = torch.sigmoid((present[0] + present[1, mirror]) / 2)  # (V,)
        joints, mass = choose_joints(heat)
        confidence = (mass * here * (here > PRESENT)).cpu().numpy().astype(np.float32)
        return box.to_picture(joints.cpu().numpy(), size).astype(np.float32), confidence

    def _segment_both(self, picture: Tensor, joints: Tensor, known: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Mask (h, w) and parts (P, h / 2, w / 2), the mean of the picture's and its mirror image's."""
        width = picture.shape[-1]
        mirrored = torch.stack([width - joints[..., 0], joints[..., 1]], dim=-1)[:, list(MIRROR)]
        pictures = torch.cat([picture, picture.flip(3)])
        mask, parts = self.segmenter(
            pictures, torch.cat([joints, mirrored]), torch.cat([known, known[:, list(MIRROR)]])
        )
        mask = (mask[:1] + mask[1:].flip(3)) / 2
        parts = (parts[:1] + parts[1:, list(LIMB_MIRROR)].flip(3)) / 2
        alpha = torch.sigmoid(mask)
        shares = torch.softmax(parts, dim=1) * F.avg_pool2d(alpha, 2)
        return alpha[0, 0].cpu().numpy(), shares[0].cpu().numpy()

    def _tensor(self, square: np.ndarray) -> Tensor:
        device = next(self.parameters()).device
        return torch.from_numpy(square).permute(2, 0, 1)[None].to(device).float() / 255  # (1, 3, size, size)


def load_subject_network(path: Path, device: torch.device | str = "cpu") -> SubjectNetwork:
    """The shipped or another subject network, ready for inference.

    Raises:
        DancegenError: the file is missing or not a subject network's.
    """
    config, state = load_checkpoint(path, SubjectConfig)
    network = build_network(SubjectNetwork, config, state, path)
    return network.to(device).eval()
