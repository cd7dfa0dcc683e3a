"""Dance data to a stage: performances split by choreography, banks of phrases, songs as they are heard.

A data folder is searched at any depth:
- `NAME.npz` with `joints` (T, 18, 3) in metres, y up, COCO-18 order, and `fps`; optional `genre` (a style's name),
  `unit_tags` ("C-1-2": cha-cha, R rumba, T tango, W waltz) or `meta` (JSON with a `style`). `convert.py` makes such
  files from OpenPose JSON.
- a sound file of the same name (any format that ffmpeg decodes) makes it a pair; the sound begins with pose 0;
- a sound file without an .npz is music only: it is danced to with all phrases (`placing.py`).

Glossary: T poses at 30 a second, P phrases.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancegen.audio.beats import find_beats
from dancegen.audio.load import load_song
from dancegen.audio.song import Song
from dancegen.audio.spectrum import BANDS, mel_pieces
from dancegen.body.sequence import place_joints
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.errors import DancegenError
from dancegen.lab.datasets.bank import Bank, build_bank
from dancegen.lab.datasets.codes import Codec, fit_codec
from dancegen.lab.datasets.motion import SPIN, Motion, read_motion
from dancegen.lab.datasets.placing import Sound, Stage
from dancegen.lab.datasets.split import Take, is_validation, shares, twin_free_poses
from dancegen.progress import Reporter, SilentReporter

FORMAT = 3
SOUNDS = (".wav", ".ogg", ".mp3", ".flac", ".m4a", ".opus")
TAGS = {"C": "cha-cha", "R": "rumba", "T": "tango", "W": "waltz"}
MEANT = {"salsa": "salsa", "modern/ballet": "ballet"}  # how styles of `meta` begin: the style they are
OTHER = "other"  # the style of performances of no style that is offered
DANCED = {"cha-cha": 1.3, "rumba": 1.2, "tango": 0.6, "waltz": 0.8, "salsa": 1.3, "ballet": 0.6, OTHER: 0.3}
IN_THREE = ("waltz", "ballet", "rumba", "cha-cha")  # styles whose phrases are also cut in bars of three


@dataclass(frozen=True)
class Material:
    """Everything read from a data folder.

    Attributes:
        stage: draws training windows.
        motions: performances that are trained on.
        held_out: those that are not.
    """

    stage: Stage
    motions: list[Motion]
    held_out: list[Motion]


def style_of(path: Path) -> str:
    """The style of one motion file: its `genre`, what its `meta` or most of its `unit_tags` say, or OTHER."""
    with np.load(path, allow_pickle=False) as file:
        if "genre" in file and str(file["genre"]) in STYLES:
            return str(file["genre"])
        said = str(json.loads(str(file["meta"])).get("style", "")) if "meta" in file else ""
        letters = [str(tag)[:1] for tag in file["unit_tags"]] if "unit_tags" in file else []
    meant = [style for begin, style in MEANT.items() if said.startswith(begin)]
    known = meant or [TAGS[letter] for letter in letters if letter in TAGS]
    return max(set(known), key=known.count) if known else OTHER


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


def hear(path: Path, style: str) -> Sound:
    """A song as phrases are placed on it; `style` is that of its paired take, or ''."""
    song = load_song(path)
    song = Song(song.path, np.array(song.samples), 0.0)
    return Sound(path.stem, mel_pieces(song).reshape(-1, BANDS).astype(np.float16), find_beats(song).times, style)


def straighten(motion: Motion) -> Take:
    """A performance as twins are looked for in it."""
    return Take(motion.source, place_joints(motion.directions, np.zeros((len(motion), 2), np.float32)))


def cut_banks(training: Sequence[Motion], held_out: Sequence[Motion]) -> dict[int, Bank]:
    """The phrases of the training performances that no held-out dancer dances, by meter."""
    takes = [straighten(motion) for motion in training]
    free = twin_free_poses(takes, [straighten(motion) for motion in held_out])
    counted = [share * kept for share, kept in zip(shares(takes), free, strict=True)]
    banks = {4: build_bank(training, counted, 4, SPIN)}
    some = [number for number, motion in enumerate(training) if motion.style in IN_THREE]
    in_three = build_bank([training[i] for i in some], [counted[i] for i in some], 3, SPIN)
    if len(in_three):
        banks[3] = in_three.from_sources(np.asarray(some))
    if not len(banks[4]):
        raise DancegenError("the motions have no whole phrases", "give livelier takes of more than 10 seconds")
    return banks


def prepare(
    folder: Path, *, token: int, seed: int, base: Codec | None = None, reporter: Reporter | None = None
) -> Material:
    """Read a data folder; `token` numbers tell of a phrase around a beat, the first of them as `base` has it."""
    reporter = reporter or SilentReporter()
    motion_files, sounds = find_material(folder)
    motions = [motion for path in motion_files for motion in read_motion(path, style_of(path))]
    training = [motion for motion in motions if not is_validation(motion.source)]
    held_out = [motion for motion in motions if is_validation(motion.source)]
    if not training:
        raise DancegenError(f"{folder} has no usable motion", "give takes of more than 2 seconds")
    pairs = {path.stem: style_of(path) for path in motion_files}
    reporter.stage("hearing songs", len(sounds), "songs")
    heard = []
    for path in sounds:
        if not is_validation(path.stem):
            heard.append(hear(path, pairs.get(path.stem, "")))
        reporter.advance()
    reporter.stage("cutting phrases")
    banks = cut_banks(training, held_out)
    sources = [motion.source for motion in training]
    stage = Stage(banks, heard, DANCED, sources, fit_codec(banks[4], token, seed, base=base))
    return Material(stage, training, held_out)


def save_material(path: Path, material: Material) -> None:
    """Write everything `prepare` made into one .npz, whole or not at all."""
    stage = material.stage
    arrays: dict[str, np.ndarray] = {}
    for meter, bank in stage.banks.items():
        arrays |= {f"bank{meter}_{name}": getattr(bank, name) for name in Bank.__dataclass_fields__ if name != "meter"}
    for number, sound in enumerate(stage.sounds):
        arrays |= {f"sound{number}_slices": sound.slices, f"sound{number}_beats": sound.beats}
    arrays |= {f"codec_{name}": getattr(stage.codec, name) for name in Codec.__dataclass_fields__}
    listed = {"training": material.motions, "held_out": material.held_out}
    index: dict[str, object] = {"format": FORMAT, "sounds": [(sound.name, sound.style) for sound in stage.sounds]}
    for kind, motions in listed.items():
        index[kind] = [(motion.style, motion.source, motion.start) for motion in motions]
        for number, motion in enumerate(motions):
            arrays[f"{kind}{number}_directions"] = motion.directions.astype(np.float16)
            arrays[f"{kind}{number}_root"], arrays[f"{kind}{number}_turn"] = motion.root, motion.turn
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part.npz")
    np.savez(part, index=np.array(json.dumps(index)), **arrays)  # type: ignore[arg-type]
    part.replace(path)


def load_material(path: Path) -> Material:
    """Read what `save_material` wrote; raises DancegenError where it is missing or of another format."""
    try:
        file = np.load(path, allow_pickle=False)
        index = json.loads(str(file["index"]))
    except (OSError, ValueError, KeyError) as cause:
        raise DancegenError(f"{path} is no prepared training material", "delete it and run again") from cause
    if index.get("format") != FORMAT:
        raise DancegenError(f"{path} was prepared by another version", "delete it and run again")
    banks = {}
    for meter in (4, 3):
        if f"bank{meter}_period" in file:
            names = [name for name in Bank.__dataclass_fields__ if name != "meter"]
            banks[meter] = Bank(meter, **{name: file[f"bank{meter}_{name}"] for name in names})
    sounds = [
        Sound(name, file[f"sound{i}_slices"], file[f"sound{i}_beats"], style)
        for i, (name, style) in enumerate(index["sounds"])
    ]

    def motions(kind: str) -> list[Motion]:
        return [
            Motion(
                file[f"{kind}{i}_directions"].astype(np.float32),
                file[f"{kind}{i}_root"],
                style,
                source,
                start,
                file[f"{kind}{i}_turn"],
            )
            for i, (style, source, start) in enumerate(index[kind])
        ]

    training, codec = motions("training"), Codec(*(file[f"codec_{name}"] for name in Codec.__dataclass_fields__))
    sources = [motion.source for motion in training]
    return Material(Stage(banks, sounds, DANCED, sources, codec), training, motions("held_out"))
