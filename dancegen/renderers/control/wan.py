"""What Wan-Animate is given: how poses are drawn, at what rate and size, in segments of what length.

Source: Wan-Video/Wan2.2, wan/animate.py and wan/modules/animate/preprocess (`draw_aapose_new`, `resize_by_area`).
"""

from __future__ import annotations

from dancegen.body.draw import Look
from dancegen.renderers.control.poses import Drawing

FPS = 30.0
AREA, STEP = 1280 * 720, 16  # pixels of the frame, and what its sides are multiples of
SEGMENT = 77  # frames
OVERLAP = 5  # frames of a segment that the next one goes on from; 1 or 5


def drawing(size: tuple[int, int]) -> Drawing:
    """Sticks whose width follows the frame (w, h), as `draw_aapose_new` draws them; hands thinner, no face."""
    stick = max(min(size) // 200 - 1, 1)
    return Drawing(Look(stick, stick, 0.6, ellipses=True), max(stick // 2, 1) / 2, max(stick // 2, 1))
