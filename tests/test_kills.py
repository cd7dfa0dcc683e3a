"""A few kills of `kills.py`; it is run with many by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_few_kills_lose_nothing_and_leave_nothing() -> None:
    script = Path(__file__).parent / "kills.py"
    few = ("--kills", "3", "--only", "dance,render,download")
    done = subprocess.run([sys.executable, str(script), *few], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "3 kills, 0 with faults" in done.stdout, done.stdout + done.stderr
