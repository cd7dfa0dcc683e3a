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
from dancegen.jsonfile import SMALL, parse_json
from dancegen.web import choices, dances, pictures, preview, songs, uploads, videos
from dancegen.web.studio import Studio
from dancegen.web.work import Job

STATIC = Path(__file__).parent / "static"
TYPES = {".html": "text/html", ".css": "text/css", ".mjs": "text/javascript", ".svg": "image/svg+xml"}
LARGEST_BODY = 4 * SMALL  # bytes of JSON: the joints of many people
LARGEST_MASK = 16 << 20  # bytes of an outline as a PNG
TELLING = 0.25  # seconds between two looks whether there is something new to tell
ALIVE = 15.0  # seconds after which a page is told something anyhow, so that a dead connection is noticed
CHOOSABLE = ("song", "picture", "choices")
KIND_TYPES = {".mp4": "video/mp4", ".webm": "video/webm", ".html": "text/html", ".json": "application/json"}

Handler = Callable[[Studio, Call], Awaitable[Response]]


def make_app(studio: Studio) -> Starlette:
    """The app that serves a studio; `guard.Guard` belongs before it."""
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/", page),
        ("GET", "/static/{name}", static),
        ("GET", "/api/state", state),
        ("GET", "/api/events", events),
        ("PATCH", "/api/state", choose),
        ("PUT", "/api/files/{name}", upload),
        ("POST", "/api/example", example),
        ("GET", "/api/pictures/{name}", picture),
        ("GET", "/api/pictures/{name}/view", picture_view),
        ("GET", "/api/pictures/{name}/mask/{number:int}", picture_mask),
        ("PUT", "/api/pictures/{name}/joints", picture_joints),
        ("PUT", "/api/pictures/{name}/mask/{number:int}", picture_paint),
        ("DELETE", "/api/pictures/{name}/corrections", picture_forget),
        ("PUT", "/api/pictures/{name}/people", picture_people),
        ("GET", "/api/songs/{name}", song),
        ("GET", "/api/songs/{name}/sound", song_sound),
        ("POST", "/api/songs/{name}/beats", song_beats),
        ("PUT", "/api/songs/{name}/stretch", song_stretch),
        ("POST", "/api/songs/{name}/dance", dance_make),
        ("POST", "/api/songs/{name}/edit", dance_edit),
        ("POST", "/api/songs/{name}/undo", dance_undo),
        ("PUT", "/api/songs/{name}/take", dance_take),
        ("GET", "/api/dances/{name}", dance),
        ("GET", "/api/dances/{name}/{take:int}", dance_poses),
        ("POST", "/api/videos", video_ask),
        ("POST", "/api/videos/{name}", video_again),
        ("GET", "/files/{kind}/{name}", file),
        ("POST", "/api/preview", preview_frames),
        ("DELETE", "/api/jobs/{number:int}", job_stop),
    ]
    routes = [Route(path, partial(_answered, studio, handler), methods=[method]) for method, path, handler in table]
    return Starlette(routes=routes)


async def _answered(studio: Studio, handler: Handler, call: Call) -> Response:
    """A handler's answer; what a user can mend is status 400 with the sentence that says it."""
    try:
        return await handler(studio, call)
    except DancegenError as error:
        return JSONResponse({"error": str(error)}, 400)
    except ClientDisconnect:  # nobody reads it any more
        return Response(status_code=400)


async def _json(call: Call) -> dict[str, Any]:
    """The body's JSON object, within limits."""
    content = parse_json(await _body(call, LARGEST_BODY), "what the page sent", "reload the page", packed=False)
    if not isinstance(content, dict):
        raise DancegenError("what the page sent is no JSON object", "reload the page")
    return content


async def _body(call: Call, most: int) -> bytes:
    content = b""
    async for part in call.stream():
        content += part
        if len(content) > most:
            raise DancegenError(f"this is larger than {most >> 20} MB", "send less")
    return content


async def _done(studio: Studio, job: Job) -> Any:
    """What a job came to, without keeping anybody waiting for it."""
    result = asyncio.wrap_future(job.result)
    while not result.done():
        await asyncio.wait([result], timeout=TELLING)
        if studio.over():
            raise DancegenError("the studio is closing", "start it again")
    return result.result()


def _name(call: Call) -> str:
    return str(call.path_params["name"])


async def page(studio: Studio, call: Call) -> Response:
    """The page itself."""
    return Response((STATIC / "index.html").read_bytes(), headers={"cache-control": "no-store"}, media_type="text/html")


async def static(studio: Studio, call: Call) -> Response:
    """What the page consists of."""
    path = STATIC / Path(_name(call)).name
    if path.suffix not in TYPES or not path.is_file():
        return Response("there is no such file", 404)
    headers = {"cache-control": "no-cache"}
    return Response(path.read_bytes(), headers=headers, media_type=f"{TYPES[path.suffix]}; charset=utf-8")


def snapshot(studio: Studio) -> dict[str, Any]:
    """All that the page shows without being asked: what is chosen, what there is, what is being done."""
    project = studio.project
    jobs = [job.told() for job in studio.jobs()]
    there = {kind: project.names(kind) for kind in ("songs", "pictures")}
    return {"version": studio.version, "state": project.state, **there, "jobs": jobs, "videos": videos.told(studio)}


async def state(studio: Studio, call: Call) -> Response:
    """`snapshot`, and what can be chosen at all."""
    told = await run_in_threadpool(snapshot, studio)
    fixed = {
        "offers": choices.offers(),
        "styles": choices.styles(),
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
    given = await _json(call)
    for name in given:
        if name not in CHOOSABLE:
            raise DancegenError(f"{name} cannot be chosen", "reload the page")
    for kind in ("song", "picture"):
        if given.get(kind) is not None:
            studio.project.path(f"{kind}s", str(given[kind]))
    if not isinstance(given.get("choices", {}), dict):
        raise DancegenError("choices are names and values", "reload the page")
    await run_in_threadpool(partial(studio.project.change, **given))
    studio.changed()
    return JSONResponse({})


async def upload(studio: Studio, call: Call) -> Response:
    """A file of any kind; the answer says what it was taken for."""
    name = uploads.given_name(_name(call))
    kind = uploads.kind_of(name)
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
        _find(studio, taken["name"])
    elif taken["kind"] == "song":
        _hear(studio, taken["name"])
    studio.changed()
    return JSONResponse(taken)


async def example(studio: Studio, call: Call) -> Response:
    """The example's song and picture."""
    taken = await run_in_threadpool(uploads.example, studio)
    studio.changed()
    return JSONResponse(taken)


async def _people(studio: Studio, name: str) -> Any:
    studio.project.path("pictures", name)
    return await _done(studio, _find(studio, name))


def _find(studio: Studio, name: str) -> Job:
    return studio.hands.add("find", name, lambda job: pictures.find(studio, name, job))


async def picture(studio: Studio, call: Call) -> Response:
    """Who is in a picture."""
    found = await _people(studio, _name(call))
    return JSONResponse(await run_in_threadpool(pictures.told, studio, _name(call), found))


async def picture_view(studio: Studio, call: Call) -> Response:
    """The picture as any browser shows it."""
    content = await run_in_threadpool(pictures.as_jpeg, studio, _name(call))
    return Response(content, media_type="image/jpeg", headers={"cache-control": "no-cache"})


async def picture_mask(studio: Studio, call: Call) -> Response:
    """The outline of one person."""
    found, number = await _people(studio, _name(call)), call.path_params["number"]
    if not 1 <= number <= len(found):
        raise DancegenError(f"there is no person {number}", "reload the page")
    content = await run_in_threadpool(pictures.as_mask, found[number - 1])
    return Response(content, media_type="image/png", headers={"cache-control": "no-store"})


async def picture_joints(studio: Studio, call: Call) -> Response:
    """Joints that were moved or hidden; the answer is who is in the picture now."""
    given, name = await _json(call), _name(call)
    await run_in_threadpool(pictures.keep_joints, studio, name, given.get("people"))
    return await picture(studio, call)


async def picture_paint(studio: Studio, call: Call) -> Response:
    """An outline that was painted."""
    name, number = _name(call), call.path_params["number"]
    found = await _people(studio, name)
    await run_in_threadpool(pictures.keep_mask, studio, name, number, found, await _body(call, LARGEST_MASK))
    return await picture(studio, call)


async def picture_forget(studio: Studio, call: Call) -> Response:
    """The picture as it was found."""
    await run_in_threadpool(pictures.forget, studio, _name(call))
    return await picture(studio, call)


async def picture_people(studio: Studio, call: Call) -> Response:
    """Whom of a picture dances."""
    from dancegen.people.choose import check_choice

    choice = str((await _json(call)).get("people", ""))
    check_choice(choice)
    studio.project.path("pictures", _name(call))
    await run_in_threadpool(studio.project.change_in, "people", _name(call), choice)
    studio.changed()
    return JSONResponse({})


async def _heard(studio: Studio, name: str) -> Any:
    studio.project.path("songs", name)
    return await _done(studio, _hear(studio, name))


def _hear(studio: Studio, name: str) -> Job:
    return studio.hands.add("hear", name, lambda job: songs.hear(studio, name, job))


async def song(studio: Studio, call: Call) -> Response:
    """What is heard in a song."""
    return JSONResponse(songs.told(await _heard(studio, _name(call))))


async def song_sound(studio: Studio, call: Call) -> Response:
    """The song as any browser plays it."""
    path = await run_in_threadpool(songs.playable, studio, _name(call))
    return FileResponse(path, media_type="audio/wav", headers={"cache-control": "no-cache"})


async def song_beats(studio: Studio, call: Call) -> Response:
    """Beats that are corrected; the answer is the song as it is heard now."""
    how = await _json(call)
    heard = await _heard(studio, _name(call))
    await run_in_threadpool(songs.mend, studio, _name(call), heard, how)
    return await song(studio, call)


async def song_stretch(studio: Studio, call: Call) -> Response:
    """Which part of a song is danced to."""
    given = await _json(call)
    heard = await _heard(studio, _name(call))
    try:
        start = float(given.get("start", 0))
        length = None if given.get("duration") is None else float(given["duration"])
    except (TypeError, ValueError) as cause:
        raise DancegenError("a stretch of a song is told in seconds", "reload the page") from cause
    songs.check_length(heard, start, length)
    value = None if start == 0 and length is None else [start, length]
    await run_in_threadpool(studio.project.change_in, "stretches", _name(call), value)
    studio.changed()
    return JSONResponse({})


async def dance_make(studio: Studio, call: Call) -> Response:
    """Takes of a new dance; the answer is their file's name."""
    asked, name = await _json(call), _name(call)
    studio.project.path("songs", name)
    job = studio.hands.add("dance", name, lambda job: dances.make(studio, name, asked, job))
    return JSONResponse({"name": await _done(studio, job)})


async def dance_edit(studio: Studio, call: Call) -> Response:
    """Bars that are changed; the answer is the new version's name."""
    asked, name = await _json(call), _name(call)
    studio.project.path("songs", name)
    job = studio.hands.add("edit", name, lambda job: dances.edit(studio, name, asked, job))
    return JSONResponse({"name": await _done(studio, job)})


async def dance_undo(studio: Studio, call: Call) -> Response:
    """An earlier or later version of a song's dance."""
    steps = -1 if (await _json(call)).get("redo") else 1
    await run_in_threadpool(studio.project.go_back, _name(call), steps)
    studio.changed()
    return JSONResponse({})


async def dance_take(studio: Studio, call: Call) -> Response:
    """Which take is shown and rendered."""
    number = (await _json(call)).get("take")
    history = studio.project.dance_of(_name(call))
    if history is None or type(number) is not int or number < 1:
        raise DancegenError("there is no such take", "reload the page")
    await run_in_threadpool(studio.project.change_in, "dances", _name(call), {**history, "take": number})
    studio.changed()
    return JSONResponse({})


async def dance(studio: Studio, call: Call) -> Response:
    """A version of a dance."""
    return JSONResponse(await run_in_threadpool(dances.told, studio, _name(call)))


async def dance_poses(studio: Studio, call: Call) -> Response:
    """The joints of a take; a version never changes."""
    content = await run_in_threadpool(dances.poses, studio, _name(call), call.path_params["take"])
    return Response(content, media_type="application/octet-stream", headers={"cache-control": "private, max-age=3600"})


async def video_ask(studio: Studio, call: Call) -> Response:
    """A video, put into the queue."""
    name = await run_in_threadpool(videos.ask, studio, await _json(call))
    videos.add(studio, name)
    return JSONResponse({"name": name, "command": videos.command(studio, name)})


async def video_again(studio: Studio, call: Call) -> Response:
    """A video that was asked for before and is not there."""
    videos.add(studio, _name(call))
    return JSONResponse({"name": _name(call)})


async def file(studio: Studio, call: Call) -> Response:
    """A file of the project, to be played or kept."""
    kind, name = str(call.path_params["kind"]), _name(call)
    path = studio.project.path(kind, name)
    media = KIND_TYPES.get(path.suffix.lower(), "application/octet-stream")
    page = {"content-security-policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"}
    headers = {"cache-control": "no-cache", **(page if media == "text/html" else {})}
    saved = "attachment" if "save" in call.query_params else "inline"
    return FileResponse(path, media_type=media, headers=headers, filename=name, content_disposition_type=saved)


async def preview_frames(studio: Studio, call: Call) -> Response:
    """The person drawn small, from a moment of the song on."""
    given = await _json(call)
    asked = given.get("choices", {})
    try:
        begin = float(given.get("from", 0))
    except (TypeError, ValueError) as cause:
        raise DancegenError("a preview begins at a second", "reload the page") from cause
    if not isinstance(asked, dict):
        raise DancegenError("choices are names and values", "reload the page")
    ready = await _done(studio, studio.hands.add("preview", "", lambda job: preview.scene(studio, asked, job)))
    return StreamingResponse(preview.frames(ready, begin, studio.over), media_type="application/octet-stream")


async def job_stop(studio: Studio, call: Call) -> Response:
    """The end of a job that runs or waits."""
    number = call.path_params["number"]
    stopped = studio.hands.stop(number) or studio.films.stop(number)
    return JSONResponse({"stopped": stopped})
