"""ViMo (Qiu et al. 2024, section 3.3): a diffusion network from a 2D sequence to the movement behind it.

Three denoising modules of self-attention, FiLM (time step and frame-aligned 2D features together), cross-attention to
the 2D sequence and an MLP. It predicts the clean movement itself (equation 2) and never estimates the camera. As the
paper leaves sizes open, they are this project's; neighbouring frames share a token, which makes it quick on a CPU.

Glossary: B windows, S = 150 frames (5 s at 30 a second), P frames of a token, N = S / P tokens, D width, H heads,
X = 59 numbers of a frame of movement (`movement.py`), Y = 60 numbers of a frame of 2D (`sight.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dancegen.capture.movement import CHANNELS
from dancegen.capture.sight import FEATURES

TIME_SCALE = 1000.0  # time steps 0..1 are spread over the sines as 0..1000
ROTARY_BASE = 1000.0  # tokens; the longest period of the rotation that says where a token is


@dataclass(frozen=True)
class VimoConfig:
    """Attributes:
    frames: S of a window.
    token: P.
    width: D.
    heads: H.
    modules: denoising modules, the paper's three.
    layers: of each module.
    looks: self-attention layers over the 2D sequence.
    mlp: width of an MLP in D.
    noise: whether it denoises; False is the regression that it is compared with: the same without noise and time.
    """

    frames: int = 150
    token: int = 3
    width: int = 256
    heads: int = 4
    modules: int = 3
    layers: int = 1
    looks: int = 2
    mlp: int = 4
    noise: bool = True

    def __post_init__(self) -> None:
        if self.frames % self.token or self.width % (2 * self.heads):
            raise ValueError("frames must be a multiple of token, width of twice the heads")


class Memory(NamedTuple):
    """A 2D sequence as it is denoised by: `tokens` (B, N, D), and its own numbers `frames` (B, N, P Y)."""

    tokens: Tensor
    frames: Tensor


class Attention(nn.Module):
    """Attention with rotary positions, so that only the distance of two tokens counts."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, memory: Tensor, turn: Tensor) -> Tensor:
        """x (B, N, D) asks memory (B, N, D); turn (2, N, D / H / 2) is `rotary`: -> (B, N, D)."""
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, H, N, D / H)
        key, value = self.key_value(memory).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        match = (
            rotate_halves(query, turn) @ rotate_halves(key, turn).transpose(-1, -2) * query.shape[-1] ** -0.5
        )  # (B, H, N, N)
        made = match.softmax(-1).to(value.dtype) @ value  # plain: for so few tokens quicker on a CPU than fused kernels
        return self.out(made.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class Look(nn.Module):
    """One layer over the 2D sequence: self-attention and an MLP."""

    def __init__(self, config: VimoConfig) -> None:
        super().__init__()
        self.attention_norm, self.mlp_norm = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.attention = Attention(config.width, config.heads)
        self.mlp = mlp(config.width, config.mlp * config.width, config.width)

    def forward(self, x: Tensor, turn: Tensor) -> Tensor:
        """(B, N, D) to the same."""
        seen = self.attention_norm(x)
        x = x + self.attention(seen, seen, turn)
        return x + self.mlp(self.mlp_norm(x))  # type: ignore[no-any-return]


class DenoisingLayer(nn.Module):
    """The paper's block: self-attention, FiLM, cross-attention, MLP."""

    def __init__(self, config: VimoConfig) -> None:
        super().__init__()
        wide = config.width
        self.norms = nn.ModuleList(nn.LayerNorm(wide) for _ in range(4))
        self.self_attention = Attention(wide, config.heads)
        self.film = nn.Linear(wide, 2 * wide)
        self.fuse = nn.Linear(wide, wide)
        self.cross_attention = Attention(wide, config.heads)
        self.mlp = mlp(wide, config.mlp * wide, wide)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, told: Tensor, memory: Tensor, turn: Tensor) -> Tensor:
        """x, told (time step and 2D of the same frames) and memory (B, N, D) to (B, N, D)."""
        seen = self.norms[0](x)
        x = x + self.self_attention(seen, seen, turn)
        scale, shift = self.film(told).chunk(2, dim=-1)  # (B, N, D) each
        x = x + self.fuse(self.norms[1](x) * (1 + scale) + shift)
        x = x + self.cross_attention(self.norms[2](x), memory, turn)
        return x + self.mlp(self.norms[3](x))  # type: ignore[no-any-return]


class Vimo(nn.Module):
    """Noisy movement, time step and 2D sequence to the clean movement; all movement in units of its own spread."""

    centre: Tensor  # (X,) of the numbers of movement ...
    spread: Tensor  # ... and their standard deviations
    sight_centre: Tensor  # (Y,) likewise of those of 2D
    sight_spread: Tensor

    def __init__(self, config: VimoConfig) -> None:
        super().__init__()
        self.config = config
        wide = config.width
        self.see = mlp(config.token * FEATURES, 2 * wide, wide)
        self.looks = nn.ModuleList(Look(config) for _ in range(config.looks))
        self.memory_norm = nn.LayerNorm(wide)
        self.nothing = nn.Parameter(torch.zeros(wide))  # the memory where the 2D sequence is dropped
        self.move = nn.Linear(config.token * CHANNELS, wide)
        self.show = nn.Linear(config.token * FEATURES, wide)
        self.time = mlp(wide, wide, wide)
        self.tell = nn.Linear(wide, wide)
        self.layers = nn.ModuleList(DenoisingLayer(config) for _ in range(config.modules * config.layers))
        self.norm = nn.LayerNorm(wide)
        self.out = nn.Linear(wide, config.token * CHANNELS)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.register_buffer("centre", torch.zeros(CHANNELS))
        self.register_buffer("spread", torch.ones(CHANNELS))
        self.register_buffer("sight_centre", torch.zeros(FEATURES))
        self.register_buffer("sight_spread", torch.ones(FEATURES))

    def watch(self, sight: Tensor, shown: Tensor | None = None) -> Memory:
        """The memory of a 2D sequence (B, S, Y); where `shown` (B,) bool is False, of none."""
        turn = self.turn(sight)
        frames = ((sight - self.sight_centre) / self.sight_spread).unflatten(1, (-1, self.config.token)).flatten(2)
        x = self.see(frames)  # (B, N, D)
        for look in self.looks:
            x = look(x, turn)
        x = self.memory_norm(x)
        if shown is None:
            return Memory(x, frames)
        return Memory(torch.where(shown[:, None, None], x, self.nothing), frames * shown[:, None, None])

    def denoise(self, moved: Tensor, time: Tensor, memory: Memory) -> Tensor:
        """Noisy movement (B, S, X) at time steps (B,) in 0..1 to the clean one (B, S, X), both in spreads."""
        turn = self.turn(moved)
        x = self.move(moved.unflatten(1, (-1, self.config.token)).flatten(2)) + self.show(memory.frames)
        told = F.silu(self.tell(memory.tokens) + self.time(sines(time, self.config.width))[:, None])  # (B, N, D)
        for layer in self.layers:
            x = layer(x, told, memory.tokens, turn)
        return self.out(self.norm(x)).unflatten(2, (self.config.token, -1)).flatten(1, 2)  # type: ignore[no-any-return]

    def regress(self, sight: Tensor) -> Tensor:
        """What the network says at once, without noise: (B, S, Y) -> (B, S, X)."""
        nothing = sight.new_zeros(len(sight), self.config.frames, CHANNELS)
        return self.denoise(nothing, sight.new_ones(len(sight)), self.watch(sight))

    def turn(self, x: Tensor) -> Tensor:
        """The rotary angles for tokens of frames (B, S, ...)."""
        return rotary(x.shape[1] // self.config.token, self.config.width // self.config.heads, x.device)


def mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Two linear layers with a GELU between."""
    return nn.Sequential(nn.Linear(inputs, hidden), nn.GELU(), nn.Linear(hidden, outputs))


def sines(time: Tensor, width: int) -> Tensor:
    """Time steps (B,) in 0..1 as sines and cosines (B, width)."""
    rates = torch.exp(torch.linspace(0, -9.2, width // 2, device=time.device))  # periods of 2 pi .. 60,000
    angle = TIME_SCALE * time[:, None] * rates
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def rotary(tokens: int, width: int, device: torch.device) -> Tensor:
    """Cosines and sines (2, N, width / 2) of rotary positions."""
    rates = ROTARY_BASE ** (-torch.arange(width // 2, device=device) / (width // 2))
    angle = torch.arange(tokens, device=device)[:, None] * rates  # (N, width / 2)
    return torch.stack([angle.cos(), angle.sin()])


def rotate_halves(x: Tensor, turn: Tensor) -> Tensor:
    """(B, H, N, D / H) with its halves turned as a plane: the same shape."""
    first, second = x.chunk(2, dim=-1)
    cosine, sine = turn.to(x.dtype)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
