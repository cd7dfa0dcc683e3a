"""500 broken inputs through the real readers; `fuzz_inputs.py` makes more of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from fuzz_inputs import fuzz


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in Linux's units")
def test_broken_inputs_are_read_or_refused(tmp_path: Path) -> None:
    found = fuzz(500, seed=0, keep=tmp_path)
    log = tmp_path / "log.txt"
    assert sum(found.values()) == 500
    assert {outcome for _, outcome in found} <= {"read", "refused"}, log.read_text() if log.exists() else found
