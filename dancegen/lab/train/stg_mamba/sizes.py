"""How much too small a prior draws each number of its phrases: what is imagined for training phrases against them.

Glossary: N phrases, K tokens of D numbers, S styles.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.imagine import Asked, carry
from dancegen.choreographers.stg_mamba.model import Choreographer
from dancegen.choreographers.stg_mamba.prior import SHARED, Prior, common_codes
from dancegen.lab.datasets.placing import Stage
from dancegen.lab.train.stg_mamba.flow import collect
from dancegen.styles.flow import Phrases

WINDOWS = 1000  # of music and dance whose phrases are imagined anew
TOGETHER = 64
LEAST = 400  # beats of a style by which it has sizes of its own
MOST = 1.4  # times that any number is drawn larger


def set_sizes(network: Choreographer, stage: Stage, seed: int) -> Choreographer:
    """Let a network draw phrases as large as those of the stage; the network itself."""
    network.phrases.sizes = measure_sizes(network.prior, collect(stage, WINDOWS, seed), seed)
    return network


@torch.inference_mode()
def measure_sizes(prior: Prior, phrases: dict[int, Phrases], seed: int) -> Tensor:
    """The deviation (S, D) of each number over phrases of a style, over that of draws for the same music and phrases
    beside; a style of few phrases has that of all."""
    generator = torch.Generator().manual_seed(seed)
    pairs: dict[int, list[Tensor]] = {}
    for meter, rows in phrases.items():
        drawn = torch.cat([_draw(prior, rows, part, meter, generator) for part in _parts(len(rows))])
        both = torch.stack([rows.codes, drawn], dim=1)[:, :, SHARED - 1 : 1 - SHARED]  # (N, 2, K', D)
        for style in rows.style[:, 0].unique().tolist():
            pairs.setdefault(style, []).append(both[rows.style[:, 0] == style].transpose(1, 2).flatten(0, 1))
    every = _ratio(torch.cat([pair for found in pairs.values() for pair in found]))
    sizes = every.repeat(len(STYLES), 1)
    for style, found in pairs.items():
        if style and sum(map(len, found)) >= LEAST:
            sizes[style] = _ratio(torch.cat(found))
    return sizes


def _ratio(pairs: Tensor) -> Tensor:
    """(D,) from tokens of phrases and of what is drawn for them, (N, 2, D)."""
    real, made = pairs.std(dim=0).clamp_min(1e-6)
    return (real / made).clamp(1.0, MOST)


def _parts(count: int) -> list[slice]:
    return [slice(first, first + TOGETHER) for first in range(0, count, TOGETHER)]


def _draw(prior: Prior, rows: Phrases, part: slice, meter: int, generator: torch.Generator) -> Tensor:
    """One draw (N, K, D) for each of some rows, which know what is beside them."""
    beside = common_codes(rows.before[part], rows.after[part], rows.known[part])
    noise = torch.randn((len(beside), 1, *rows.codes.shape[1:]), generator=generator)
    asked = Asked(rows.sound[part], rows.facts[part], beside, rows.style[part], meter)
    return carry(prior, noise, asked)[:, 0]
