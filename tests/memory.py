"""How much memory commands take for a short and for a long song: `python tests/memory.py --minutes 1 10 60`.

The song is made here: drums at 120 beats a minute and a bass that changes. Each command runs in a process of its own,
of which the system tells the most memory that it, or a program that it started, ever had.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
RATE = 16_000
BEAT = 0.5  # seconds
PICTURE = str(ROOT / "dancegen" / "assets" / "example" / "dancer.png")
COMMANDS = {
    "beats": ["beats", "SONG", "-o", "out.txt"],
    "dance": ["dance", "SONG", "-o", "out.dance.json"],
    "hotdance": ["dance", "SONG", "--choreographer", "hotdance", "-o", "out.dance.json"],
    "preview": ["render", "SONG", PICTURE, "-o", "out.mp4", "--preview", "--size", "64", "--fps", "30", "--offline"],
}


def write_song(path: Path, seconds: float) -> Path:
    """A beat that a tracker finds, in which no two bars are the same."""
    import soundfile

    rng = np.random.default_rng(0)
    count = round(BEAT * RATE)
    at = np.arange(count) / RATE
    with soundfile.SoundFile(path, "w", RATE, 1) as file:
        for beat in range(round(seconds / BEAT)):
            hit = np.exp(-30 * at) * np.sin(2 * np.pi * (60 if beat % 2 else 90) * at)
            note = 0.2 * np.sin(2 * np.pi * 110 * 2 ** (rng.integers(12) / 12) * at)
            file.write(((1.0 if beat % 4 == 0 else 0.6) * hit + note + 0.02 * rng.normal(size=count)) * 0.5)
    return path


def peak(arguments: list[str], folder: Path) -> float:
    """The most MB that `dancegen ARGUMENTS` takes, run in `folder`."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    environment = {**os.environ, **threads, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "dancegen", *arguments, "--overwrite"]
    with subprocess.Popen(command, env=environment, cwd=folder, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return used.ru_maxrss / 1024  # KiB on Linux


def main() -> None:
    """Print a line for each command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10, 60])
    parser.add_argument("--commands", nargs="+", default=list(COMMANDS), choices=COMMANDS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for command in given.commands:
            peaks = []
            for minutes in given.minutes:
                song = write_song(folder / f"{minutes:g}.wav", 60 * minutes)
                arguments = [str(song) if word == "SONG" else word for word in COMMANDS[command]]
                peaks.append(peak(arguments, folder))
                print(f"{command}, {minutes:g} min: {peaks[-1]:.0f} MB", flush=True)
            print(f"{command}: {max(peaks) / peaks[0]:.3f} times that of {given.minutes[0]:g} min", flush=True)


if __name__ == "__main__":
    main()
