"""`dancegen bench` of two checkouts in turn, so that what the machine does meanwhile meets both alike.

    python tests/paired_bench.py OLD NEW --rounds 5

OLD, NEW: folders of checkouts; this interpreter's packages serve both. Each round runs both, in changing order.
Printed: medians of the rounds, and the median of the rounds' ratios new / old, above 1 where the new one takes longer.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

RATES = ("frames_256", "frames_512", "encoded_512")  # frames a second: more is quicker


def bench(checkout: Path, words: list[str]) -> dict[str, float]:
    """The results of one run."""
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve())}
    command = [sys.executable, "-m", "dancegen", "bench", "--json", "--no-memory", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return json.loads(done.stdout)["results"]


def ratio(name: str, old: float, new: float) -> float:
    """How much longer the new one takes."""
    return old / new if name in RATES else new / old


def compare(rounds: list[tuple[dict[str, float], dict[str, float]]]) -> list[str]:
    """A line for each measure that both have."""
    lines = [f"{'':14} {'old':>8} {'new':>8}  time new / old, of {len(rounds)} rounds"]
    for name in rounds[0][0]:
        if all(name in new for _, new in rounds):
            old, new = (statistics.median(pair[side][name] for pair in rounds) for side in (0, 1))
            ratios = sorted(ratio(name, before[name], after[name]) for before, after in rounds)
            spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
            lines.append(f"{name:14} {old:8.3f} {new:8.3f}  {spread}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=1, help="as `dancegen bench`")
    parser.add_argument("--picture", type=Path, help="as `dancegen bench`")
    given = parser.parse_args()
    words = ["--repeats", str(given.repeats), *(["--picture", str(given.picture)] if given.picture else [])]
    rounds = []
    for number in range(given.rounds):
        order = [given.old, given.new] if number % 2 == 0 else [given.new, given.old]
        found = {checkout: bench(checkout, words) for checkout in order}
        rounds.append((found[given.old], found[given.new]))
    print("\n".join(compare(rounds)))


if __name__ == "__main__":
    main()
