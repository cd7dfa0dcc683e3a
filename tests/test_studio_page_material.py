"""The studio's page with material: clips that are captured, styles, the camera, a green screen, and many videos."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dancegen.dances.read_dance import read_dance

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("starlette", reason="needs the extra [studio]")

from studio_page_tools import SMALL, Program, Visit, frames

from tests.test_style_learning import dance_of, swinging

GREEN = np.array([0, 177, 64])
RENDERS = int(os.environ.get("DANCEGEN_TEST_RENDERS", "16"))  # 50 to see that memory stays flat; each takes a second
GROWTH = 40  # MB that may be added after the first few


def open_example(visit: Callable[..., Visit], program: Program, takes: int = 1) -> Visit:
    """A page with the example and takes of a dance."""
    here = visit(program.address)
    here.click("#example")
    here.wait("#joint-list")
    here.page.click("#tab-dance")
    here.fill({"takes": str(takes)})
    return here


def shown(program: Program, here: Visit) -> Any:
    """The dance file that is shown."""
    history = here.state()["dances"]["tune.ogg"]
    return read_dance(program.folder / "dances" / history["versions"][history["at"]])


def test_a_clip_is_captured_while_others_dance_and_its_moves_are_used(
    tmp_path: Path, visit: Callable[..., Visit], pose_clip: Path, tiny_vimo: Path
) -> None:
    program = Program(tmp_path / "project", "--weights", f"capture.vimo={tiny_vimo}")
    try:
        here = open_example(visit, program)
        here.page.click("#clips summary")
        here.choose("#add-clip", pose_clip)
        here.page.click("#make-takes")
        here.wait("[data-clip][data-state=done]")
        here.wait("#scores")
        before = shown(program, here).takes[0].skeleton.joints
        # Its movement is shown as a take, its own film beside it.
        here.page.click("[data-key^=show-clip]")
        here.until("document.querySelector('#dance-hint').textContent === 'poses.mp4'")
        here.until("document.querySelector('.film-inset video').readyState > 1")
        here.page.click("[data-key^=show-clip]")
        # Bars are danced like it, and filled; everything else is left alone.
        here.fill({"bar-from": "3", "bar-to": "4"})
        here.page.select_option("#bar-like", "poses.mp4")
        with here.page.expect_response("**/edit"):
            here.page.click("#fill-bars")
        here.wait("#undo-dance:not([disabled])")
        filled = shown(program, here)
        changed = np.flatnonzero((filled.takes[0].skeleton.joints != before).any(axis=(1, 2))) / 30
        bars = {bar["number"]: bar for bar in here.json("/api/dances/tune-2.dance.json")["bars"]}
        assert changed[0] >= bars[3]["begin"] - 0.04 and changed[-1] <= bars[4]["end"] + 0.04
        # Into the bars as it is, and the whole song.
        with here.page.expect_response("**/edit"):
            here.page.click("[data-key^=bars-clip]")
        assert any(one.name == "poses.mp4" for one in shown(program, here).takes[0].sources)
        with here.page.expect_response("**/dance"):
            here.page.click("[data-key^=song-clip]")
        here.until("studio.store.dance.takes.length === 4")
        assert shown(program, here).takes[0].style == "captured"
        # Captured again, and stopped: what was there before stays.
        here.page.click("[data-clip] details summary")
        stamp = (program.folder / "clips" / "poses.mp4.dance.json").stat().st_mtime_ns
        here.page.click("[data-key^=capture-]")
        here.page.click("[data-key^=stop-clip]")
        here.wait("[data-clip][data-state=done]")
        assert (program.folder / "clips" / "poses.mp4.dance.json").stat().st_mtime_ns == stamp
        assert here.faults == [] and "Traceback" not in program.said
    finally:
        program.end()


def learn_and_stop(here: Visit) -> None:
    """A style of one's own is begun, stopped, and waits to be gone on with."""
    here.page.click("#learnt summary")
    here.fill({"style-name": "moon"})
    here.page.click("#learn-style")
    here.wait("[data-style='moon.style.safetensors'][data-state=running] progress")
    here.page.click("[data-key^=stop-style]")
    here.wait("[data-style][data-state=stopped] [data-key^=learn-on]")
    assert here.state()["learnt"] == {"moon.style.safetensors": {"clips": ["a.mp4"], "steps": 800}}


def test_style_camera_green_screen_and_many_videos(
    program: Program, visit: Callable[..., Visit], pose_clip: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(pose_clip, program.folder / "clips" / "a.mp4")
    dance_of(program.folder / "clips" / "a.mp4.dance.json", swinging(30))
    here = open_example(visit, program)
    here.page.select_option("#option-style", "waltz")
    here.page.click("#make-takes")
    here.wait("#scores")
    assert "waltz" in here.page.inner_text("#scores summary") and shown(program, here).takes[0].style == "waltz"
    learn_and_stop(here)
    here.page.click("#tab-video")
    here.page.click("[data-key='shape-9:16']")
    here.page.select_option("#option-background", "#00b140")
    for move in ("push", "cuts"):
        here.page.click(f"[data-key=option-camera-{move}]")
        here.wait(f"[data-key=option-camera-{move}][aria-pressed=true]")
    here.page.click("#more summary")
    here.fill({"option-canvas": "72x128", "option-fps": "5"})
    here.page.click("#make-video")
    here.wait("[data-film][data-state=done] video")
    asked = json.loads(next(program.folder.glob("take1.json")).read_text())
    assert (asked["canvas"], asked["background"], asked["camera"]) == ("72x128", "#00b140", "push,cuts")
    film = frames(next((program.folder / "videos").glob("*.mp4")))
    green = np.abs(film.astype(int) - GREEN).max(axis=-1) < 40  # (T, h, w)
    person, tall = (~green).mean(axis=(1, 2)), (~green).any(axis=2).sum(axis=1)
    assert film.shape[1:3] == (128, 72) and green[:, :4].mean() > 0.9
    assert person.min() > 0.03
    assert tall[-10:].max() > 1.05 * tall[:3].mean()  # the camera has come nearer to who stands at both ends
    # Many videos one after the other take no more memory than a few.
    here.page.click("[data-key='shape-Picture’s']")
    here.fill(SMALL)
    held = []
    for number in range(2, RENDERS + 2):
        here.page.click("#make-video")
        here.wait(f"[data-film$='-{number}'][data-state=done]")
        held.append(program.resting)
    with capsys.disabled():
        sys.stdout.write(f"\nstudio: MB after each video: {' '.join(f'{one:.0f}' for one in held)}")
    # The first take what all need: 750 MB become 830; single ones differ by 60 as garbage is left or collected.
    half = len(held) // 2 + 2
    assert min(held[half:]) - min(held[4:half]) < GROWTH
    assert here.faults == [] and not re.search("Traceback", program.said)
