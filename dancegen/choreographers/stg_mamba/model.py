"""The music-to-skeleton network: prior, ear, GRU, STGM blocks, generation head.

Noise becomes the codes of a phrase (`prior.py`), the codes a sketch of its poses on the beats (`prior.py`,
`sketch.py`); the network hears the music, and dances: what it says of each pose is added to the sketch.

Glossary: B batch, F pieces of 0.1 s, S = 5 slices of a piece, M = 33 mel bands, h width of H_0, V = 18 joints,
d features of a joint, L = 17 bones, C = POSE_VALUES, R poses per piece, T = F R poses.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dancegen.audio.spectrum import BANDS, SLICES
from dancegen.body.joints import V
from dancegen.body.sequence import rooted_paths
from dancegen.choreographers.stg_mamba.config import POSE_VALUES, STYLES, ChoreographerConfig
from dancegen.choreographers.stg_mamba.prior import PhraseBasis, Prior
from dancegen.choreographers.stg_mamba.stgm import STGMBlock
from dancegen.choreographers.stg_mamba.styles import look_up
from dancegen.weights.checkpoint import build_network, load_checkpoint

SMOOTHING = (1, 4, 6, 4, 1)  # sixteenths; a standard deviation of one pose
ROOT_SCALE = 0.25  # body heights: how far the network moves the mid-hip by a change of 1
RANKS = 101


class Ear(nn.Module):
    """What is heard in each piece: (B, F, S, M) log mel levels -> (B, F, C).

    Each layer is normalised before a smooth unit, so that none of its units can fall silent for good.
    """

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        first, second, third = widths
        self.lift = nn.Linear(BANDS, first)
        self.mix = nn.Conv1d(first, second, 5, padding=2)
        self.gather = nn.Conv1d(second, third, SLICES, stride=SLICES)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for width in widths)

    def forward(self, mel: Tensor) -> Tensor:
        """What the last layer tells of each piece."""
        return self.layers(mel)[-1]

    def layers(self, mel: Tensor) -> list[Tensor]:
        """The output of each layer, (B, time, width): the last one's time is pieces, the others' slices."""
        x = F.silu(self.norms[0](self.lift(mel.flatten(1, 2))))  # (B, F S, C1)
        y = F.silu(self.norms[1](self.mix(x.transpose(1, 2)).transpose(1, 2)))  # (B, F S, C2)
        z = F.silu(self.norms[2](self.gather(y.transpose(1, 2)).transpose(1, 2)))  # (B, F, C3)
        return [x, y, z]


class Choreographer(nn.Module):
    """Music, its clock, sketched poses and a style -> limb directions, the mid-hip's place and the rate of turning.

    Attributes:
        ranks: (RANKS, 4) quantiles of `hearing.ear_traits` over songs.
    """

    paths: Tensor
    ranks: Tensor
    plain: Choreographer | None = None  # itself without the style of one's own that it has (`learnt.py`)

    def __init__(self, config: ChoreographerConfig) -> None:
        super().__init__()
        self.config = config
        self.prior = Prior(config)
        self.phrases = PhraseBasis(config)
        self.ear = Ear(config.ear)
        self.beat = nn.Linear(config.beat_inputs, 64)
        self.gru = nn.GRU(config.ear[-1] + 64, config.hidden // 2, num_layers=2, bidirectional=True, batch_first=True)
        self.style = nn.Embedding(len(STYLES), config.style_width)
        token = config.hidden + config.poses_per_piece * POSE_VALUES + config.style_width
        self.nodes = nn.Linear(token, V * config.node)
        self.joint = nn.Parameter(torch.randn(V, config.node) * 0.1)
        self.blocks = nn.ModuleList(STGMBlock(config) for _ in range(config.blocks))
        self.gather = nn.Conv1d(V * config.node, config.head, 3, padding=1)
        self.head = nn.Conv1d(config.head, config.poses_per_piece * POSE_VALUES, 3, padding=1)
        self.head.weight.data.mul_(0.1)  # begin with the sketch
        self.head.bias = nn.Parameter(torch.zeros(config.poses_per_piece * POSE_VALUES))
        self.register_buffer("paths", torch.from_numpy(rooted_paths().copy()), persistent=False)
        self.register_buffer("ranks", torch.zeros(RANKS, 4))

    def forward(self, mel: Tensor, beats: Tensor, sketch: Tensor, style: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The dance.

        Args:
            mel: (B, F, S, M) of `spectrum.mel_pieces`.
            beats: (B, F, beat_inputs) of `counting.clock`.
            sketch: (B, T, C) of `sketch.lay`, directions of length 1.
            style: (B,) index into STYLES, or (B, S) shares.

        Returns:
            directions (B, T, L, 3), unit vectors; root (B, T, 2), x and y of the mid-hip in body heights; rate (B, T),
            radians per second by which the whole body turns.
        """
        hidden = self.listen(mel, beats)  # (B, F, h)
        drawn = sketch.unflatten(1, (hidden.shape[1], -1)).flatten(2)  # (B, F, R C)
        token = torch.cat([hidden, drawn, look_up(self.style, style)[:, None].expand(-1, hidden.shape[1], -1)], dim=-1)
        z = self.nodes(token).unflatten(-1, (V, -1)) + self.joint  # (B, F, V, d)
        for block in self.blocks:
            z = block(z)
        return self.pose(z, sketch)

    def listen(self, mel: Tensor, beats: Tensor) -> Tensor:
        """H_0 (B, F, h): what is heard, and where in the beat it is."""
        heard = torch.cat([self.ear(mel), F.silu(self.beat(beats))], dim=-1)  # (B, F, C3 + 64)
        return self.gru(heard)[0]

    def pose(self, z: Tensor, sketch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The generation head: joints concatenated, then convolved; what comes out is added to the sketch."""
        x = z.flatten(2).transpose(1, 2)  # (B, V d, F)
        change = self.head(F.silu(self.gather(x))).transpose(1, 2)  # (B, F, R C)
        change = smooth_poses(change.reshape(len(z), -1, POSE_VALUES))  # (B, T, C)
        directions = (sketch[..., :-3] + change[..., :-3]).unflatten(-1, (-1, 3))  # (B, T, L, 3)
        directions = directions / directions.norm(dim=-1, keepdim=True).clamp_min(1e-4)
        return directions, sketch[..., -3:-1] + ROOT_SCALE * change[..., -3:-1], sketch[..., -1] + change[..., -1]

    @property
    def known(self) -> tuple[str, ...]:
        """The styles of its training, the first of STYLES among them: what was not danced there has a row of zeros."""
        learnt = (self.style.weight != 0).any(dim=1).tolist()
        some = tuple(style for style, one in zip(STYLES, learnt, strict=True) if one or style == STYLES[0])
        return some if len(some) > 1 else STYLES

    def place(self, directions: Tensor, root: Tensor) -> Tensor:
        """Joints (B, T, V, 3) from directions (B, T, L, 3) and root (B, T, 2); see `body.place_joints`."""
        return self.paths @ directions + F.pad(root, (0, 1))[..., None, :]


def smooth_poses(values: Tensor) -> Tensor:
    """A binomial filter over five poses, (B, T, C): poses of one piece come from different weights and would shake."""
    padded = F.pad(values.transpose(1, 2), (2, 2), mode="replicate").transpose(1, 2)  # (B, T + 4, C)
    length = values.shape[1]
    return sum(weight / 16 * padded[:, i : i + length] for i, weight in enumerate(SMOOTHING))  # type: ignore[return-value]


def load_choreographer(path: Path, device: torch.device | str = "cpu") -> Choreographer:
    """The network stored at `path`, ready for inference.

    Raises:
        DancegenError: missing, broken or other weights.
    """
    config, state = load_checkpoint(path, ChoreographerConfig)
    state.setdefault("phrases.sizes", torch.ones(len(STYLES), config.token))  # older weights draw as they draw
    network = build_network(Choreographer, config, state, path)
    return network.to(device).eval()
