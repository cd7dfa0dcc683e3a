"""The transformer that draws latents of pose pictures from noise, by flow matching.

Music shares the time of the poses: the token of a column begins with the music of that very column. Besides, all of a
segment's music stands in the sequence as tokens of no time, which poses attend to. The reference (what the picture
tells of the dancer, or the last frames of the segment before) is joined to the noisy latents on channels, with a mask
that says which frames of a column are known.

Glossary: B segments, Z latent channels, H rows and N columns of latents, P = patch, R = H / P rows of tokens, X tokens,
D width, A heads, K clock values, 8 = stride.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dancegen.choreographers.hotdance.config import HotDanceConfig
from dancegen.choreographers.hotdance.dancer import BODY_VALUES
from dancegen.choreographers.hotdance.music import ASKED, CLOCK_VALUES

TURNS = 3  # not turning, to the side, all round
TIME_BASE, ROW_BASE = 100.0, 20.0  # columns and rows: the longest rotary periods over 2 pi
MODULATIONS = 6
MIDDLE, RANK_SCALE = 0.5, 3.5  # of ranks, which are even between 0 and 1
FASTEST_WAVE = 30.0  # turns while noise becomes latents


class Heard(NamedTuple):
    """What a segment is danced to: what its music asks for (B, N, 5), clock (B, N, K), style (B, D) and turns (B, D)
    embedded; who dances: body (B, L); and what of it is told: (B, 4) 0 or 1 for what is asked for, clock, style and
    turns, body."""

    asked: Tensor
    clock: Tensor
    style: Tensor
    turns: Tensor
    body: Tensor
    told: Tensor

    def deaf(self) -> Heard:
        """The same without any music."""
        return self._replace(told=self.told * self.told.new_tensor([0.0, 1.0, 1.0, 1.0]))


class Layer(nn.Module):
    """Attention and an MLP, scaled and shifted by time, style and turns; the modulation is shared by all layers but for
    an offset."""

    def __init__(self, config: HotDanceConfig) -> None:
        super().__init__()
        wide = config.width
        self.heads = config.heads
        self.offset = nn.Parameter(torch.zeros(MODULATIONS, wide))
        self.joint = nn.Linear(wide, 3 * wide)
        self.out = nn.Linear(wide, wide)
        self.widen = nn.Linear(wide, config.mlp * wide)
        self.narrow = nn.Linear(config.mlp * wide, wide)

    def forward(self, x: Tensor, told: Tensor, turn: Tensor) -> Tensor:
        """x (B, X, D), told (B, MODULATIONS, D), turn (2, X, D / A / 2) to (B, X, D)."""
        shift, scale, gate, shift_mlp, scale_mlp, gate_mlp = (told + self.offset)[:, :, None].unbind(1)
        seen = F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift
        query, key, value = self.joint(seen).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        match = rotate_halves(query, turn) @ rotate_halves(key, turn).transpose(-1, -2) * query.shape[-1] ** -0.5
        x = x + gate * self.out((match.softmax(-1).to(value.dtype) @ value).transpose(1, 2).flatten(2))
        seen = F.layer_norm(x, x.shape[-1:]) * (1 + scale_mlp) + shift_mlp
        return x + gate_mlp * self.narrow(F.gelu(self.widen(seen)))  # type: ignore[no-any-return]


class Transformer(nn.Module):
    """Noisy latents, reference and music to the velocity of the latents.

    Args:
        config: sizes.
        styles: how many styles there are, the first of them the plain one.
    """

    def __init__(self, config: HotDanceConfig, styles: int) -> None:
        super().__init__()
        wide = config.width
        self.config = config
        self.pose = nn.Linear(2 * config.patch * config.latent + config.stride, wide)
        self.row = nn.Parameter(torch.zeros(config.rows // config.patch, 1, wide))
        self.clock = nn.Sequential(nn.Linear(CLOCK_VALUES, wide), nn.GELU(), nn.Linear(wide, wide))
        self.music = nn.Parameter(torch.zeros(wide))  # which tokens are music
        self.aligned = nn.Linear(wide, wide)
        self.styles = nn.Embedding(styles, wide)
        self.turns = nn.Embedding(TURNS, wide)
        self.time = nn.Sequential(nn.Linear(wide, wide), nn.SiLU(), nn.Linear(wide, wide))
        self.modulate = nn.Linear(wide, MODULATIONS * wide)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.last = nn.Linear(wide, 2 * wide)
        self.out = nn.Linear(wide, config.patch * config.latent)
        self.ask = nn.Sequential(nn.Linear(ASKED, wide), nn.GELU(), nn.Linear(wide, wide))
        self.body = nn.Sequential(nn.Linear(BODY_VALUES, wide), nn.GELU(), nn.Linear(wide, wide))
        for zeroed in (self.modulate, self.last, self.out, self.ask[2], self.body[2]):
            assert isinstance(zeroed, nn.Linear)
            nn.init.zeros_(zeroed.weight)
            nn.init.zeros_(zeroed.bias)
        for table in (self.styles, self.turns):
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, noisy: Tensor, time: Tensor, reference: Tensor, mask: Tensor, heard: Heard) -> Tensor:
        """The velocity (B, Z, H, N) from noise to latents.

        Args:
            noisy: (B, Z, H, N).
            time: (B,) 0 noise .. 1 latents.
            reference: (B, Z, H, N).
            mask: (B, 8, N) 1 where the frames of a column are known.
            heard: the music.
        """
        rows, columns = self.config.rows // self.config.patch, noisy.shape[-1]
        tokens = self.cut(torch.cat([noisy, reference], dim=1), mask)  # (B, R, N, ...)
        music = self.listen(heard)  # (B, N, D)
        own = self.aligned(music if self.config.shared else music.mean(dim=1, keepdim=True))
        poses = (self.pose(tokens) + self.row + own[:, None]).flatten(1, 2)  # (B, R N, D)
        x = torch.cat([poses, music + self.music], dim=1)
        told = F.silu(self.time(waves(time, self.config.width)) + self.manner(heard))  # (B, D)
        turn = positions(rows, columns, self.config.width // self.config.heads, x.device)
        modulation = self.modulate(told).unflatten(-1, (MODULATIONS, -1))
        for layer in self.layers:
            x = layer(x, modulation, turn)
        scale, shift = self.last(told)[:, None].chunk(2, dim=-1)
        x = F.layer_norm(x[:, : rows * columns], x.shape[-1:]) * (1 + scale) + shift
        return self.join(self.out(x).unflatten(1, (rows, columns)))

    def listen(self, heard: Heard) -> Tensor:
        """The music (B, N, D) of each column."""
        told = heard.told[:, :, None, None]
        asked = self.ask((heard.asked - MIDDLE) * RANK_SCALE)
        return asked * told[:, 0] + self.clock(heard.clock) * told[:, 1]  # type: ignore[no-any-return]

    def manner(self, heard: Heard) -> Tensor:
        """(B, D) of style, turns and body."""
        return (heard.style + heard.turns) * heard.told[:, 2:3] + self.body(heard.body) * heard.told[:, 3:]  # type: ignore[no-any-return]

    def cut(self, joined: Tensor, mask: Tensor) -> Tensor:
        """Joined latents (B, 2 Z, H, N) and mask (B, 8, N) as tokens (B, R, N, P 2 Z + 8)."""
        rows = joined.shape[2] // self.config.patch
        patches = joined.unflatten(2, (rows, self.config.patch)).permute(0, 2, 4, 3, 1).flatten(3)
        known = mask.transpose(1, 2)[:, None].expand(-1, rows, -1, -1)
        return torch.cat([patches, known.to(patches)], dim=-1)

    def join(self, tokens: Tensor) -> Tensor:
        """(B, R, N, P Z) to (B, Z, H, N)."""
        return tokens.unflatten(-1, (self.config.patch, -1)).permute(0, 4, 1, 3, 2).flatten(2, 3)


def waves(time: Tensor, width: int) -> Tensor:
    """Times (B,) in 0..1 as sines and cosines (B, width) of ever slower waves."""
    turns = 2 * torch.pi * FASTEST_WAVE ** torch.linspace(1, -0.5, width // 2, device=time.device)
    angle = time[:, None] * turns
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def positions(rows: int, columns: int, width: int, device: torch.device) -> Tensor:
    """Cosines and sines (2, X, width / 2) of the rotary positions of pose tokens (R, N), and none of N music tokens."""
    quarter = width // 4
    fall = torch.arange(quarter, device=device) / quarter
    column = torch.arange(columns, device=device)
    time = column.repeat(rows)[:, None] * TIME_BASE**-fall
    row = torch.arange(rows, device=device).repeat_interleave(columns)[:, None] * ROW_BASE**-fall
    angle = torch.cat([time, row], dim=1)
    angle = F.pad(angle, (0, 0, 0, columns))
    return torch.stack([angle.cos(), angle.sin()])


def rotate_halves(x: Tensor, turn: Tensor) -> Tensor:
    """(B, A, X, D / A) with its halves turned as a plane: the same shape."""
    first, second = x.chunk(2, dim=-1)
    cosine, sine = turn.to(x.dtype)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
