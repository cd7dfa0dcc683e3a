"""Figures as children draw them with a marker or a pencil: stick men of many builds, arms that leave the body anywhere
between chin and hips, bodies of thick or shaded strokes, hands of a few crossing lines.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dancegen.lab.synthetic.figure import Figure, random_figure
from dancegen.lab.synthetic.figure_strokes import MARKS


def child_figure(rng: np.random.Generator) -> Figure:
    """A figure by a child's hand; two of three are made of strokes."""
    kind = str(rng.choice(["stick", "stick", "stick", "stick", "outline", "parts"]))
    figure = random_figure(rng, kind)
    figure = replace(
        figure,
        rough=float(rng.choice([0.0, rng.uniform(0.3, 1.0), rng.uniform(0.3, 1.0)])),
        pressure=float(rng.choice([1.0, rng.uniform(0.55, 1.0)])),
        hand_seed=int(rng.integers(2**31)),
        bow=float(rng.uniform(0.3, 1.3)),
        bendy=bool(rng.random() < 0.6),
        marks=_marks(rng),
        shade=float(rng.choice([0.0, 0.0, rng.uniform(0.3, 0.9)])),
        fingers=int(rng.integers(3, 6)),
        finger=float(rng.uniform(0.035, 0.11)),
        hand=str(rng.choice(["none", "fingers", "fingers", "cross", "cross", "loops", "ball"])),
        foot=str(rng.choice(["none", "none", "line", "line", "oval", "shoe"])),
        wobble=figure.wobble * rng.uniform(0, 0.8),
        line=int(rng.choice([3, 4, 5, 6, 7, 8, 9, 10, 12, 14])),
        dress=bool(rng.random() < 0.12),
        hair=str(rng.choice(["none", "none", "none", "cap", "spikes", "scribble", "long", "bun"])),
    )
    return _of_strokes(figure, rng) if kind == "stick" else figure


def _of_strokes(figure: Figure, rng: np.random.Generator) -> Figure:
    """The body a narrow or wide frame of lines that may be thick, its neck long, short or missing."""
    low = bool(rng.random() < 0.7)
    shape = str(rng.choice(["line", "triangle", "cloak", "cloak", "cloak", "box", "oval", "sides"]))
    return replace(
        figure,
        head=float(np.exp(rng.normal(0.3, 0.33))),
        arm=float(np.exp(rng.normal(0, 0.2))),
        leg=float(np.exp(rng.normal(-0.4, 0.28))),
        torso=float(np.exp(rng.normal(-0.05, 0.25))),
        shoulders=float(rng.uniform(0, 0.75)),
        hips=float(rng.uniform(0, rng.choice([0.9, 2.0]))),
        neck=float(rng.uniform(0.0, 0.3) if low else rng.choice([0.0, rng.uniform(0, 0.12)])),
        low_arms=low,
        belly=float(np.exp(rng.normal(-0.1, 0.4))),
        torso_shape=shape,
        wall=float(rng.choice([1.0, 1.0, rng.uniform(1.3, 3.0)])),
    )


def _marks(rng: np.random.Generator) -> tuple[str, ...]:
    if rng.random() < 0.4:
        return ()
    return tuple(str(name) for name in rng.choice(list(MARKS), int(rng.integers(1, 3)), replace=False))
