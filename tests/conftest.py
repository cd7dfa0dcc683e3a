"""Fixtures that several test files share. Everything is made here: tests need no network and no data of others."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported: the tests run side by side
os.environ["HF_HUB_OFFLINE"] = "1"

import contextlib
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from tiny import save_pose_clip, save_tiny_choreographer, save_tiny_vimo

from dancegen.assets.example import PICTURE, POSE

ROOT = Path(__file__).resolve().parent.parent


def shared_data(*parts: str) -> Path:
    """A file or folder of the development data beside the checkout; the test is skipped where it is not there."""
    path = ROOT.parent.joinpath("shared", "data", *parts)
    if not path.exists():
        pytest.skip(f"{path.name} of the shared development data is not here")
    return path


def click_track(tempo: float, seconds: float, first: float = 0.3, rate: int = 16_000) -> tuple[np.ndarray, np.ndarray]:
    """Short noise bursts at a tempo: (samples (N,) float32, their times in seconds)."""
    rng = np.random.default_rng(0)
    samples = np.zeros(round(seconds * rate), np.float32)
    times = np.arange(first, seconds - 0.05, 60 / tempo)
    for time in times:
        at = round(time * rate)
        burst = rng.normal(0, 0.4, min(round(0.05 * rate), len(samples) - at))
        samples[at : at + len(burst)] += (burst * np.exp(-np.arange(len(burst)) / (0.01 * rate))).astype(np.float32)
    return samples, times


@dataclass(frozen=True)
class Ran:
    """What a run of the program gave."""

    status: int
    out: str
    err: str


Render = Callable[..., Ran]


class Listener:
    """A Reporter that keeps what it is told; `steps` are those of the last stage."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.notes: list[str] = []
        self.steps = 0

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        self.stages.append(name)
        self.steps = 0

    def advance(self, steps: int = 1) -> None:
        self.steps += steps

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes what lies in the folder the tests are started from, such as README's own out.mp4."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True, scope="session")
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reads or writes the settings of the person who runs the tests."""
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("config"))


@pytest.fixture
def run_main(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Ran]]:
    """`run_main("render", ...)`: the program inside this process, through its real error boundary."""
    from dancegen.cli import main as cli

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # Windows has no SIGHUP
    before = {name: signal.getsignal(getattr(signal, name)) for name in names}

    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return Ran(int(end.value.code or 0), out, err)

    yield run
    for name, handler in before.items():
        signal.signal(getattr(signal, name), handler)


@pytest.fixture(scope="session")
def run_program() -> Callable[..., Ran]:
    """`run_program("render", ...)`: the program as its own process."""

    def run(*arguments: object, cwd: Path | None = None) -> Ran:
        command = [sys.executable, "-m", "dancegen", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def beat_song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four seconds of clicks at 120 beats a minute, 44.1 kHz stereo."""
    path = tmp_path_factory.mktemp("songs") / "beat.wav"
    samples, _ = click_track(120, 4.0, rate=44_100)
    soundfile.write(path, np.stack([samples, samples], axis=1), 44_100)
    return path


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `tiny.save_tiny_choreographer`."""
    return save_tiny_choreographer(tmp_path_factory.mktemp("weights") / "tiny.safetensors")


@pytest.fixture(scope="session")
def quick(tiny_weights: Path) -> tuple[str, ...]:
    """Options that make a render take a second: tiny networks, few small frames, the person's joints given."""
    return (
        *("--weights", f"choreographer={tiny_weights}", "--weights", "renderer=puppet"),
        *("--size", "64", "--fps", "5", "--pose", str(POSE), "--device", "cpu", "--offline"),
    )


@pytest.fixture(scope="session")
def picture() -> Path:
    """The bundled figure."""
    return PICTURE


@pytest.fixture(scope="session")
def tiny_vimo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """See `tiny.save_tiny_vimo`."""
    return save_tiny_vimo(tmp_path_factory.mktemp("weights") / "vimo.safetensors")


@pytest.fixture(scope="session")
def pose_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pose video: two seconds of a skeleton that steps and turns."""
    return save_pose_clip(tmp_path_factory.mktemp("clips") / "poses.mp4")


@pytest.fixture
def studio(tmp_path: Path, tiny_weights: Path, tiny_vimo: Path) -> Iterator[Any]:
    """An empty project of the studio."""
    from studio_tools import open_studio

    found = open_studio(tmp_path / "project", tiny_weights, tiny_vimo)
    yield found
    found.studio.close()


@pytest.fixture
def filled(studio: Any, beat_song: Path) -> Any:
    """A project with the figure, whose joints are given, a song, and two takes of a dance."""
    studio.page.put("/api/files/me.png", content=PICTURE.read_bytes())
    shutil.copy(POSE, studio.folder / "pictures" / "me.pose.json")
    studio.page.put("/api/files/beat.wav", content=beat_song.read_bytes())
    studio.json("POST", "/api/songs/beat.wav/dance", {"takes": 2, "seed": 5})
    return studio


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium without a screen and without a network."""
    driver = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("needs Chromium")
    nowhere = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
    with driver.sync_playwright() as chosen:
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", nowhere]
        found = chosen.chromium.launch(executable_path=program, args=arguments)
        yield found
        found.close()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Any]:
    """`dancegen studio` as its own process."""
    from studio_page_tools import Program

    found = Program(tmp_path / "project")
    yield found
    if found.process.poll() is None:
        found.end()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Any]]:
    """`visit(address, width)`: a page in a browser of its own."""
    from studio_page_tools import Visit

    with contextlib.ExitStack() as stack:

        def open_page(address: str, width: int = 1280, context: Any = None) -> Visit:
            own = context or browser.new_context(viewport={"width": width, "height": 800}, reduced_motion="reduce")
            if context is None:
                stack.callback(own.close)
            found = Visit(own.new_page())
            found.listen()
            found.page.goto(address)
            found.wait("body[data-ready]")
            return found

        yield open_page


@pytest.fixture
def render(
    run_main: Callable[..., Ran], tmp_path: Path, beat_song: Path, picture: Path, quick: tuple[str, ...]
) -> Render:
    """Renders beside an existing video; checks that a failure leaves that one alone and nothing else behind."""
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "out.mp4").write_bytes(b"an earlier video")

    def run(song: Path = beat_song, image: Path = picture, out: str = "out.mp4", *options: object) -> Ran:
        ran = run_main("render", song, image, "-o", folder / out, "--overwrite", *quick, *options)
        if ran.status:
            assert ran.status == 1 and ran.out == "" and "Traceback" not in ran.err
            assert [path.name for path in folder.iterdir()] == ["out.mp4"]
            assert (folder / "out.mp4").read_bytes() == b"an earlier video"
            last = ran.err.splitlines()[-1]
            assert last.startswith("dancegen: ") and "fault of dancegen's own" not in last
        return ran

    return run
