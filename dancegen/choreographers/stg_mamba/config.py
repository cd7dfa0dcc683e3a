"""The choreographer's sizes, stored with its weights. Free choices beside the paper's are listed in the model card."""

from __future__ import annotations

from dataclasses import dataclass

from dancegen.body.sequence import BONE_COUNT
from dancegen.choreographers.stg_mamba.counting import CLOCK
from dancegen.registry import BACKENDS

STYLES = BACKENDS["choreographer"]["stg-mamba"].styles  # the first, "auto", leaves it to the music
ARM_STYLES = (*STYLES, "other")  # whose arms a dance can have: of a style, or of none that is offered
POSE_VALUES = BONE_COUNT * 3 + 3  # a direction for each bone, x and y of the mid-hip, rate of turning


@dataclass(frozen=True)
class ChoreographerConfig:
    """Sizes of the music-to-skeleton network.

    Attributes:
        ear: widths of the ear's three layers, the last one the width of what it tells about a piece.
        hidden: h, the width of H_0; half for each direction of the GRU.
        token: D, numbers that tell of a phrase around one of its beats.
        style_width: width of the style embedding.
        node: d, features of one joint in one piece.
        blocks: STGM blocks.
        state: N, state size of each scan.
        expand: inner width of a scan over d.
        head_width: P, channels that share one decay in a scan.
        conv_width: taps of the causal convolution before a scan.
        scans: which of the three scans a block has; an ablation leaves some out.
        head: channels between the two convolutions of the generation head.
        poses_per_piece: poses made from one 0.1 s piece; 3 is 30 a second.
        prior: width of the network that makes a phrase's codes of noise and music, see `prior.Prior`.
        prior_blocks: its blocks.
    """

    ear: tuple[int, ...] = (40, 48, 64)
    hidden: int = 160
    token: int = 96
    style_width: int = 8
    node: int = 32
    blocks: int = 2
    state: int = 16
    expand: int = 1
    head_width: int = 16
    conv_width: int = 3
    scans: tuple[str, ...] = ("sg", "tgf", "tgb")
    head: int = 256
    poses_per_piece: int = 3
    prior: int = 192
    prior_blocks: int = 4

    @property
    def beat_inputs(self) -> int:
        """How many numbers a piece is told about where in the music it is."""
        return len(CLOCK)

    @property
    def fps(self) -> float:
        """Poses a second."""
        return 10.0 * self.poses_per_piece
