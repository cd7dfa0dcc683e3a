"""The reader of JSON that somebody else wrote: what it gives is what the standard reader gives, but within limits."""

from __future__ import annotations

import json
import math
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dancegen.errors import DancegenError
from dancegen.jsonfile import DEEPEST, MOST_VALUES, parse_json, read_json

NUMBERS = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8) | st.lists(NUMBERS | st.none(), min_size=14, max_size=40),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(max_size=4), inner, max_size=5)
        | st.lists(st.lists(NUMBERS, min_size=3, max_size=3), min_size=4, max_size=9)
    ),
    max_leaves=20,
)


def plain(value: Any) -> Any:
    """With lists for arrays."""
    if isinstance(value, np.ndarray):
        return [plain(row) if value.ndim > 1 else None if math.isnan(row) else row for row in value]
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


@settings(max_examples=200, deadline=None)
@given(value=VALUES, indent=st.sampled_from([None, 1]))
def test_it_reads_what_the_standard_reader_reads(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert plain(parse_json(text, "x", "mend it")) == json.loads(text)
    assert plain(parse_json(b"\xef\xbb\xbf" + text.encode(), "x", "mend it")) == json.loads(text)


@settings(max_examples=300, deadline=None)
@given(value=VALUES, cut=st.integers(0, 200), put=st.binary(max_size=3))
def test_what_is_broken_is_refused_in_one_line(value: Any, cut: int, put: bytes) -> None:
    text = json.dumps(value).encode()
    text = text[:cut] + put + text[cut + len(put) :]
    try:
        wanted: Any = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        wanted = DancegenError
    try:
        read: Any = parse_json(text, "x", "mend it")
    except DancegenError as told:
        assert "\n" not in str(told) and len(str(told)) < 400
        assert wanted is DancegenError or "astronomic" in str(told) or "is not a number" in str(told)
    else:
        assert wanted is not DancegenError and plain(read) == wanted


def test_long_rows_are_arrays_and_nulls_are_nan() -> None:
    text = json.dumps({"short": [1, 2], "row": [1, 2.5, None] * 6, "xy": [[1, 2]] * 9, "ragged": [[1, 2], [3]] * 9})
    read = parse_json(text, "x", "mend it")
    assert read["short"] == [1, 2] and type(read["short"][0]) is int
    assert read["row"].shape == (18,) and np.isnan(read["row"][2::3]).all()
    assert read["xy"].shape == (9, 2) and isinstance(read["ragged"], list)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: Expecting value"),
        ('{"a":\n 1,}', "line 2: Expecting property name"),
        ("[" * 100_000, f"nested more than {DEEPEST} deep"),
        ('{"a":' * 100_000, f"nested more than {DEEPEST} deep"),
        ("[NaN]", "NaN is not a number"),
        ("[" + "1," * 20 + "-Infinity]", "-Infinity is not a number"),
        ("1e999", "astronomic size"),
        ("9" * 5000, "astronomic size"),
        ("[" + "9" * 5000 + ",1" * 30 + "]", "astronomic size"),
        ("[" + "{}," * MOST_VALUES + "0]", "more than 2,000,000 values"),
        ("\x00", "line 1"),
    ],
)
def test_what_is_refused(text: str, why: str) -> None:
    with pytest.raises(DancegenError) as told:
        parse_json(text, "x.json", "mend it")
    assert why in told.value.what and told.value.what.startswith("x.json is not") and told.value.remedy == "mend it"


def test_numbers_that_are_none_may_be_left_to_whoever_knows_the_place() -> None:
    read = parse_json("[NaN, 1e999, " + "9" * 400 + ", " + "1" * 20 + "]", "x", "y", finite=False)
    assert math.isnan(read[0]) and read[1:3] == [math.inf, math.inf] and read[3] == int("1" * 20)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_byte_order_marks(tmp_path: Path, encoding: str) -> None:
    text = ("\ufeff" if encoding in ("utf-16-le", "utf-16-be") else "") + '{"a": "ä"}'
    (tmp_path / "x.json").write_bytes(text.encode(encoding))
    assert read_json(tmp_path / "x.json", "list", "mend it") == {"a": "ä"}


def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "latin.json").write_bytes(b'"\xe4"')
    (tmp_path / "large.json").write_bytes(b"1" * 2000)
    for name, why in (
        ("none.json", "no such list"),
        ("folder", "is a folder, not a list"),
        ("latin.json", "is not JSON text"),
        ("large.json", "larger than a list can be (1 KiB)"),
        ("nul\0.json", "cannot be read"),
    ):
        with pytest.raises(DancegenError, match="mend it") as told:
            read_json(tmp_path / name, "list", "mend it", largest=1 << 10)
        assert why in told.value.what


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DancegenError, match="no regular file"):
        read_json(tmp_path / "pipe", "list", "mend it")


def test_rows_of_numbers_take_little_memory() -> None:
    frame = {"people": [{"pose_keypoints_2d": [123.4567, 234.5678, 0.9] * 18}]}
    text = json.dumps([frame] * 4000)
    tracemalloc.start()
    read = parse_json(text, "x", "mend it")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(read) == 4000
    assert peak < 2.5 * len(text)  # the standard reader takes 5 times the text, and 25 times for a list of "{}"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"hidden": ' + "9" * 5000 + "}", "{", "\x00", '"a"'])
def test_metadata_of_weights_is_read_by_it(tmp_path: Path, text: str) -> None:
    from safetensors.numpy import save_file

    from dancegen.weights.checkpoint import CONFIG_KEY, read_metadata

    save_file({"a": np.zeros(1, np.float32)}, tmp_path / "x.safetensors", {CONFIG_KEY: text})
    with pytest.raises(DancegenError) as told:
        read_metadata(tmp_path / "x.safetensors")
    assert "x.safetensors" in told.value.what and len(str(told.value)) < 400 and told.value.remedy
