"""What a segment starts from: how the dancer is built and where they are (the picture), and known first frames.

The reference is a picture of poses too: its first frames are known ones, all others show the pose of the picture.
Beside it the mask says which frames of each column of 8 are known. Of a dance that begins in the pose of the picture
the first column is known.

Glossary: B segments, Z latent channels, H rows and N columns of latents, V = 18 joints, 8 = stride.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dancegen.choreographers.hotdance.model import HotDance


def shape_latents(network: HotDance, shape: Tensor, seen: Tensor) -> Tensor:
    """The latent column (B, Z, H, 1) of a pose (B, V, 3), of which seen (B, V) tells x and y; nobody tells depth."""
    step = network.config.stride
    known = torch.stack([seen, seen, torch.zeros_like(seen)], dim=-1)
    held = shape[:, None].expand(-1, step, -1, -1)
    return network.encode(held, known[:, None].expand(-1, step, -1, -1))


def mixed_latents(network: HotDance, points: Tensor, shape: Tensor, seen: Tensor, known: Tensor) -> Tensor:
    """The latent column (B, Z, H, 1) in which known frames end: `known` (B,) frames of the dance points (B, T, V, 3),
    then the pose."""
    step = network.config.stride
    first = (known // step * step).clamp(max=points.shape[1] - step)
    at = first[:, None] + torch.arange(step, device=points.device)
    real = points.gather(1, at[..., None, None].expand(-1, -1, *points.shape[2:]))
    is_real = (at < known[:, None])[..., None]
    flat = torch.stack([seen, seen, torch.zeros_like(seen)], dim=-1)[:, None]
    mixed = torch.where(is_real[..., None], real, shape[:, None])
    return network.encode(mixed, flat | is_real[..., None])


def mask_of(known: Tensor, columns: int, stride: int) -> Tensor:
    """(B, 8, N): 1 for each of the first `known` (B,) frames."""
    frame = torch.arange(columns * stride, device=known.device).reshape(columns, stride).T  # (8, N)
    return (frame < known[:, None, None]).float()


def reference(real: Tensor, mixed: Tensor, shape: Tensor, known: Tensor, stride: int) -> Tensor:
    """The reference's latents (B, Z, H, N): whole columns of `real` (B, Z, H, N) that are known, the column `mixed` in
    which known frames end, then `shape` (B, Z, H, 1)."""
    whole, rest = known // stride, known % stride
    column = torch.arange(real.shape[-1], device=real.device)
    before = (column < whole[:, None])[:, None, None]
    here = ((column == whole[:, None]) & (rest > 0)[:, None])[:, None, None]
    return torch.where(before, real, torch.where(here, mixed, shape))
