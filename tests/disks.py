"""A disk that becomes full at any point: `python tests/disks.py --steps 8` (Linux, with mount namespaces).

Every command that writes runs again and again with a little more room: none for its first file, none for its last. Each
run must end well with whole outputs, or with 1, one line, no output, nothing left and its inputs as they were. Prints
one line a run, and at the end the faults; tests run a few of them.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from kills import Kind, _dance_is_whole, _digest, kinds
from tiny import save_tiny_choreographer

ISOLATED = ("unshare", "--map-root-user", "--mount", "sh", "-e", "-c")  # a mount that nobody else sees
SIZE = 48 << 20  # bytes of the disk
WIDEST = 4 << 20  # bytes of room with which every command ends well
BLOCK = 4096


def more_kinds(work: Path, person: Kind) -> dict[str, Kind]:
    """The commands that `kills` leaves out, each in a folder of its own."""
    (work / "files").mkdir()
    shutil.copytree(person.folder, work / "files", dirs_exist_ok=True)
    folder = work / "files"
    posed = person.arguments[person.arguments.index("--pose") :]
    found = []
    outputs = {
        "npz": ("export", "d.json", "-o", "o.npz"),
        "openpose": ("export", "d.json", "-o", "poses"),
        "video": ("export", "d.json", "-o", "o.mp4"),
        "import": ("import", "keys.json", "-o", "o.json"),
        "beats": ("beats", "songs/tune.wav", "-o", "o.txt", "--plot", "o.png"),
        "subject": ("subject", "pics/you.bmp", "--pose", "pics/me.pose.json", "-o", ".", "--offline"),
        "report": ("render", "songs/tune.wav", "pics/me.bmp", "-o", "o.mp4", "--report", "o.html", *posed),
    }
    names = {
        "subject": ("you.pose.json", "you.mask.png", "you.overlay.png"),
        "report": ("o.mp4", "o.html"),
        "beats": ("o.txt", "o.png"),
    }
    for name, arguments in outputs.items():
        made = names.get(name, (arguments[arguments.index("-o") + 1],))
        found.append(Kind(name, folder, arguments, made, _is_whole))
    return {kind.name: kind for kind in found}


def _is_whole(path: Path) -> bool:
    if path.is_dir():
        return len(list(path.iterdir())) > 10
    return _dance_is_whole(path) if path.name == "o.json" else path.stat().st_size > 20


def fill(disk: Path, room: int) -> Path:
    """A file that leaves `room` bytes of the disk."""
    filling = disk / "filling"
    free = os.statvfs(disk).f_bavail * BLOCK
    with filling.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free - room, 1))
    return filling


def run(kind: Kind, disk: Path, room: int) -> tuple[str, list[str]]:
    """One run with this much room: (what came of it, faults)."""
    kind.clear()
    for path in (disk / "tmp").iterdir():
        path.unlink()
    filling = fill(disk, room)
    status = kind.finish()
    filling.unlink()
    told = (kind.folder.parent / f"{kind.name}.log").read_text(errors="replace")
    errors = [line for line in told.splitlines() if line.startswith("dancegen:")]
    faults = [f"changed: {name}" for name in kind.changed()] + [f"left: {path}" for path in kind.left()]
    faults += [f"not whole: {name}" for name in kind.broken()]
    if "Traceback" in told or "fault of dancegen" in told or status not in (0, 1):
        faults.append(f"status {status}: {told[-600:]}")
    there = [name for name in kind.outputs if (kind.folder / name).exists()]
    if status == 0 and len(there) < len(kind.outputs):
        faults.append(f"it ended well without {set(kind.outputs) - set(there)}")
    if status and kind.name != "batch" and (len(errors) != 1 or len(errors[0]) > 420):
        faults.append(f"not one line: {told[-600:]}")
    if status and not re.search("room|space|full", told):
        faults.append(f"another reason: {told[-600:]}")
    said = errors[-1] if errors else told.strip().splitlines()[-1:] if status else ""
    return f"{kind.name} with {room >> 10} KB: {status} {len(there)} of {len(kind.outputs)} {said}", faults


def sweep(disk: Path, chosen: list[str], steps: int, seed: int) -> int:
    """All runs on a small disk; the number of those with faults."""
    os.environ.update(TMPDIR=str(disk / "tmp"), XDG_CONFIG_HOME=str(disk / "config"), OMP_NUM_THREADS="1")
    (disk / "tmp").mkdir()
    tempfile.tempdir = None
    from fake_hub import running_hub

    import dancegen.production.produce
    import dancegen.renderers.puppet.renderer  # noqa: F401 - both for the forked runs

    bad = count = 0
    with running_hub() as hub, tempfile.TemporaryDirectory(dir=os.environ["DISKS_LOGS"]) as logs:
        save_tiny_choreographer(disk / "tiny.safetensors")
        found = kinds(disk, disk / "tiny.safetensors", hub)
        found |= more_kinds(disk, found["render"])
        for name, kind in found.items():
            (kind.folder.parent / f"{name}.log").symlink_to(Path(logs) / f"{name}.log")
        for name in ("render", "report"):
            found[name].before = forget_room
        prepare(found["npz"].folder, disk)
        chance = random.Random(seed)
        for name in chosen or list(found):
            kind = found[name]
            files = [path for path in kind.folder.rglob("*") if path.is_file()]
            kind.inputs = {str(path.relative_to(kind.folder)): _digest(path) for path in files}
            kind.inputs |= {path.name: "" for path in kind.folder.iterdir() if path.is_dir()}
            rooms = [round(BLOCK * (WIDEST / BLOCK) ** ((step + chance.random()) / steps)) for step in range(steps)]
            for room in [0, *rooms]:
                said, faults = run(kind, disk, room)
                count, bad = count + 1, bad + bool(faults)
                print(said, *(f"   FAULT {fault}" for fault in faults), sep="\n", flush=True)
            kind.clear()
    print(f"{count} full disks, {bad} with faults")
    return bad


def forget_room() -> None:
    """No look at the room before the work, as if somebody else had filled the disk meanwhile."""
    from dancegen.production import sinks

    sinks.check_room = lambda *given: None


def prepare(folder: Path, disk: Path) -> None:
    """A dance file and keypoints to read."""
    from workbench_tools import dance_file

    from dancegen.cli.main import main
    from dancegen.dances.dance_file import write_dance

    write_dance(folder / "d.json", dance_file(seconds=2.0))
    try:
        main(["export", str(folder / "d.json"), "-o", str(folder / "keys.json")])
    except SystemExit as end:
        assert not end.code


def main() -> int:
    """Mount the disk and sweep; the exit status is the number of runs with faults."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=8, help="of room, for each command, besides none at all")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--only", nargs="*", default=[])
    options.add_argument("--disk", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.disk:
        return sweep(given.disk, given.only, given.steps, given.seed)
    with tempfile.TemporaryDirectory(prefix="dancegen-disk-") as disk, tempfile.TemporaryDirectory() as logs:
        mount = f'mount -t tmpfs -o size={SIZE} none {disk}\nexec "$@"'
        again = [sys.executable, __file__, *sys.argv[1:], "--disk", disk]
        here = os.pathsep.join([str(Path(__file__).parent.parent), str(Path(__file__).parent)])
        environment = {**os.environ, "DISKS_LOGS": logs, "PYTHONPATH": here, "HF_HUB_OFFLINE": "1"}
        return subprocess.run([*ISOLATED, mount, "sh", *again], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]
    sys.exit(main())
