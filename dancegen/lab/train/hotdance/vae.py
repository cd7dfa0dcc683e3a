"""The training of HotDance's autoencoder: pictures of poses as cameras see them, told again bin by bin.

Glossary: B pictures, C channels, W bins, T frames.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dancegen.bf16 import is_bf16_quicker
from dancegen.body.joints import BONES, V
from dancegen.choreographers.hotdance.image import NEAR, draw, read, to_bins
from dancegen.choreographers.hotdance.vae import PoseVae
from dancegen.lab.train.hotdance.pool import Pool
from dancegen.lab.train.hotdance.views import Seen, see

FRAMES = 64  # of a training picture: the autoencoder sees groups of 8 at a time
STILL = 0.15  # share of pictures that show the dancer's picture all the time, without depth, with joints left out
PLACE, MOVES, CLOSE = 1.0, 1.0, 0.002  # weights: of coordinates, of their movement, of latents near a normal spread
JERK, LENGTHS = 0.5, 2.0  # weights: of third differences in time, of the logarithms of bones' lengths
BLUR = 0.06  # of the latents' deviation: what is added to them, for the transformer's are never quite right
SHORTEST = 0.5  # bins: shorter bones have no length that counts


def vae_losses(vae: PoseVae, pool: Pool, batch: int, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of one step on `batch` pictures, and its parts."""
    config = vae.config
    rows = torch.randint(len(pool), (batch,), generator=generator).numpy()
    at, seen = pictures(see(pool, rows, generator, FRAMES), config.bins, generator)
    noise = torch.randn(batch, config.latent, config.rows, FRAMES // config.stride, generator=generator)
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bf16_quicker()):
        mean, log_variance = vae.encode(draw(at, config.bins, seen))
        mean, log_variance = mean.float(), log_variance.float()
        blur = BLUR * mean.detach().std(dim=(0, 3), keepdim=True)
        logits = vae.decode(mean + (log_variance.exp() + blur.square()).sqrt() * noise)
    parts = reconstruction(logits.float(), at, seen)
    parts["close"] = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).mean()
    total = parts["bins"] + PLACE * parts["place"] + MOVES * parts["moves"] + CLOSE * parts["close"]
    total = total + JERK * parts["jerk"] + LENGTHS * parts["lengths"]
    return total, parts


def pictures(shown: Seen, bins: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Fractional bins (B, C, T) and which are drawn (B, C, T)."""
    at, frames = to_bins(shown.points, bins), shown.points.shape[1]
    still = torch.rand(len(at), generator=generator) < STILL
    held = to_bins(shown.shape[:, None], bins).expand(-1, -1, frames)
    known = torch.cat([shown.seen, shown.seen, torch.zeros_like(shown.seen)], dim=1)[..., None]
    return torch.where(still[:, None, None], held, at), (known | ~still[:, None, None]).expand_as(at).float()


def reconstruction(logits: Tensor, at: Tensor, seen: Tensor) -> dict[str, Tensor]:
    """How far logits (B, C, W, T) are from fractional bins (B, C, T) where those are seen.

    Returns:
        bins: cross-entropy to the two-hot column; place: of the mean round the true bin, in bins; moves: of its change
        from frame to frame; jerk: of its third differences; lengths: of the logarithms of bones' lengths, where all of
        a dancer is seen.
    """
    weight = seen / seen.mean().clamp(min=1e-3)
    low = at.floor()
    pair = torch.stack([low, low + 1], dim=2).long()
    share = (at - low)[:, :, None]
    chosen = logits.gather(2, pair)  # (B, C, 2, T)
    entropy = logits.logsumexp(2) - (chosen * torch.cat([1 - share, share], dim=2)).sum(2)
    near = (low + share[:, :, 0].round()).long()[:, :, None] + torch.arange(-NEAR, NEAR + 1)[:, None]
    inside = (near >= 0) & (near < logits.shape[2])
    level = logits.gather(2, near.clamp(0, logits.shape[2] - 1)).masked_fill(~inside, -1e4).softmax(2)
    found = (level * near).sum(2)
    both = seen[..., 1:] * seen[..., :-1]
    return {
        "bins": (entropy * weight).mean(),
        "place": (F.smooth_l1_loss(found, at, reduction="none", beta=0.3) * weight).mean(),
        "moves": ((found.diff(dim=-1) - at.diff(dim=-1)).abs() * both).mean(),
        "jerk": ((found.diff(n=3, dim=-1) - at.diff(n=3, dim=-1)).abs() * both[..., 2:]).mean(),
        "lengths": ((_lengths(found) - _lengths(at)).abs().mean(dim=(1, 2)) * seen.amin(dim=(1, 2))).mean(),
    }


def _lengths(at: Tensor) -> Tensor:
    """The logarithms (B, L, T) of the lengths of bones in bins (B, C, T)."""
    parent, child = torch.tensor(BONES).T
    places = at.unflatten(1, (3, V))
    return (places[:, :, child] - places[:, :, parent]).norm(dim=1).clamp(min=SHORTEST).log()


@torch.no_grad()
def measure_retelling(vae: PoseVae, shown: Seen) -> dict[str, float]:
    """How well an autoencoder tells dances again: mean error and its 95 % in bins, x and y apart, and jitter."""
    at = to_bins(shown.points, vae.config.bins)
    again = read(vae.decode(vae.encode(draw(at, vae.config.bins))[0]))
    gap, flat = (again - at).abs(), 2 * V

    def jitter(values: Tensor) -> float:
        return float(values[:, :flat].diff(n=3, dim=-1).abs().mean())

    return {
        "mean": float(gap[:, :flat].mean()),
        "depth": float(gap[:, flat:].mean()),
        "most": float(np.quantile(gap[:, :flat].numpy(), 0.95)),
        "jitter": jitter(again) / jitter(at),
    }
