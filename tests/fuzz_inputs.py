"""Broken inputs of every kind, through the readers that the product uses.

    python tests/fuzz_inputs.py --count 10000 --seed 1

Each input is made from a whole one by a seeded mutation and read in a worker process. Counted as faults: an exception
that is no `DancegenError`, a message of several lines, over 400 characters or with control characters, more than 10 s
of processor time or 120 s in all, more than 1.6 GB, a crash, a file left behind. Faulty inputs are kept in `--keep`.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent)]

import numpy as np  # noqa: E402

MOST_SECONDS, MOST_WAITED = 10.0, 120.0  # of the processor; of the clock, on a busy machine
MOST_MEMORY = 1600  # MB
NUMBERS = (
    "-1",
    "0",
    "1e400",
    "1e30",
    "NaN",
    "-Infinity",
    "null",
    "2147483648",
    "9" * 5000,
    "\u00b2",
    '"\u001b[31m"',
    "[]",
)
WORDS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutate_bytes(content: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """Bits turned, numbers made extreme, parts cut out, doubled, exchanged."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        # headers are short and matter most
        near = len(data) if rng.random() < 0.4 else min(len(data), 256)
        at = int(rng.integers(0, max(near, 1)))
        size = int(rng.integers(1, 64))
        match int(rng.integers(0, 8)):
            case 0:
                data[at : at + 1] = bytes([int(rng.integers(0, 256))])
            case 1:
                word = WORDS[int(rng.integers(0, len(WORDS)))]
                width = int(rng.choice([1, 2, 4, 8]))
                order = "big" if rng.random() < 0.5 else "little"
                data[at : at + width] = (word & ((1 << 8 * width) - 1)).to_bytes(width, order)
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size] * int(rng.integers(1, 9))
            case 4:
                data[at:at] = rng.bytes(size)
            case 5:
                del data[int(rng.integers(0, len(data) + 1)) :]
            case 6:
                other = others[int(rng.integers(0, len(others)))]
                start = int(rng.integers(0, max(len(other), 1)))
                data[at : at + size] = other[start : start + size]
            case 7:
                data[at : at + size] = bytes(size)
    return bytes(data)


def mutate_text(content: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """Numbers, names and brackets of a text made others; sometimes its bytes."""
    if rng.random() < 0.3:
        return mutate_bytes(content, others, rng)
    text = content.decode(errors="replace")
    for _ in range(int(rng.integers(1, 4))):
        spots = [at for at, letter in enumerate(text) if letter in '0123456789",:[]{};\n'] or [0]
        at = spots[int(rng.integers(0, len(spots)))]
        value = NUMBERS[int(rng.integers(0, len(NUMBERS)))]
        match int(rng.integers(0, 6)):
            case 0 | 1:
                end = at + 1
                while end < len(text) and (text[end].isalnum() or text[end] in ".-"):
                    end += 1
                text = text[:at] + value + text[end:]
            case 2:
                text = text[:at] + text[at + 1 :]
            case 3:
                nest = "[" if rng.random() < 0.5 else '{"a":'
                text = text[:at] + nest * int(rng.choice([1, 50, 100_000])) + text[at:]
            case 4:
                text = text[:at] + str(rng.choice(["\0", "\x1b[2J", "\u202e", "\ufeff", "\x85", "\r"])) + text[at:]
            case 5:
                text = text[:at] + text[at : at + 300] * int(rng.choice([2, 300])) + text[at:]
    return text.encode()


def mutate_checkpoint(content: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """The header of a checkpoint made another, of the right length."""
    if rng.random() < 0.4:
        return mutate_bytes(content, others, rng)
    length = int.from_bytes(content[:8], "little")
    header = mutate_text(content[8 : 8 + length], others, rng)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def mutate_archive(content: bytes, others: list[bytes], rng: np.random.Generator) -> bytes:
    """A file of a zip archive made another, with the right checksum."""
    if rng.random() < 0.4:
        return mutate_bytes(content, others, rng)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(out, "w") as broken:
        chosen = int(rng.integers(0, len(whole.namelist())))
        for number, name in enumerate(whole.namelist()):
            stored = whole.read(name)
            broken.writestr(name, mutate_bytes(stored, [stored], rng) if number == chosen else stored)
    return out.getvalue()


def mutation(kind: str, name: str) -> Callable[[bytes, list[bytes], np.random.Generator], bytes]:
    """How a file of a kind is broken."""
    if kind in TEXTS or name.endswith((".bvh", ".csv")):
        return mutate_text
    return {"checkpoint": mutate_checkpoint, "motion": mutate_archive}.get(kind, mutate_bytes)


TEXTS = ("pose", "dance", "table", "request")


def inputs(seeds: Path, kinds: list[str], count: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """(kind, name, content) of broken inputs, the kinds in turn."""
    rng = np.random.default_rng(seed)
    whole = {kind: [(path.name, path.read_bytes()) for path in sorted((seeds / kind).iterdir())] for kind in kinds}
    for number in range(count):
        kind = kinds[number % len(kinds)]
        name, content = whole[kind][int(rng.integers(0, len(whole[kind])))]
        others = [other for _, other in whole[kind]]
        yield kind, f"{number:06d}-{name}", mutation(kind, name)(content, others, rng)


def readers() -> dict[str, Callable[[Path], object]]:
    """How the product reads each kind."""
    from dancegen.assets.example import PICTURE
    from dancegen.audio.load import load_song
    from dancegen.batch.pairs import read_pairs
    from dancegen.choreographers.stg_mamba.model import load_choreographer
    from dancegen.dances.bars import read_beats
    from dancegen.dances.imports import imported_bvh, imported_dance, read_poses
    from dancegen.dances.read_dance import read_dance
    from dancegen.errors import DancegenError
    from dancegen.images.picture import open_picture
    from dancegen.people.pose_file import read_people
    from dancegen.production.request import Request
    from dancegen.production.request_json import read_request

    figure = open_picture(PICTURE)

    def pose(path: Path) -> None:
        try:
            read_people(path, figure)
        except DancegenError as cause:
            check_message(str(cause))
        read_poses(path, 30.0)

    def table(path: Path) -> object:
        return read_pairs(path) if path.suffix == ".csv" else read_beats(path, 0.0, 6.0)

    def motion(path: Path) -> object:
        if path.suffix == ".bvh":
            return imported_bvh(path, None, 0.0, None)
        return imported_dance(path, None, None, 0.0, None, "all")

    def request(path: Path) -> object:
        fields = {"song": "a.wav", "picture": "a.png", **read_request(path)}
        return Request(**fields).to_json()

    def pipe(path: Path) -> object:
        return read[path.name.split("-")[1].partition(".")[0]](path)

    read = {
        "sound": load_song,
        "picture": open_picture,
        "pose": pose,
        "dance": read_dance,
        "table": table,
        "checkpoint": load_choreographer,
        "motion": motion,
        "request": request,
    }
    return read | {"pipe": pipe}


def check_message(told: str) -> None:
    """Raises ValueError where a message is not one short line of plain text."""
    if len(told) >= 400 or len(told.splitlines()) != 1 or not told.isprintable():
        raise ValueError(f"a message of {len(told)} characters: {told[:200]!r}")


def own_peak() -> int:
    """The most memory of this process so far, MB; `ru_maxrss` counts what started it too, from before it was itself."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) >> 10


def work() -> None:
    """A worker: reads (kind, path) from standard input, one JSON a line, and answers what came of each."""
    import resource
    import traceback

    import torch  # noqa: F401 - memory is counted with it

    from dancegen.errors import DancegenError

    read = readers()
    print(json.dumps("ready"), flush=True)  # noqa: T201
    for line in sys.stdin:
        kind, path = json.loads(line)
        before = sum(os.times()[:4])
        outcome, told = "read", ""
        try:
            read[kind](Path(path))
        except DancegenError as cause:
            outcome, told = "refused", str(cause)
        except BaseException as cause:
            outcome = f"{type(cause).__name__}"
            told = "".join(traceback.format_exception(cause)[-3:])
        if outcome == "refused":
            try:
                check_message(told)
            except ValueError as cause:
                outcome, told = "message", str(cause)
        seconds = sum(os.times()[:4]) - before
        memory = max(own_peak(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
        left = [path.name for path in Path(tempfile.gettempdir()).iterdir()]
        print(json.dumps([outcome, told, seconds, memory, left]), flush=True)  # noqa: T201


class Worker:
    """A worker process; `read` gives what came of an input, and starts another where it died or hung."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None
        self.answers: queue.Queue[str] = queue.Queue()

    def _start(self) -> subprocess.Popen[str]:
        temporary = self.folder / f"tmp-{time.monotonic_ns()}"
        temporary.mkdir()
        environment = {**os.environ, "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        command = [sys.executable, __file__, "--work"]
        with (self.folder / "worker.log").open("a") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, text=True
            )
        answers: queue.Queue[str] = queue.Queue()

        def listen() -> None:
            for line in process.stdout or ():
                answers.put(line)
            answers.put("")

        threading.Thread(target=listen, daemon=True).start()
        self.process, self.answers = process, answers
        if not answers.get(timeout=600):
            raise RuntimeError((self.folder / "worker.log").read_text()[-2000:])
        return process

    def read(self, kind: str, path: Path) -> tuple[str, str]:
        """(what came of it, what was said)."""
        process = self.process or self._start()
        assert process.stdin is not None
        process.stdin.write(json.dumps([kind, str(path)]) + "\n")
        process.stdin.flush()
        try:
            line = self.answers.get(timeout=MOST_WAITED)
        except queue.Empty:
            line = "hung"
        if line in ("", "hung"):
            self.stop()
            return line or f"crash {process.returncode}", ""
        outcome, told, seconds, memory, left = json.loads(line)
        if memory > MOST_MEMORY:
            self.stop()  # the peak of a process never falls
            return "memory", f"{memory} MB"
        if left:
            self.stop()
            return "left behind", ", ".join(left)
        return ("slow", f"{seconds:.1f} s") if seconds > MOST_SECONDS else (outcome, told)

    def stop(self) -> None:
        """End the process."""
        if self.process:
            self.process.kill()
            self.process.communicate()
        self.process = None


def fuzz(count: int, seed: int, keep: Path | None = None, kinds: list[str] | None = None) -> Counter[tuple[str, str]]:
    """How many inputs of each kind had which outcome; all but "read" and "refused" are faults."""
    from fuzz_seeds import SEEDS

    chosen = kinds or list(SEEDS)
    found: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory(prefix="dancegen-fuzz-") as name:
        folder = Path(name)
        for kind in chosen:
            (folder / "seeds" / kind).mkdir(parents=True)
            SEEDS[kind](folder / "seeds" / kind)
        worker = Worker(folder)
        (folder / "in").mkdir()
        try:
            for kind, file, content in inputs(folder / "seeds", chosen, count, seed):
                path = folder / "in" / file
                if kind == "pipe":
                    os.mkfifo(path)
                else:
                    path.write_bytes(content)
                outcome, told = worker.read(kind, path)
                found[kind, outcome] += 1
                if outcome not in ("read", "refused") and keep:
                    (keep / f"{kind}-{seed}-{file}").write_bytes(content)
                    with (keep / "log.txt").open("a") as log:
                        log.write(f"{kind} {seed} {file}: {outcome}: {told}\n")
                if [left.name for left in (folder / "in").iterdir()] != [file]:
                    found[kind, "left behind"] += 1
                path.unlink()
        finally:
            worker.stop()
    return found


def main() -> None:
    """Fuzz and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="*")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "dancegen-fuzz-faults")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work()
        return
    given.keep.mkdir(parents=True, exist_ok=True)
    for (kind, outcome), number in sorted(fuzz(given.count, given.seed, given.keep, given.kinds).items()):
        print(f"{kind:10} {outcome:20} {number}")  # noqa: T201


if __name__ == "__main__":
    main()
