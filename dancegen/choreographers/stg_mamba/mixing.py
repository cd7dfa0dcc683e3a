"""Dances between styles: phrases between those of several.

Glossary: Q phrases, K tokens of D numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def mix_codes(imagined: Sequence[tuple[Tensor, float]]) -> Tensor:
    """Phrases between those of several styles, from the codes (Q, K, D) of each and its share.

    They are as long as the codes are on the mean: a plain mean of two phrases that differ moves less than either.
    """
    mixed = torch.stack([share * codes for codes, share in imagined]).sum(0)
    length = torch.stack([share * codes.flatten(1).norm(dim=1) for codes, share in imagined]).sum(0)
    return mixed * (length / mixed.flatten(1).norm(dim=1).clamp_min(1e-6))[:, None, None]
