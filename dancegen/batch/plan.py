"""What a batch has to do: songs and pictures to pairs, pairs to jobs that share their stages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from dancegen.batch.edition import edition
from dancegen.batch.jobs import Job
from dancegen.batch.pairs import MASK, POSE, Pair
from dancegen.dances.dance_file import file_sha256
from dancegen.errors import DancegenError
from dancegen.production.request import Request
from dancegen.progress import Reporter
from dancegen.registry import backend, is_style_file
from dancegen.renderers.base import check_background

LONGEST_STEM = 110  # bytes of the name of a song or a picture in that of a video
PLAIN = "none"  # the style of who names none, as version 0.1.0 called it; in wishes, so that what it made is known
# What each stage takes from a request; those of the second list only where they are not as by default, so that what an
# earlier version, which did not know them, made is known again.
SETTINGS = {
    "dance": (("seed", "style", "start", "duration", "tempo"), ("choreographer", "style_amount", "turns", "steps")),
    "subject": ((), ("people", "detector")),
    "video": (
        ("size", "fps", "crf", "preview", "start", "duration"),
        ("canvas", "fit", "renderer", "formation", "background", "camera"),
    ),
}


def resolve_weights(request: Request, reporter: Reporter | None = None) -> dict[str, str]:
    """Job -> sha256 of the weights that the batch will use, downloaded and verified before any worker begins."""
    from dancegen.production.backends import JOBS, weights_of
    from dancegen.weights.resolve import weights_path
    from dancegen.weights.verify import checked_sha256

    content = {}
    for job in JOBS:
        what = weights_of(request, job)
        if what is not None:
            content[job] = checked_sha256(weights_path(what, offline=request.offline, reporter=reporter))
        elif job == "renderer" and not request.preview:
            content[job] = request.renderer  # without its network
    heard = weights_path(
        request.weights.get("beats", "beats"), role="beats", offline=request.offline, reporter=reporter
    )
    return content | {"beats": checked_sha256(heard)}


def make_jobs(pairs: Sequence[Pair], request: Request, content: Mapping[str, str], out: Path) -> list[Job]:
    """One dance job for each song (with seed and style), one subject job for each picture, one video for each pair.

    A choreographer who dances for the picture's person has one dance job for each pair.

    Args:
        pairs: the songs and pictures.
        request: how all videos shall be; its own song and picture are not looked at.
        content: see `resolve_weights`.
        out: the batch's folder.
    """
    plan = _Plan(out.resolve(), content)
    dances: dict[str, Job] = {}
    subjects: dict[str, Job] = {}
    videos: dict[str, Job] = {}
    for pair in pairs:
        own = _request_for(pair, request)
        subject = plan.subject(pair, own)
        subject = subjects.setdefault(subject.key, subject)
        fits = backend("choreographer", own.choreographer).fits
        dance = plan.dance(pair, own, subject if fits else None)
        dance = dances.setdefault(dance.key, dance)
        video = plan.video(pair, own, dance, subject)
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


def _request_for(pair: Pair, request: Request) -> Request:
    """The request for one pair."""
    return replace(
        request,
        song=pair.song.resolve(),
        picture=pair.picture.resolve(),
        seed=request.seed if pair.seed is None else pair.seed,
        style=_full_name(pair.style or request.style),
        pose=beside(pair.picture, POSE),
        mask=beside(pair.picture, MASK),
        background=_resolve(request.background),
    )


def _full_name(style: str) -> str:
    """A learnt style by its file's full name, for workers in other folders."""
    return str(Path(style).resolve()) if is_style_file(style) else style


def _resolve(background: str | None) -> str | None:
    """A picture behind the dancers by its full name, for workers in other folders; a word or a colour as it is."""
    is_file = background and isinstance(check_background(background), Path)
    return str(Path(background).resolve()) if background and is_file else background


def with_corrections(picture: Path) -> list[Path]:
    """A picture and the files of its corrections, where they are."""
    return [picture, *filter(None, (beside(picture, ending) for ending in (POSE, MASK)))]


def beside(picture: Path, ending: str) -> Path | None:
    """The file of the picture's name with another ending in its folder, if there is one."""
    file = picture.with_name(picture.stem + ending)
    return file.resolve() if file.is_file() else None


class _Plan:
    """Makes the jobs of a batch folder; every file is hashed once."""

    def __init__(self, out: Path, content: Mapping[str, str]) -> None:
        self._out, self._weights = out, content
        self._hashes: dict[Path, tuple[str, str]] = {}
        self._names: dict[Path, str] = {}

    def dance(self, pair: Pair, own: Request, subject: Job | None) -> Job:
        content, problem = _content(pair.song, "song", pair.where, self._hashes)
        settings = _settings("dance", own)
        if is_style_file(own.style):  # the style is what is in the file, whatever its name
            settings["style"], lacking = _content(Path(own.style), "style", pair.where, self._hashes)
            problem = problem or lacking
        used = [self._weights.get(job) for job in ("choreographer", "beats")]
        whose = [subject.key] if subject else []
        key = _key("dance", edition("dance"), content, settings, used, *whose)
        output = self._out / "stages" / f"{_shorten(pair.song.stem)}-{key[:10]}.dance.json"
        files = {"person": str(subject.output)} if subject else {}
        task = self._task(own if subject else replace(own, picture=Path(), pose=None, mask=None), **files)
        asked = [subject.wish] if subject else []
        wish = _key(content, {**settings, "style": PLAIN if own.style == Request.style else own.style}, *asked)
        return Job(key, "dance", _printable(pair.song), output, task, tuple(whose), problem, wish)

    def subject(self, pair: Pair, own: Request) -> Job:
        content, problem = _content(pair.picture, "picture", pair.where, self._hashes)
        corrections = [_content(file, "file", "", self._hashes)[0] for file in (own.pose, own.mask) if file]
        asked: list[Any] = [own.weights.get("detector"), corrections]
        asked += [settings] if (settings := _settings("subject", own)) else []
        key = _key("subject", edition("subject"), content, self._weights.get("subject"), *asked)
        output = self._out / "stages" / f"{_shorten(pair.picture.stem)}-{key[:10]}.subject.npz"
        task = self._task(replace(own, song=Path()))
        return Job(key, "subject", _printable(pair.picture), output, task, (), problem, _key(content, *asked))

    def video(self, pair: Pair, own: Request, dance: Job, subject: Job) -> Job:
        settings = _settings("video", own)
        jobs = [role.split(".")[0] for role in own.weights]
        chosen = {job: self._weights.get(job) for job in jobs}
        if own.background and Path(own.background).is_file():
            settings["background"] = _content(Path(own.background), "background", "", self._hashes)[0]
        ending = ".webm" if own.transparent else ".mp4"
        wish = _key(dance.wish, subject.wish, settings, chosen)
        name = f"{_shorten(pair.song.stem)}--{_shorten(pair.picture.stem)}"
        if self._names.setdefault(self._out / f"{name}{ending}", wish) != wish:  # another song or seed of the same name
            name = f"{name}-{wish[:6]}"
        # the name is a part of it: equal files under two names are two videos
        renderer = self._weights.get("renderer")
        key = _key("video", edition("video"), dance.key, subject.key, settings, renderer, name)
        task = self._task(own, dance=str(dance.output), subject=str(subject.output))
        return Job(key, "video", name, self._out / f"{name}{ending}", task, (dance.key, subject.key), wish=wish)

    def _task(self, request: Request, **files: str) -> dict[str, Any]:
        return {"folder": str(self._out), "request": request.to_json(), **files}


def _settings(stage: str, request: Request) -> dict[str, Any]:
    """What a stage takes from a request, but for its files and weights."""
    always, else_only = SETTINGS[stage]
    changed = [name for name in else_only if getattr(request, name) != getattr(Request, name)]
    return {name: getattr(request, name) for name in (*always, *changed)}


def _shorten(stem: str) -> str:
    """A name that two of which fit into the 255 bytes that file systems allow."""
    return stem.encode(errors="surrogateescape")[:LONGEST_STEM].decode(errors="ignore")


def _printable(path: Path) -> str:
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


def _key(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
