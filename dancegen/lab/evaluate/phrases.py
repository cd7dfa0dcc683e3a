"""How many different phrases does a style dance, and does a dance grow with the music?

- Distinct phrases: of 4 minutes in one style, those that differ from all before and from their mirror images by at
  least SAME, compared at even steps of way in each beat. A style with fewer than 24 is not to be offered.
- Build-up: movement in the last quarter over that in the first of dances to music that swells, over the same of
  dances to music that fades; the square root of it, so that 1 is a dance that does not care.

Glossary: T poses, V = 18 joints, P phrases.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dancegen.audio.grid import BeatGrid
from dancegen.audio.song import SAMPLE_RATE, Song
from dancegen.choreographers.base import Choreographer
from dancegen.choreographers.stg_mamba.counting import count_for
from dancegen.dances import metrics
from dancegen.lab.evaluate.listening import distance_to_nearest, phrase_poses

SECONDS = 240  # of music that each style dances to
SAME = 0.03  # body heights a joint
SWELL = (0.05, 1.0)  # of the music's level, from one end of a build-up to the other
BUILD_UP = 30  # seconds
HELD = 4  # seconds at both ends that belong to the beginning and the end of the dance

Pairs = Sequence[tuple[Song, BeatGrid]]


def joined_songs(songs: Pairs, seconds: float = SECONDS) -> tuple[Song, BeatGrid]:
    """One piece of music of `seconds` of parts of songs, as long each, with the beats of all."""
    length = seconds / len(songs)
    count = int(length * SAMPLE_RATE)
    parts = [np.resize(np.asarray(song.samples), count) for song, _ in songs]
    times = [grid.times[grid.times < length] + number * length for number, (_, grid) in enumerate(songs)]
    beats = np.concatenate(times)
    kept = np.concatenate([[True], np.diff(beats) > 0.2])  # no two beats at a join
    tempo = 60 / float(np.median(np.diff(beats[kept])))
    return Song(Path("joined"), np.concatenate(parts).astype(np.float32), 0.0), BeatGrid(beats[kept], tempo, 1.0)


def distinct_phrases(dancer: Choreographer, songs: Pairs) -> dict[str, float]:
    """Of each style that is offered, how many different phrases SECONDS of music hold."""
    song, grid = joined_songs(songs)
    rows = {}
    for style in dancer.styles[1:]:
        count = count_for(grid, song.seconds, style)
        dance = dancer.dance(song, grid, seed=0, style=style, turns=0.0)
        phrases = phrase_poses(dance.joints, dance.fps, count.beats, count.phrase)
        rows[f"distinct phrases in {SECONDS // 60} minutes, {style}"] = float(count_distinct(phrases))
        rows[f"of, {style}"] = float(len(phrases))
    return rows


def count_distinct(phrases: np.ndarray) -> int:
    """How many of phrases (P, G, V, 3) are unlike all that are counted before."""
    found: list[np.ndarray] = []
    for phrase in phrases:
        if not found or distance_to_nearest(phrase[None], np.stack(found))[0] >= SAME:
            found.append(phrase)
    return len(found)


def build_up(dancer: Choreographer, songs: Pairs) -> dict[str, float]:
    """How much larger the movement is at the loud end of music than at the quiet one."""
    ratios = []
    for song, grid in songs:
        samples = np.asarray(song.samples[: BUILD_UP * SAMPLE_RATE])
        level = np.geomspace(*SWELL, len(samples)).astype(np.float32)
        ends = []
        for gain in (level, level[::-1]):
            dance = dancer.dance(Song(song.path, samples * gain, 0.0), grid, seed=0, style="auto")
            speed = metrics.joint_speed(dance.joints, dance.fps)[round(HELD * dance.fps) : -round(HELD * dance.fps)]
            quarter = len(speed) // 4
            ends.append(float(speed[-quarter:].mean() / speed[:quarter].mean()))
        ratios.append(np.log(ends[0] / ends[1]) / 2)
    return {"movement at the loud end of a build-up over the quiet one": float(np.exp(np.mean(ratios)))}
