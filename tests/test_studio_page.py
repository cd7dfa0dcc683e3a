"""The studio as a person meets it: Chromium without a screen and without a network, the program as its own process.

`.ci/run` runs this in an environment that has the extra [studio] and playwright; where they or a browser lack, it is
skipped. It prints what the studio promises: time until it can be used, until takes are shown, sound against picture.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from conftest import click_track

from dancegen.assets.example import PICTURE
from dancegen.audio.beats import find_beats
from dancegen.audio.load import load_song
from dancegen.body.keypoints import read_keypoints
from dancegen.choreographers.stg_mamba.dance import load

pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytest.importorskip("starlette", reason="needs the extra [studio]")

from studio_page_tools import SMALL, Program, Visit, frames, offset, place

SECONDS = 30  # of the song
WEIGHTS = PICTURE.parents[1] / "weights" / "choreographer.safetensors"
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


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clicks at 120 beats a minute."""
    path = tmp_path_factory.mktemp("song") / "beat.wav"
    samples, _ = click_track(120, SECONDS, rate=44_100)
    soundfile.write(path, samples, 44_100)
    return path


def danced_alone(path: Path) -> float:
    """Seconds of processors that four takes need on this machine without a studio, the networks' loading included."""
    sound, began = load_song(path), time.process_time()
    dancer = load(WEIGHTS, torch.device("cpu"))
    grid = find_beats(sound)
    for seed in range(4):
        dancer.dance(sound, grid, seed=seed, style="auto")
    return time.process_time() - began


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
    used, began = program.cpu, time.monotonic()
    here.click("#make-takes")
    here.wait("#scores")
    first_shown, first_cpu = time.monotonic() - began, program.cpu - used
    here.wait("[data-key=take-4]")
    all_shown, all_cpu = time.monotonic() - began, program.cpu - used
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
    made = frames(next((program.folder / "videos").glob("*.mp4")))
    # The person of the preview is drawn by the renderer.
    here.until("studio.preview.drawn >= 0")
    used, drawn = program.cpu, here.page.evaluate("studio.preview.frames.size")
    here.page.click("#play")
    here.until("studio.preview.shown.moment > 5")
    drawn = here.page.evaluate("studio.preview.frames.size") - drawn
    each = (program.cpu - used) / drawn  # seconds of processors a frame
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
    assert second.shape == made.shape and np.abs(second.astype(int) - made).mean() > 0.5
    assert here.faults == [] and all(url.startswith(("http://127.0.0.1:", "blob:", "data:")) for url in here.asked)
    told = [f"usable after {usable:.1f} s, plays after {started:.1f} s, {here.clicks} clicks to the first video"]
    told += [f"{SECONDS} s: first take after {first_shown:.1f} s (processors {first_cpu:.1f} s)"]
    told += [f"{SECONDS} s: four takes after {all_shown:.1f} s (processors {all_cpu:.1f} s)"]
    told += [f"picture and sound {np.median(np.abs(apart)):.1f} ms apart, at most {np.abs(apart).max():.1f}"]
    told += [f"a frame of the preview takes {1000 * each:.1f} ms of processors: {1 / each:.0f} a second on one"]
    with capsys.disabled():
        sys.stdout.writelines(f"\nstudio: {line}" for line in told)
    assert usable < 6 and started < 2 and np.median(np.abs(apart)) + 1000 / 60 < 40
    assert all_cpu < 1.5 * danced_alone(song) and each < 1 / 30


def test_bars_reload_two_tabs_and_the_end_of_the_process(
    program: Program, visit: Callable[..., Visit], song: Path, tmp_path: Path
) -> None:
    here = visit(program.address)
    here.click("#example")
    here.wait("#joint-list")
    here.page.click("#tab-dance")
    here.fill({"takes": "2"})
    here.page.click("#make-takes")
    here.wait("[data-key=take-2]")
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
        if tab == "dance":
            for card in ("clips", "learnt"):
                here.page.focus(f"#{card} summary")
                here.page.keyboard.press("Enter")
                here.wait(f"#{card} details[open]")
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
