"""What the page asks about pictures, songs and dances, and what every handler needs to answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as Call
from starlette.responses import FileResponse, JSONResponse, Response

from dancegen.errors import DancegenError
from dancegen.jsonfile import SMALL, parse_json
from dancegen.people.choose import check_choice
from dancegen.web import changes, clips, dances, pictures, songs
from dancegen.web.studio import Studio
from dancegen.web.work import Job

if TYPE_CHECKING:
    from dancegen.dances.dance_file import DanceFile

LARGEST_BODY = 4 * SMALL  # bytes of JSON: the joints of many people
LARGEST_MASK = 16 << 20  # bytes of an outline as a PNG
TELLING = 0.1  # seconds between two looks whether there is something new to tell


async def json_of(call: Call) -> dict[str, Any]:
    """The body's JSON object, within limits."""
    content = parse_json(await body_of(call, LARGEST_BODY), "what the page sent", "reload the page", packed=False)
    if not isinstance(content, dict):
        raise DancegenError("what the page sent is no JSON object", "reload the page")
    return content


async def body_of(call: Call, most: int) -> bytes:
    """The body, of `most` bytes."""
    content = b""
    async for part in call.stream():
        content += part
        if len(content) > most:
            raise DancegenError(f"this is larger than {most >> 20} MB", "send less")
    return content


async def result_of(studio: Studio, job: Job) -> Any:
    """What a job came to, without keeping anybody waiting for it."""
    result = asyncio.wrap_future(job.result)
    while not result.done():
        await asyncio.wait([result], timeout=TELLING)
        if studio.over():
            raise DancegenError("the studio is closing", "start it again")
    return result.result()


def name_of(call: Call) -> str:
    """The file's name in an address."""
    return str(call.path_params["name"])


async def _people(studio: Studio, name: str) -> Any:
    studio.project.path("pictures", name)
    return await result_of(studio, find(studio, name))


def find(studio: Studio, name: str) -> Job:
    """Looks for people in a picture; one look at a time."""
    return studio.hands.add("find", name, lambda job: pictures.find(studio, name, job))


async def picture(studio: Studio, call: Call) -> Response:
    """Who is in a picture."""
    found = await _people(studio, name_of(call))
    return JSONResponse(await run_in_threadpool(pictures.tell, studio, name_of(call), found))


async def picture_view(studio: Studio, call: Call) -> Response:
    """The picture as any browser shows it."""
    content = await run_in_threadpool(pictures.as_jpeg, studio, name_of(call))
    return Response(content, media_type="image/jpeg", headers={"cache-control": "no-cache"})


async def picture_mask(studio: Studio, call: Call) -> Response:
    """The outline of one person."""
    found, number = await _people(studio, name_of(call)), call.path_params["number"]
    if not 1 <= number <= len(found):
        raise DancegenError(f"there is no person {number}", "reload the page")
    content = await run_in_threadpool(pictures.as_mask, found[number - 1])
    return Response(content, media_type="image/png", headers={"cache-control": "no-store"})


async def picture_joints(studio: Studio, call: Call) -> Response:
    """Joints that were moved or hidden; the answer is who is in the picture now."""
    given, name = await json_of(call), name_of(call)
    await run_in_threadpool(pictures.keep_joints, studio, name, given.get("people"))
    return await picture(studio, call)


async def picture_paint(studio: Studio, call: Call) -> Response:
    """An outline that was painted."""
    name, number = name_of(call), call.path_params["number"]
    found = await _people(studio, name)
    await run_in_threadpool(pictures.keep_mask, studio, name, number, found, await body_of(call, LARGEST_MASK))
    return await picture(studio, call)


async def picture_forget(studio: Studio, call: Call) -> Response:
    """The picture as it was found."""
    await run_in_threadpool(pictures.forget, studio, name_of(call))
    return await picture(studio, call)


async def picture_people(studio: Studio, call: Call) -> Response:
    """Whom of a picture dances."""
    choice = str((await json_of(call)).get("people", ""))
    check_choice(choice)
    studio.project.path("pictures", name_of(call))
    await run_in_threadpool(studio.project.change_in, "people", name_of(call), choice)
    studio.note_change()
    return JSONResponse({})


async def _hear(studio: Studio, name: str) -> Any:
    studio.project.path("songs", name)
    return await result_of(studio, hear(studio, name))


def hear(studio: Studio, name: str) -> Job:
    """Listens to a song; once at a time."""
    return studio.hands.add("hear", name, lambda job: songs.hear(studio, name, job))


async def song(studio: Studio, call: Call) -> Response:
    """What is heard in a song."""
    return JSONResponse(songs.tell(await _hear(studio, name_of(call))))


async def song_sound(studio: Studio, call: Call) -> Response:
    """The song as any browser plays it."""
    path = await run_in_threadpool(songs.playable_file, studio, name_of(call))
    return FileResponse(path, media_type="audio/wav", headers={"cache-control": "no-cache"})


async def song_beats(studio: Studio, call: Call) -> Response:
    """Beats that are corrected; the answer is the song as it is heard now."""
    how = await json_of(call)
    heard = await _hear(studio, name_of(call))
    await run_in_threadpool(songs.mend, studio, name_of(call), heard, how)
    return await song(studio, call)


async def song_stretch(studio: Studio, call: Call) -> Response:
    """Which part of a song is danced to."""
    given = await json_of(call)
    heard = await _hear(studio, name_of(call))
    try:
        start = float(given.get("start", 0))
        length = None if given.get("duration") is None else float(given["duration"])
    except (TypeError, ValueError) as cause:
        raise DancegenError("a stretch of a song is told in seconds", "reload the page") from cause
    songs.check_length(heard, start, length)
    value = None if start == 0 and length is None else [start, length]
    await run_in_threadpool(studio.project.change_in, "stretches", name_of(call), value)
    studio.note_change()
    return JSONResponse({})


async def dance_make(studio: Studio, call: Call) -> Response:
    """Takes of a new dance; the answer is their file's name."""
    asked, name = await json_of(call), name_of(call)
    studio.project.path("songs", name)
    if clip := asked.get("clip"):
        job = studio.hands.add("dance", name, lambda job: dances.from_clip(studio, name, str(clip), job))
    else:
        job = studio.hands.add("dance", name, lambda job: dances.make(studio, name, asked, job))
    return JSONResponse({"name": await result_of(studio, job)})


async def dance_edit(studio: Studio, call: Call) -> Response:
    """Bars that are changed; the answer is the new version's name."""
    asked, name = await json_of(call), name_of(call)
    studio.project.path("songs", name)
    job = studio.hands.add("edit", name, lambda job: changes.edit(studio, name, asked, job))
    return JSONResponse({"name": await result_of(studio, job)})


async def dance_undo(studio: Studio, call: Call) -> Response:
    """An earlier or later version of a song's dance."""
    steps = -1 if (await json_of(call)).get("redo") else 1
    await run_in_threadpool(studio.project.go_back, name_of(call), steps)
    studio.note_change()
    return JSONResponse({})


async def dance_take(studio: Studio, call: Call) -> Response:
    """Which take is shown and rendered."""
    number = (await json_of(call)).get("take")
    history = studio.project.dance_of(name_of(call))
    if history is None or type(number) is not int or number < 1:
        raise DancegenError("there is no such take", "reload the page")
    await run_in_threadpool(studio.project.change_in, "dances", name_of(call), {**history, "take": number})
    studio.note_change()
    return JSONResponse({})


async def dance(studio: Studio, call: Call) -> Response:
    """A version of a dance."""
    return await _dance(dances.read, studio, call)


async def dance_poses(studio: Studio, call: Call) -> Response:
    """The joints of a take; a version never changes."""
    return await _poses(dances.read, studio, call)


async def clip(studio: Studio, call: Call) -> Response:
    """What was captured of a clip."""
    return await _dance(clips.read, studio, call)


async def clip_poses(studio: Studio, call: Call) -> Response:
    """The joints of a movement that was captured; the page asks with another query for another one."""
    return await _poses(clips.read, studio, call)


Reader = Callable[[Studio, str], "DanceFile"]


async def _dance(read: Reader, studio: Studio, call: Call) -> Response:
    return JSONResponse(await run_in_threadpool(lambda: dances.tell(read(studio, name_of(call)), name_of(call))))


async def _poses(read: Reader, studio: Studio, call: Call) -> Response:
    take = call.path_params["take"]
    content = await run_in_threadpool(lambda: dances.poses(read(studio, name_of(call)), take))
    return Response(content, media_type="application/octet-stream", headers={"cache-control": "private, max-age=3600"})
