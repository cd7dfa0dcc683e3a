"""A style of one's own from a few clips or dances; for every app.

What is made on the way lies in a hidden folder beside the file until it is whole: the same call goes on from there.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dancegen.errors import DancegenError
from dancegen.production.capture import Asked, capture_movement
from dancegen.progress import Reporter, SilentReporter
from dancegen.registry import is_style_file

if TYPE_CHECKING:
    from dancegen.audio.song import Song
    from dancegen.dances.dance_file import DanceFile
    from dancegen.styles.material import Danced

ROLE = "choreographer.stg-mamba"
KEYPOINTS = (".bvh", ".npz", ".csv")  # besides dance files and clips
MOST_STEPS = 100_000
USUAL_STEPS = 800


@dataclass(frozen=True)
class Learning:
    """How a style is learnt.

    Attributes:
        steps: of the training; 800 take about ten minutes on two cores.
        seed: of its randomness, and of what is imagined behind clips.
        capture: how clips are captured; its weights and `offline` are those of the choreographer too.

    Raises:
        DancegenError: a number of steps that cannot be.
    """

    steps: int = USUAL_STEPS
    seed: int = 0
    capture: Asked = field(default_factory=lambda: Asked(samples=1))

    def __post_init__(self) -> None:
        if not 1 <= self.steps <= MOST_STEPS:
            raise DancegenError(f"--steps must be 1 to {MOST_STEPS}, not {self.steps}")


def learn_style(
    sources: Sequence[Path], out: Path, learning: Learning | None = None, reporter: Reporter | None = None
) -> Path:
    """Learn the style of some dances for the choreographer `stg-mamba`.

    Args:
        sources: clips, dance files, or dances as .bvh, .npz or .csv.
        out: NAME.style.safetensors; written whole or not at all.
        learning: how.
        reporter: told of the stages; Ctrl-C in it stops the work, and the same call goes on.

    Returns:
        `out`.

    Raises:
        DancegenError: a source that cannot be read or shows nobody, too little dancing in them, missing weights.
    """
    from dancegen.choreographers.stg_mamba.learnt import StyleConfig
    from dancegen.choreographers.stg_mamba.model import load_choreographer
    from dancegen.styles.learn import Training, learn, measure_size
    from dancegen.styles.material import gather
    from dancegen.weights.checkpoint import save_checkpoint
    from dancegen.weights.resolve import weights_path
    from dancegen.weights.verify import weights_info

    learning, reporter = learning or Learning(), reporter or SilentReporter()
    check_sources(sources, out)
    asked = learning.capture
    base = weights_path(asked.weights.get(ROLE, ROLE), role=ROLE, offline=asked.offline, reporter=reporter)
    network, info = load_choreographer(base), weights_info(base)
    work = out.with_name(f".{out.name}.work")
    dances = [_read_danced(source, work, learning, reporter) for source in sources]
    reporter.stage("cutting phrases")
    phrases = gather(dances, network.phrases, _spare(), learning.seed)
    state = work / f"{_key([info.sha256, *map(str, sources), str(sum(map(len, phrases.values())))])}.safetensors"
    work.mkdir(parents=True, exist_ok=True)
    training = Training(steps=learning.steps, seed=learning.seed)
    branch = learn(network, info.sha256, phrases, training, state, reporter)
    half = {name: value.half() for name, value in branch.state_dict().items()}
    seconds = sum(danced.dance.seconds for danced in dances)
    notes = {"sources": [source.name for source in sources], "seconds": round(seconds, 1), "steps": learning.steps}
    size = round(measure_size(network, branch, phrases, learning.seed), 3)
    save_checkpoint(out, half, StyleConfig(info.sha256, network.config.prior_blocks, size), notes)
    shutil.rmtree(work, ignore_errors=True)
    return out


def check_sources(sources: Sequence[Path], out: Path) -> None:
    """Refuse what cannot be learnt from, and a name that a style cannot have, before any slow work.

    Raises:
        DancegenError: in one line.
    """
    from dancegen.files import check_input

    if not sources:
        raise DancegenError("no clip to learn a style from", "name two clips or dances, better two to four minutes")
    if not is_style_file(out.name):
        raise DancegenError(f"{out} is no name for a style", "end it with .style.safetensors")
    for source in sources:
        check_input(source, "clip or dance", "check its name and folder")
    if len({source.resolve() for source in sources}) < len(sources):
        raise DancegenError("a clip is named twice", "name each once")


def _read_danced(source: Path, work: Path, learning: Learning, reporter: Reporter) -> Danced:
    """The dance of a source, with the sound that it was danced to where that is at hand."""
    from dancegen.dances.imports import imported_dance
    from dancegen.dances.read_dance import read_dance
    from dancegen.styles.material import Danced

    if source.suffix.lower() == ".json":
        dance = read_dance(source)
        return Danced(dance.take(None).skeleton, _song_of(dance, source.parent))
    if source.suffix.lower() in KEYPOINTS:
        dance, notes = imported_dance(source, None, None, 0.0, None)
        for note in notes:
            reporter.note(f"{source.name}: {note}")
        return Danced(dance.take(None).skeleton)
    return _capture(source, work, learning, reporter)


def _capture(source: Path, work: Path, learning: Learning, reporter: Reporter) -> Danced:
    """The dance behind a clip; kept, so that a run that goes on does not look at it again."""
    from dancegen.audio.load import MIN_SECONDS, load_song
    from dancegen.capture.clip import open_clip
    from dancegen.dances.captured import captured_dance
    from dancegen.dances.dance_file import file_sha256, write_dance
    from dancegen.dances.read_dance import read_dance
    from dancegen.styles.material import Danced

    clip = open_clip(source, 0.0, None, None)
    kept = work / f"{_key([file_sha256(source), repr(learning.capture)])}.dance.json"
    if not kept.exists():
        made = capture_movement(clip, learning.capture, reporter)
        work.mkdir(parents=True, exist_ok=True)
        write_dance(kept, captured_dance(clip, made, None, SilentReporter()))
    dance = read_dance(kept).take(None).skeleton
    song = None
    if clip.sound and dance.seconds >= MIN_SECONDS:
        try:
            song = load_song(source, 0.0, dance.seconds)
        except DancegenError as fault:
            reporter.note(f"{source.name}: its sound is left out ({fault.what})")
    return Danced(dance, song)


def _song_of(dance: DanceFile, folder: Path) -> Song | None:
    """The song of a dance file, where it lies beside it."""
    from dancegen.audio.load import load_song
    from dancegen.dances.dance_file import file_sha256

    if dance.song is None:
        return None
    file = folder / Path(dance.song.name).name
    if not file.is_file() or file_sha256(file) != dance.song.sha256:
        return None
    return load_song(file, dance.song.start, dance.seconds)


def _spare() -> list[Song]:
    """Music for dances without any: the tune of the example."""
    from importlib.resources import as_file, files

    from dancegen.audio.load import load_song

    with as_file(files("dancegen.assets.example") / "tune.ogg") as path:
        return [load_song(path)]


def _key(parts: Sequence[str]) -> str:
    import hashlib

    return hashlib.sha256("\n".join(parts).encode(errors="surrogateescape")).hexdigest()[:16]
