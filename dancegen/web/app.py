"""The studio's addresses: what the page asks for, and what it gets."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.requests import Request as Call
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from dancegen import __version__
from dancegen.errors import DancegenError
from dancegen.web import answers, choices, clips, preview, styles, uploads, videos
from dancegen.web.answers import TELLING, json_of, name_of, result_of
from dancegen.web.studio import Studio

STATIC = Path(__file__).parent / "static"
TYPES = {".html": "text/html", ".css": "text/css", ".mjs": "text/javascript", ".svg": "image/svg+xml"}
ALIVE = 15.0  # seconds after which a page is told something anyhow, so that a dead connection is noticed
CHOOSABLE = ("song", "picture", "choices")
KIND_TYPES = {".mp4": "video/mp4", ".webm": "video/webm", ".html": "text/html", ".json": "application/json"}
KIND_TYPES |= {".gif": "image/gif", ".m4v": "video/mp4", ".mov": "video/quicktime", ".ogv": "video/ogg"}

Handler = Callable[[Studio, Call], Awaitable[Response]]


def make_app(studio: Studio) -> Starlette:
    """The app that serves a studio; `guard.Guard` belongs before it."""
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/", page),
        ("GET", "/static/{name}", page_file),
        ("GET", "/api/state", state),
        ("GET", "/api/events", events),
        ("PATCH", "/api/state", choose),
        ("PUT", "/api/files/{name}", upload),
        ("POST", "/api/example", example),
        ("GET", "/api/pictures/{name}", answers.picture),
        ("GET", "/api/pictures/{name}/view", answers.picture_view),
        ("GET", "/api/pictures/{name}/mask/{number:int}", answers.picture_mask),
        ("PUT", "/api/pictures/{name}/joints", answers.picture_joints),
        ("PUT", "/api/pictures/{name}/mask/{number:int}", answers.picture_paint),
        ("DELETE", "/api/pictures/{name}/corrections", answers.picture_forget),
        ("PUT", "/api/pictures/{name}/people", answers.picture_people),
        ("GET", "/api/songs/{name}", answers.song),
        ("GET", "/api/songs/{name}/sound", answers.song_sound),
        ("POST", "/api/songs/{name}/beats", answers.song_beats),
        ("PUT", "/api/songs/{name}/stretch", answers.song_stretch),
        ("POST", "/api/songs/{name}/dance", answers.dance_make),
        ("POST", "/api/songs/{name}/edit", answers.dance_edit),
        ("POST", "/api/songs/{name}/undo", answers.dance_undo),
        ("PUT", "/api/songs/{name}/take", answers.dance_take),
        ("POST", "/api/clips/{name}", clip_capture),
        ("GET", "/api/clips/{name}", answers.clip),
        ("GET", "/api/clips/{name}/{take:int}", answers.clip_poses),
        ("POST", "/api/styles", style_learn),
        ("GET", "/api/dances/{name}", answers.dance),
        ("GET", "/api/dances/{name}/{take:int}", answers.dance_poses),
        ("POST", "/api/videos", video_ask),
        ("POST", "/api/videos/{name}", video_again),
        ("GET", "/files/{kind}/{name}", file),
        ("POST", "/api/preview", preview_frames),
        ("DELETE", "/api/jobs/{number:int}", job_stop),
    ]
    routes = [Route(path, partial(_answer_call, studio, handler), methods=[method]) for method, path, handler in table]
    return Starlette(routes=routes)


async def _answer_call(studio: Studio, handler: Handler, call: Call) -> Response:
    """A handler's answer; what a user can mend is status 400 with the sentence that says it."""
    try:
        return await handler(studio, call)
    except DancegenError as error:
        return JSONResponse({"error": studio.project.shorten(str(error))}, 400)
    except ClientDisconnect:  # nobody reads it any more
        return Response(status_code=400)


async def page(studio: Studio, call: Call) -> Response:
    """The page itself."""
    return Response((STATIC / "index.html").read_bytes(), headers={"cache-control": "no-store"}, media_type="text/html")


async def page_file(studio: Studio, call: Call) -> Response:
    """What the page consists of."""
    path = STATIC / Path(name_of(call)).name
    if path.suffix not in TYPES or not path.is_file():
        return Response("there is no such file", 404)
    headers = {"cache-control": "no-cache"}
    return Response(path.read_bytes(), headers=headers, media_type=f"{TYPES[path.suffix]}; charset=utf-8")


def snapshot(studio: Studio) -> dict[str, Any]:
    """All that the page shows without being asked: what is chosen, what there is, what is being done."""
    project = studio.project
    jobs = [job.tell() for job in studio.jobs()]
    for job in jobs:
        job["error"] = project.shorten(job["error"])
    there = {kind: project.names(kind) for kind in ("songs", "pictures")}
    made = {"videos": videos.tell(studio), "clips": clips.tell(studio), "learnt": styles.tell(studio)}
    for one in (one for found in made.values() for one in found if one["job"]):
        one["job"]["error"] = project.shorten(one["job"]["error"])
    return {"version": studio.version, "state": project.state, **there, "jobs": jobs, **made}


async def state(studio: Studio, call: Call) -> Response:
    """`snapshot`, and what can be chosen at all."""
    told = await run_in_threadpool(snapshot, studio)
    fixed = {
        "offers": choices.offers(studio.request().weights),
        "styles": choices.styles(),
        "learners": choices.learners(),
        "folder": str(studio.project.folder),
        "dancegen": __version__,
    }
    return JSONResponse({**told, **fixed, "usual": {name: str(one) for name, one in studio.usual.items()}})


async def events(studio: Studio, call: Call) -> Response:
    """`snapshot` whenever something changes, as server-sent events."""

    async def stream() -> AsyncIterator[str]:
        seen, quiet = -1, 0.0
        while not studio.over():
            if studio.version != seen:
                seen, quiet = studio.version, 0.0
                yield f"data: {json.dumps(await run_in_threadpool(snapshot, studio))}\n\n"
            elif quiet > ALIVE:
                quiet = 0.0
                yield ":\n\n"
            await asyncio.sleep(TELLING)
            quiet += TELLING

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"cache-control": "no-store"})


async def choose(studio: Studio, call: Call) -> Response:
    """Song, picture and options that are chosen."""
    given = await json_of(call)
    for name in given:
        if name not in CHOOSABLE:
            raise DancegenError(f"{name} cannot be chosen", "reload the page")
    for kind in ("song", "picture"):
        if given.get(kind) is not None:
            studio.project.path(f"{kind}s", str(given[kind]))
    if not isinstance(given.get("choices", {}), dict):
        raise DancegenError("choices are names and values", "reload the page")
    await run_in_threadpool(partial(studio.project.change, **given))
    studio.note_change()
    return JSONResponse({})


async def upload(studio: Studio, call: Call) -> Response:
    """A file of any kind; the answer says what it was taken for."""
    name = uploads.given_name(name_of(call))
    kind = uploads.kind_of(name, call.query_params.get("as", ""))
    uploads.check_room(studio.project, kind, int(call.headers.get("content-length") or 0))
    folder = await run_in_threadpool(uploads.new_folder, studio.project)
    try:
        size = 0
        with (folder / name).open("wb") as out:
            async for part in call.stream():
                size += len(part)
                uploads.check_room(studio.project, kind, size)
                await run_in_threadpool(out.write, part)
        taken = await run_in_threadpool(uploads.take, studio, folder / name, kind)
    finally:
        await run_in_threadpool(partial(shutil.rmtree, folder, ignore_errors=True))
    if taken["kind"] in ("picture", "pose"):
        answers.find(studio, taken["name"])
    elif taken["kind"] == "song":
        answers.hear(studio, taken["name"])
    elif taken["kind"] == "clip" and not clips.dance_file(studio.project.path("clips", taken["name"])).exists():
        clips.add(studio, taken["name"], {})
    studio.note_change()
    return JSONResponse(taken)


async def example(studio: Studio, call: Call) -> Response:
    """The example's song and picture."""
    taken = await run_in_threadpool(uploads.example, studio)
    studio.note_change()
    return JSONResponse(taken)


async def clip_capture(studio: Studio, call: Call) -> Response:
    """A clip, captured anew."""
    job = await run_in_threadpool(clips.add, studio, name_of(call), await json_of(call))
    return JSONResponse({"job": job.number})


async def style_learn(studio: Studio, call: Call) -> Response:
    """A style, learnt from clips, or learnt on where it was stopped."""
    job = await run_in_threadpool(styles.add, studio, await json_of(call))
    return JSONResponse({"job": job.number, "name": job.about})


async def video_ask(studio: Studio, call: Call) -> Response:
    """A video, put into the queue."""
    name = await run_in_threadpool(videos.ask, studio, await json_of(call))
    videos.add(studio, name)
    return JSONResponse({"name": name, "command": videos.command(studio, name)})


async def video_again(studio: Studio, call: Call) -> Response:
    """A video that was asked for before and is not there."""
    videos.add(studio, name_of(call))
    return JSONResponse({"name": name_of(call)})


async def file(studio: Studio, call: Call) -> Response:
    """A file of the project, to be played or kept."""
    kind, name = str(call.path_params["kind"]), name_of(call)
    path = studio.project.path(kind, name)
    media = KIND_TYPES.get(path.suffix.lower(), "application/octet-stream")
    page = {"content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"}
    headers = {"cache-control": "no-cache", **(page if media == "text/html" else {})}
    saved = "attachment" if "save" in call.query_params else "inline"
    return FileResponse(path, media_type=media, headers=headers, filename=name, content_disposition_type=saved)


async def preview_frames(studio: Studio, call: Call) -> Response:
    """The person drawn small, from a moment of the song on."""
    given = await json_of(call)
    asked = given.get("choices", {})
    try:
        begin = float(given.get("from", 0))
    except (TypeError, ValueError) as cause:
        raise DancegenError("a preview begins at a second", "reload the page") from cause
    if not isinstance(asked, dict):
        raise DancegenError("choices are names and values", "reload the page")
    page = str(given.get("page", ""))[:40]
    for job in studio.views.jobs():
        if (job.kind, job.about) == ("preview", page):  # what the same page asked for before
            studio.views.stop(job.number)
    ready = await result_of(studio, studio.views.add("preview", page, lambda job: preview.scene(studio, asked, job)))
    return StreamingResponse(preview.frames(ready, begin, studio.over), media_type="application/octet-stream")


async def job_stop(studio: Studio, call: Call) -> Response:
    """The end of a job that runs or waits."""
    number = call.path_params["number"]
    return JSONResponse({"stopped": studio.stop(number)})
