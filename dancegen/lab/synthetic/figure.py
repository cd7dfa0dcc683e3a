"""How one drawn figure is built: its kind, proportions, colours and the hand that draws it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dancegen.lab.synthetic.character import ARM_LABELS, HEAD, LEG_LABELS, LOWER_TORSO, UPPER_TORSO
from dancegen.lab.synthetic.look import smooth_noise
from dancegen.lab.synthetic.scene import FRAME_SIZE

SIZE = 2 * FRAME_SIZE
HEAD_RADIUS = 0.062  # of a natural head, body heights
UPPER_CLOTHES = (UPPER_TORSO, LOWER_TORSO, ARM_LABELS["R"][0], ARM_LABELS["L"][0])
LOWER_CLOTHES = (LEG_LABELS["R"][0], LEG_LABELS["L"][0], LEG_LABELS["R"][1], LEG_LABELS["L"][1])
Colour = tuple[int, int, int]
# Shares of the stick figures, and of the others, that are drawn as `_stick_man`, `_doodle`.
STICK_MEN, DOODLES = 0.5, 0.6


@dataclass(frozen=True)
class Figure:
    """How one figure is built. Lengths are shares of the body height of a natural figure.

    Attributes:
        kind: stick (lines), outline (one outline around all), parts (each part outlined), filled (colours, no lines).
        head, arm, leg, torso, shoulders, hips: factors on natural sizes; neck: how much longer it is;
            low_arms: whether the torso goes up to the head and the arms come out of its side.
        arm_width, leg_width: half widths; belly: factor on the torso's width; torso_shape: how the torso is drawn.
        dress: whether the torso flares to the knees; bendy: whether limbs are curves.
        taper: width of a limb's end as a share of its root's.
        hand, foot, hair, face: kinds of ends (a boot turns with the shin); finger: their length.
        lean: deviation of the head's; arms_behind: whether the torso hides them.
        gaps: share of the outline that the pen left out.
        line: ink width, px of the doubled frame; ink, fills: colours; pattern: on the clothes of the labels `worn`.
        bow: how far the curve of a bendy limb goes past its joint; fingers: strokes of a hand.
        rough: unsteadiness of the strokes, 0..1, the same for each `hand_seed`; pressure: the least cover of the ink.
        wall: the body's own lines as a factor of `line`; shade: cover of the hatching of the body; marks: on the body.
    """

    kind: str
    head: float
    arm: float
    leg: float
    torso: float
    shoulders: float
    hips: float
    neck: float
    low_arms: bool
    arm_width: float
    leg_width: float
    belly: float
    torso_shape: str
    dress: bool
    bendy: bool
    taper: float
    hand: str
    foot: str
    hair: str
    face: str
    finger: float
    lean: float
    arms_behind: bool
    line: int
    ink: Colour
    fills: dict[int, Colour | None]
    pattern: str
    worn: tuple[int, ...]
    scribble: float
    gaps: float
    wobble: np.ndarray
    bow: float = 0.5
    fingers: int = 4
    rough: float = 0.0
    hand_seed: int = 0
    pressure: float = 1.0
    wall: float = 1.0
    shade: float = 0.0
    marks: tuple[str, ...] = ()


def random_figure(rng: np.random.Generator, kind: str | None = None) -> Figure:
    """A figure (of a kind, if one is given) and the hand that draws it."""
    figure = _any_figure(kind or str(rng.choice(["stick", "outline", "outline", "parts", "parts", "filled"])), rng)
    if figure.kind == "stick":
        return _stick_man(figure, rng) if rng.random() < STICK_MEN else figure
    return _doodle(figure, rng) if rng.random() < DOODLES else figure


def _any_figure(kind: str, rng: np.random.Generator) -> Figure:
    thin = kind == "stick"
    ink = rng.uniform(0, 70) + rng.normal(0, 15, 3) if rng.random() < 0.6 else rng.uniform(0, 190, 3)
    strength = rng.choice([rng.uniform(0, 2), rng.uniform(2, 6)])
    wobble = np.stack([smooth_noise(SIZE, rng.uniform(14, 60), rng) for _ in range(2)]) * strength
    belly = float(np.exp(rng.normal(0.12, 0.38)))
    wide = belly ** rng.uniform(0, 1)  # arms and legs that come out of the sides of a thick body
    low_arms = bool(rng.random() < 0.35)
    return Figure(
        kind=kind,
        head=float(np.exp(rng.normal(0.42, 0.42))),
        arm=float(np.exp(rng.normal(0, 0.2))),
        leg=float(np.exp(rng.normal(-0.12, 0.28))),
        torso=float(np.exp(rng.normal(0, 0.2))),
        shoulders=float(rng.uniform(0, 0.5) if thin else wide**0.5 * np.exp(rng.normal(0.05, 0.28))),
        hips=float(rng.uniform(0, rng.choice([0.9, 2.2])) if thin else wide * np.exp(rng.normal(0.05, 0.3))),
        neck=float(rng.choice([0.0, 0.0, rng.uniform(0, 0.06), rng.uniform(0.03, 0.2 if thin or low_arms else 0.1)])),
        low_arms=low_arms,
        arm_width=float(rng.choice([rng.uniform(0.018, 0.06), rng.uniform(0.04, 0.11)])),
        leg_width=float(rng.choice([rng.uniform(0.022, 0.085), rng.uniform(0.06, 0.13)])),
        belly=belly,
        torso_shape=str(
            rng.choice(["line", "line", "triangle", "oval", "box"] if thin else ["trunk", "trunk", "oval", "box"])
        ),
        dress=bool(rng.random() < 0.18),
        bendy=bool(rng.random() < 0.45),
        taper=float(rng.choice([1.0, rng.uniform(0.5, 1.2)])),
        hand=str(rng.choice(["none", "ball", "fingers", "fingers", "mitten"])),
        foot=str(rng.choice(["none", "line", "oval", "oval", "shoe"])),
        hair=str(rng.choice(["none", "cap", "cap", "spikes", "long", "scribble", "bun"])),
        face=str(rng.choice(["dots", "dots", "dots", "nose", "none"])),
        finger=float(rng.uniform(0.04, 0.09)),
        lean=float(rng.choice([0.07, 0.3])),
        arms_behind=bool(rng.random() < 0.25),
        line=int(rng.choice([3, 4, 5, 6, 8, 10, 13, 17])),
        ink=_colour(ink),
        fills=_fills(kind, rng),
        pattern=str(rng.choice(["none", "none", "none", "dots", "stripes", "crosses"])),
        worn=UPPER_CLOTHES if rng.random() < 0.5 else LOWER_CLOTHES,
        scribble=float(rng.choice([0, 0, rng.uniform(0.3, 0.9)])),
        gaps=float(rng.choice([0, 0, rng.uniform(0.02, 0.2)])),
        wobble=wobble,
    )


def _stick_man(figure: Figure, rng: np.random.Generator) -> Figure:
    """With a long neck or a body up to the chin, arms from the body's middle and short legs of one stroke."""
    return replace(
        figure,
        head=float(np.exp(rng.normal(0.25, 0.3))),
        leg=float(np.exp(rng.normal(-0.35, 0.2))),
        shoulders=float(rng.uniform(0, 0.5)),
        hips=float(rng.uniform(0, 1.2)),
        neck=float(rng.uniform(0.04, 0.28)),
        low_arms=bool(rng.random() < 0.8),
        belly=float(np.exp(rng.normal(-0.1, 0.4))),
        torso_shape=str(rng.choice(["triangle", "triangle", "line", "box", "oval"])),
        dress=bool(rng.random() < 0.15),
        bendy=bool(rng.random() < 0.65),
        hand=str(rng.choice(["none", "fingers", "fingers"])),
        foot=str(rng.choice(["none", "none", "line"])),
        line=int(rng.choice([3, 4, 5, 6, 8])),
    )


def _doodle(figure: Figure, rng: np.random.Generator) -> Figure:
    """With a small head, long bent limbs, wide trousers and shoes that turn with the shin, as illustrators draw."""
    thick = rng.uniform(0.055, 0.105)
    return replace(
        figure,
        head=float(np.exp(rng.normal(0.1, 0.2))),
        arm=float(np.exp(rng.normal(0.25, 0.2))),
        leg=float(np.exp(rng.normal(0.1, 0.22))),
        torso=float(np.exp(rng.normal(-0.05, 0.2))),
        neck=float(rng.choice([0.0, 0.0, rng.uniform(0, 0.05)])),
        low_arms=False,
        arm_width=float(thick * rng.uniform(0.45, 0.8)),
        leg_width=float(thick),
        torso_shape=str(rng.choice(["trunk", "trunk", "box"])),
        dress=bool(rng.random() < 0.08),
        bendy=bool(rng.random() < 0.7),
        taper=float(rng.uniform(0.55, 1.1)),
        hand=str(rng.choice(["fingers", "fingers", "mitten", "ball"])),
        foot="boot",
        line=int(rng.choice([4, 5, 6, 8, 10])),
        wobble=figure.wobble * rng.uniform(0, 0.5),
    )


def _fills(kind: str, rng: np.random.Generator) -> dict[int, Colour | None]:
    """A colour for each label, None where the paper shows."""

    def some(chance: float) -> Colour | None:
        return _colour(rng.uniform(0, 255, 3)) if kind == "filled" or rng.random() < chance else None

    skin, top, legs, shoes = some(0.35), some(0.5), some(0.45), some(0.4)
    if kind == "stick":
        skin = legs = shoes = None
    sleeves = top if rng.random() < 0.6 else skin
    fills = {HEAD: skin, UPPER_TORSO: top, LOWER_TORSO: top if rng.random() < 0.6 else legs}
    for upper, lower, hand in ARM_LABELS.values():
        fills |= {upper: sleeves, lower: sleeves if rng.random() < 0.7 else skin, hand: skin}
    shins = legs if rng.random() < 0.75 else skin
    for thigh, shin, foot in LEG_LABELS.values():
        fills |= {thigh: legs, shin: shins, foot: shoes}
    return fills


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = np.clip(values, 0, 255).astype(int)
    return int(red), int(green), int(blue)
