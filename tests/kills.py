"""Kills at random moments: `python tests/kills.py --kills 50` (Linux). Whatever is killed loses nothing, and leaves
nothing after the next run. Prints one line a kill, and at the end the faults; tests run a few of them.

Runs are forked from one process that has imported everything, so that kills meet the work and not the imports. That
process inherits orphans, so it sees every child that outlives a run.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tiny import save_tiny_choreographer

SUBREAPER = 36  # prctl's PR_SET_CHILD_SUBREAPER
PATIENCE = 120.0  # seconds for children to end with their parent; a busy machine may take long to say so
SIGNALS = (signal.SIGKILL, signal.SIGTERM)
QUICK = ("--size", "64", "--fps", "5", "--device", "cpu", "--offline")


@dataclass
class Kind:
    """One command under fire.

    Attributes:
        arguments: of the program, run in `folder`.
        outputs: what it makes, by name.
        whole: whether an output is.
        before: what the forked process does first.
        workers: whether its child processes are killed too.
        seconds: what the first whole run took.
    """

    name: str
    folder: Path
    arguments: tuple[str, ...]
    outputs: tuple[str, ...]
    whole: Callable[[Path], bool]
    before: Callable[[], None] = lambda: None
    workers: bool = False
    seconds: float = 0.0
    inputs: dict[str, str] = field(default_factory=dict)

    def fork(self) -> int:
        """Begin a run."""
        pid = os.fork()
        if pid:
            return pid
        status = 1
        try:
            os.setsid()
            os.chdir(self.folder)
            log = os.open(self.folder.parent / f"{self.name}.log", os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            self.before()
            from dancegen.cli.main import main

            main(list(self.arguments))
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException as error:
            print(repr(error), file=sys.stderr)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def finish(self) -> int:
        """A whole run; its exit status."""
        began = time.monotonic()
        status = os.waitstatus_to_exitcode(os.waitpid(self.fork(), 0)[1])
        self.seconds = self.seconds or time.monotonic() - began
        return status

    def log(self) -> str:
        """What the last run said, its end."""
        return (self.folder.parent / f"{self.name}.log").read_text(errors="replace")[-400:]

    def left(self) -> list[str]:
        """What should not be there: hidden files, scratch files, temporary files, other broken ones."""
        hidden = [path for path in self.folder.rglob("*") if path.name.startswith(".") and ".locks" not in path.parts]
        hidden = [path for path in hidden if ".no_exist" not in path.parts]
        scratch = [path for path in self.folder.rglob("scratch/*") if path.suffix != ".log"]
        unfinished = [*self.folder.rglob("*.incomplete"), *Path(tempfile.gettempdir()).iterdir()]
        return [str(path) for path in (*hidden, *scratch, *unfinished)]

    def changed(self) -> list[str]:
        """Inputs that are not as they were."""
        return [name for name, digest in self.inputs.items() if _digest(self.folder / name) != digest]

    def broken(self) -> list[str]:
        """Outputs that are there and not whole."""
        return [name for name in self.outputs if (self.folder / name).exists() and not self.whole(self.folder / name)]

    def clear(self) -> None:
        """No outputs."""
        for path in self.folder.iterdir():
            if path.name not in self.inputs:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def kill_once(kind: Kind, chance: random.Random) -> tuple[str, list[str]]:
    """One kill and the run after it: (what was done, faults)."""
    again = chance.random() < 0.5  # an output is there already, and is replaced
    if not again:
        kind.clear()
    elif kind.name == "batch":  # one video is there, the other is to be made
        (kind.folder / kind.outputs[0]).unlink(missing_ok=True)
    else:
        kind.finish()
    number = chance.choice(SIGNALS)
    delay = chance.uniform(0, kind.seconds * 1.05)
    pid = kind.fork()
    time.sleep(delay)
    children = _children_of(pid)
    victim = chance.choice(children) if kind.workers and children and chance.random() < 0.5 else pid
    at = {name: _digest(kind.folder / name) for name in kind.outputs}  # what was there is not lost by the kill
    try:
        os.kill(victim, number)
    except ProcessLookupError:
        victim = 0  # it was over
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    who = "nobody" if not victim else "worker" if victim != pid else "parent"
    said = f"{kind.name}: {signal.Signals(number).name} to {who} at {delay:.1f} of {kind.seconds:.1f} s -> {status}"
    faults = [f"a child outlived it: {orphan}" for orphan in _orphans()]
    if left := kind.left():
        said += f", left {len(left)}"
    faults += [f"changed: {name}" for name in kind.changed()] + [f"broken: {name}" for name in kind.broken()]
    faults += [f"lost: {name}" for name in kind.outputs if at[name] and not (kind.folder / name).exists()]
    if number == signal.SIGTERM and who == "parent":
        faults += [f"left at once: {path}" for path in kind.left()]
    if status := kind.finish():
        faults.append(f"the next run ended with {status}: {kind.log()}")
    faults += [f"still left: {path}" for path in kind.left()] + [f"changed: {name}" for name in kind.changed()]
    faults += [f"not whole: {name}" for name in kind.outputs if not kind.whole(kind.folder / name)]
    faults += [f"a child outlived the next run: {orphan}" for orphan in _orphans()]
    return said, faults


def _children_of(pid: int) -> list[int]:
    """Child processes that run dancegen's code (not ffmpeg, not multiprocessing's own)."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"spawn_main" in (path / "cmdline").read_bytes():
                found.append(int(path.name))
        except (OSError, ValueError, IndexError):
            continue
    return found


def _orphans() -> list[str]:
    """Processes of a run that is over and that do not end; those that end are waited for."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.05)
        except ChildProcessError:
            return []
    left = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    told = [f"{pid} {Path(f'/proc/{pid}/cmdline').read_bytes()[:200]!r}" for pid in left]
    for pid in left:
        os.kill(int(pid), signal.SIGKILL)
    return told


def _video_is_whole(path: Path) -> bool:
    from dancegen.ffmpeg import ffmpeg_program

    command = [ffmpeg_program(), "-v", "error", "-i", str(path), "-f", "null", "-"]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode == 0 and not done.stderr


def _dance_is_whole(path: Path) -> bool:
    from dancegen.dances.read_dance import read_dance

    read_dance(path)
    return True


def kinds(work: Path, weights: Path, hub: Any) -> dict[str, Kind]:
    """The four commands, each in a folder of its own with its inputs."""
    from fake_hub import environment_for
    from old_batch import HEIGHT, WIDTH, write_inputs
    from PIL import Image, ImageDraw

    from dancegen.weights import manifest

    def folder(name: str) -> Path:
        place = work / name
        place.mkdir()
        write_inputs(place)
        for picture in (place / "pics").glob("*.bmp"):  # so that no network has to look for the person
            mask = Image.new("L", (WIDTH, HEIGHT))
            ImageDraw.Draw(mask).ellipse((10, 4, WIDTH - 10, HEIGHT - 4), fill=255)
            mask.save(picture.with_suffix(".mask.png"))
        return place

    tiny = ("--weights", f"choreographer={weights}")
    song, picture = "songs/tune.wav", "pics/me.bmp"
    person = ("--pose", "pics/me.pose.json", "--mask", "pics/me.mask.png", "--weights", "renderer=puppet")
    entry = hub.add(random.Random(0).randbytes(3_000_000), **{"role": "detector"})
    listed = work / "manifest.json"
    listed.write_text(json.dumps({"weights": [entry.__dict__]}))

    def use_hub() -> None:
        os.environ.update(environment_for(hub, work / "download" / "home"))
        for name in [name for name in sys.modules if name.startswith("huggingface_hub")]:
            del sys.modules[name]  # it reads its variables when it is imported
        manifest.manifest_file = lambda: listed  # type: ignore[assignment]

    home = f"home/hub/models--{str(entry.repo_id).replace('/', '--')}/snapshots/{entry.revision}/{entry.filename}"
    found = [
        Kind(
            "render",
            folder("render"),
            ("render", song, picture, "-o", "o.mp4", "--overwrite", *person, *tiny, *QUICK),
            ("o.mp4",),
            _video_is_whole,
        ),
        Kind(
            "dance",
            folder("dance"),
            ("dance", song, "-o", "o.json", "--sheet", "o.png", "--overwrite", *tiny, *QUICK[4:]),
            ("o.json", "o.png"),
            lambda path: _dance_is_whole(path) if path.suffix == ".json" else path.stat().st_size > 1000,
        ),
        Kind(
            "batch",
            folder("batch"),
            ("batch", "songs", "pics", "-o", "out", "--workers", "1", "--preview", *tiny, *QUICK),
            ("out/tune--me.mp4", "out/tune--you.mp4"),
            _video_is_whole,
            workers=True,
        ),
        Kind(
            "download",
            folder("download"),
            ("weights", "download", entry.name),
            (home,),
            lambda path: path.stat().st_size == entry.size and _digest(path) == entry.sha256,
            before=use_hub,
        ),
    ]
    for kind in found:
        files = [path for path in kind.folder.rglob("*") if path.is_file()]
        kind.inputs = {str(path.relative_to(kind.folder)): _digest(path) for path in files}
        kind.inputs |= {"songs": "", "pics": ""}
    return {kind.name: kind for kind in found}


def main() -> int:
    """All kills; the exit status is the number of those with faults."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=50)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", default="render,dance,download,render,dance,download,batch")
    chosen = options.parse_args()
    os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1")
    work = Path(tempfile.mkdtemp(prefix="dancegen-kills-"))
    (work / "tmp").mkdir()
    os.environ.update(TMPDIR=str(work / "tmp"), XDG_CONFIG_HOME=str(work / "config"))
    tempfile.tempdir = None
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)
    from fake_hub import Fault, running_hub

    import dancegen.production.produce
    import dancegen.renderers.puppet.renderer  # noqa: F401 - both for the forked runs

    save_tiny_choreographer(work / "tiny.safetensors")
    chance, bad = random.Random(chosen.seed), 0
    with running_hub() as hub:
        hub.order(Fault("trickle", pause=0.01), 1e9)
        under_fire = kinds(work, work / "tiny.safetensors", hub)
        order = chosen.only.split(",")
        for name in dict.fromkeys(order):
            if status := under_fire[name].finish():
                print(f"{name} does not work ({status}): {under_fire[name].log()}")
                return 1
        for number in range(chosen.kills):
            said, faults = kill_once(under_fire[order[number % len(order)]], chance)
            bad += bool(faults)
            print(f"{number + 1}. {said}", *(f"   FAULT {fault}" for fault in faults), sep="\n", flush=True)
    print(f"{chosen.kills} kills, {bad} with faults")
    shutil.rmtree(work, ignore_errors=True)
    return bad


if __name__ == "__main__":
    sys.exit(main())
