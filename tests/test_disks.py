"""A few full disks of `disks.py`; it is run with many by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from test_weights_processes import needs_mounts


@needs_mounts
def test_a_few_full_disks_leave_nothing() -> None:
    script = Path(__file__).parent / "disks.py"
    few = ("--steps", "1", "--only", "render", "dance", "openpose", "report")
    done = subprocess.run([sys.executable, str(script), *few], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "8 full disks, 0 with faults" in done.stdout, done.stdout + done.stderr
