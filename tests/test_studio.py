"""The studio without a browser: who may come in, what is kept in the project, and that the command line opens it."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Ran
from PIL import Image

from dancegen.assets.example import PICTURE, POSE
from dancegen.dances.read_dance import read_dance
from dancegen.errors import DancegenError
from dancegen.production import request as requests
from dancegen.production.request import Request

pytest.importorskip("starlette", reason="needs the extra [studio]")
pytest.importorskip("uvicorn", reason="needs the extra [studio]")

from starlette.testclient import TestClient
from studio_tools import BROKEN, HOME, OURS, PORT, Open, one_line, open_studio

from dancegen.web import choices, dances
from dancegen.web.app import make_app
from dancegen.web.guard import Guard
from dancegen.web.project import Project
from dancegen.web.serve import check_door
from dancegen.web.studio import Studio


def test_only_the_page_with_the_key_comes_in(studio: Open) -> None:
    stranger = TestClient(studio.guard, base_url=HOME)
    assert stranger.get("/api/state").status_code == 403
    assert stranger.get("/?key=wrong").status_code == 403
    answer = stranger.get(f"/?key={studio.guard.key}")
    assert {"HttpOnly", "SameSite=Strict"} <= set(answer.headers["set-cookie"].split("; "))
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert stranger.get("/api/state").status_code == 200
    assert stranger.post("/api/example").status_code == 403  # a form of another page cannot send the header


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": f"127.0.0.1.evil.example:{PORT}"},
        {"host": "127.0.0.1:1"},
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_other_pages_and_names_are_refused(studio: Open, headers: dict[str, str]) -> None:
    assert studio.page.get("/api/state", headers=headers).status_code == 403
    assert studio.page.post("/api/example", headers=headers).status_code == 403
    assert not studio.studio.project.names("songs")


def test_a_password_opens_the_door_to_the_network(studio: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dancegen.web.guard.WRONG_WAIT", 0.01)
    guard = Guard(make_app(studio.studio), PORT, "0.0.0.0", "open sesame")
    page = TestClient(guard, base_url=f"http://127.0.0.1:{PORT}", headers=OURS)
    page.headers["host"] = f"192.0.2.7:{PORT}"
    assert page.get("/").status_code == 401 and page.get("/?key=None").status_code == 401
    assert page.post("/login", data={"password": "sesame"}).status_code == 401
    assert page.get("/api/state").status_code == 401
    assert (
        page.post("/login", data={"password": "open sesame"}, headers={"origin": "http://evil.example"}).status_code
        == 403
    )
    assert page.post("/login", data={"password": "open sesame"}, follow_redirects=False).status_code == 303
    assert page.get("/api/state").status_code == 200
    assert page.get("/api/state", headers={"host": "evil.example"}).status_code == 403  # a name made to point here
    for host, password in (("0.0.0.0", None), ("0.0.0.0", "short")):
        with pytest.raises(DancegenError, match="password"):
            check_door(host, 0, password)


@pytest.mark.parametrize(
    "path",
    ["/files/videos/..%2Fproject.json", "/files/songs/%2Fetc%2Fpasswd", "/files/../project.json", "/files/secret/a.mp3",
     "/files/songs/.played", "/static/..%2Fapp.py", "/static/app.py", "/api/dances/..%2Fproject.json"],
)  # fmt: skip
def test_no_address_leads_out_of_the_project(studio: Open, path: str) -> None:
    studio.studio.project.change(song=None)
    assert studio.page.get(path).status_code in (400, 404)


def test_a_link_out_of_the_project_is_not_followed(studio: Open, tmp_path: Path) -> None:
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    (studio.folder / "videos" / "a.mp4").symlink_to(tmp_path / "secret.mp4")
    assert "there is no a.mp4" in studio.refused("GET", "/files/videos/a.mp4")


def test_wrong_files_are_refused_in_a_sentence(studio: Open) -> None:
    for name, says in (
        ("song.mp3", "song.mp3"),
        ("me.png", "me.png is not a picture"),
        ("tool.exe", "neither a song nor a picture"),
        ("no-ending", "neither a song nor a picture"),
        ("a.json", "no dance file"),
    ):
        assert says in studio.refused("PUT", f"/api/files/{name}", content=BROKEN)
    half = PICTURE.read_bytes()[:20_000]
    assert "damaged or cut off" in studio.refused("PUT", "/api/files/half.png", content=half)
    large = studio.page.put("/api/files/a.mp3", content=b"x", headers={"content-length": str(1 << 40)})
    assert "more than the 1024 MB" in large.json()["error"]
    assert not [path for path in studio.folder.rglob("*") if path.is_file()]


def test_a_file_keeps_a_name_that_every_system_takes(studio: Open) -> None:
    content = PICTURE.read_bytes()
    taken = studio.page.put("/api/files/..%5C..%5Cme%20%3A%3F%20.png", content=content).json()
    assert taken == {"kind": "picture", "name": "me _.png"}
    assert studio.page.put("/api/files/me%20_.png", content=content).json()["name"] == "me _.png"  # the same again
    other = BytesIO()
    Image.open(PICTURE).rotate(3).save(other, "PNG")
    assert studio.page.put("/api/files/me%20_.png", content=other.getvalue()).json()["name"] == "me _-2.png"


def test_corrections_are_the_files_that_the_command_line_takes(filled: Open) -> None:
    found = filled.json("GET", "/api/pictures/me.png")
    joints = [person["joints"] for person in found["people"]]
    joints[0][3][:2] = [100.0, 200.0]  # the right elbow
    joints[0][17][2] = 0  # the left ear is hidden
    again = filled.json("PUT", "/api/pictures/me.png/joints", {"people": joints})
    assert again["people"][0]["joints"][3][:2] == [100.0, 200.0] and again["people"][0]["joints"][17][2] == 0
    assert (filled.folder / "pictures" / "me.pose.json").is_file()
    painted = BytesIO()
    Image.fromarray(np.pad(np.full((300, 200), 255, np.uint8), ((100, 320), (100, 180)))).save(painted, "PNG")
    answer = filled.page.put("/api/pictures/me.png/mask/1", content=painted.getvalue())
    assert answer.json()["people"][0]["painted"]
    name = filled.json("POST", "/api/videos", {"size": 64, "fps": 5.0})["name"]
    values = json.loads((filled.folder / f"{name}.json").read_text())
    assert (values["pose"], values["mask"]) == (f"asked/{name}.pose.json", f"asked/{name}.mask.png")
    frozen = {file: (filled.folder / file).read_bytes() for file in (values["pose"], values["mask"])}
    assert frozen[values["pose"]] == (filled.folder / "pictures" / "me.pose.json").read_bytes()
    assert frozen[values["mask"]] == (filled.folder / "pictures" / "me.mask.png").read_bytes()
    assert "not a picture" in filled.refused("PUT", "/api/pictures/me.png/mask/1", content=BROKEN)
    assert filled.json("DELETE", "/api/pictures/me.png/corrections")["mended"] is False
    assert not list((filled.folder / "pictures").glob("me.*.*"))
    assert all((filled.folder / file).read_bytes() == content for file, content in frozen.items())  # what was asked for


def test_a_video_that_waits_is_made_as_it_was_asked_for(filled: Open) -> None:
    """Joints that are moved, and outlines that are painted, while videos wait are for the next ones."""
    first = filled.json("POST", "/api/videos", {"size": 64, "fps": 5.0})["name"]
    filled.wait(first, "done")
    go_on = threading.Event()
    filled.studio.films.add("film", "", lambda job: go_on.wait())  # a long one before it
    waiting = filled.json("POST", "/api/videos", {"size": 64, "fps": 5.0})["name"]
    joints = [person["joints"] for person in filled.json("GET", "/api/pictures/me.png")["people"]]
    joints[0][3][:2] = [100.0, 200.0]
    filled.json("PUT", "/api/pictures/me.png/joints", {"people": joints})
    later = filled.json("POST", "/api/videos", {"size": 64, "fps": 5.0})["name"]
    go_on.set()
    files = [filled.wait(name, "done")["file"] for name in (first, waiting, later)]
    made = [(filled.folder / "videos" / file).read_bytes() for file in files]
    assert made[0] == made[1] != made[2]


def test_where_nobody_is_found_the_joints_are_placed_by_hand(filled: Open) -> None:
    empty = BytesIO()
    Image.new("RGB", (200, 320), "white").save(empty, "PNG")
    filled.page.put("/api/files/empty.png", content=empty.getvalue())
    assert filled.refused("GET", "/api/pictures/empty.png").startswith("no person was found in empty.png: ")
    joints = [
        [*place, 1.0]
        for place in np.reshape(json.loads(POSE.read_text())["people"][0]["pose_keypoints_2d"], (-1, 3))[:, :2] / 2.4
    ]
    answer = filled.json("PUT", "/api/pictures/empty.png/joints", {"people": [joints]})
    assert len(answer["people"]) == 1


def test_beats_are_mended_by_hand(filled: Open) -> None:
    heard = filled.json("GET", "/api/songs/beat.wav")
    assert heard["tempo"] == pytest.approx(120, abs=2) and not heard["mended"]
    half = filled.json("POST", "/api/songs/beat.wav/beats", {"do": "half"})
    assert half["tempo"] == pytest.approx(60, abs=1) and half["mended"]
    again = filled.json("POST", "/api/songs/beat.wav/beats", {"do": "double"})
    assert len(again["beats"]) >= len(heard["beats"]) - 1
    moved = filled.json("POST", "/api/songs/beat.wav/beats", {"do": "bar", "beat": 2})
    assert moved["downbeats"][0] == 2
    dragged = filled.json(
        "POST", "/api/songs/beat.wav/beats", {"do": "move", "beat": 3, "to": moved["beats"][3] + 0.03}
    )
    assert dragged["beats"][3] == pytest.approx(moved["beats"][3] + 0.03, abs=1e-3)
    tapped = filled.json("POST", "/api/songs/beat.wav/beats", {"do": "tap", "taps": [0.31, 0.91, 1.49, 2.72]})
    assert tapped["tempo"] == pytest.approx(100, abs=2)
    assert (filled.folder / "songs" / "beat.wav.beats.txt").read_text().startswith("# beats of beat.wav")
    assert filled.json("POST", "/api/songs/beat.wav/beats", {"do": "reset"})["beats"] == heard["beats"]
    for wrong in (
        {"do": "bar", "beat": 999},
        {"do": "tap", "taps": [1, 2]},
        {"do": "fly"},
        {"do": "move", "beat": "x"},
    ):
        assert filled.refused("POST", "/api/songs/beat.wav/beats", wrong)


def test_bars_are_changed_and_everything_else_stays_bit_for_bit(filled: Open) -> None:
    before = one_line(filled)
    number = before.default_take
    told = filled.json("GET", "/api/dances/beat-1.dance.json")
    bar = next(one for one in told["bars"] if one["number"] == 1)
    begin, end = (round(bar[side] * before.fps) for side in ("begin", "end"))
    first = told["bars"][0]["number"]
    for what in ({"do": "redo", "seed": 77, "style": "tango"}, {"do": "mirror"}):
        filled.json("POST", "/api/songs/beat.wav/edit", {**what, "bars": [[1, 1]]})
        old, new = (one.take(number).skeleton.joints for one in (before, one_line(filled)))
        changed = np.flatnonzero((old != new).any(axis=(1, 2)))
        assert len(changed) and changed[0] >= (0 if first == 1 else begin) and changed[-1] < end
        filled.json("POST", "/api/songs/beat.wav/undo", {})
        assert one_line(filled).take(number).skeleton.joints.tobytes() == old.tobytes()
    filled.json("POST", "/api/songs/beat.wav/edit", {"do": "keep", "seed": 78, "bars": [[1, 1]]})
    kept = one_line(filled).take(number).skeleton.joints
    assert kept[begin:end].tobytes() == old[begin:end].tobytes() and (kept[end:] != old[end:]).any()
    for wrong in ([], [[0, 99]], [["a", 1]], None):
        assert filled.refused("POST", "/api/songs/beat.wav/edit", {"do": "redo", "bars": wrong})
    assert "reload" in filled.refused("POST", "/api/songs/beat.wav/edit", {"do": "fly", "bars": [[1, 1]]})


def test_the_first_take_is_shown_while_the_others_are_made(filled: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[list[str]] = []
    keep = dances.keep

    def keep_and_look(studio: Studio, song: str, *given: Any, **how: Any) -> str:
        name = keep(studio, song, *given, **how)
        shown.append(studio.project.state["dances"][song]["versions"])
        return name

    monkeypatch.setattr("dancegen.web.dances.keep", keep_and_look)
    filled.json("POST", "/api/songs/beat.wav/dance", {"takes": 3, "seed": 9})
    first, both = (made[-1] for made in shown)
    assert [len(made) for made in shown] == [2, 2] and first.endswith(".first.dance.json")
    one, all_three = (read_dance(filled.folder / "dances" / name) for name in (first, both))
    assert len(one.takes) == 1 and len(all_three.takes) == 3
    assert one.takes[0].skeleton.joints.tobytes() == all_three.takes[0].skeleton.joints.tobytes()
    filled.json("POST", "/api/songs/beat.wav/undo", {})  # one step, to the dance before
    assert one_line(filled).takes[0].seed == 5
    filled.json("POST", "/api/songs/beat.wav/dance", {"takes": 1})
    assert not (filled.folder / "dances" / first).exists() and (filled.folder / "dances" / both).exists()


def test_what_lies_in_the_folder_does_not_stop_the_page(filled: Open) -> None:
    (filled.folder / "notes & thoughts!.json").write_text("{}")
    (filled.folder / "broken.json").write_bytes(b"\xff\xfe{")
    assert [one["name"] for one in filled.json("GET", "/api/state")["videos"]] == ["broken"]
    filled.json("POST", "/api/songs/beat.wav/dance", {"takes": 1})


def test_what_the_studio_writes_the_command_line_renders(filled: Open, run_main: Callable[..., Ran]) -> None:
    filled.json("PUT", "/api/songs/beat.wav/take", {"take": 2})
    asked = {"size": 64, "fps": 5.0, "background": "#00b140"}
    made = filled.json("POST", "/api/videos", asked)
    film = filled.wait(made["name"], "done", "failed")
    assert film["state"] == "done", film
    ours = filled.page.get(f"/files/videos/{film['file']}?save")
    assert ours.headers["content-disposition"].startswith("attachment") and len(ours.content) > 1000
    ranged = filled.page.get(f"/files/videos/{film['file']}", headers={"range": "bytes=0-99"})
    assert ranged.status_code == 206 and len(ranged.content) == 100
    report = filled.page.get(f"/files/videos/{film['report']}")
    assert "sandbox" in report.headers["content-security-policy"]
    words = made["command"].split()
    ran = run_main(*words[1:])
    assert ran.status == 0, ran.err
    again = Path(words[-1])
    assert again.parent == filled.folder and again.read_bytes() == ours.content


def test_a_video_that_is_stopped_leaves_nothing_and_can_be_made_again(filled: Open) -> None:
    made = filled.json("POST", "/api/videos", {"size": 256, "fps": 120.0})
    job = filled.wait(made["name"], "running")["job"]
    assert filled.json("DELETE", f"/api/jobs/{job['number']}")["stopped"]
    filled.wait(made["name"], "stopped")
    assert not list((filled.folder / "videos").iterdir())
    (filled.folder / f"{made['name']}.json").write_text(
        json.dumps(json.loads((filled.folder / f"{made['name']}.json").read_text()) | {"size": 64, "fps": 5.0})
    )
    filled.json("POST", f"/api/videos/{made['name']}", {})
    assert filled.wait(made["name"], "done", "failed")["state"] == "done"


def test_another_studio_of_the_project_finds_all_of_it(filled: Open, tiny_weights: Path, tiny_vimo: Path) -> None:
    filled.json("PUT", "/api/pictures/me.png/people", {"people": "all"})
    filled.json("PUT", "/api/songs/beat.wav/stretch", {"start": 1.0, "duration": 2.0})
    filled.json("PATCH", "/api/state", {"choices": {"size": 64}})
    (filled.folder / ".incoming").mkdir(exist_ok=True)
    before = filled.json("GET", "/api/state")["state"]
    other = open_studio(filled.folder, tiny_weights, tiny_vimo)
    assert other.json("GET", "/api/state")["state"] == before
    other.studio.close()
    (filled.folder / "project.json").write_text('{"version": 1, "dances": 3}')
    with pytest.raises(DancegenError, match="is not as the studio writes it"):
        Project(filled.folder)


def test_a_preview_begins_where_it_is_asked_to(filled: Open) -> None:
    with filled.page.stream("POST", "/api/preview", json={"choices": {"camera": "push"}, "from": 3.0}) as answer:
        content = answer.read()
    moments = []
    while content:
        size = int.from_bytes(content[:4], "little")
        moments.append(float(np.frombuffer(content[4:8], "<f4")[0]))
        assert max(Image.open(BytesIO(content[8 : 8 + size])).size) == 256
        content = content[8 + size :]
    assert moments[0] == pytest.approx(3.0) and moments[-1] > 3.6 and moments == sorted(moments)


def test_every_attribute_of_a_request_has_its_place() -> None:
    offered = {one["name"]: one for one in choices.offers()}
    for one in dataclasses.fields(Request):
        assert one.name in offered or choices.GROUPS.get(one.name) in ("files", ""), one.name
        assert one.name not in offered or offered[one.name]["says"], one.name
    assert offered["fit"]["words"] == list(requests.FITS) and offered["turns"]["words"] == [0.0, 0.5, 1.0]
    assert offered["camera"]["kind"] == "words" and "push" in offered["camera"]["words"]
    assert offered["size"]["limits"] == requests.LIMITS["size"]
