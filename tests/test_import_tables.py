"""The .npz and .csv that `export` writes are read again by `import`, with depth; what is none of them is refused."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Ran
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from workbench_tools import dance, dance_file

from dancegen.body.sequence import SkeletonSequence
from dancegen.dances import export
from dancegen.dances.dance_file import write_dance
from dancegen.dances.imports import imported_dance
from dancegen.dances.read_dance import read_dance
from dancegen.errors import DancegenError


def written(tmp_path: Path, kind: str) -> tuple[Path, SkeletonSequence]:
    """An exported dance with depth, and the dance."""
    made = dance(1.0)
    made = SkeletonSequence(made.joints + np.float32((0, 0, 0.1)) * np.arange(18, dtype=np.float32)[:, None], made.fps)
    placement = export.fit(made, 512, 768)
    export.write(tmp_path / f"d.{kind}", kind, made, [export.place(made, placement)], (512, 768))
    return tmp_path / f"d.{kind}", made


@pytest.mark.parametrize("kind", ["npz", "csv"])
def test_a_dance_goes_there_and_back(tmp_path: Path, run_main: Callable[..., Ran], kind: str) -> None:
    path, made = written(tmp_path, kind)
    file = tmp_path / "back.dance.json"
    assert run_main("import", path, "--canvas", "512x768", "-o", file).status == 0
    back = read_dance(file)
    skeleton = back.takes[0].skeleton
    assert skeleton.fps == made.fps and back.placement is not None
    wanted = export.place(made, export.fit(made, 512, 768)).joints
    np.testing.assert_allclose(export.place(skeleton, back.placement).joints, wanted, atol=2e-3)
    if kind == "npz":
        np.testing.assert_allclose(skeleton.joints, made.joints, atol=1e-6)
    assert imported_dance(path, None, 15.0, 0.0, None)[0].fps == 15


def test_a_dance_on_another_body_has_no_place_of_its_own(tmp_path: Path) -> None:
    made = dance(1.0)
    placed = export.place(made, export.fit(made, 512, 768))
    bent = SkeletonSequence(placed.joints * np.linspace(1, 2, 18, dtype=np.float32)[:, None], made.fps)
    export.write_npz(tmp_path / "d.npz", made, bent, (512, 768))
    back, _ = imported_dance(tmp_path / "d.npz", None, None, 0.0, None)
    assert back.placement is None
    np.testing.assert_allclose(back.takes[0].skeleton.joints, made.joints, atol=1e-6)


def test_a_dance_file_goes_through_a_table(tmp_path: Path, run_main: Callable[..., Ran]) -> None:
    write_dance(tmp_path / "a.dance.json", dance_file(seconds=2.0))
    for kind in ("npz", "csv"):
        assert run_main("export", tmp_path / "a.dance.json", "-o", tmp_path / f"a.{kind}").status == 0
        ran = run_main("import", tmp_path / f"a.{kind}", "-o", tmp_path / f"{kind}.dance.json")
        assert ran.status == 0 and "60 poses, 2.0 s, without a song" in ran.out


def test_videos_are_no_keypoints(tmp_path: Path, run_main: Callable[..., Ran]) -> None:
    (tmp_path / "pose.mp4").write_bytes(b"video")
    ran = run_main("import", tmp_path / "pose.mp4", "-o", tmp_path / "x.dance.json")
    assert (
        ran.status == 1
        and "pose.mp4 is a video, and import reads keypoints: make it a dance with `dancegen capture`" in ran.err
    )


def test_a_huge_array_is_refused_by_its_header(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", canonical=np.zeros((700_000, 18, 3)))
    with pytest.raises(DancegenError, match=r"a\.npz is larger than a dance can be \(256 MiB\)"):
        imported_dance(tmp_path / "a.npz", None, None, 0.0, None)


@pytest.mark.parametrize("kind", ["npz", "csv"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(data=st.data())
def test_a_changed_table_is_read_or_refused(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    path = tmp_path / f"d.{kind}"
    if not path.exists():
        written(tmp_path, kind)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(content) - 1))
        words = st.binary(max_size=4) | st.sampled_from([b"1e30", b"nan", b",", b"\n", b'"', b"\0", b"9" * 400])
        content[at : at + data.draw(st.integers(0, 40))] = data.draw(words)
    (tmp_path / f"changed.{kind}").write_bytes(content)
    try:
        imported_dance(tmp_path / f"changed.{kind}", None, None, 0.0, None)
    except DancegenError as error:
        assert f"changed.{kind}" in str(error) and len(str(error)) < 400


@pytest.mark.parametrize("header", ["{'descr': (\n", "[" * 100_000, "{'shape': " + "9" * 5000, "\0"])
def test_a_broken_header_of_an_array_is_refused(tmp_path: Path, header: str) -> None:
    written(tmp_path, "npz")
    with zipfile.ZipFile(tmp_path / "d.npz") as whole, zipfile.ZipFile(tmp_path / "b.npz", "w") as broken:
        for name in whole.namelist():
            text = header.encode()
            stored = b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text
            broken.writestr(name, stored if name == "pixels.npy" else whole.read(name))
    with pytest.raises(DancegenError, match=r"b\.npz is not the \.npz file of a dance"):
        imported_dance(tmp_path / "b.npz", None, None, 0.0, None)
