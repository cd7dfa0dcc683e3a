"""Phrases placed on music: windows of dance, made anew each time, in which the music decides.

The beats come from a song or are counted freely (any tempo, drifts and jumps included), and the sound of any song is
laid on them, beat by beat: the same beats are heard with other sound, and then another phrase is danced. Which one
follows from ranks, the loud to the large (`MATCHES`); how deep an accent is from what sets in on its beat; how large
the movement is from the loudness. A part of the real pairs stays as the dancers danced them.

Glossary: F pieces, T = 3 F poses, B beats, Q phrases, G stored poses, C = POSE_VALUES, S slices, M mel bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dancegen.audio.spectrum import BANDS, SLICES
from dancegen.choreographers.stg_mamba.counting import BEATS_OF_UNIT, UNITS
from dancegen.choreographers.stg_mamba.hearing import ear_traits, rank
from dancegen.choreographers.stg_mamba.sketch import SLICE_RATE, accents, lay, unit_directions
from dancegen.lab.datasets.bank import TRAITS, Bank
from dancegen.lab.datasets.codes import THIN, Codec, phrase_values
from dancegen.lab.datasets.counts import Beats, free_count, laid_sound
from dancegen.lab.datasets.motion import FPS
from dancegen.styles.arms import with_arms
from dancegen.styles.codes import mirror_values
from dancegen.styles.phrases import EDGE, STEPS

NATURAL = 0.45  # share of windows with a song's own beats
REAL = 0.5  # share of those of paired songs with the phrases that were really danced there
CANDIDATES = 40
MATCHES = {"size": 1.0, "steps": 0.8, "hands": 0.7, "knees": 0.5}  # trait: how much its match with the music counts
JOIN = 2.0  # how much a smooth join counts
CHANCE = 0.25  # how much luck counts
CONTINUE = 0.35  # chance that a performance goes on
OTHER_ARMS = 0.3  # chance that the arms are those of another phrase of the style
HELD = ("tango", "waltz")  # danced in closed hold: arms stay with their phrase
LENT_ARMS = 0.5  # chance that the arms are those of another style, where arms are free
LENDERS = {"cha-cha": 1.2, "rumba": 1.2, "ballet": 1.0, "salsa": 0.7, "other": 0.6, "tango": 0.3, "waltz": 0.2}  # odds
ANEW = 0.2  # chance that a phrase is of another style than the one before, likewise
SPINS = 0.2  # how often a phrase with spins is drawn against another
LIKE_TEMPO = 0.2  # in log period
REAL_SECONDS = 0.6  # how far a real phrase may lie from its place in its song
GAIN = (0.8, 1.06)  # size of the movement in the quietest and the loudest music
IN_THREE = 0.25  # share of the dances in three of styles that know both
KNOW_THREE = ("waltz", "ballet")  # styles that are danced in three; of others the phrases in three lend their arms
RANK_SECONDS = 4  # stretches by which songs are ranked
LOUDNESS_SECONDS = 2


@dataclass(frozen=True)
class Sound:
    """A song: slices (S, M) float16 of `mel_pieces`, beats (B,) seconds, and the style of its paired take, or ''."""

    name: str
    slices: np.ndarray
    beats: np.ndarray
    style: str


@dataclass(frozen=True)
class Window:
    """A stretch of music and dance.

    Attributes:
        mel: (F, S, M) float32.
        position: (F,) beats at the start of each piece, from a phrase's first beat.
        period: (F,) seconds per beat.
        target: (T, C) what is danced.
        sketch: (T, C) the same phrases as their codes say them, without what the music adds.
        codes: (Q, K, D) of each phrase.
        styles: (Q, 2) whose steps and whose arms.
        meter: of the dance.
        ranks: (Q, 4), what the music asked of each phrase.
        spins: (Q,) bool.
    """

    mel: np.ndarray
    position: np.ndarray
    period: np.ndarray
    target: np.ndarray
    sketch: np.ndarray
    codes: np.ndarray
    styles: list[tuple[str, str]]
    meter: int
    ranks: np.ndarray
    spins: np.ndarray

    @property
    def style(self) -> str:
        """Of the first phrase's steps."""
        return self.styles[0][0]

    @property
    def phrase(self) -> int:
        """Beats of a phrase."""
        return BEATS_OF_UNIT[self.meter] * UNITS


@dataclass(frozen=True)
class Asked:
    """What phrases are chosen by: meter, the style of each, times (B,) of the beats, ranks (Q, 4), places (B,) in a
    paired song."""

    meter: int
    styles: list[str]
    times: np.ndarray
    ranks: np.ndarray
    real: str = ""
    places: np.ndarray | None = None


class Stage:
    """Draws windows.

    Args:
        banks: by meter.
        sounds: songs to dance to.
        styles: how often each style is danced.
        sources: the recording of each of the banks' sources.
        codec: tells phrases by codes.
    """

    def __init__(
        self,
        banks: dict[int, Bank],
        sounds: list[Sound],
        styles: dict[str, float],
        sources: list[str],
        codec: Codec,
    ) -> None:
        self.banks, self.sounds, self.sources, self.codec = banks, sounds, np.asarray(sources), codec
        known = {str(style) for bank in banks.values() for style in bank.style}
        self.styles = [style for style in styles if style in known]
        weights = np.asarray([styles[style] for style in self.styles])
        self.odds = weights / weights.sum()
        self.rows = {
            (meter, style): rows[np.argsort(bank.period[rows])]
            for meter, bank in banks.items()
            for style in self.styles
            if len(rows := np.flatnonzero(bank.style == style))
        }
        self.first = {m: bank.directions[:, EDGE * STEPS].astype(np.float32) for m, bank in banks.items()}
        self.last = {m: bank.directions[:, -EDGE * STEPS - 1].astype(np.float32) for m, bank in banks.items()}
        self.table = rank_table(sounds)

    def draw(
        self, pieces: int, rng: np.random.Generator, *, whole: bool = False, blur: float = 0.0, free: bool = False
    ) -> Window:
        """One window.

        Args:
            pieces: its length.
            rng: decides everything.
            whole: begin with a phrase.
            blur: deviation of what is added to the codes that the sketch is made of, against their own.
            free: arms may be those of another style, and the style may change between phrases.
        """
        while True:
            made = self._draw_once(pieces, rng, whole, blur, free)
            if made is not None:
                return made

    def _draw_once(self, pieces: int, rng: np.random.Generator, whole: bool, blur: float, free: bool) -> Window | None:
        sound = self.sounds[int(rng.integers(len(self.sounds)))]
        natural = rng.random() < NATURAL
        real = natural and sound.style in self.styles and rng.random() < REAL
        style = sound.style if real else self.styles[int(rng.choice(len(self.styles), p=self.odds))]
        known = [meter for meter in self.banks if style in self.known(meter)]
        meter = 3 if 3 in known and (style == "waltz" or 4 not in known or rng.random() < IN_THREE) else 4
        seconds = pieces / 10 + 0.2
        beats = free_count(sound.beats, seconds, self.banks[meter].beats, natural, whole, rng)
        if beats is None:
            return None
        slices = laid_sound(sound.slices, beats, rng)
        edges = (beats.times[:: self.banks[meter].beats] * SLICE_RATE).astype(int)
        parts = [slices[a : max(b, a + 10)] for a, b in pairwise(edges)]
        ranks = np.stack([rank(ear_traits(part), self.table) for part in parts])
        steps = [style] * len(ranks) if real or not free else self._steps(meter, style, len(ranks), rng)
        asked = Asked(meter, steps, beats.times, ranks, sound.name if real else "", beats.places)
        rows = self._choose(asked, rng)
        if rows is None:
            return None
        lent = self._lenders(meter, steps, rng) if free else steps
        arms = rows
        if lent != steps or (style not in HELD and rng.random() < OTHER_ARMS):
            arms = self._choose(Asked(meter, lent, beats.times, ranks), rng) or rows
        flip = bool(rng.random() < 0.5)
        phrases = [self._phrase(meter, row, arm, flip) for row, arm in zip(rows, arms, strict=True)]
        codes = self.codec.encode(np.stack(phrases)[:, ::THIN])
        said = codes + blur * self.codec.spread * rng.normal(size=codes.shape)
        poses = self._poses(asked, beats, slices, np.stack(phrases), said, pieces)
        mel, starts = heard_pieces(slices, beats, pieces), beats.begin + np.arange(pieces) / 10
        place = beats.position(starts), beats.period(starts)
        styles = list(zip(steps, lent, strict=True))
        return Window(mel, *place, *poses, codes, styles, meter, ranks, self.banks[meter].spin[rows])

    def known(self, meter: int) -> list[str]:
        """The styles that are danced in a meter."""
        return [s for s in self.styles if (meter, s) in self.rows and (meter == 4 or s in KNOW_THREE)]

    def _steps(self, meter: int, style: str, phrases: int, rng: np.random.Generator) -> list[str]:
        """The style of each phrase's steps, the first `style`."""
        known, steps = self.known(meter), [style]
        for _ in range(phrases - 1):
            steps.append(str(rng.choice(known)) if rng.random() < ANEW else steps[-1])
        return steps

    def _lenders(self, meter: int, steps: list[str], rng: np.random.Generator) -> list[str]:
        """Whose arms each phrase has: one's as long as the steps are one's."""
        known = [style for style in LENDERS if (meter, style) in self.rows]
        odds = np.array([LENDERS[style] for style in known])
        lent: list[str] = []
        for phrase, style in enumerate(steps):
            if phrase and style == steps[phrase - 1]:
                lent.append(lent[-1])
            else:
                lent.append(str(rng.choice(known, p=odds / odds.sum())) if rng.random() < LENT_ARMS else style)
        return lent

    def _phrase(self, meter: int, row: int, arm: int, flip: bool) -> np.ndarray:
        """Pose values (G, C) of a phrase with its own or another's arms, or of its mirror image."""
        values = phrase_values(self.banks[meter], row)
        if arm != row:
            values = with_arms(values, phrase_values(self.banks[meter], arm))
        return mirror_values(values) if flip else values

    def _poses(
        self, asked: Asked, beats: Beats, slices: np.ndarray, phrases: np.ndarray, codes: np.ndarray, pieces: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """What is danced, and the sketch of codes (Q, K, D), on the beats: (T, C) each."""
        at = beats.begin + np.arange(pieces * 3) / FPS
        beat, depth = beats.position(at), accents(slices, beats.times)
        rough = self.codec.decode(codes)
        target, sketch = lay(phrases, STEPS, beat, depth), lay(rough, STEPS // THIN, beat, depth)
        for poses in (target, sketch):
            poses[:, -1] /= beats.period(at)  # radians a beat to radians a second
        loud = loudness(slices, self.table)
        gain = GAIN[0] + (GAIN[1] - GAIN[0]) * np.interp(at, np.arange(len(loud)) / SLICE_RATE, loud)
        target = unit_directions(target)
        rest = target[:, :-3].mean(axis=0)
        target[:, :-3] = rest + gain[:, None] * (target[:, :-3] - rest)
        target[:, -3] *= gain
        return unit_directions(target), unit_directions(sketch)

    def _choose(self, asked: Asked, rng: np.random.Generator) -> list[int] | None:
        """A row of the bank for each phrase; None where the real dance is not to be had."""
        bank = self.banks[asked.meter]
        chosen: list[int] = []
        for slot, wanted in enumerate(asked.ranks):
            period = float(np.diff(asked.times[slot * bank.beats : (slot + 1) * bank.beats + 1]).mean())
            near = np.zeros(0, int)
            if asked.real and asked.places is not None:
                place = asked.places[slot * bank.beats]
                near = self._like(bank, self.sources[bank.source] == asked.real, place, REAL_SECONDS, period)
                if not len(near):
                    return None
            elif chosen and asked.styles[slot] == asked.styles[slot - 1] and rng.random() < CONTINUE:
                last = chosen[-1]
                place = bank.start[last] + bank.period[last] * bank.beats
                near = self._like(bank, bank.source == bank.source[last], place, 0.2, period)
            if len(near):
                chosen.append(int(near[rng.integers(len(near))]))
            else:
                of_style = self.rows[asked.meter, asked.styles[slot]]
                chosen.append(self._best_row(asked.meter, of_style, wanted, period, chosen, rng))
        return chosen

    @staticmethod
    def _like(bank: Bank, of: np.ndarray, place: float, within: float, period: float) -> np.ndarray:
        """The rows among `of` (P,) bool that begin about `place` seconds and have a like tempo."""
        near = np.flatnonzero(of & (np.abs(bank.start - place) < within))
        return near[np.abs(np.log(bank.period[near] / period)) < 2 * LIKE_TEMPO]

    def _best_row(
        self,
        meter: int,
        of_style: np.ndarray,
        wanted: np.ndarray,
        period: float,
        chosen: list[int],
        rng: np.random.Generator,
    ) -> int:
        """Of some rows `of_style` and a like tempo the one that suits the music and the phrase before best."""
        bank = self.banks[meter]
        periods = bank.period[of_style]
        low, high = np.searchsorted(periods, [period * np.exp(-LIKE_TEMPO), period * np.exp(LIKE_TEMPO)])
        if high - low < CANDIDATES // 2:
            middle = int(np.searchsorted(periods, period))
            low, high = max(0, middle - CANDIDATES), min(len(periods), middle + CANDIDATES)
        some = of_style[low:high]
        odds = bank.weight[some] * np.where(bank.spin[some], SPINS, 1.0)
        some = some[rng.choice(len(some), size=CANDIDATES, p=odds / odds.sum())]
        cost = np.abs(bank.traits[some] - wanted) @ np.asarray([MATCHES[trait] for trait in TRAITS])
        if chosen:
            gap = np.abs(self.first[meter][some] - self.last[meter][chosen[-1]])
            cost = cost + JOIN * gap.mean(axis=(1, 2))
        return int(some[np.argmin(cost + CHANCE * rng.random(len(some)))])


def heard_pieces(slices: np.ndarray, beats: Beats, pieces: int) -> np.ndarray:
    """What is heard (F, S, M) of slices in a window; zeros after their end."""
    mel = np.zeros((pieces * SLICES, BANDS), np.float32)
    heard = slices[round(beats.begin * SLICE_RATE) :][: pieces * SLICES]
    mel[: len(heard)] = heard
    return mel.reshape(pieces, SLICES, BANDS)


def rank_table(sounds: list[Sound]) -> np.ndarray:
    """Quantiles (101, 4) of what stretches of the songs are like, by which music is ranked."""
    length = RANK_SECONDS * SLICE_RATE
    found = [
        ear_traits(sound.slices[at : at + length].astype(np.float32))
        for sound in sounds
        for at in range(0, len(sound.slices) - length, length)
    ]
    return np.quantile(np.asarray(found), np.linspace(0, 1, 101), axis=0)


def loudness(slices: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Slowly changing loudness (S,) as a rank 0..1."""
    width = min(len(slices), LOUDNESS_SECONDS * SLICE_RATE)
    kernel = np.hanning(width + 2)[1:-1]
    level = np.pad(slices.mean(axis=1), (width // 2, width - width // 2 - 1), mode="edge")
    smooth = np.convolve(level, kernel / kernel.sum(), mode="valid")
    return np.interp(smooth, table[:, 0], np.linspace(0, 1, len(table)))
