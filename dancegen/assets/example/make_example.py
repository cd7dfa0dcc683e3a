"""Makes the example's files anew: `python -m dancegen.assets.example.make_example`; no input is needed."""

from __future__ import annotations

import json

import numpy as np
import soundfile

from dancegen.assets.example import PICTURE, POSE, SONG
from dancegen.assets.example.figure import JOINTS, draw_figure, joints_in_pixels

RATE = 44_100
TEMPO = 120.0  # beats a minute
BEAT = round(RATE * 60 / TEMPO)  # samples
BARS = 6  # of four beats: 12 s
CHORDS = ((57, 60, 64), (53, 57, 60), (48, 55, 64), (55, 59, 62), (57, 60, 64), (53, 57, 60))  # MIDI notes, a bar each
BASS = (33, 29, 36, 31, 33, 29)
MELODY = (76, 72, 69, 72, 77, 72, 69, 65, 76, 79, 76, 72, 74, 71, 67, 71, 76, 72, 69, 72, 77, 76, 72, 69)  # a beat each


def main() -> None:
    """Write the tune, the figure and its joints."""
    write_ogg()
    draw_figure().save(PICTURE, optimize=True)
    width, height = draw_figure().size
    people = [{"pose_keypoints_2d": [round(float(v), 1) for xy in joints_in_pixels() for v in (*xy, 1.0)]}]
    POSE.write_text(json.dumps({"canvas_width": width, "canvas_height": height, "people": people}) + "\n")


def write_ogg() -> None:
    """The tune as Ogg Vorbis, written in blocks: libsndfile overflows its stack on one long write."""
    sound = tune()
    with soundfile.SoundFile(SONG, "w", RATE, 2, format="OGG", subtype="VORBIS") as file:
        for first in range(0, len(sound), RATE // 4):
            file.write(sound[first : first + RATE // 4])


def tune() -> np.ndarray:
    """Drums, bass, chords and a melody: (samples, 2) float32 in -1..1."""
    rng = np.random.default_rng(7)
    left, right = np.zeros((2, BARS * 4 * BEAT + RATE))
    for beat in range(BARS * 4):
        at, bar = beat * BEAT, beat // 4
        _add(left, right, at, kick(), 0.9)
        if beat % 2:
            _add(left, right, at, snare(rng), 0.45)
        for half in (0, 1):
            _add(left, right, at + half * BEAT // 2, hat(rng, half == 1), 0.16, 0.3)
            _add(left, right, at + half * BEAT // 2, note(BASS[bar], 0.26, (1, 0.5, 0.25), 5.0), 0.4)
        _add(left, right, at, note(MELODY[beat], 0.45, (1, 0.3, 0.1, 0.05), 6.0), 0.16, -0.25)
        if beat % 4 in (0, 2):
            for number, pitch in enumerate(CHORDS[bar]):
                _add(left, right, at, note(pitch, 0.95, (1, 0.4, 0.2, 0.1), 2.2), 0.11, 0.5 * (number - 1))
    sound = np.stack([left, right], axis=1)[: BARS * 4 * BEAT]
    fade = RATE // 20
    sound[-fade:] *= np.linspace(1, 0, fade)[:, None]
    return np.tanh(sound * 0.9).astype(np.float32)


def _add(left: np.ndarray, right: np.ndarray, at: int, sound: np.ndarray, gain: float, pan: float = 0.0) -> None:
    """Mix a sound in at a sample, `pan` from -1 (left) to 1."""
    stop = min(at + len(sound), len(left))
    left[at:stop] += sound[: stop - at] * gain * (1 - max(pan, 0))
    right[at:stop] += sound[: stop - at] * gain * (1 + min(pan, 0))


def kick() -> np.ndarray:
    """A bass drum: a sine falling from 150 to 45 Hz."""
    t = np.arange(round(RATE * 0.25)) / RATE
    return np.sin(2 * np.pi * (45 * t + 105 / 30 * (1 - np.exp(-30 * t)))) * np.exp(-t * 14)


def snare(rng: np.random.Generator) -> np.ndarray:
    """A snare: noise and a short tone."""
    t = np.arange(round(RATE * 0.18)) / RATE
    return rng.normal(0, 0.6, len(t)) * np.exp(-t * 28) + np.sin(2 * np.pi * 190 * t) * np.exp(-t * 30)


def hat(rng: np.random.Generator, is_open: bool) -> np.ndarray:
    """A hi-hat: the high part of noise."""
    t = np.arange(round(RATE * 0.09)) / RATE
    return np.diff(rng.normal(0, 0.7, len(t)), prepend=0) * np.exp(-t * (35 if is_open else 70))


def note(pitch: int, seconds: float, partials: tuple[float, ...], decay: float) -> np.ndarray:
    """A plucked note of a MIDI pitch with the given partials."""
    t = np.arange(round(RATE * seconds)) / RATE
    hertz = 440 * 2 ** ((pitch - 69) / 12)
    wave = sum(level * np.sin(2 * np.pi * hertz * (n + 1) * t) for n, level in enumerate(partials))
    release = np.minimum(1, (seconds - t) / 0.02)
    return wave * np.exp(-t * decay) * np.minimum(1, t / 0.004) * release


if __name__ == "__main__":
    assert len(JOINTS) == 18
    main()
