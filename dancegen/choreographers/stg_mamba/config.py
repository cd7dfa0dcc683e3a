"""The choreographer's sizes, stored with its weights. Free choices beside the paper's are listed in the model card."""

from __future__ import annotations

from dataclasses import dataclass

from dancegen.audio.beats import BEAT_FEATURES
from dancegen.body.canonical import BONE_COUNT
from dancegen.choreographers.stg_mamba.phrases import PHRASE_CLOCK
from dancegen.registry import BACKENDS

STYLES = BACKENDS["choreographer"]["stg-mamba"].styles
POSE_VALUES = BONE_COUNT * 3 + 2  # a direction for each limb, x and y of the mid-hip


@dataclass(frozen=True)
class ChoreographerConfig:
    """Sizes of the music-to-skeleton network.

    Attributes:
        audio_channels: channels of the five strided convolutions over a piece of 1,600 samples.
        hidden: h, the width of H_0; half for each direction of the GRU.
        noise: Z, the width of the noise.
        noise_scale: standard deviation of the noise.
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
        codes: phrases remembered from training (`Choreographer.codes`), 0 for none.
    """

    audio_channels: tuple[int, ...] = (12, 24, 32, 48, 64)
    hidden: int = 160
    noise: int = 24
    noise_scale: float = 0.33
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
    codes: int = 0

    @property
    def beat_inputs(self) -> int:
        """How many numbers a piece is told about the beat: BEAT_FEATURES and the phrase clock."""
        return len(BEAT_FEATURES) + len(PHRASE_CLOCK)

    @property
    def fps(self) -> float:
        """Poses a second."""
        return 10.0 * self.poses_per_piece
