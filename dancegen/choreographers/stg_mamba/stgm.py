"""The spatial-temporal graph Mamba block (the paper's Eq. 1), and the selective scan in it.

    Z'     = GraphConv1d(MLP(LN(Z)))
    g      = SiLU(MLP(LN(Z)))
    Z_next = MLP(LN(SG(SiLU(Z'))) * g + LN(TGF(SiLU(Z'))) * g + LN(TGB(SiLU(Z'))) * g) + Z

SG scans the joints of one piece, TGF and TGB scan the pieces of one joint forward and backward. The MLPs are single
linear layers (their non-linearity stands in the equation); "+ Z" is the residual connection the paper's text states.

The scan is in its SSD form (Mamba-2), a chunked matrix product on any device:

    state_t = exp(dt_t * A_h) * state_(t-1) + dt_t * B_t (x) x_t
    y_t     = C_t . state_t + D_h * x_t

Its parameter names are mamba-ssm's (`mamba_ssm.modules.mamba2.Mamba2`, ngroups = 1), so that weights interchange; on
CUDA its Triton kernel is used where it is installed.

Glossary: B batch, F pieces, V = 18 joints, d features of a joint, K = 3 partitions of the skeleton's edges; of the
scan: B sequences, L steps, H heads, P channels of a head, N state size, Q steps of a chunk, K chunks.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dancegen.body.joints import BONES, V
from dancegen.choreographers.stg_mamba.config import ChoreographerConfig

CHUNK = 24


@functools.cache
def cuda_kernel() -> Callable[..., Any] | None:
    """mamba-ssm's `mamba_chunk_scan_combined`, or None where it is not installed."""
    try:
        from mamba_ssm.ops.triton.ssd_combined import mamba_chunk_scan_combined
    except Exception:  # a broken build raises whatever its extension raises, and must not stop the portable scan
        return None
    return mamba_chunk_scan_combined


def selective_scan(x: Tensor, dt: Tensor, decay: Tensor, b: Tensor, c: Tensor, chunk: int = CHUNK) -> Tensor:
    """The recurrence above without D.

    Args:
        x: (B, L, H, P).
        dt: (B, L, H), positive step sizes.
        decay: A, (H,), negative.
        b: (B, L, N), shared by the heads.
        c: (B, L, N).
        chunk: Q; the result does not depend on it beyond rounding.

    Returns:
        y (B, L, H, P).
    """
    kernel = cuda_kernel() if x.is_cuda else None
    if kernel is not None:
        return kernel(x, dt, decay, b[:, :, None], c[:, :, None], chunk_size=64)
    return chunked_scan(x, dt, decay, b, c, chunk)


def chunked_scan(x: Tensor, dt: Tensor, decay: Tensor, b: Tensor, c: Tensor, chunk: int = CHUNK) -> Tensor:
    """`selective_scan` in plain torch."""
    batch, length, heads, width = x.shape
    count = -(-length // chunk)
    size = -(-length // count)  # chunks of one size, with little padding
    missing = count * size - length
    if missing:  # dt = 0 neither decays nor feeds the state
        x, dt = F.pad(x, (0, 0, 0, 0, 0, missing)), F.pad(dt, (0, 0, 0, missing))
        b, c = F.pad(b, (0, 0, 0, missing)), F.pad(c, (0, 0, 0, missing))
    fed = (x * dt[..., None]).view(batch, count, size, heads, width).transpose(2, 3)  # (B, K, H, Q, P)
    b = b.reshape(batch, count, 1, size, -1)  # (B, K, 1, Q, N)
    c = c.reshape(batch, count, 1, size, -1)  # (B, K, 1, Q, N)
    logs = (dt * decay).view(batch, count, size, heads).transpose(2, 3).cumsum(-1)  # (B, K, H, Q)

    gap = logs[..., :, None] - logs[..., None, :]  # (B, K, H, Q, Q) log decay from step j to step i
    later = torch.ones(size, size, dtype=torch.bool, device=x.device).triu(1)
    weight = (c @ b.transpose(-1, -2)) * gap.masked_fill(later, -math.inf).exp()  # (B, K, H, Q, Q)
    y = weight @ fed  # (B, K, H, Q, P)
    if count > 1:
        left = (logs[..., -1:] - logs).exp()[..., None]  # (B, K, H, Q, 1)
        gained = b.transpose(-1, -2) @ (fed * left)  # (B, K, H, N, P)
        kept = logs[..., -1].exp()[..., None, None]  # (B, K, H, 1, 1)
        state, entering = torch.zeros_like(gained[:, 0]), []
        for k in range(count):
            entering.append(state)
            state = state * kept[:, k] + gained[:, k]  # (B, H, N, P)
        y = y + (c @ torch.stack(entering, dim=1)) * logs.exp()[..., None]  # (B, K, H, Q, P)
    return y.transpose(2, 3).reshape(batch, count * size, heads, width)[:, :length]  # (B, L, H, P)


class GatedNorm(nn.Module):
    """RMS norm of x * SiLU(z), mamba-ssm's RMSNormGated with norm_before_gate=False."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """(..., D) and (..., D) -> (..., D)."""
        return F.rms_norm(x * F.silu(z), (x.shape[-1],), self.weight, 1e-5)


class SelectiveScan(nn.Module):
    """Mamba-2's mixer: (B, L, D) -> (B, L, D), causal along L."""

    def __init__(self, width: int, state: int, expand: int, head_width: int, conv_width: int) -> None:
        super().__init__()
        self.inner, self.state, self.head_width = width * expand, state, head_width
        self.heads = self.inner // head_width
        if self.heads * head_width != self.inner:
            raise ValueError(f"{self.inner} channels do not divide into heads of {head_width}")
        mixed = self.inner + 2 * state
        self.in_proj = nn.Linear(width, self.inner + mixed + self.heads, bias=False)
        self.conv1d = nn.Conv1d(mixed, mixed, conv_width, groups=mixed, padding=conv_width - 1)
        # Not torch.logspace: for tensors without data it imports all of sympy.
        steps = torch.tensor(np.logspace(math.log10(0.02), math.log10(0.5), self.heads), dtype=torch.float32)
        self.dt_bias = nn.Parameter(steps + torch.log(-torch.expm1(-steps)))  # softplus gives back `steps`
        self.A_log = nn.Parameter(torch.linspace(1, 4, self.heads).log())
        self.D = nn.Parameter(torch.ones(self.heads))
        self.norm = GatedNorm(self.inner)
        self.out_proj = nn.Linear(self.inner, width, bias=False)

    def forward(self, u: Tensor) -> Tensor:
        """(B, L, D) -> (B, L, D)."""
        mixed = self.inner + 2 * self.state
        z, xbc, dt = self.in_proj(u).split([self.inner, mixed, self.heads], dim=-1)
        xbc = F.silu(self._causal_conv(xbc))  # (B, L, inner + 2 N)
        x, b, c = xbc.split([self.inner, self.state, self.state], dim=-1)
        x = x.unflatten(-1, (self.heads, self.head_width))  # (B, L, H, P)
        dt = F.softplus(dt + self.dt_bias)  # (B, L, H)
        y = selective_scan(x, dt, -self.A_log.exp(), b, c)  # (B, L, H, P)
        y = y + self.D[:, None] * x
        return self.out_proj(self.norm(y.flatten(2), z))  # (B, L, D)

    def _causal_conv(self, xbc: Tensor) -> Tensor:
        """The depthwise convolution as shifted sums: time stays second, which on a CPU beats a transposed conv1d."""
        weight = self.conv1d.weight[:, 0]  # (C, taps)
        taps, length = weight.shape[1], xbc.shape[1]
        padded = F.pad(xbc, (0, 0, taps - 1, 0))  # (B, L + taps - 1, C)
        shifted = [padded[:, tap : tap + length] * weight[:, tap] for tap in range(taps)]
        total = functools.reduce(torch.add, shifted)
        return total if self.conv1d.bias is None else total + self.conv1d.bias


def partitioned_adjacency() -> np.ndarray:
    """ST-GCN's spatial partition, (3, V, V) float32: each joint itself, its parent, its children."""
    parts = np.zeros((3, V, V), np.float32)
    parts[0] = np.eye(V)
    for parent, child in BONES:
        parts[1, child, parent] = 1  # the child listens to the joint nearer the neck
        parts[2, parent, child] = 1
    return parts / np.maximum(parts.sum(axis=2, keepdims=True), 1)


class GraphConv(nn.Module):
    """A graph convolution over the joints: one weight for each partition of the edges, edges learnably weighed."""

    adjacency: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("adjacency", torch.from_numpy(partitioned_adjacency()), persistent=False)
        self.importance = nn.Parameter(torch.ones(self.adjacency.shape))
        self.mix = nn.Linear(self.adjacency.shape[0] * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, F, V, d) -> (B, F, V, d)."""
        edges = self.adjacency * self.importance  # (K, V, V)
        heard = [edge @ x for edge in edges]  # K x (B, F, V, d)
        return self.mix(torch.cat(heard, dim=-1))


class STGMBlock(nn.Module):
    """One block of Eq. 1; `config.scans` leaves scans out for ablations."""

    def __init__(self, config: ChoreographerConfig) -> None:
        super().__init__()
        width = config.node
        self.norm = nn.LayerNorm(width)
        self.lift = nn.Linear(width, width)
        self.graph = GraphConv(width)
        self.gate = nn.Linear(width, width)
        self.scans = nn.ModuleDict(
            {
                name: SelectiveScan(width, config.state, config.expand, config.head_width, config.conv_width)
                for name in config.scans
            }
        )
        self.scan_norms = nn.ModuleDict({name: nn.LayerNorm(width) for name in config.scans})
        self.out = nn.Linear(width, width)

    def forward(self, z: Tensor) -> Tensor:
        """(B, F, V, d) -> (B, F, V, d)."""
        normed = self.norm(z)
        gate = F.silu(self.gate(normed))
        signal = F.silu(self.graph(self.lift(normed)))
        heard = sum(self.scan_norms[name](_SCANS[name](scan, signal)) for name, scan in self.scans.items())
        return self.out(heard * gate) + z


def scan_space(scan: nn.Module, x: Tensor) -> Tensor:
    """SG-SSM: along the joints of each piece."""
    batch, pieces, joints, width = x.shape
    return scan(x.reshape(batch * pieces, joints, width)).view(x.shape)


def scan_forward(scan: nn.Module, x: Tensor) -> Tensor:
    """TGF-SSM: along the pieces of each joint."""
    batch, pieces, joints, width = x.shape
    tracks = x.transpose(1, 2).reshape(batch * joints, pieces, width)  # (B V, F, d)
    return scan(tracks).view(batch, joints, pieces, width).transpose(1, 2)  # (B, F, V, d)


def scan_backward(scan: nn.Module, x: Tensor) -> Tensor:
    """TGB-SSM: along the pieces of each joint, from the last to the first."""
    return scan_forward(scan, x.flip(1)).flip(1)


_SCANS = {"sg": scan_space, "tgf": scan_forward, "tgb": scan_backward}
