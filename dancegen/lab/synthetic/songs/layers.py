"""What a song keeps through its sections: its drum pattern, how bass and chords go, its tune's motifs, its swing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.lab.synthetic.songs.patterns import Pattern

Motif = list[tuple[float, float, int]]  # (beat in the bar, length in beats, steps up the scale from the note before)

BASSES = ("root", "octave", "walk", "held", "eighths", "fifth", "tresillo", "offbeat", "follow")
BASSES_IN_THREE = ("root", "root", "held", "walk", "fifth", "follow", "arp")
COMPS = ("pad", "pad", "stabs", "offbeat", "strum", "arp", "block", "charleston", "beats")
COMPS_IN_THREE = ("pad", "pah", "pah", "pah", "arp", "block", "strum", "beats")
UP_AND_DOWN = [0, 1, 2, 3, 2, 1]  # of a chord's tones
PUSHES = (0, 0, 0, 0.2, 0.5, 0.9)  # shares of a song's chords that come an eighth early
LENGTHS = (-2, -1, -1, 0, 1, 1, 2, 4, -4)  # steps of a tune


@dataclass(frozen=True)
class Layers:
    """What a song's sections choose from.

    Attributes:
        drums: the pattern.
        fills: whether sections end with one.
        swing: share of a beat (`sixteenth_swing`: of half a beat) that its first half has.
        bass, comp: how bass and chords go.
        tune: motifs of a bar.
        arp: the order of an arpeggio's tones, `arp_steps` a beat.
        push: share of the chords that come an eighth early.
    """

    drums: Pattern
    fills: bool
    swing: float
    sixteenth_swing: bool
    bass: str
    comp: str
    tune: list[Motif]
    arp: list[int]
    arp_steps: int
    push: float


def choose_layers(rng: np.random.Generator, genre: str, meter: int, swing: float, drums: Pattern) -> Layers:
    """Layers for a song of a genre."""
    threes, ternary = meter == 3, genre == "twelve-eight"
    steps = int(rng.choice([3] if ternary else [1, 2, 2] if threes else [1, 2, 2, 4]))
    arp = [int(each) for each in rng.permutation(UP_AND_DOWN)]
    if rng.random() < 0.6:
        arp = UP_AND_DOWN if threes else [0, 1, 2, 1, 3, 1, 2, 1]
    return Layers(
        drums=_vary(rng, drums),
        fills=rng.random() < 0.7,
        swing=swing,
        sixteenth_swing=rng.random() < 0.3,
        bass=str(rng.choice(BASSES_IN_THREE if threes else BASSES)),
        comp=str(rng.choice(COMPS_IN_THREE if threes else COMPS)),
        tune=[_motif(rng, meter, 3 if ternary else 2) for _ in range(4)],
        arp=arp,
        arp_steps=steps,
        push=float(rng.choice(PUSHES)),
    )


def _vary(rng: np.random.Generator, drums: Pattern) -> Pattern:
    """The pattern with a few strokes left out and a few soft ones more."""
    out = {}
    for drum, line in drums.items():
        strokes = list(line)
        if rng.random() < 0.35:
            for place, stroke in enumerate(strokes):
                if stroke != "." and rng.random() < 0.12:
                    strokes[place] = "."
                elif strokes[place] == "." and rng.random() < 0.04:
                    strokes[place] = "o"
        if rng.random() > 0.08 or len(drums) == 1:
            out[drum] = "".join(strokes)
    return out


def _motif(rng: np.random.Generator, meter: int, split: int) -> Motif:
    """A bar of a tune, denser on strong places unless it is syncopated; `split` notes a beat at most."""
    notes, at = [], 0.0
    syncopated = rng.random() < 0.3
    while at < meter:
        length = float(rng.choice([1 / split, 1, 1, 2, 1.5 if split == 2 else 1, meter - at]))
        if not syncopated and at % 1 and length >= 1:
            length = 1 - at % 1
        length = min(length, meter - at)
        if rng.random() > 0.15 or (at == 0 and not syncopated):
            notes.append((at, length * rng.uniform(0.6, 1.0), int(rng.choice(LENGTHS))))
        at += max(length, 1 / split)
    return notes
