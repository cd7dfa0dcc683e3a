"""What a batch has to do: songs and pictures to pairs, pairs to jobs that share their stages."""

from __future__ import annotations

import csv
import glob
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dancegen.batch.edition import edition
from dancegen.batch.jobs import Job
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.dances.dance_file import file_sha256
from dancegen.errors import DancegenError
from dancegen.progress import Reporter, SilentReporter

PAIRINGS = ("product", "zip")
LONGEST_STEM = 110  # bytes of the name of a song or a picture in that of a video
POSE, MASK = ".pose.json", ".mask.png"  # beside NAME.jpg, NAME.pose.json and NAME.mask.png are its --pose and --mask


@dataclass(frozen=True)
class Pair:
    """One video to make: `seed` and `style` where the CSV gives them; `where` names its line for messages."""

    song: Path
    picture: Path
    seed: int | None = None
    style: str | None = None
    where: str = ""


@dataclass(frozen=True)
class Options:
    """How all videos of a batch shall be; the names are those of `dancegen render`.

    `weights` maps roles to names or files; `content` maps roles to the sha256 of their weights (`resolve_weights`).
    """

    seed: int
    style: str
    size: int
    fps: float
    crf: int
    start: float
    duration: float | None
    tempo: str | None
    preview: bool
    device: str
    offline: bool
    weights: dict[str, str]
    content: dict[str, str]


def find_files(spec: str, endings: Sequence[str], what: str) -> list[Path]:
    """The files that a folder, a pattern like `songs/*.mp3` or a file name stands for, sorted by name."""
    path = Path(spec)
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix.lower().lstrip(".") in endings)
        found = [file for file in found if not file.name.endswith((MASK, ".overlay.png"))]
    elif path.is_file():
        found = [path]
    else:
        found = sorted(Path(name) for name in glob.glob(spec, recursive=True) if Path(name).is_file())  # noqa: PTH207
    if not found:
        raise DancegenError(f"{spec}: no {what} there", f"give a folder, a file or a quoted pattern like '{what}/*'")
    return found


def make_pairs(songs: Sequence[Path], pictures: Sequence[Path], pairing: str) -> list[Pair]:
    """All songs with all pictures (product), or the first with the first and so on (zip)."""
    if pairing not in PAIRINGS:
        raise DancegenError(f"--pairs {pairing} is none", f"choose {' or '.join(PAIRINGS)}")
    if pairing == "product":
        return [Pair(song, picture) for song in songs for picture in pictures]
    if len(songs) != len(pictures):
        what = f"--pairs zip needs as many pictures as songs, not {len(pictures)} for {len(songs)}"
        raise DancegenError(what, "add the missing ones or use --pairs product")
    return [Pair(song, picture) for song, picture in zip(songs, pictures, strict=True)]


def read_pairs(path: Path) -> list[Pair]:
    """The pairs of a CSV: columns song, picture and, if wanted, seed and style; paths from the CSV's own folder.

    Files that do not exist are no error here: their videos fail, the others are made.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
        first = next((line for line in text.splitlines() if line.strip()), "")
        marks = [mark for mark in ",;\t" if mark in first]  # spreadsheets of many countries write semicolons
        rows = list(csv.reader(io.StringIO(text), delimiter=marks[0] if marks else ","))
    except FileNotFoundError as cause:
        raise DancegenError(f"{path}: no such CSV of pairs", "check its name and folder") from cause
    except (OSError, UnicodeDecodeError, csv.Error) as cause:
        raise DancegenError(f"{path} cannot be read as a CSV of pairs", "write lines like song.mp3,me.png") from cause
    columns = ["song", "picture", "seed", "style"]
    pairs = []
    for number, row in enumerate(rows, 1):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        if number == 1 and "song" in [cell.lower() for cell in cells]:
            columns = [cell.lower() for cell in cells]
            unknown = [name for name in columns if name not in ("song", "picture", "seed", "style")]
            if unknown or "picture" not in columns:
                what = (
                    f"{path} line 1: unknown column {unknown[0]!r}" if unknown else f"{path} line 1: no column picture"
                )
                raise DancegenError(what, "name the columns song, picture and, if wanted, seed and style")
            continue
        pairs.append(_pair(dict(zip(columns, cells, strict=False)), path, number))
    if not pairs:
        raise DancegenError(f"{path} has no pairs in it", "write lines like song.mp3,me.png")
    return pairs


def _pair(cells: dict[str, str], path: Path, number: int) -> Pair:
    where = f"{path.name} line {number}"
    if not cells.get("song") or not cells.get("picture"):
        raise DancegenError(f"{where} has no song or no picture", "write lines like song.mp3,me.png")
    seed = cells.get("seed") or None
    if seed is not None and not seed.isdigit():
        raise DancegenError(f"{where}: the seed {seed} is no whole number", "mend that line")
    style = cells.get("style") or None
    if style and style not in STYLES:
        raise DancegenError(f"{where}: there is no style {style!r}", f"choose one of {', '.join(STYLES)}")
    return Pair(path.parent / cells["song"], path.parent / cells["picture"], int(seed) if seed else None, style, where)


def resolve_weights(
    chosen: dict[str, str], preview: bool, offline: bool, reporter: Reporter | None = None
) -> dict[str, str]:
    """Role -> sha256 of the weights that the batch will use, downloaded and verified before any worker begins."""
    from dancegen.production.networks import LOADED_ROLES
    from dancegen.weights.manifest import load_manifest
    from dancegen.weights.resolve import weights_path
    from dancegen.weights.verify import checked_sha256

    listed = {entry.role for entry in load_manifest()}
    content = {}
    for role in LOADED_ROLES:
        if (preview and role == "renderer") or (role not in chosen and role not in listed):
            continue
        if chosen.get(role) == "puppet":
            content[role] = "puppet"
            continue
        path = weights_path(chosen.get(role, role), role=role, offline=offline, reporter=reporter or SilentReporter())
        content[role] = checked_sha256(path)
    return content


def make_jobs(pairs: Sequence[Pair], options: Options, out: Path) -> list[Job]:
    """One dance job for each song (with seed and style), one subject job for each picture, one video for each pair."""
    out = out.resolve()
    dances: dict[str, Job] = {}
    subjects: dict[str, Job] = {}
    videos: dict[str, Job] = {}
    hashes: dict[Path, tuple[str, str]] = {}
    names: dict[Path, str] = {}
    for pair in pairs:
        own = replace(
            options,
            seed=options.seed if pair.seed is None else pair.seed,
            style=pair.style or options.style,
        )
        dance = _dance_job(pair, own, out, hashes)
        dance = dances.setdefault(dance.key, dance)
        subject = _subject_job(pair, own, out, hashes)
        subject = subjects.setdefault(subject.key, subject)
        video = _video_job(pair, own, out, dance, subject, names)
        videos.setdefault(video.key, video)
    return [*dances.values(), *subjects.values(), *videos.values()]


def _dance_job(pair: Pair, options: Options, out: Path, hashes: dict[Path, tuple[str, str]]) -> Job:
    content, problem = _content(pair.song, "song", pair.where, hashes)
    how = ("seed", "style", "start", "duration", "tempo")
    settings = {name: getattr(options, name) for name in how}
    key = _key("dance", edition("dance"), content, settings, options.content.get("choreographer"))
    task = _task(options, out, song=pair.song, **settings)
    output = out / "stages" / f"{_short(pair.song.stem)}-{key[:10]}.dance.json"
    return Job(key, "dance", pair.song.name, output, task, (), problem, _key(content, settings))


def _subject_job(pair: Pair, options: Options, out: Path, hashes: dict[Path, tuple[str, str]]) -> Job:
    content, problem = _content(pair.picture, "picture", pair.where, hashes)
    given = {name: beside(pair.picture, ending) for name, ending in (("pose", POSE), ("mask", MASK))}
    corrections = [_content(file, "file", "", hashes)[0] for file in given.values() if file]
    detector = options.weights.get("detector")
    key = _key("subject", edition("subject"), content, options.content.get("subject"), detector, corrections)
    output = out / "stages" / f"{_short(pair.picture.stem)}-{key[:10]}.subject.npz"
    task = _task(options, out, picture=pair.picture, **given)
    return Job(key, "subject", pair.picture.name, output, task, (), problem, _key(content, detector, corrections))


def beside(picture: Path, ending: str) -> Path | None:
    """The file of the picture's name with another ending in its folder, if there is one."""
    file = picture.with_name(picture.stem + ending)
    return file if file.is_file() else None


def _video_job(pair: Pair, options: Options, out: Path, dance: Job, subject: Job, names: dict[Path, str]) -> Job:
    how = ("size", "fps", "crf", "preview", "start", "duration")
    settings = {name: getattr(options, name) for name in how}
    key = _key("video", edition("video"), dance.key, subject.key, settings, options.content.get("renderer"))
    chosen = {role: options.content.get(role) for role in options.weights}
    wish = _key(dance.wish, subject.wish, settings, chosen)
    name = f"{_short(pair.song.stem)}--{_short(pair.picture.stem)}"
    if names.setdefault(out / f"{name}.mp4", wish) != wish:  # another song or seed under the same name
        name = f"{name}-{wish[:6]}"
    task = _task(
        options,
        out,
        song=pair.song,
        picture=pair.picture,
        dance=dance.output,
        subject=subject.output,
        seed=options.seed,
        style=options.style,
        **settings,
    )
    return Job(key, "video", name, out / f"{name}.mp4", task, (dance.key, subject.key), wish=wish)


def _short(stem: str) -> str:
    """A name that two of which fit into the 255 bytes that file systems allow."""
    return stem.encode(errors="surrogateescape")[:LONGEST_STEM].decode(errors="ignore")


def _content(path: Path, what: str, where: str, hashes: dict[Path, tuple[str, str]]) -> tuple[str, str]:
    """A file's sha256, or what is wrong with it (and then its name as content)."""
    if path not in hashes:
        try:
            hashes[path] = file_sha256(path), ""
        except FileNotFoundError:
            hashes[path] = str(path), f"{where + ': ' if where else ''}the {what} {path} does not exist"
        except OSError as cause:
            hashes[path] = (
                str(path),
                f"{where + ': ' if where else ''}the {what} {path} cannot be read ({cause.strerror})",
            )
    return hashes[path]


def _task(options: Options, out: Path, **own: Any) -> dict[str, Any]:
    task = {name: str(value.resolve()) if isinstance(value, Path) else value for name, value in own.items()}
    common = {"weights": options.weights, "device": options.device, "offline": options.offline}
    return {"folder": str(out), **common, **task}


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
