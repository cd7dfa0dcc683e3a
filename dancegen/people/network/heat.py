"""Windows of the finder's heatmaps: the cells around a peak, and where in them, between cells, the joint is.

Glossary: a cell is one place of a map, `FINDER_STRIDE` px of the input; a window is the 5 x 5 cells around one.
"""

from __future__ import annotations

import torch
from torch import Tensor

FINDER_STRIDE = 4
WINDOW = 2  # cells to each side of a peak that belong to it


def near_cells(cells: Tensor, rows: int, columns: int) -> Tensor:
    """Which cells of a map are at most `WINDOW` from the cell numbered `cells` (...): (..., rows * columns) bool."""
    row = torch.arange(rows, device=cells.device).repeat_interleave(columns)
    column = torch.arange(columns, device=cells.device).repeat(rows)
    near_row = (row - (cells // columns)[..., None]).abs() <= WINDOW
    return near_row & ((column - (cells % columns)[..., None]).abs() <= WINDOW)


def means_around(share: Tensor, cells: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Mean places in the windows of maps.

    Args:
        share: (..., rows * columns) maps that sum to 1; cells: (...) number of the cell in each window's middle.

    Returns:
        (..., 2) x and y in cells, and (...) the window's part of the map.
    """
    local = share * near_cells(cells, rows, columns)
    mass = local.sum(dim=-1)
    y = torch.arange(rows, device=share.device).repeat_interleave(columns) + 0.5
    x = torch.arange(columns, device=share.device).repeat(rows) + 0.5
    middle = torch.stack([(local * x).sum(dim=-1), (local * y).sum(dim=-1)], dim=-1)
    return middle / mass[..., None].clamp(min=1e-9), mass
