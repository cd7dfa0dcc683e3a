"""Songs of another composer than those that the beat network learns from, whose beats and bars are known exactly.

Clicks, rock, waltzes, swing, half time, jumps and ramps of tempo, a swaying hand, silence and pick-ups in front, noise,
chords without drums: 49 songs of 40 or 60 s. SEED's tempi are fixed; other seeds play other tempi, other noise.

Glossary: N samples at RATE, B beats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

RATE = 22_050  # samples a second
SEED = 1
SPREAD = 0.2  # octaves, up or down, by which other seeds' tempi differ
SHORT, LONG = 40.0, 60.0  # seconds of a song
CHORDS = ((110, 138.6, 164.8), (98, 123.5, 146.8), (87.3, 110, 130.8), (82.4, 103.8, 123.5))  # Hz
PEAK = 0.7
JUMP_AT = LONG / 2  # seconds; the tempo is another from the first beat after it on
NOISES = (20, 6, -20)  # dB by which the music is louder
SWAY, UNEVEN = 0.05, 0.01  # of the tempo, in 20 s; seconds that a hand misses by


@dataclass(frozen=True)
class Recipe:
    """How one song is played.

    Attributes:
        kind: which group it is measured in.
        tempo: beats a minute; of jumps and ramps the first and the last.
        named: the number in the song's name.
        change: "" for a steady tempo, "jump", "ramp" or "sway".
        meter: beats a bar.
        pickup: beats before the first bar.
        start: seconds before the first beat.
        swing: where between two beats the off-beat lies.
        halved: drums go at half the tempo.
        drums: False for chords and bass alone.
        noise: dB by which the music is louder than white noise; None for no noise.
    """

    kind: str
    tempo: tuple[float, float]
    named: str
    change: str = ""
    meter: int = 4
    pickup: int = 0
    start: float = 0.3
    swing: float = 0.5
    halved: bool = False
    drums: bool = True
    noise: float | None = None

    @property
    def seconds(self) -> float:
        """How long the song is, but for a second in which it fades."""
        return LONG if self.change else SHORT


@dataclass(frozen=True)
class KnownSong:
    """A song: samples (N,) float32 at RATE, beats (B,) seconds, which of them begin a bar (B,) bool."""

    name: str
    recipe: Recipe
    samples: np.ndarray
    beats: np.ndarray
    downbeat: np.ndarray


def known_songs(seed: int = SEED) -> Iterator[KnownSong]:
    """All songs of a seed, one after the other."""
    rng = np.random.default_rng(seed)
    for recipe in recipes(seed):
        beats = beat_times(recipe)
        if recipe.change == "sway":
            beats = beats + rng.normal(0, UNEVEN, len(beats))
        sound = _play_clicks(recipe, beats) if recipe.kind == "click" else _play_band(rng, recipe, beats)
        samples = (PEAK * sound / np.abs(sound).max()).astype(np.float32)
        downbeat = (np.arange(len(beats)) - recipe.pickup) % recipe.meter == 0
        yield KnownSong(f"{recipe.kind}_{recipe.named}", recipe, samples, beats, downbeat)


def recipes(seed: int = SEED) -> list[Recipe]:
    """What is played, in order; the same list with other tempi for another seed."""
    found: list[Recipe] = []

    def add(kind: str, *tempi: float, **how: object) -> None:
        for tempo in tempi:
            found.append(replace(Recipe(kind, (tempo, tempo), f"{tempo:03.0f}"), **how))  # type: ignore[arg-type]

    for tempo in (60, 80, 100, 120, 140, 160, 180, 200):
        add("click", tempo)
        add("rock", tempo)
    add("waltz34", 84, 108, 180, meter=3)
    add("swing", 90, 150, swing=2 / 3)
    add("halftime", 100, 140, halved=True)
    for change, pairs in (("jump", ((90, 140), (120, 80))), ("ramp", ((90, 130), (80, 160)))):
        found += [Recipe(change, pair, f"{pair[0]}_{pair[1]}", change=change) for pair in pairs]
    add("drift", 112, change="sway")
    add("silentintro", 120, start=10.0)
    add("silentintro", 96, start=12.7)
    for tempo in (90, 120, 160):
        for noise in NOISES:
            add(f"noise{noise}", tempo, noise=noise)
    add("nodrums", 72, 100, 132, drums=False)
    for tempo, pickup in ((90, 1), (126, 2)):
        add("upbeat", tempo, pickup=pickup)
    for tempo, pickup in ((96, 1), (132, 2), (156, 1), (120, 0), (168, 2)):
        add("upbeat34", tempo, pickup=pickup, meter=3)
    return found if seed == SEED else [_vary(recipe, seed, number) for number, recipe in enumerate(found)]


def _vary(recipe: Recipe, seed: int, number: int) -> Recipe:
    rng = np.random.default_rng([seed, number])
    first, last = (np.array(recipe.tempo) * 2 ** rng.uniform(-SPREAD, SPREAD, 2)).round(1)
    tempo = (float(first), float(last if recipe.change in ("jump", "ramp") else first))
    return replace(recipe, tempo=tempo, named=f"{number:02d}_{first:03.0f}")


def beat_times(recipe: Recipe) -> np.ndarray:
    """(B,) seconds, before chance makes them uneven."""
    first, last = recipe.tempo
    times = [recipe.start]
    while times[-1] < recipe.seconds:
        at, tempo = times[-1], first
        if recipe.change == "jump":
            tempo = first if at < JUMP_AT else last
        elif recipe.change == "ramp":
            tempo = first + (last - first) * min(at / LONG, 1)
        elif recipe.change == "sway":
            tempo = first * (1 + SWAY * np.sin(2 * np.pi * at / 20))
        times.append(at + 60 / tempo)
    return np.array(times[:-1])


class _Mix:
    """Sounds laid over each other."""

    def __init__(self, seconds: float) -> None:
        self.sound = np.zeros(int((seconds + 1) * RATE))

    def add(self, at: float, sound: np.ndarray) -> None:
        """Lay (N,) samples at `at` seconds."""
        first = round(at * RATE)
        if 0 <= first < len(self.sound):
            self.sound[first : first + len(sound)] += sound[: len(self.sound) - first]


def _play_clicks(recipe: Recipe, beats: np.ndarray) -> np.ndarray:
    mix = _Mix(recipe.seconds)
    time = _time(0.03)
    for beat, at in enumerate(beats):
        loud, hertz = (1.0, 1500) if beat % 4 == 0 else (0.7, 1000)
        mix.add(at, loud * np.sin(2 * np.pi * hertz * time) * np.exp(-time / 0.008))
    return mix.sound


def _play_band(rng: np.random.Generator, recipe: Recipe, beats: np.ndarray) -> np.ndarray:
    mix = _Mix(recipe.seconds)
    lengths = np.diff(beats, append=2 * beats[-1] - beats[-2])
    for number, (at, length) in enumerate(zip(beats, lengths, strict=True)):
        count = number - recipe.pickup + 4 * recipe.meter  # from before the first bar on
        if recipe.drums:
            _drum(rng, mix, recipe, count, at, length)
        _harmonise(mix, recipe, count, at, length)
    if recipe.noise is not None:
        power = (mix.sound**2).mean() * 10 ** (-recipe.noise / 10)
        mix.sound += rng.standard_normal(len(mix.sound)) * np.sqrt(power)
    return mix.sound


def _drum(rng: np.random.Generator, mix: _Mix, recipe: Recipe, count: int, at: float, length: float) -> None:
    """The strokes of one beat."""
    place, off = count % recipe.meter, at + length * recipe.swing
    if recipe.halved:
        if count % 4 == 0:
            mix.add(at, _kick())
        elif count % 4 == 2:
            mix.add(at, _snare(rng, 0.7))
        if count % 8 == 5:
            mix.add(at + length / 2, _kick(0.7))
    elif recipe.meter == 3:
        mix.add(at, _kick() if place == 0 else _snare(rng, 0.4))
    else:
        mix.add(at, _kick() if place % 2 == 0 else _snare(rng, 0.7))
        if place == 2:
            mix.add(off, _kick(0.6))
    mix.add(at, _hat(rng, 0.25))
    mix.add(off, _hat(rng, 0.18))


def _harmonise(mix: _Mix, recipe: Recipe, count: int, at: float, length: float) -> None:
    """A chord a bar, a bass, and a broken chord where there are no drums."""
    chord, place = CHORDS[count // recipe.meter % 4], count % recipe.meter
    if place == 0:
        for hertz in chord:
            mix.add(at, _tone(2 * hertz, 0.95 * recipe.meter * length, 0.05))
    if (recipe.meter == 4 and count % 2 == 0) or (recipe.meter == 3 and place == 0):
        mix.add(at, _tone(chord[0] / 2, 0.9 * length, 0.2))
    if not recipe.drums:
        mix.add(at, _tone(4 * chord[count % 3], 0.8 * length, 0.08))


def _time(seconds: float) -> np.ndarray:
    return np.arange(int(seconds * RATE)) / RATE


def _kick(loud: float = 1.0) -> np.ndarray:
    time = _time(0.25)
    phase = 45 * time + 60 * 0.03 * (1 - np.exp(-time / 0.03))
    return loud * np.sin(2 * np.pi * phase) * np.exp(-time / 0.08)


def _snare(rng: np.random.Generator, loud: float) -> np.ndarray:
    time = _time(0.2)
    hiss = 0.6 * rng.standard_normal(len(time)) * np.exp(-time / 0.05)
    return loud * (hiss + 0.4 * np.sin(2 * np.pi * 190 * time) * np.exp(-time / 0.04))


def _hat(rng: np.random.Generator, loud: float) -> np.ndarray:
    time = _time(0.08)
    return loud * np.diff(rng.standard_normal(len(time)), prepend=0) * np.exp(-time / 0.02)


def _tone(hertz: float, seconds: float, loud: float) -> np.ndarray:
    time = _time(seconds)
    shape = np.minimum(1, time / 0.01) * ((seconds - time) / 0.05).clip(0, 1)
    return loud * sum(np.sin(2 * np.pi * hertz * order * time) / order for order in (1, 2, 3, 4)) * shape
