"""The studio as a person meets it: Chromium without a screen and without a network, the program as its own process.

`.ci/run` runs this in an environment that has the extra [studio] and playwright; where they or a browser lack, it is
skipped. It prints what the studio promises: time until it can be used, until takes are shown, sound against picture.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from conftest import ROOT, click_track
from PIL import Image

from dancegen.assets.example import PICTURE
from dancegen.body.keypoints import read_keypoints
from dancegen.ffmpeg import ffmpeg_program

sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("starlette", reason="needs the extra [studio]")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in BROWSERS if (found := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="needs Chromium")

NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
PATIENCE = 180_000  # milliseconds
SECONDS = 30  # of the song
SMALL = {"option-size": "64", "option-fps": "5"}
TRACK = """() => new Promise((done) => {
  const audio = [], shown = [], begin = performance.now();
  const look = () => {
    audio.push([performance.now(), studio.audio.currentTime]);
    shown.push([studio.shownAt.at, studio.shownAt.seconds]);
    if (performance.now() - begin < 2500) requestAnimationFrame(look); else done([audio, shown]);
  };
  requestAnimationFrame(look);
})"""
UNNAMED = """[...document.querySelectorAll('button, input, select, [role=slider]')]
  .filter((one) => one.checkVisibility() && !(one.innerText || one.ariaLabel || one.closest('label')?.innerText ||
    one.querySelector('img[alt]')))
  .map((one) => one.outerHTML)"""
# The smallest contrast of a text with what is behind it, of all texts that are shown.
CONTRAST = """(() => {
  const parts = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([red, green, blue]) => [red, green, blue].map((one) => one / 255)
    .map((one) => one <= .04045 ? one / 12.92 : ((one + .055) / 1.055) ** 2.4)
    .reduce((sum, one, number) => sum + one * [.2126, .7152, .0722][number], 0);
  const behind = (one) => {
    for (; one; one = one.parentElement) {
      const found = parts(getComputedStyle(one).backgroundColor);
      if (found.length < 4 || found[3] > .99) return found;
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll('body *')].filter((one) => one.checkVisibility() &&
    !one.closest(':disabled') && [...one.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()));
  return Math.min(...texts.map((one) => {
    const [high, low] = [light(parts(getComputedStyle(one).color)), light(behind(one))].sort((a, b) => b - a);
    return (high + .05) / (low + .05);
  }));
})()"""


class Program:
    """`dancegen studio PROJECT` as its own process."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._log = folder, folder.with_suffix(".log")
        words = ["studio", str(folder), "--no-browser", "--offline", "--device", "cpu"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2"}
        with self._log.open("w") as log:
            command = [sys.executable, "-m", "dancegen", *words]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self.address = self._address()

    def _address(self) -> str:
        for _ in range(600):
            if found := re.search(r"http://127\S+", self._log.read_text()):
                return found[0]
            time.sleep(0.1)
        raise AssertionError(self._log.read_text())

    @property
    def said(self) -> str:
        """What it printed."""
        return self._log.read_text()

    @property
    def memory(self) -> float:
        """MB that it holds."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def end(self, how: int = signal.SIGTERM) -> None:
        self.process.send_signal(how)
        self.process.wait(30)


@dataclass
class Visit:
    """A page, every fault that its console told, and every address that it asked for."""

    page: Any
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    clicks: int = 0

    def click(self, selector: str) -> None:
        self.page.click(selector)
        self.clicks += 1

    def choose(self, selector: str, file: Path) -> None:
        """A file through the button that opens the system's dialog."""
        with self.page.expect_file_chooser() as dialog:
            self.page.click(f"label:has({selector})")
        self.clicks += 1
        dialog.value.set_files(file)

    def fill(self, values: dict[str, str]) -> None:
        for name, value in values.items():
            self.page.fill(f"#{name}", value)
            self.page.press(f"#{name}", "Tab")

    def wait(self, selector: str, patience: int = PATIENCE) -> Any:
        return self.page.wait_for_selector(selector, timeout=patience)

    def json(self, path: str) -> Any:
        return self.page.evaluate("async (path) => (await fetch(path)).json()", path)

    def until(self, what: str) -> None:
        """Waits until an expression is true; the page's own policy lets nobody do that in it."""
        for _ in range(PATIENCE // 20):
            if self.page.evaluate(what):
                return
            time.sleep(0.02)
        raise AssertionError(what)

    def state(self) -> dict[str, Any]:
        return self.json("/api/state")["state"]  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as driver:
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", NOWHERE]
        found = driver.chromium.launch(executable_path=BROWSER, args=arguments)
        yield found
        found.close()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    found = Program(tmp_path / "project")
    yield found
    if found.process.poll() is None:
        found.end()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """`visit(address, width)`: a page in a browser of its own."""
    with contextlib.ExitStack() as stack:

        def open_page(address: str, width: int = 1280, context: Any = None) -> Visit:
            own = context or browser.new_context(viewport={"width": width, "height": 800}, reduced_motion="reduce")
            if context is None:
                stack.callback(own.close)
            found = Visit(own.new_page())
            found.page.on(
                "console", lambda message: message.type in ("error", "warning") and found.faults.append(message.text)
            )
            found.page.on("pageerror", lambda error: found.faults.append(str(error)))
            found.page.on("request", lambda request: found.asked.append(request.url))
            found.page.goto(address)
            found.wait("body[data-ready]")
            return found

        yield open_page


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "beat.wav"
    samples, _ = click_track(120, SECONDS, rate=44_100)
    soundfile.write(path, samples, 44_100)
    return path


def frames(video: Path) -> np.ndarray:
    """(T, h, w, 3) uint8."""
    made = Image.open(PICTURE)
    width, height = (2 * round(side * 64 / max(made.size) / 2) for side in made.size)
    command = [ffmpeg_program(), "-v", "error", "-i", str(video), "-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)


def offset(tracked: Any) -> np.ndarray:
    """Milliseconds by which what was drawn is ahead of the sound; the sound's place is a line through what it told."""
    audio, shown = (np.asarray(part, float) for part in tracked)
    slope, begin = np.polyfit(audio[:, 0], audio[:, 1], 1)
    return 1000 * (shown[:, 1] - (slope * shown[:, 0] + begin))


def place(page: Any, joint: int) -> tuple[float, float]:
    """Where a joint is on the screen."""
    found = page.evaluate("async () => (await fetch('/api/pictures/dancer.png')).json()")
    x, y, _ = found["people"][0]["joints"][joint]
    box = page.locator("#body").bounding_box()
    return box["x"] + x * box["width"] / found["size"][0], box["y"] + y * box["height"] / found["size"][1]


def test_from_nothing_to_a_video_and_an_elbow_that_was_dragged(
    program: Program, visit: Callable[..., Visit], song: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    here = visit(program.address)
    usable = time.monotonic() - began
    assert "key=" not in here.page.url  # it does not stay in the address
    here.choose("#add-picture", PICTURE)
    here.wait("#joint-list")
    here.choose("#first-song", song)
    here.wait("#deck:not([hidden])")
    here.click("#tab-dance")
    began = time.monotonic()
    here.click("#make-takes")
    here.wait("#scores")
    taken = time.monotonic() - began
    began = time.monotonic()
    here.click("#play")
    here.until("studio.audio.currentTime > 0.05 && studio.shownAt.seconds > 0")
    started = time.monotonic() - began
    apart = offset(here.page.evaluate(TRACK))
    here.page.click("#play")
    here.click("#tab-video")
    here.page.click("#more summary")
    here.fill(SMALL)
    here.click("#make-video")
    here.wait("[data-film][data-state=done] video")
    assert here.clicks < 10
    first = frames(next((program.folder / "videos").glob("*.mp4")))
    # The person of the preview is drawn by the renderer.
    here.until("studio.preview.drawn >= 0")
    here.page.click("#play")
    here.until("studio.preview.shown.moment > 3.5")
    rate = here.page.evaluate("studio.preview.rate")
    here.page.click("#play")
    # An elbow is dragged, and the dancer's arm is another.
    here.page.click("#tab-picture")
    x, y = place(here.page, 3)
    here.page.mouse.move(x, y)
    here.page.mouse.down()
    here.page.mouse.move(x - 30, y - 25, steps=5)
    with here.page.expect_response("**/joints"):
        here.page.mouse.up()
    pose = program.folder / "pictures" / "dancer.pose.json"
    assert np.hypot(*(np.subtract(place(here.page, 3), (x - 30, y - 25)))) < 2
    assert read_keypoints(pose)[0].confidence[0][3] > 0
    here.page.click("#tab-video")
    here.page.click("#make-video")
    here.wait("[data-film$='-2'][data-state=done]")
    second = frames(next((program.folder / "videos").glob("*-2.mp4")))
    assert second.shape == first.shape and np.abs(second.astype(int) - first).mean() > 0.5
    assert here.faults == [] and all(url.startswith(("http://127.0.0.1:", "blob:", "data:")) for url in here.asked)
    told = [f"usable after {usable:.1f} s, takes of {SECONDS} s after {taken:.1f} s, plays after {started:.1f} s"]
    told += [f"picture and sound {np.median(np.abs(apart)):.1f} ms apart, at most {np.abs(apart).max():.1f}"]
    told += [f"preview {rate:.0f} frames/s, {here.clicks} clicks to the first video, {program.memory:.0f} MB"]
    with capsys.disabled():
        sys.stdout.writelines(f"\nstudio: {line}" for line in told)
    assert usable < 6 and started < 2 and np.median(np.abs(apart)) + 1000 / 60 < 40


def test_bars_reload_two_tabs_and_the_end_of_the_process(
    program: Program, visit: Callable[..., Visit], song: Path, tmp_path: Path
) -> None:
    here = visit(program.address)
    here.click("#example")
    here.wait("#joint-list")
    here.page.click("#tab-dance")
    here.fill({"takes": "2"})
    here.page.click("#make-takes")
    here.wait("#scores")
    poses = "async (name) => [...new Float32Array(await (await fetch(`/api/dances/${name}/1`)).arrayBuffer())]"
    before = np.array(here.page.evaluate(poses, "tune-1.dance.json")).reshape(-1, 54)
    if here.state()["dances"]["tune.ogg"]["take"] != 1:
        here.page.click("[data-key=take-1]")
        here.wait("[data-key=take-1][aria-pressed=true]")
    here.fill({"bar-from": "3", "bar-to": "4"})
    with here.page.expect_response("**/edit"):
        here.page.click("#redo-bars")
    here.wait("#undo-dance:not([disabled])")
    after = np.array(here.page.evaluate(poses, "tune-2.dance.json")).reshape(-1, 54)
    bars = here.json("/api/dances/tune-2.dance.json")["bars"]
    begin, end = (
        next(bar for bar in bars if bar["number"] == number)[side] for number, side in ((3, "begin"), (4, "end"))
    )
    changed = np.flatnonzero((before != after).any(axis=1)) / 30
    assert len(changed) and changed[0] >= begin - 0.04 and changed[-1] <= end + 0.04
    # A second tab sees it, undoes it, and the first one follows.
    other = visit(program.address, context=here.page.context)
    other.page.click("#tab-dance")
    other.page.click("#undo-dance")
    here.wait("#undo-dance[disabled]")
    # What is no song is refused in a sentence, and the work goes on.
    wrong = tmp_path / "words.mp3"
    wrong.write_text("no music")
    here.page.click("#tab-song")
    with here.page.expect_file_chooser() as dialog:
        here.page.click("label:has(#more-songs)")
    dialog.value.set_files(wrong)
    assert "words.mp3" in here.wait("#notes div").inner_text()
    here.page.click("#notes button")
    expected = [text for text in here.faults if "400" in text]
    # A long video is stopped, a page that is reloaded in the middle finds it again.
    here.page.click("#tab-video")
    here.page.click("#make-video")
    here.wait("[data-state=running]")
    here.page.reload()
    here.wait("[data-state=running]")
    here.page.click("[data-key^=stop-]")
    here.wait("[data-state=stopped]")
    assert not list((program.folder / "videos").glob("*.mp4"))
    # The process is killed in the middle: another one finds everything but the frames.
    here.page.click("[data-key^=again-]")
    here.wait("[data-state=running]")
    chosen = here.state()
    program.end(signal.SIGKILL)
    again = Program(program.folder)
    try:
        there = visit(again.address)
        assert there.state() == chosen
        there.page.click("#tab-video")
        assert there.wait("[data-state='']")
        assert there.faults == []
    finally:
        again.end()
    faults = [text for text in [*here.faults, *other.faults] if text not in expected and "ERR_" not in text]
    assert faults == [] and "Traceback" not in program.said + again.said


def test_by_keyboard_and_on_a_narrow_screen(program: Program, visit: Callable[..., Visit]) -> None:
    here = visit(program.address, 320)
    here.page.focus("#example")
    here.page.keyboard.press("Enter")
    here.wait("#joint-list")
    here.page.focus("#joint-list summary")
    here.page.keyboard.press("Enter")
    here.page.focus("[data-key=joint-4]")
    here.page.keyboard.press("Enter")
    before = place(here.page, 4)
    with here.page.expect_response("**/joints"):
        for _ in range(5):
            here.page.keyboard.press("ArrowUp")
    assert place(here.page, 4)[1] < before[1] - 2
    for tab in ("picture", "song", "dance", "video"):
        here.page.focus(f"#tab-{tab}")
        here.page.keyboard.press("Enter")
        wide = here.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, (tab, wide)
        assert here.page.locator("[role=tab][aria-selected=true]").get_attribute("id") == f"tab-{tab}"
        assert here.page.evaluate(UNNAMED) == []
        for scheme in ("light", "dark"):
            here.page.emulate_media(color_scheme=scheme)
            assert here.page.evaluate(CONTRAST) >= 4.5
    here.page.focus("#line")
    here.page.keyboard.press("ArrowRight")
    assert here.page.get_attribute("#line", "aria-valuetext")
    assert here.faults == []
