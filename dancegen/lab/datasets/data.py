"""Pairs of sound and motion for the choreographer, and the windows it is trained on.

A data folder is searched at any depth:
- `NAME.npz` with `joints` (T, 18, 3) in metres, y up, COCO-18 order, and `fps`; optional `genre` (a style's name) or
  `unit_tags` ("C-1-2": cha-cha, R rumba, T tango, W waltz). `convert.py` makes such files from OpenPose JSON.
- a sound file of the same name (any format that ffmpeg decodes) makes it a pair; the sound begins with pose 0;
- a sound file without an .npz is music only: dances are built for it from all motions (`compose.py`).

Everything is prepared once and kept in memory: 7 hours of dance take 0.3 GB.

Glossary: F pieces of 0.1 s, T = 3 F poses, L = 17 bones, K beat features and clock, S = 1,600 samples of a piece.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancegen.audio.beats import BeatGrid, beat_features, find_beats
from dancegen.audio.load import load_song
from dancegen.audio.song import SAMPLE_RATE, SAMPLES_PER_PIECE, Song
from dancegen.choreographers.finish.sizing import slow_loudness
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.dance import beat_inputs, loudness_gain
from dancegen.choreographers.stg_mamba.phrases import even_beats, phrase_position, piece_times
from dancegen.errors import DancegenError
from dancegen.lab.datasets.compose import Repertoire, compose
from dancegen.lab.datasets.motion import FPS, Motion, read_motion
from dancegen.lab.datasets.warp import ease, find_path, path_costs, sample_motion, slowness_cost, smooth_map
from dancegen.progress import Reporter, SilentReporter

SOUNDS = (".wav", ".ogg", ".mp3", ".flac", ".m4a", ".opus")
HELD_OUT_PAIRS = ("DANCE_C_4", "DANCE_R_2", "DANCE_W_24")
HELD_OUT_SONGS = (
    "honky-tonk_villain",
    "pink_blue",
    "boomboxhead-contententnumber2",
    "krampus_workshop",
    "lobby",
)
TEMPI = (0.88, 1.0, 1.13)  # each song is also heard this much faster, with its own dances
CAMERAS = (-0.2, 0.0, 0.2)  # radians beside the dancer's front
STYLE_WEIGHTS = {"cha-cha": 1.6, "rumba": 1.0, "tango": 0.4, "waltz": 0.15, "none": 1.0}
STYLE_SETS = (  # what each built dance of a song may draw from, and the style it is labelled with
    ("cha-cha", {"cha-cha"}),
    ("none", {"cha-cha", "rumba", "tango", "none"}),
    ("rumba", {"rumba"}),
    ("cha-cha", {"cha-cha"}),
    ("tango", {"tango"}),
    ("none", {"cha-cha", "rumba", "waltz", "none"}),
)
SILENCE_SECONDS = 120.0  # of silence danced to, two dances
TAGS = {"C": "cha-cha", "R": "rumba", "T": "tango", "W": "waltz"}


@dataclass(frozen=True)
class Track:
    """A song as the network hears it: samples (F, S) int16 scaled by `gain`, beats (F, K), phrase position (F,)."""

    name: str
    samples: np.ndarray
    gain: float
    beats: np.ndarray
    position: np.ndarray
    grid: BeatGrid


@dataclass(frozen=True)
class Dance:
    """A dance to a stretch of a track: directions (T, L, 3) and root (T, 2) float16 from piece `first` on."""

    track: Track
    first: int
    directions: np.ndarray
    root: np.ndarray
    style: int

    @property
    def pieces(self) -> int:
        """Whole pieces of 0.1 s."""
        return len(self.root) // 3


def style_of(path: Path) -> str:
    """The style of one motion file: its `genre`, or the most frequent letter of its `unit_tags`, or "none"."""
    with np.load(path, allow_pickle=False) as file:
        if "genre" in file and str(file["genre"]) in STYLES:
            return str(file["genre"])
        letters = [str(tag)[:1] for tag in file["unit_tags"]] if "unit_tags" in file else []
    known = [TAGS[letter] for letter in letters if letter in TAGS]
    return max(set(known), key=known.count) if known else "none"


def find_material(folder: Path) -> tuple[list[Path], list[Path]]:
    """The motion files and the sound files under `folder`, sorted; raises DancegenError where there is nothing."""
    motions = sorted(folder.rglob("*.npz"))
    sounds = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SOUNDS)
    if not motions or not sounds:
        raise DancegenError(
            f"{folder}: {len(motions)} motion files and {len(sounds)} sound files found",
            "give a folder with NAME.npz motions and sounds (see `dancegen train choreographer --help`)",
        )
    return motions, sounds


def make_track(song: Song, grid: BeatGrid) -> Track:
    """What the network hears of a song."""
    pieces = int(song.seconds * 10)
    samples = (np.clip(song.samples[: pieces * SAMPLES_PER_PIECE], -1, 1) * 32767).astype(np.int16)
    samples = samples.reshape(pieces, SAMPLES_PER_PIECE)  # (F, S)
    beats = beat_inputs(beat_features(song, grid), grid)[:pieces]
    position = phrase_position(grid, piece_times(pieces))
    return Track(song.path.stem, samples, loudness_gain(song) / 32767, beats, position, grid)


def faster(song: Song, grid: BeatGrid, tempo: float) -> tuple[Song, BeatGrid]:
    """The song played `tempo` times as fast, pitch and all, which is cheap and enough for augmentation."""
    count = int(len(song.samples) / tempo)
    at = np.arange(count) * tempo
    low = np.minimum(at.astype(int), len(song.samples) - 2)
    share = (at - low).astype(np.float32)
    samples = song.samples[low] * (1 - share) + song.samples[low + 1] * share
    return Song(song.path, samples.astype(np.float32), 0.0), BeatGrid(
        grid.times / tempo, grid.tempo * tempo, grid.confidence, grid.downbeat
    )


def build_dances(track: Track, repertoire: Repertoire, count: int, generator: np.random.Generator) -> list[Dance]:
    """`count` beat-built dances to the whole of a track."""
    seconds = len(track.beats) / 10
    beats, loudness = even_beats(track.grid, seconds), slow_loudness(track.beats, 3)
    available = {motion.style for motion in repertoire.motions}
    dances = []
    for number in range(count):
        label, styles = STYLE_SETS[number % len(STYLE_SETS)]
        if not styles & available:
            label, styles = "none", available
        directions, root = compose(repertoire, beats, loudness, styles, generator)
        dances.append(Dance(track, 0, directions.astype(np.float16), root.astype(np.float16), STYLES.index(label)))
    return dances


def real_dance(track: Track, motion: Motion) -> Dance | None:
    """A performance to its own music, gently warped onto its beats; None where it is too short."""
    first = int(np.ceil(motion.start * 10))
    count = (int(motion.start * FPS) + len(motion) - first * 3) // 3 * 3
    count = min(count, (len(track.beats) - first) * 3)
    beats = even_beats(track.grid, len(track.beats) / 10) * FPS - first * 3  # poses from the dance's start
    inside = beats[(beats >= 0) & (beats <= count - 1)]
    if count < 90 or len(inside) < 4:
        return None
    offset = first * 3 - motion.start * FPS  # pose of the performance at the dance's start
    period = float(np.median(np.diff(inside)))
    steps_wanted = len(inside) - 3
    total, steps = path_costs(slowness_cost(motion.joints), steps_wanted, period)
    begin = np.arange(
        max(0, int(inside[1] + offset - period / 2)), min(len(total), int(inside[1] + offset + period / 2))
    )
    if not len(begin) or not np.isfinite(total[begin]).any():
        return None
    path = find_path(int(begin[np.argmin(total[begin])]), steps)
    source = smooth_map(np.arange(count), inside[1 : len(path) + 1], path.astype(float))
    directions, root = ease(*sample_motion(motion.directions, motion.root, source), beats)
    return Dance(track, first, directions.astype(np.float16), root.astype(np.float16), STYLES.index(motion.style))


@dataclass(frozen=True)
class Material:
    """Everything read from a data folder: dances to train on and, apart, those of the songs kept out."""

    train: list[Dance]
    held_out: list[Dance]
    motions: list[Motion]


def prepare(folder: Path, *, dances: int, seed: int, reporter: Reporter | None = None) -> Material:
    """Read a data folder and build `dances` dances for each song at each of TEMPI."""
    reporter = reporter or SilentReporter()
    motion_files, sounds = find_material(folder)
    paired = {path.stem for path in motion_files}
    motions = [
        motion
        for path in motion_files
        if path.stem not in HELD_OUT_PAIRS
        for camera in CAMERAS
        for motion in read_motion(path, style_of(path), camera)
    ]
    if not motions:
        raise DancegenError(f"{folder} has no usable motion", "give takes of more than 2 seconds without spins")
    repertoire = Repertoire(motions, np.array([STYLE_WEIGHTS[m.style] for m in motions]))
    train: list[Dance] = []
    held_out: list[Dance] = []
    reporter.stage("preparing pairs", len(sounds), "songs")
    for number, path in enumerate(sounds):
        generator = np.random.default_rng([seed, number])
        song = load_song(path)
        song = Song(song.path, np.array(song.samples), 0.0)
        grid = find_beats(song)
        if path.stem in HELD_OUT_PAIRS + HELD_OUT_SONGS:
            held_out += build_dances(make_track(song, grid), repertoire, 2, generator)
        else:
            for tempo in TEMPI:
                track = make_track(*faster(song, grid, tempo))
                several = max(1, dances // 3) if path.stem in paired else dances
                train += build_dances(track, repertoire, several, generator)
                if tempo == 1.0 and path.stem in paired:
                    own = [m for m in motions if m.source == path.stem]
                    train += [dance for m in own if (dance := real_dance(track, m)) is not None]
        reporter.advance()
    silence = noise_floor_track(SILENCE_SECONDS)
    train += build_dances(silence, repertoire, 2, np.random.default_rng([seed, len(sounds)]))
    return Material(train, held_out, motions)


def noise_floor_track(seconds: float) -> Track:
    """Silence: what the network hears of a song without sound, to learn a gentle dance for it."""
    song = Song(Path("silence"), np.zeros(int(seconds * SAMPLE_RATE), np.float32), 0.0)
    return make_track(song, BeatGrid(np.zeros(0), 0.0, 0.0))
