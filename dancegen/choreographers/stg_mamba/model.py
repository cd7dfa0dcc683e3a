"""The music-to-skeleton network: audio encoder, GRU, STGM blocks, generation head.

Glossary: B batch, F pieces of 0.1 s, S = 1,600 samples of a piece, h width of H_0, Z noise, V = 18 joints, d features
of a joint, L = 17 bones, R poses per piece, T = F R poses.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dancegen.audio.beats import BEAT_FEATURES
from dancegen.body.canonical import BONE_COUNT, rooted_paths
from dancegen.body.joints import V
from dancegen.choreographers.stg_mamba.config import POSE_VALUES, STYLES, ChoreographerConfig
from dancegen.choreographers.stg_mamba.phrases import UNITS
from dancegen.choreographers.stg_mamba.stgm import STGMBlock
from dancegen.weights.checkpoint import build_network, load_checkpoint

CODE_FACTS = ("style", "run", "energy", "period")  # STYLES index, which take it is of, rank 0..1, seconds per beat
NOISE_FADE = 3  # pieces over which the noise of one unit turns into the next
SMOOTHING = (1, 4, 6, 4, 1)  # sixteenths; a standard deviation of one pose
HARMONICS = 3  # of the two-beat phase, by which the noise is modulated
TWO_BEAT_SIN, TWO_BEAT_COS = BEAT_FEATURES.index("two_beat_sin"), BEAT_FEATURES.index("two_beat_cos")
REST_HEIGHT = -0.50  # body heights: the mid-hip of a dancer with bent knees; the network predicts differences from it


class AudioEncoder(nn.Module):
    """Five strided convolutions over each piece: (B, F, S) -> (B, F, C), -1..1."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        kernels, strides = (25, 9, 8, 8, 5), (5, 4, 4, 4, 1)  # 1600 -> 320 -> 80 -> 20 -> 5 -> 1
        inputs = (1, *channels[:-1])
        self.layers = nn.ModuleList(
            nn.Conv1d(i, o, k, s, padding=0 if s == 1 else (k - s + 1) // 2)
            for i, o, k, s in zip(inputs, channels, kernels, strides, strict=True)
        )

    def forward(self, audio: Tensor) -> Tensor:
        """Samples normalised to the song's loudness -> features."""
        x = audio.flatten(0, 1)[:, None]  # (B F, 1, S)
        for layer in self.layers[:-1]:
            x = F.relu(layer(x))
        return torch.tanh(self.layers[-1](x)).amax(dim=2).view(*audio.shape[:2], -1)  # (B, F, C)


class Choreographer(nn.Module):
    """Music, beats, noise and a style -> limb directions and the mid-hip's place.

    Attributes:
        codes: (N, UNITS, Z) noise that phrases of the training dances were given; see `phrasebook.py`.
        code_before: (N, Z) the noise of the unit that came before each in training.
        code_facts: (N, len(CODE_FACTS)) what else is known of each.
    """

    codes: Tensor
    code_before: Tensor
    code_facts: Tensor
    paths: Tensor

    def __init__(self, config: ChoreographerConfig) -> None:
        super().__init__()
        self.config = config
        self.audio = AudioEncoder(config.audio_channels)
        self.beat = nn.Linear(config.beat_inputs, 64)
        self.gru = nn.GRU(
            config.audio_channels[-1] + 64, config.hidden // 2, num_layers=2, bidirectional=True, batch_first=True
        )
        self.style = nn.Embedding(len(STYLES), config.style_width)
        token = config.hidden + (1 + 2 * HARMONICS) * config.noise + config.style_width
        self.nodes = nn.Linear(token, V * config.node)
        self.joint = nn.Parameter(torch.randn(V, config.node) * 0.1)
        self.blocks = nn.ModuleList(STGMBlock(config) for _ in range(config.blocks))
        self.gather = nn.Conv1d(V * config.node, config.head, 3, padding=1)
        self.head = nn.Conv1d(config.head, config.poses_per_piece * POSE_VALUES, 3, padding=1)
        standing = torch.tensor([0.0, 1.0, 0.0] * BONE_COUNT + [0.0, 0.0]).repeat(config.poses_per_piece)
        self.head.weight.data.mul_(0.2)  # begin near a dancer who stands, not with limbs in all directions
        self.head.bias = nn.Parameter(standing)
        self.register_buffer("paths", torch.from_numpy(rooted_paths().copy()), persistent=False)
        self.register_buffer("codes", torch.zeros(config.codes, UNITS, config.noise))
        self.register_buffer("code_before", torch.zeros(config.codes, config.noise))
        self.register_buffer("code_facts", torch.zeros(config.codes, len(CODE_FACTS)))

    def forward(self, audio: Tensor, beats: Tensor, noise: Tensor, style: Tensor) -> tuple[Tensor, Tensor]:
        """The dance.

        Args:
            audio: (B, F, S) samples, normalised to the song's loudness.
            beats: (B, F, beat_inputs) beat features and the phrase clock.
            noise: (B, F, Z).
            style: (B,) index into STYLES.

        Returns:
            directions (B, T, L, 3), unit vectors; root (B, T, 2), x and y of the mid-hip in body heights.
        """
        hidden = self.listen(audio, beats)  # (B, F, h)
        noise = modulate(noise / self.config.noise_scale, beats)  # (B, F, 7 Z)
        token = torch.cat([hidden, noise, self.style(style)[:, None].expand(-1, hidden.shape[1], -1)], dim=-1)
        z = self.nodes(token).unflatten(-1, (V, -1)) + self.joint  # (B, F, V, d)
        for block in self.blocks:
            z = block(z)
        return self.pose(z)

    def listen(self, audio: Tensor, beats: Tensor) -> Tensor:
        """H_0 (B, F, h): what is heard, and where in the beat it is."""
        heard = torch.cat([self.audio(audio), F.silu(self.beat(beats))], dim=-1)  # (B, F, C + 64)
        return self.gru(heard)[0]

    def pose(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The generation head: joints concatenated, then convolved."""
        x = z.flatten(2).transpose(1, 2)  # (B, V d, F)
        values = self.head(F.silu(self.gather(x))).transpose(1, 2)  # (B, F, R * POSE_VALUES)
        values = smooth_poses(values.reshape(len(z), -1, POSE_VALUES))  # (B, T, POSE_VALUES)
        directions = values[..., :-2].unflatten(-1, (-1, 3))  # (B, T, L, 3)
        directions = directions / directions.norm(dim=-1, keepdim=True).clamp_min(1e-4)
        rest = torch.tensor([0.0, REST_HEIGHT], device=z.device)
        return directions, values[..., -2:] * 0.25 + rest

    def place(self, directions: Tensor, root: Tensor) -> Tensor:
        """Joints (B, T, V, 3) from directions (B, T, L, 3) and root (B, T, 2); see `body.place_joints`."""
        return self.paths @ directions + F.pad(root, (0, 1))[..., None, :]


def smooth_poses(values: Tensor) -> Tensor:
    """A binomial filter over five poses, (B, T, C): poses of one piece come from different weights and would shake."""
    padded = F.pad(values.transpose(1, 2), (2, 2), mode="replicate").transpose(1, 2)  # (B, T + 4, C)
    length = values.shape[1]
    return sum(weight / 16 * padded[:, i : i + length] for i, weight in enumerate(SMOOTHING))  # type: ignore[return-value]


def modulate(noise: Tensor, beats: Tensor) -> Tensor:
    """The noise times 1, sin, cos, ... of the two-beat phase and its harmonics: (B, F, Z) -> (B, F, 7 Z).

    A movement of a unit is then a weighted sum of waves locked to the beat, which one linear layer can write.
    """
    sine, cosine = beats[..., TWO_BEAT_SIN, None], beats[..., TWO_BEAT_COS, None]  # (B, F, 1)
    waves, s, c = [noise], sine, cosine
    for _ in range(HARMONICS):
        waves += [noise * s, noise * c]
        s, c = s * cosine + c * sine, c * cosine - s * sine  # the next multiple of the angle
    return torch.cat(waves, dim=-1)


def fade_noise(noise: Tensor) -> Tensor:
    """Noise that is constant within units, (B, F, Z), made to turn from unit to unit without a jump."""
    half = NOISE_FADE // 2
    padded = F.pad(noise.transpose(1, 2), (half, half), mode="replicate")  # (B, Z, F + 2)
    return F.avg_pool1d(padded, NOISE_FADE, stride=1).transpose(1, 2)  # (B, F, Z)


def load_choreographer(path: Path, device: torch.device | str = "cpu") -> Choreographer:
    """The network stored at `path`, ready for inference.

    Raises:
        DancegenError: missing, broken or other weights.
    """
    config, state = load_checkpoint(path, ChoreographerConfig)
    network = build_network(Choreographer, config, state, path)
    return network.to(device).eval()
