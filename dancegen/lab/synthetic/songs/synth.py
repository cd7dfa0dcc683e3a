"""A piece played by sounds made here: struck noise and falling sines for drums, sums of partials for the rest.

Every song draws its own sounds. No sample and no sound font is needed.

Glossary: N samples at RATE.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.lab.synthetic.songs.piece import DRUMS, PAD, RATE, TUNE, Piece

TAIL = 3  # s that a sound may ring on behind the end
KICKS, SNARES, SHORT_STICKS = (35, 36), (37, 38, 39, 40, 65), (75, 76, 77)
DECAYS = {42: 0.025, 44: 0.02, 46: 0.15, 49: 0.5, 57: 0.5, 51: 0.15, 54: 0.05, 70: 0.02, 81: 0.2}  # s, of metal
RINGING = (51, 81, 54)  # metal that has a tone
HERTZ = {41: 90, 45: 120, 48: 170, 56: 560, 62: 330, 63: 300, 64: 200, 75: 2500, 76: 1800, 77: 1200, 67: 900}
COWBELL = 56


@dataclass(frozen=True)
class Timbre:
    """How a part sounds: partials and the power by which they fall, odd ones only or all, times in s, shares."""

    partials: int
    slope: float
    attack: float
    decay: float
    release: float
    odd: bool
    detune: float
    vibrato: float


def play(rng: np.random.Generator, piece: Piece, seconds: float, levels: dict[int, float]) -> np.ndarray:
    """(N,) float32; `levels` is the loudness of each part, 0..1."""
    out = np.zeros(round(seconds * RATE) + RATE * TAIL, np.float32)
    kit: dict[int, np.ndarray] = {}
    timbres = {part: _timbre(rng, part) for part in piece.programs}
    for note in piece.notes:
        if note.part == DRUMS:
            if note.pitch not in kit:
                kit[note.pitch] = _drum(rng, note.pitch)
            sound = kit[note.pitch]
        else:
            sound = _tone(note.pitch, note.seconds, timbres[note.part])
        first = round(note.start * RATE)
        end = min(first + len(sound), len(out))
        out[first:end] += sound[: end - first] * (note.loud**1.5 * levels.get(note.part, 0.8))
    return out[: round(seconds * RATE)]


def _timbre(rng: np.random.Generator, part: int) -> Timbre:
    plucked = rng.random() < (0.2 if part == PAD else 0.55)
    return Timbre(
        partials=int(rng.integers(1, 9)),
        slope=rng.uniform(0.6, 2.2),
        attack=rng.uniform(0.01, 0.15) if part == PAD else float(rng.choice([0.003, 0.01, 0.03])),
        decay=rng.uniform(0.15, 0.8) if plucked else 30.0,
        release=rng.uniform(0.02, 0.12),
        odd=rng.random() < 0.2,
        detune=float(rng.choice([0.0, rng.uniform(0.001, 0.006)])),
        vibrato=float(rng.choice([0.0, 0.0, rng.uniform(0.002, 0.008)])) if part == TUNE else 0.0,
    )


def _tone(pitch: int, seconds: float, timbre: Timbre) -> np.ndarray:
    count = round((seconds + timbre.release) * RATE)
    time = np.arange(count, dtype=np.float32) / RATE
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    phase = 2 * np.pi * hertz * time
    if timbre.vibrato:
        phase += timbre.vibrato * hertz / 5.5 * np.sin(2 * np.pi * 5.5 * time)
    out = np.zeros(count, np.float32)
    for number in range(1, timbre.partials + 1):
        order = 2 * number - 1 if timbre.odd else number
        if hertz * order > RATE * 0.45:
            break
        part = np.sin(order * phase)
        if timbre.detune:
            part += np.sin(order * phase * (1 + timbre.detune))
        out += part / order**timbre.slope
    shape = np.minimum(1, time / timbre.attack) * np.exp(-time / timbre.decay)
    return 0.2 * out * shape * np.clip((seconds + timbre.release - time) / timbre.release, 0, 1)


def _drum(rng: np.random.Generator, number: int) -> np.ndarray:
    """One stroke of a General MIDI drum."""
    decay = DECAYS.get(number, 0.1)
    time = np.arange(round(max(0.4, 3 * decay) * RATE), dtype=np.float32) / RATE
    noise = rng.normal(0, 1, len(time)).astype(np.float32)
    bright = np.diff(noise, prepend=0)
    if number in KICKS:
        top, bottom, fall = rng.uniform(80, 260), rng.uniform(40, 65), rng.uniform(0.015, 0.06)
        phase = 2 * np.pi * (bottom * time + (top - bottom) * fall * (1 - np.exp(-time / fall)))
        beater = 0.2 * rng.random() * bright * np.exp(-time / 0.004)
        return np.sin(phase) * np.exp(-time / rng.uniform(0.06, 0.2)) + beater
    if number in SNARES:
        tone = np.sin(2 * np.pi * rng.uniform(150, 350) * time) * np.exp(-time / rng.uniform(0.02, 0.06))
        hiss = (noise if rng.random() < 0.5 else bright) * np.exp(-time / rng.uniform(0.02, 0.1))
        mix = rng.uniform(0.1, 0.8)
        return 0.8 * (mix * tone + (1 - mix) * hiss)
    if number in DECAYS:
        ring = sum(np.sin(2 * np.pi * hertz * time) for hertz in rng.uniform(3000, 7500, 4)) / 4
        mix = rng.uniform(0, 0.6) if number in RINGING else 0.1
        sound = (1 - mix) * np.diff(bright, prepend=0) * 0.4 + mix * ring
        return 0.45 * sound * np.exp(-time / (decay * rng.uniform(0.6, 1.6)))
    hertz = HERTZ.get(number, 300) * rng.uniform(0.7, 1.4)
    decay = 0.008 if number in SHORT_STICKS else rng.uniform(0.04, 0.15)
    sound = np.sin(2 * np.pi * hertz * time)
    if number == COWBELL:
        sound = sound + 0.5 * np.sin(2 * np.pi * 1.48 * hertz * time)
    return 0.7 * sound * np.exp(-time / decay)
