"""The spatial-temporal graph Mamba block (the paper's Eq. 1).

    Z'     = GraphConv1d(MLP(LN(Z)))
    g      = SiLU(MLP(LN(Z)))
    Z_next = MLP(LN(SG(SiLU(Z'))) * g + LN(TGF(SiLU(Z'))) * g + LN(TGB(SiLU(Z'))) * g) + Z

SG scans the joints of one piece, TGF and TGB scan the pieces of one joint forward and backward. The MLPs are single
linear layers (their non-linearity stands in the equation); "+ Z" is the residual connection the paper's text states.

Glossary: B batch, F pieces, V = 18 joints, d features of a joint, K = 3 partitions of the skeleton's edges.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dancegen.body.joints import BONES, V
from dancegen.choreographers.stg_mamba.config import ChoreographerConfig
from dancegen.choreographers.stg_mamba.scan import SelectiveScan


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
