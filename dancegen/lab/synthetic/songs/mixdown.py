"""From a piece to a recording: played, echoing, filtered, pressed, with noise; and recordings without a beat.

Glossary: N samples at RATE.
"""

from __future__ import annotations

import numpy as np
from scipy.signal import fftconvolve, lfilter

from dancegen.lab.synthetic.songs import midi, synth
from dancegen.lab.synthetic.songs.compose import compose
from dancegen.lab.synthetic.songs.piece import DRUMS, RATE, Piece

SILENT_INTRO = 0.12  # share of songs that begin with up to LONGEST_INTRO s of silence
LONGEST_INTRO = 12.0
SOFT_DRUMS = 0.25  # share of songs with drums in the background
BY_FONT = 0.62  # share of songs that are played with the sound font, where it is installed
PEAK = 0.8


def song(rng: np.random.Generator, seconds: float) -> tuple[np.ndarray, Piece]:
    """(N,) float32 within -1..1 and its piece."""
    quiet = rng.uniform(0, LONGEST_INTRO) if rng.random() < SILENT_INTRO else rng.uniform(0, 1.0)
    piece = compose(rng, seconds - quiet)
    levels = {part: float(10 ** rng.uniform(-0.5, 0)) for part in piece.programs}
    if rng.random() < SOFT_DRUMS:
        levels[DRUMS] *= 0.35
    font = midi.can_play() and rng.random() < BY_FONT and piece.genre != "clicks"
    sound = midi.play(piece, seconds, levels) if font else synth.play(rng, piece, seconds, levels)
    sound = np.concatenate([np.zeros(round(quiet * RATE), np.float32), sound])[: round(seconds * RATE)]
    piece.beats += quiet
    return record(rng, sound), piece


def record(rng: np.random.Generator, sound: np.ndarray) -> np.ndarray:
    """What a room, a mixing desk and a bad microphone do to a sound (N,)."""
    sound = sound / max(float(np.abs(sound).max()), 1e-6)
    if rng.random() < 0.5:
        length = rng.uniform(0.1, 1.2)
        time = np.arange(round(length * RATE)) / RATE
        tail = rng.normal(0, 1, len(time)) * np.exp(-time * 5 / length)
        tail *= rng.uniform(0.05, 0.5) / max(np.sqrt((tail**2).sum()), 1e-6)
        sound = sound + fftconvolve(sound, tail)[: len(sound)].astype(np.float32)
    if rng.random() < 0.3:
        sound = lfilter([1.0, -rng.uniform(0.3, 0.97)], [1.0], sound)  # thin
    elif rng.random() < 0.3:
        pole = rng.uniform(0.3, 0.9)
        sound = lfilter([1 - pole], [1.0, -pole], sound)  # dull
    if rng.random() < 0.4:
        sound = np.tanh(sound / max(float(np.abs(sound).max()), 1e-6) * rng.uniform(1, 6))
    if rng.random() < 0.4:
        decibels = rng.uniform(0, 40)
        noise = rng.normal(0, 1, len(sound))
        if rng.random() < 0.5:
            noise = lfilter([1.0], [1.0, -0.9], noise)
        power = float((sound**2).mean()) * 10 ** (-decibels / 10)
        sound = sound + noise * np.sqrt(power / max(float((noise**2).mean()), 1e-9))
    return (PEAK * sound / max(float(np.abs(sound).max()), 1e-6)).astype(np.float32)


def beatless_sound(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """(N,) of a sound without a beat: noise, held notes, swelling wind, strokes at random moments."""
    count = round(seconds * RATE)
    make = (_noise, _held_notes, _swelling, _strokes)[int(rng.integers(0, 4))]
    return record(rng, make(rng, count))


def _noise(rng: np.random.Generator, count: int) -> np.ndarray:
    return lfilter([1.0], [1.0, -rng.choice([0.0, 0.9, 0.98])], rng.normal(0, 1, count))


def _held_notes(rng: np.random.Generator, count: int) -> np.ndarray:
    time, sound = np.arange(count) / RATE, np.zeros(count)
    for _ in range(int(rng.integers(1, 6))):
        hertz, slow, phase = 110 * 2 ** rng.uniform(0, 3), rng.uniform(0.01, 0.15), rng.uniform(0, 6)
        sound += np.sin(2 * np.pi * hertz * time) * (1 + 0.5 * np.sin(2 * np.pi * slow * time + phase))
    return sound


def _swelling(rng: np.random.Generator, count: int) -> np.ndarray:
    moments = np.sort(rng.uniform(0, count, 30))
    loud = np.interp(np.arange(count), moments, rng.uniform(0, 1, 30) ** 2)
    return _held_notes(rng, count) * loud + 0.2 * loud * rng.normal(0, 1, count)


def _strokes(rng: np.random.Generator, count: int) -> np.ndarray:
    sound = np.zeros(count)
    for first in np.sort(rng.integers(0, max(count - RATE, 1), int(rng.uniform(0.3, 5) * count / RATE))):
        length = int(rng.uniform(0.03, 0.5) * RATE)
        time = np.arange(length) / RATE
        tone = np.sin(2 * np.pi * 100 * 2 ** rng.uniform(0, 4) * time)
        stroke = tone if rng.random() < 0.5 else rng.normal(0, 1, length)
        fading = stroke * np.exp(-5 * np.arange(length) / length) * rng.uniform(0.2, 1)
        sound[first : first + length] += fading[: count - first]
    return sound
