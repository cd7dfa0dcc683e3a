"""Turns and the amount of a style: from the command line into a dance, its file and what is made of it again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Ran

from dancegen import Request
from dancegen.dances.read_dance import read_dance
from dancegen.errors import DancegenError
from dancegen.production.known import Known, read_known
from dancegen.progress import SilentReporter


def test_a_dance_file_keeps_what_was_asked_for(
    run_main: Callable[..., Ran], beat_song: Path, picture: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    weights, file = ("--weights", f"choreographer={tiny_weights}", "--offline"), tmp_path / "a.dance.json"
    ran = run_main("dance", beat_song, "-o", file, *weights, "--turns", 1, "--style", "tango", "--style-amount", 0.25)
    assert ran.status == 0, ran.err
    take = read_dance(file).take(1)
    assert (take.style, take.amount, take.turns) == ("tango", 0.25, 1.0)
    assert take.skeleton.yaw is not None and len(take.skeleton.yaw) == len(take.skeleton)
    flat = tmp_path / "b.dance.json"
    assert run_main("dance", beat_song, "-o", flat, *weights, "--turns", 0).status == 0
    other = read_dance(flat).take(1)
    assert other.skeleton.yaw is None and other.turns == 0 and "style_amount" not in flat.read_text()
    told, _ = read_known(Request(beat_song, picture, dance=file), Known(), SilentReporter())
    assert (told.style, told.style_amount, told.turns) == ("tango", 0.25, 1.0)
    again = ("--redo", 2, "--from", file, "--seed", 5, "-o", tmp_path / "c.dance.json", *weights)
    assert run_main("dance", beat_song, *again).status == 0
    changed = read_dance(tmp_path / "c.dance.json").take(1)
    assert (changed.turns, changed.edits[0].style, changed.edits[0].amount) == (1.0, "tango", 0.25)
    assert not np.array_equal(changed.skeleton.joints, take.skeleton.joints)
    ran = run_main("dance", beat_song, *again, "--turns", 0, "--overwrite")
    assert ran.status == 1 and "--turns does not go with --redo" in ran.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"turns": 0.7}, "--turns must be 0, 0.5 or 1, not 0.7"),
        ({"turns": float("nan")}, "--turns must be 0, 0.5 or 1, not nan"),
        ({"style_amount": 1.2}, "--style-amount must be 0 to 1, not 1.2"),
        ({"dance": Path("d.json"), "turns": 1.0}, "--turns does not go with --dance"),
        ({"dance": Path("d.json"), "style_amount": 0.5}, "--style-amount does not go with --dance"),
    ],
)
def test_what_cannot_be(options: dict[str, float], said: str) -> None:
    with pytest.raises(DancegenError) as caught:
        Request(Path("a.wav"), Path("me.png"), **options)
    assert said in str(caught.value)
