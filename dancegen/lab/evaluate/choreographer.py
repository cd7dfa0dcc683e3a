"""How well a choreographer dances to songs it was not trained on, beside real dancers and a shuffled control.

Songs: the validation pairs and the licence-clean songs kept out of training. Real: the validation dancers' usable
stretches with their own music. Shuffled: the model's dances scored against the beats of the other songs. Reference of
the Frechet distances: all real stretches but waltz in closed hold; dances are read as those are, slow turns taken out;
"two halves" is the distance between random halves of its recordings.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancegen.audio.beats import BeatGrid, find_beats
from dancegen.audio.load import load_song
from dancegen.audio.song import SAMPLE_RATE, Song
from dancegen.body.joints import NECK
from dancegen.choreographers.base import Choreographer
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.counting import count_for
from dancegen.dances import metrics
from dancegen.lab.datasets.data import find_material, style_of
from dancegen.lab.datasets.footage import read_dances
from dancegen.lab.datasets.motion import FPS, SPIN, Motion, read_motion
from dancegen.lab.datasets.split import TEST_SONGS, VALIDATION_SONGS, VALIDATION_TAKES, is_validation
from dancegen.progress import Reporter, SilentReporter

COUNTED_STYLE = "rumba"  # all styles but waltz count the same beats
TAKES = 10  # of each of the first songs, for diversity
TAKE_SONGS = 3
BOW = 0.24  # body heights, neck above mid-hip; lower only in the curtsies at the ends of four rumbas (2 % of the poses)
CLIP = 4 * FPS  # poses of a real clip, for the diversity of real dancing
COLUMNS = (
    "hit_rate",
    "coverage",
    "bc_music",
    "bc_kinematic",
    "pfd",
    "pfd_upright",
    "vfd",
    "pvar",
    "diversity",
    "bone_drift",
    "jitter_ratio",
    "skate_ratio",
    "speed",
    "frozen",
)


@dataclass(frozen=True)
class HeardSong:
    """A song kept out of training, with its beats."""

    song: Song
    grid: BeatGrid

    @property
    def beats(self) -> np.ndarray:
        """The beats (B,) seconds that a dance counts: every second of fast ones, halves of slow ones."""
        return count_for(self.grid, self.song.seconds, COUNTED_STYLE).beats

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.song.path.stem


@dataclass(frozen=True)
class RealDance:
    """Real dancing: usable stretches by recording, those of the validation dancers apart."""

    stretches: list[Motion]
    validation: list[Motion]


def read_songs(folder: Path, seconds: float | None = None, *, test: bool = False) -> list[HeardSong]:
    """The songs under `folder` kept out of training: those looked at while choosing, or the others (`test`)."""
    _, sounds = find_material(folder)
    names = TEST_SONGS if test else VALIDATION_TAKES + VALIDATION_SONGS
    wanted = [path for path in sounds if path.stem in names]
    songs = [load_song(path, duration=seconds) for path in wanted]
    return [HeardSong(song, find_beats(song)) for song in songs]


def other_beats(song: HeardSong, folder: Path | None) -> np.ndarray:
    """The beats (B,) seconds that the folder's file of the song says; without a folder or file, librosa's."""
    told = folder / f"{song.name}.txt" if folder else None
    return np.loadtxt(told, ndmin=1) if told and told.is_file() else default_beats(song)


def default_beats(song: HeardSong) -> np.ndarray:
    """The beats that librosa's tracker finds by itself, with its own onsets and tempo: (B,) seconds."""
    import librosa

    samples = np.asarray(song.song.samples, np.float32)
    return np.asarray(librosa.beat.beat_track(y=samples, sr=SAMPLE_RATE, hop_length=256, units="time")[1], np.float64)


def read_real(folder: Path) -> RealDance:
    """The real dancers under `folder`."""
    motions, _ = find_material(folder)
    by_style = [(path, style_of(path)) for path in motions]
    stretches = [m for path, style in by_style if style != "waltz" for m in read_motion(path, style, 0.0, SPIN)]
    held = [m for path, style in by_style if is_validation(path.stem) for m in read_motion(path, style, 0.0, SPIN)]
    return RealDance(stretches, held)


def mean_row(rows: Sequence[dict[str, float]], weights: Sequence[float] | None = None) -> dict[str, float]:
    """The mean of each measure, weighed by length."""
    return {name: float(np.average([row[name] for row in rows], weights=weights)) for name in rows[0]}


def frechet_row(dances: Sequence[np.ndarray], reference: Sequence[np.ndarray], fps: float = FPS) -> dict[str, float]:
    """PFD, PFD of the upright poses alone, and VFD of two sets of dances."""

    def features(of: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        poses = np.concatenate([metrics.pose_features(dance) for dance in of])
        return poses, np.concatenate([metrics.velocity_features(dance, fps) for dance in of])

    made, real = features(dances), features(reference)
    return {
        "pfd": metrics.frechet_distance(made[0], real[0]),
        "pfd_upright": metrics.frechet_distance(upright_poses(made[0]), upright_poses(real[0])),
        "vfd": metrics.frechet_distance(made[1], real[1]),
    }


def upright_poses(poses: np.ndarray) -> np.ndarray:
    """The poses (N, 2 V) of `pose_features` in which nobody bows: 98 % of the real ones, 100 % of a usual dance's."""
    return poses[poses[:, 2 * NECK + 1] < -BOW]


def halves_row(stretches: Sequence[Motion], draws: int = 5) -> dict[str, float]:
    """The Frechet distances between random halves of the real recordings, mean over `draws`."""
    names = sorted({motion.source for motion in stretches})
    generator = np.random.default_rng(0)
    rows = []
    for _ in range(draws):
        first = set(generator.permutation(names)[: len(names) // 2])
        split = [[m.joints for m in stretches if (m.source in first) is side] for side in (True, False)]
        rows.append(frechet_row(split[0], split[1]))
    return mean_row(rows)


def real_row(real: RealDance, songs: Sequence[HeardSong]) -> dict[str, float]:
    """Every measure of the validation dancers."""
    grids = {song.name: song.beats for song in songs}
    rows, weights = [], []
    for motion in [motion for motion in real.validation if motion.source in grids] or real.validation:
        beats = grids[motion.source] - motion.start if motion.source in grids else np.zeros(0)
        rows.append(metrics.score(motion.joints, FPS, beats))
        weights.append(len(motion))
    clips = [m.joints[i : i + CLIP] for m in real.stretches for i in range(0, len(m) - CLIP + 1, 2 * CLIP)]
    some = np.random.default_rng(0).permutation(len(clips))[:60]
    variety = metrics.diversity([clips[i] for i in some])
    distances = frechet_row([m.joints for m in real.validation], [m.joints for m in real.stretches])
    return {**mean_row(rows, weights), **distances, "diversity": variety}


def model_rows(
    dancer: Choreographer,
    songs: Sequence[HeardSong],
    real: RealDance,
    *,
    seeds: Sequence[int],
    style: str = STYLES[0],
    judged_by: dict[str, np.ndarray] | None = None,
    reporter: Reporter | None = None,
) -> dict[str, dict[str, float]]:
    """{"model": ..., "shuffled": ...} and one row for each song.

    `judged_by`, other beats (B,) of each song, adds the model's beat scores against those: "other beats".
    """
    reporter = reporter or SilentReporter()
    reporter.stage("dancing", len(songs) * len(seeds), "dances")
    dances: list[np.ndarray] = []
    rows: dict[str, list[dict[str, float]]] = {song.name: [] for song in songs}
    shuffled, judged = [], []
    for song in songs:
        for seed in seeds:
            dance = dancer.dance(song.song, song.grid, seed=seed, style=style)
            dances.append(dance.joints)
            rows[song.name].append(metrics.score(dance.joints, dance.fps, song.beats))
            if judged_by is not None:
                judged.append(metrics.beat_scores(dance.joints, dance.fps, judged_by[song.name]))
            others = [other.beats for other in songs if other is not song]
            shuffled += [
                metrics.beat_scores(dance.joints, dance.fps, repeat_beats(beats, dance.seconds)) for beats in others
            ]
            reporter.advance()
    variety = []
    for song in songs[:TAKE_SONGS]:
        part = Song(song.song.path, song.song.samples[: 30 * SAMPLE_RATE])
        takes = [dancer.dance(part, song.grid, seed=seed, style=style).joints for seed in range(TAKES)]
        variety.append(metrics.diversity(takes))
    every = [row for per_song in rows.values() for row in per_song]
    distances = frechet_row(read_dances(dances), [m.joints for m in real.stretches])
    model = {**mean_row(every), **distances, "diversity": float(np.mean(variety))}
    table = {"model": model, "shuffled": mean_row(shuffled)}
    if judged:
        table["other beats"] = mean_row(judged)
    return table | {name: mean_row(found) for name, found in rows.items()}


def repeat_beats(beats: np.ndarray, seconds: float) -> np.ndarray:
    """Another song's beats, repeated until they cover `seconds`."""
    if len(beats) < 2:
        return beats
    length = float(beats[-1] + np.median(np.diff(beats)) - beats[0])
    times = int(np.ceil(seconds / length)) + 1
    return np.concatenate([beats + i * length for i in range(times)])


def speed_row(dancer: Choreographer, song: HeardSong, seconds: float = 60.0, times: int = 3) -> dict[str, float]:
    """What a dance of `seconds` costs, the best of `times`: seconds by the wall clock and of the processor.

    On a machine that does other work too, only the processor's seconds (of all cores together) say something.
    """
    samples = np.resize(song.song.samples, int(seconds * SAMPLE_RATE))
    part = Song(song.song.path, samples)
    wall, processor = [], []
    for _ in range(times):
        begun, used = time.perf_counter(), time.process_time()
        dancer.dance(part, song.grid, seed=0, style=STYLES[0])
        wall.append(time.perf_counter() - begun)
        processor.append(time.process_time() - used)
    return {"wall": min(wall), "processor": min(processor)}
