"""What a batch has to do: songs and pictures to pairs, pairs to jobs that share their stages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dancegen.batch.edition import edition
from dancegen.batch.jobs import Job
from dancegen.batch.pairs import MASK, POSE, Pair
from dancegen.dances.dance_file import file_sha256
from dancegen.errors import DancegenError
from dancegen.production.request import Request
from dancegen.progress import Reporter

LONGEST_STEM = 110  # bytes of the name of a song or a picture in that of a video


@dataclass(frozen=True)
class Options:
    """How all videos of a batch shall be; the names are those of `dancegen render`.

    `weights` maps roles to names or files; `content` maps jobs to the sha256 of their weights (`resolve_weights`).
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


def resolve_weights(
    chosen: dict[str, str], preview: bool, offline: bool, reporter: Reporter | None = None
) -> dict[str, str]:
    """Job -> sha256 of the weights that the batch will use, downloaded and verified before any worker begins."""
    from dancegen.production.backends import JOBS, weights_of
    from dancegen.weights.resolve import weights_path
    from dancegen.weights.verify import checked_sha256

    request = Request(Path(), Path(), weights=chosen, preview=preview, offline=offline)
    content = {}
    for job in JOBS:
        what = weights_of(request, job)
        if what is not None:
            content[job] = checked_sha256(weights_path(what, offline=offline, reporter=reporter))
        elif job == "renderer" and not preview:
            content[job] = request.renderer  # without its network
    heard = weights_path(chosen.get("beats", "beats"), role="beats", offline=offline, reporter=reporter)
    return content | {"beats": checked_sha256(heard)}


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


def refuse_inputs_as_outputs(jobs: Sequence[Job], out: Path, inputs: Sequence[Path]) -> None:
    """Refuse a batch that would write over one of its inputs, by whatever name or link.

    Args:
        jobs: of the batch.
        out: its folder, with its table.
        inputs: songs, pictures, corrections, the CSV of pairs, weights.
    """
    known = {_identity(path): path for path in inputs}
    for output in (*(job.output for job in jobs), out / "jobs.sqlite", out / "jobs.lock"):
        if (identity := _identity(output)) and identity in known:
            raise DancegenError(f"{output} is an input too, and would be destroyed", "name another folder with -o")


def _identity(path: Path) -> tuple[int, int] | None:
    with suppress(OSError, ValueError):
        stat = path.stat()
        return stat.st_dev, stat.st_ino
    return None


def _dance_job(pair: Pair, options: Options, out: Path, hashes: dict[Path, tuple[str, str]]) -> Job:
    content, problem = _content(pair.song, "song", pair.where, hashes)
    how = ("seed", "style", "start", "duration", "tempo")
    settings = {name: getattr(options, name) for name in how}
    used = [options.content.get(role) for role in ("choreographer", "beats")]
    key = _key("dance", edition("dance"), content, settings, used)
    task = _task(options, out, song=pair.song, **settings)
    output = out / "stages" / f"{_short(pair.song.stem)}-{key[:10]}.dance.json"
    return Job(key, "dance", _shown(pair.song), output, task, (), problem, _key(content, settings))


def _subject_job(pair: Pair, options: Options, out: Path, hashes: dict[Path, tuple[str, str]]) -> Job:
    content, problem = _content(pair.picture, "picture", pair.where, hashes)
    given = {name: beside(pair.picture, ending) for name, ending in (("pose", POSE), ("mask", MASK))}
    corrections = [_content(file, "file", "", hashes)[0] for file in given.values() if file]
    detector = options.weights.get("detector")
    key = _key("subject", edition("subject"), content, options.content.get("subject"), detector, corrections)
    output = out / "stages" / f"{_short(pair.picture.stem)}-{key[:10]}.subject.npz"
    task = _task(options, out, picture=pair.picture, **given)
    return Job(key, "subject", _shown(pair.picture), output, task, (), problem, _key(content, detector, corrections))


def corrected(picture: Path) -> list[Path]:
    """A picture and the files of its corrections, where they are."""
    return [picture, *filter(None, (beside(picture, ending) for ending in (POSE, MASK)))]


def beside(picture: Path, ending: str) -> Path | None:
    """The file of the picture's name with another ending in its folder, if there is one."""
    file = picture.with_name(picture.stem + ending)
    return file if file.is_file() else None


def _video_job(pair: Pair, options: Options, out: Path, dance: Job, subject: Job, names: dict[Path, str]) -> Job:
    how = ("size", "fps", "crf", "preview", "start", "duration")
    settings = {name: getattr(options, name) for name in how}
    jobs = [role.split(".")[0] for role in options.weights]
    chosen = {job: options.content.get(job) for job in jobs}
    wish = _key(dance.wish, subject.wish, settings, chosen)
    name = f"{_short(pair.song.stem)}--{_short(pair.picture.stem)}"
    if names.setdefault(out / f"{name}.mp4", wish) != wish:  # another song or seed under the same name
        name = f"{name}-{wish[:6]}"
    # the name is a part of it: equal files under two names are two videos
    key = _key("video", edition("video"), dance.key, subject.key, settings, options.content.get("renderer"), name)
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


def _shown(path: Path) -> str:
    """A file's name in messages and tables: bytes that are no UTF-8 are shown as `\\udcff`."""
    return path.name.encode(errors="backslashreplace").decode()


def _content(path: Path, what: str, where: str, hashes: dict[Path, tuple[str, str]]) -> tuple[str, str]:
    """A file's sha256, or what is wrong with it (and then its name as content)."""
    if path not in hashes:
        said = f"{where + ': ' if where else ''}the {what} {path}"
        try:
            if path.exists() and not path.is_file():  # a pipe would be waited for, and has no content of its own
                hashes[path] = str(path), f"{said} is no file"
            else:
                hashes[path] = file_sha256(path), ""
        except FileNotFoundError:
            hashes[path] = str(path), f"{said} does not exist"
        except OSError as cause:
            hashes[path] = str(path), f"{said} cannot be read ({cause.strerror})"
    return hashes[path]


def _task(options: Options, out: Path, **own: Any) -> dict[str, Any]:
    task = {name: str(value.resolve()) if isinstance(value, Path) else value for name, value in own.items()}
    common = {"weights": options.weights, "device": options.device, "offline": options.offline}
    return {"folder": str(out), **common, **task}


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
