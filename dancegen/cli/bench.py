"""`dancegen bench`: how fast this machine is, medians of repeated runs."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dancegen.cli.context import Outcome, reporter
from dancegen.cli.options import Device
from dancegen.production.request import Request
from dancegen.progress import count_of

if TYPE_CHECKING:
    from rich.table import Table

    from dancegen.production.backends import Backends
    from dancegen.production.parity import Row

SONG_SECONDS = 60
LONG_SECONDS = 600
TARGETS = {  # on two CPU cores
    "help": "<= 0.4",
    "choreography": "<= 1.0",
    "frames_256": ">= 30",
    "frames_512": ">= 20",
    "first_frame": "<= 8",
    "memory_1_minute": "<= 1500",
    "memory_10_minutes": "as 1 minute",
}
LABELS = {
    "help": "dancegen --help, s",
    "listening": "decoding a 60 s song and finding its beats, s",
    "choreography": "choreography of a 60 s song, s",
    "preparing": "preparing the picture at 512, s",
    "frames_256": "rendering at 256, frames/s",
    "frames_512": "rendering at 512, frames/s",
    "encoded_512": "rendering at 512 with encoding, frames/s",
    "first_frame": "from the command to the first frame, s",
    "memory_1_minute": "peak memory for 1 minute, MB",
    "memory_10_minutes": "peak memory for 10 minutes, MB",
}
# Runs the program as a child and leaves at the first frame, or reports the peak memory at the end.
CHILD = """
import sys
from dancegen.cli import main as cli
from dancegen.cli.plain import PlainReporter
class Listener(PlainReporter):
    drawing = False
    def stage(self, name, total=None, unit=""):
        self.drawing = name == "drawing"
    def advance(self, steps=1):
        if self.drawing and sys.argv[1] == "first":
            raise SystemExit(0)
cli._console_reporter = lambda: Listener(print)
try:
    cli.main(sys.argv[2:])
finally:
    if sys.argv[1] == "memory":
        import resource
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print("PEAK", peak / (1024 if sys.platform != "darwin" else 1024 * 1024))
"""


def bench(
    repeats: Annotated[int, typer.Option(help="Runs of which the median is taken.", min=1)] = 3,
    frames: Annotated[int, typer.Option(help="Frames to render per run.", min=1)] = 90,
    picture: Annotated[Path | None, typer.Option(help="A picture instead of the bundled one.")] = None,
    device: Device = Request.device,
    memory: Annotated[bool, typer.Option(help="Measure memory too (renders 11 minutes of song, some minutes).")] = True,
    parity: Annotated[
        bool | None,
        typer.Option("--parity/--no-parity", help="Compare the device's results with the CPU's; default: on a GPU."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> Any:
    """Measure speed and memory on this machine with the bundled example, and whether a GPU computes what the CPU does.

    Exit status 1 where it does not.
    """
    from dancegen.assets.example import PICTURE

    with tempfile.TemporaryDirectory(prefix="dancegen-bench-") as name:
        folder, image = Path(name), picture or PICTURE
        song = _song(folder, SONG_SECONDS)
        found = {"help": _median(repeats, lambda: _child("-m", "dancegen", "--help"))}
        found |= _stages(song, image, device, repeats, frames, folder)
        if memory:
            found |= _memory(song, _song(folder, LONG_SECONDS), image, device, folder)
        compared = _compare(image, device, parity)
    facts = _machine(device)
    status = int(not all(row.holds for row in compared))
    if as_json:
        rows = [{**asdict(row), "holds": row.holds} for row in compared]
        content = {"machine": facts, "medians_of": repeats, "results": found, "parity": rows}
        return Outcome(json.dumps(content, indent=1), status)
    return Outcome(_table(found, facts, repeats, compared), status)


def _song(folder: Path, seconds: int) -> Path:
    """The example's tune, repeated to a length."""
    import numpy as np
    import soundfile

    from dancegen.assets.example import SONG

    tune, rate = soundfile.read(SONG, dtype="int16")
    path = folder / f"{seconds}.wav"
    with soundfile.SoundFile(path, "w", rate, 2) as file:
        left = seconds * rate
        while left > 0:
            file.write(np.asarray(tune[:left]))
            left -= len(tune)
    return path


def _median(repeats: int, run: Callable[[], Any]) -> float:
    """Median of wall seconds."""
    spent = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        spent.append(time.perf_counter() - began)
    return round(statistics.median(spent), 3)


def _child(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments[-3:])} failed: {done.stderr[-300:]}")
    return done.stdout


def _stages(song: Path, image: Path, device: str, repeats: int, frames: int, folder: Path) -> dict[str, float]:
    """The stages inside this process, then a whole start from the command line."""
    from dancegen.audio.beats import find_beats
    from dancegen.audio.load import load_song
    from dancegen.body.retarget import retarget
    from dancegen.images.picture import open_picture
    from dancegen.people.find import find_people
    from dancegen.production.backends import load_backends

    listener = reporter()
    listener.stage("measuring the stages")
    backends = load_backends(Request(song, image, device=device), reporter=listener)
    dancer = backends.dancer()
    sound = load_song(song)
    grid = find_beats(sound)  # the first call loads the network
    found = {"listening": _median(repeats, lambda: find_beats(load_song(song)))}
    how: dict[str, Any] = {"seed": 0, "style": dancer.styles[0]}
    dance = dancer.dance(sound, grid, **how)
    found["choreography"] = _median(repeats, lambda: dancer.dance(sound, grid, **how))
    subject = find_people(open_picture(image), network=backends.subject)[0]
    poses = retarget(dance.resample(30, frames), subject.joints, subject.confidence, subject.image.size)
    found |= _rendering(backends, subject, poses, repeats, folder)
    listener.stage("measuring the way to the first frame")
    command = ["-c", CHILD, "first", "render", str(song), str(image), "-o", str(folder / "a.mp4"), "--device", device]
    found["first_frame"] = _median(repeats, lambda: _child(*command))
    return found


def _rendering(backends: Backends, subject: Any, poses: Any, repeats: int, folder: Path) -> dict[str, float]:
    from dancegen.renderers.compose import make_scene
    from dancegen.video.encode import VideoWriter

    renderer = backends.renderer
    found = {"preparing": _median(repeats, lambda: make_scene(renderer, [subject], 512))}

    def draw(size: int, path: Path | None = None) -> None:
        scene = scenes[size]
        if path is None:
            for _ in scene.frames(poses):
                pass
            return
        with VideoWriter(path, scene.size[0], scene.size[1], 30) as video:
            for frame in scene.frames(poses):
                video.write(frame)

    scenes = {size: make_scene(renderer, [subject], size) for size in (256, 512)}
    for size in scenes:
        draw(size)
        found[f"frames_{size}"] = round(len(poses) / _median(repeats, partial(draw, size)), 1)
    found["encoded_512"] = round(len(poses) / _median(repeats, lambda: draw(512, folder / "encoded.mp4")), 1)
    return found


def _memory(short: Path, long: Path, image: Path, device: str, folder: Path) -> dict[str, float]:
    """Peak memory of whole runs in MB, without ffmpeg beside them.

    Few frames, since frames are not kept.
    """
    found: dict[str, float] = {}
    for name, song in (("memory_1_minute", short), ("memory_10_minutes", long)):
        reporter().stage(f"measuring {name.replace('_', ' ')}")
        out = folder / f"{name}.mp4"
        command = ["render", str(song), str(image), "-o", str(out), "--device", device, "--fps", "2"]
        told = _child("-c", CHILD, "memory", *command)
        found[name] = round(float(told.split("PEAK")[1]))
    return found


def _compare(image: Path, device: str, wanted: bool | None) -> list[Row]:
    """The device beside the CPU, where that was asked for or there is a difference between them."""
    from dancegen.assets.example import SONG
    from dancegen.device import choose_device
    from dancegen.production.parity import compare

    if not (choose_device(device).type != "cpu" if wanted is None else wanted):
        return []
    reporter().stage("comparing with the CPU")
    return compare(SONG, image, device)


def _machine(device: str) -> dict[str, Any]:
    import torch

    from dancegen import __version__
    from dancegen.device import choose_device

    chosen = choose_device(device)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "dancegen": __version__,
        "processor": _processor(),
        "cores": os.cpu_count(),
        "device": torch.cuda.get_device_name() if chosen.type == "cuda" else chosen.type,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "load_average": load and round(load, 1),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _table(found: dict[str, float], facts: dict[str, Any], repeats: int, compared: list[Row]) -> Table:
    from rich.table import Table

    machine = ", ".join(f"{name} {value}" for name, value in facts.items())
    said = f"{count_of(repeats, 'runs')} each; {machine}"
    table = Table("what", "median", "target, 2 cores", box=None, pad_edge=False, caption=said)
    for name, value in found.items():
        table.add_row(LABELS[name], f"{value:g}", TARGETS.get(name, ""))
    for row in compared:
        verdict = "as the CPU" if row.holds else "NOT AS THE CPU"
        table.add_row(f"{row.what}, {row.unit}", f"{row.difference:.2g}", f"<= {row.tolerance:g}: {verdict}")
    return table


COMMANDS = {"bench": bench}
