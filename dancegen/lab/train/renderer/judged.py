"""What the discriminator looks at."""

from __future__ import annotations

from typing import NamedTuple

import torch


class Judged(NamedTuple):
    """N frames that were made and true ones (N, 3, s, s), and what was asked for, as pictures (N, 4, any, any)."""

    made: torch.Tensor
    truth: torch.Tensor
    condition: torch.Tensor
