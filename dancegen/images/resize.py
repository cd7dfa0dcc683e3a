"""Pictures at another size."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F


def resize(picture: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """(C, h, w) at another size (h', w'), without aliasing: (C, h', w'), 0..1."""
    if tuple(picture.shape[-2:]) == tuple(size):
        return picture
    return F.interpolate(picture[None], size, mode="bicubic", align_corners=False, antialias=True)[0].clamp(0, 1)


def as_tensor(pixels: np.ndarray, device: torch.device) -> torch.Tensor:
    """uint8 (H, W, 3) -> (3, H, W) float32 0..1."""
    return torch.tensor(pixels).to(device).permute(2, 0, 1).float() / 255


def as_pixels(picture: torch.Tensor) -> np.ndarray:
    """(C, h, w) 0..1 -> uint8 (h, w, C)."""
    return (picture.clamp(0, 1) * 255 + 0.5).to(torch.uint8).permute(1, 2, 0).contiguous().cpu().numpy()
