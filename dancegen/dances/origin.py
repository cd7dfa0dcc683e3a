"""Where a dance comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dancegen.weights.verify import WeightsInfo


@dataclass(frozen=True)
class Origin:
    """Where a dance and a person that were there before come from, for the video's comment.

    Attributes:
        weights: which weights made them, by role.
        dance: of a dance file: its seed, style, song and the like.
    """

    weights: Mapping[str, WeightsInfo] = field(default_factory=dict)
    dance: Mapping[str, Any] = field(default_factory=dict)
