"""Writes a song's notes bar by bar: drums with fills, bass, chords, pads, arpeggios, a tune.

Positions are counted in beats and become seconds at the very end, so that any tempo fits any pattern.
"""

from __future__ import annotations

import numpy as np

from dancegen.lab.synthetic.songs.layers import Layers
from dancegen.lab.synthetic.songs.patterns import CRASH, HIGH_TOM, KICK, LOW_TOM, MID_TOM, SNARE
from dancegen.lab.synthetic.songs.piece import ARPEGGIO, BASS, COMP, DRUMS, PAD, TUNE, Note

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10), "dorian": (0, 2, 3, 5, 7, 9, 10)}
PROGRESSIONS = (  # degrees of the scale
    *((0, 4, 5, 3), (5, 3, 0, 4), (0, 5, 3, 4), (0, 3, 4, 4), (1, 4, 0, 0), (0, 3, 0, 4), (0, 6, 5, 6), (0, 0, 3, 4)),
    *((0, 5, 1, 4), (0, 2, 3, 4), (0, 0, 0, 0, 3, 3, 0, 0, 4, 3, 0, 4), (0, 4, 0, 4), (0, 4, 5, 2, 3, 0, 3, 4)),
    *((0, 0, 4, 4), (0, 6), (0, 3)),
)
ORDER_OF_MOTIFS = (0, 1, 0, 2, 0, 1, 3, 2)
ROLES = {"drums": 0.85, "bass": 0.8, "comp": 0.75, "pad": 0.45, "tune": 0.5, "arp": 0.3}  # how often a section has them
Plan = list[tuple[float, float, int]]  # (beat in the bar, length in beats, MIDI pitch)


class Writer:
    """Writes the notes of one song.

    Attributes:
        notes: those written so far.
        first: the beat at which bar 0 begins; before 0 where there is a pick-up.
    """

    def __init__(
        self, rng: np.random.Generator, meter: int, beats: np.ndarray, pickup: int, layers: Layers, loose: float
    ) -> None:
        """`loose`: standard deviation of the notes' starts, seconds."""
        self.rng, self.meter, self.beats, self.layers, self.loose = rng, meter, beats, layers, loose
        self.notes: list[Note] = []
        self.first = pickup - meter if pickup else 0
        self.key = int(rng.integers(0, 12))
        self.scale = SCALES[str(rng.choice(list(SCALES), p=[0.5, 0.35, 0.15]))]
        self.progression = PROGRESSIONS[rng.integers(len(PROGRESSIONS))]
        self.chord_bars = float(rng.choice([1, 1, 1, 1, 2, 0.5] if meter == 4 else [1, 1, 1, 2]))
        self.accent = rng.uniform(0.0, 0.3)

    def write(self, genre: str) -> None:
        """Sections of a few bars until the beats end."""
        count = int((len(self.beats) - 1 - self.first) // self.meter)
        bar = 0
        clicks = genre == "clicks" and self.rng.random() < 0.6
        while bar < count:
            length = int(self.rng.choice([4, 4, 8, 8, 2, 12]))
            active = self._roles(genre, clicks)
            if self.rng.random() < 0.15:
                self.progression = PROGRESSIONS[self.rng.integers(len(PROGRESSIONS))]
            for number in range(min(length, count - bar)):
                self._bar(bar, number, length, active, clicks)
                bar += 1

    def _roles(self, genre: str, clicks: bool) -> set[str]:
        """Who plays in a section."""
        active = {name for name, share in ROLES.items() if self.rng.random() < share}
        if genre == "no drums":
            active.discard("drums")
        if clicks:
            active = {"drums"}
        if not active or (active == {"drums"} and not clicks and self.rng.random() < 0.6):
            active |= {"comp", "bass"}
        return active | {"comp"} if active == {"tune"} else active

    def _bar(self, bar: int, number: int, length: int, active: set[str], clicks: bool) -> None:
        begin, chord = self.first + bar * self.meter, self._chord(bar)
        if "drums" in active:
            last = number == length - 1 and length >= 4 and self.layers.fills and not clicks
            self._drums(begin, last and self.rng.random() < 0.7, number == 0 and not clicks and self.rng.random() < 0.5)
        if "bass" in active:
            self._bass(begin, chord)
        if "comp" in active:
            self._comp(begin, chord, bar)
        if "pad" in active:
            for pitch in self._voicing(chord, 58):
                self._note(begin, self.meter, PAD, pitch, 0.45)
        if "arp" in active:
            self._arp(begin, chord, ARPEGGIO, 67)
        if "tune" in active:
            self._tune(begin, chord, bar)

    def _chord(self, bar: int, half: int = 0) -> int:
        place = (bar * 2 + half) / (2 * self.chord_bars)
        return self.progression[int(place) % len(self.progression)]

    def _degree(self, degree: int, base: int) -> int:
        octave, step = divmod(degree, 7)
        return base + self.key + 12 * octave + self.scale[step]

    def _voicing(self, chord: int, base: int) -> list[int]:
        """The triad within the octave above `base`."""
        tones = [self._degree(chord + step, 0) for step in (0, 2, 4)]
        return sorted(base + (tone - base) % 12 for tone in tones)

    def _note(self, beat: float, length: float, part: int, pitch: int, loud: float) -> None:
        last = len(self.beats) - 1
        if beat < -0.02 or beat >= last:
            return
        ends = [self._swing_beat(beat), self._swing_beat(min(beat + length, last))]
        begin, end = np.interp(ends, np.arange(last + 1), self.beats)
        strong = 1.0 if (beat - self.first) % self.meter < 0.01 else 1 - self.accent
        begin = max(begin + self.rng.normal(0, self.loose), 0.0)
        loud = float(np.clip(loud * strong * self.rng.uniform(0.85, 1.15), 0.05, 1))
        self.notes.append(Note(begin, max(end - begin, 0.03), part, pitch, loud))

    def _swing_beat(self, beat: float) -> float:
        swing, whole = self.layers.swing, np.floor(beat)
        part = beat - whole
        if swing == 0.5:
            return beat
        if not self.layers.sixteenth_swing:
            return float(whole + _swing_part(part, swing))
        half = np.floor(part * 2) / 2
        return float(whole + half + _swing_part((part - half) * 2, swing) / 2)

    def _drums(self, begin: float, fill: bool, crash: bool) -> None:
        for drum, line in self.layers.drums.items():
            steps = len(line) / self.meter
            for place, stroke in enumerate(line):
                at = place / steps
                if stroke == "." or (fill and at >= self.meter - 1 and drum != KICK):
                    continue
                self._note(begin + at, 0.2, DRUMS, drum, 0.95 if stroke == "x" else 0.5)
        if crash:
            self._note(begin, 0.5, DRUMS, CRASH, 0.8)
        if fill:
            split = 3 if self.layers.swing > 0.6 else 4
            for place in range(split):
                if self.rng.random() < 0.8:
                    drum = int(self.rng.choice([SNARE, HIGH_TOM, MID_TOM, LOW_TOM]))
                    self._note(begin + self.meter - 1 + place / split, 0.2, DRUMS, drum, 0.8)

    def _bass(self, begin: float, chord: int) -> None:
        root = 36 + self._degree(chord, 0) % 12
        fifth = root + 7 if self.rng.random() < 0.7 else root - 5
        meter, kicks = self.meter, self.layers.drums.get(KICK, "x...")
        walk = [root, *(root + int(self.rng.choice([0, 2, 4, 5, 7])) for _ in range(meter - 1))]
        plans: dict[str, Plan] = {
            "root": [(0.0, 1.5, root), (2.0, 1.5, root)][: meter - 2],
            "fifth": [(0.0, 1.0, root), (2.0, 1.0, fifth)] if meter == 4 else [(0.0, 2.0, root), (2.0, 1.0, fifth)],
            "octave": [(each / 2, 0.45, root + 12 * (each % 2)) for each in range(2 * meter)],
            "walk": [(float(each), 0.95, pitch) for each, pitch in enumerate(walk)],
            "held": [(0.0, float(meter), root)],
            "eighths": [(each / 2, 0.45, root) for each in range(2 * meter)],
            "tresillo": [(0.0, 1.4, root), (1.5, 1.4, fifth), (3.0, 0.9, root + 12)],
            "offbeat": [(each + 0.5, 0.45, root) for each in range(meter)],
            "follow": [(place * meter / len(kicks), 0.5, root) for place, stroke in enumerate(kicks) if stroke != "."],
            "arp": [(0.0, 1.0, root), (1.0, 1.0, root + 7), (2.0, 1.0, root + 12)],
        }
        for at, length, pitch in plans[self.layers.bass]:
            self._note(begin + at, length, BASS, pitch, 0.8)

    def _comp(self, begin: float, chord: int, bar: int) -> None:
        meter, style = self.meter, self.layers.comp
        if style == "arp":
            self._arp(begin, chord, COMP, 60)
            return
        strummed = [each / 2 for each in range(2 * meter) if each % 2 == 0 or self.rng.random() < 0.7]
        plans: dict[str, list[tuple[float, float]]] = {
            "pad": [(0.0, float(meter))],
            "stabs": [(1.0, 0.4), (3.0 if meter == 4 else 2.0, 0.4)],
            "offbeat": [(each + 0.5, 0.3) for each in range(meter)],
            "strum": [(at, 0.4) for at in strummed],
            "block": [(0.0, 2.0), (2.0, 2.0)] if meter == 4 else [(0.0, 3.0)],
            "charleston": [(0.0, 1.0), (1.5, 0.5)],
            "beats": [(float(each), 0.8) for each in range(meter)],
            "pah": [(float(each), 0.6) for each in range(1, meter)],
        }
        early = 0.5 if self.layers.push and self.rng.random() < self.layers.push else 0.0
        for at, length in plans[style]:
            heard = self._chord(bar, 1) if meter == 4 and at >= 2 else chord
            for number, pitch in enumerate(self._voicing(heard, 55)):
                shift = 0.02 * number if style == "strum" else 0.0
                self._note(begin + at + shift - (early if at == 0 else 0.0), length, COMP, pitch, 0.55)

    def _arp(self, begin: float, chord: int, part: int, base: int) -> None:
        tones = self._voicing(chord, base)
        tones.append(tones[0] + 12)
        for place in range(self.meter * self.layers.arp_steps):
            pitch = tones[self.layers.arp[place % len(self.layers.arp)]]
            self._note(begin + place / self.layers.arp_steps, 1 / self.layers.arp_steps, part, pitch, 0.5)

    def _tune(self, begin: float, chord: int, bar: int) -> None:
        degree = chord + int(self.rng.choice([0, 2, 4]))
        for at, length, step in self.layers.tune[ORDER_OF_MOTIFS[bar % len(ORDER_OF_MOTIFS)]]:
            self._note(begin + at, length, TUNE, self._degree(degree, 60), 0.7)
            degree += step


def _swing_part(part: float, swing: float) -> float:
    """Where a place in a beat, 0..1, comes when the beat's first half takes the share `swing`."""
    return part * 2 * swing if part < 0.5 else swing + (part - 0.5) * 2 * (1 - swing)
