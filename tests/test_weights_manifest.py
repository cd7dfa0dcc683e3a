"""The manifest: its form, what it may not say, and that a wheel carries it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dancegen.errors import DancegenError
from dancegen.weights import manifest as module
from dancegen.weights.manifest import (
    PACKAGE_FOLDER,
    entries_named,
    load_manifest,
    manifest_file,
    path_inside,
    readable_size,
)
from dancegen.weights.verify import sha256_of

ROOT = Path(__file__).parents[1]
RELATIVE = {"type": "string", "pattern": r"^(?!.*(^|/)\.{1,2}(/|$))[A-Za-z0-9][A-Za-z0-9._/-]*[A-Za-z0-9]$"}
CHOREOGRAPHERS = ("choreographer.stg-mamba", "choreographer.hotdance")
COMMON = {
    "name": {"type": "string", "pattern": "^[a-z0-9][a-z0-9._-]*$"},
    "role": {"enum": [*CHOREOGRAPHERS, "renderer.puppet", "subject", "beats", "capture.vimo", "detector"]},
    "filename": {**RELATIVE, "pattern": RELATIVE["pattern"].replace("[A-Za-z0-9]$", r"\.(safetensors|onnx)$")},
    "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$", "not": {"pattern": "^0+$"}},
    "size": {"type": "integer", "exclusiveMinimum": 0},
    "licence": {"type": "string", "pattern": r"^[A-Za-z0-9.+-]+$"},
    "config_version": {"type": ["integer", "null"], "minimum": 1},
    "card": {**RELATIVE, "pattern": RELATIVE["pattern"].replace("[A-Za-z0-9]$", r"\.md$")},
}
HUB = {
    "source": {"const": "hub"},
    "repo_id": {"type": "string", "pattern": r"^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$"},
    "revision": {"type": "string", "pattern": "^[0-9a-f]{40}$", "not": {"pattern": "^0+$"}},
}
PACKAGE = {"source": {"const": "package"}, "repo_id": {"type": "null"}, "revision": {"type": "null"}}
FIELDS = [*COMMON, "source", "repo_id", "revision"]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["weights"],
    "additionalProperties": False,
    "properties": {
        "weights": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": FIELDS,
                "additionalProperties": False,
                "properties": {key: {} for key in FIELDS} | COMMON,
                "oneOf": [{"properties": HUB}, {"properties": PACKAGE}],
            },
        },
        "repositories": {"type": "array"},  # see tests/test_weights_repository.py
    },
}
GOOD = {
    **{"name": "net", "role": "renderer", "source": "hub", "repo_id": "a/b", "revision": "1" * 40},
    **{"filename": "folder/net.safetensors", "sha256": "2" * 64, "size": 10, "licence": "Apache-2.0"},
    **{"config_version": 1, "card": "assets/weights/net.md"},
}
BAD = [
    *[("filename", value) for value in ("../x.onnx", "a/../../x.onnx", "/etc/x.onnx", "C:/x.onnx", "C:x.onnx")],
    *[("filename", value) for value in ("~/x.onnx", "a//x.onnx", "./x.onnx", "a\\..\\x.onnx", "", "x.pt", None)],
    *[("card", value) for value in ("../../README.md", "/README.md", None)],
    *[("repo_id", value) for value in ("../a", "a/..", "a", "a/b/c", "/a", "http://a/b", None)],
    *[("revision", value) for value in ("main", "1" * 39, "1" * 41, "../" + "1" * 37, "A" * 40, None)],
    *[("sha256", value) for value in ("2" * 63, "g" * 64, None)],
    *[("size", value) for value in (0, -1, 1.5, "10", True, None)],
    *[("name", value) for value in ("", "../net", "Net", "a/b", None)],
    *[("role", value) for value in ("painter", None)],
    *[("source", value) for value in ("ftp", None)],
    *[("licence", value) for value in ("", None)],
    *[("config_version", value) for value in (0, "1")],
]


def written(folder: Path, *items: Any) -> Path:
    path = folder / "weights_manifest.json"
    path.write_text(json.dumps({"weights": list(items)}))
    return path


def test_manifest_keeps_to_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(manifest_file().read_text()), SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"weights": [{**GOOD, "revision": "main"}]}, SCHEMA)


def test_manifest_is_the_one_at_the_top_level_of_a_checkout() -> None:
    assert manifest_file() == ROOT / "weights_manifest.json"


def test_every_card_is_there() -> None:
    for entry in load_manifest():
        text = (PACKAGE_FOLDER / entry.card).read_text()
        assert entry.licence in text, f"{entry.card} does not name the licence {entry.licence}"


def test_package_entries_are_what_lies_in_the_package() -> None:
    """After a change of a checkpoint: `dancegen weights seal`."""
    listed = {entry.filename: (entry.sha256, entry.size) for entry in load_manifest() if entry.source == "package"}
    files = sorted((PACKAGE_FOLDER / "assets/weights").glob("*.safetensors"))
    found = {path.relative_to(PACKAGE_FOLDER).as_posix(): (sha256_of(path), path.stat().st_size) for path in files}
    assert listed == found


def test_dwpose_is_pinned_to_what_was_measured() -> None:
    boxes, keypoints = entries_named("dwpose", load_manifest())
    assert (boxes.filename, boxes.size, boxes.sha256[:8]) == ("yolox_l.onnx", 216_746_733, "7860ae79")
    assert (keypoints.filename, keypoints.size, keypoints.sha256[:8]) == (
        "dw-ll_ucoco_384.onnx",
        134_399_116,
        "724f4ff2",
    )
    assert boxes.revision == keypoints.revision == "1a7144101628d69ee7a3768d1ee3a094070dc388"


def test_good_entry_is_read(tmp_path: Path) -> None:
    (entry,) = load_manifest(written(tmp_path, GOOD))
    assert (entry.name, entry.repo_id, entry.size) == ("net", "a/b", 10)


@pytest.mark.parametrize(("field", "value"), BAD)
def test_bad_field_is_named(tmp_path: Path, field: str, value: Any) -> None:
    with pytest.raises(DancegenError) as caught:
        load_manifest(written(tmp_path, {**GOOD, field: value}))
    assert field in caught.value.what


@pytest.mark.parametrize("items", [[{**GOOD, "extra": 1}], [{"name": "net"}], ["net"], [GOOD, GOOD]])
def test_wrong_shape_is_refused(tmp_path: Path, items: list[Any]) -> None:
    with pytest.raises(DancegenError):
        load_manifest(written(tmp_path, *items))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weights": 3}', "{"])
def test_no_manifest_at_all_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "weights_manifest.json"
    path.write_text(text)
    with pytest.raises(DancegenError, match="not a weights manifest"):
        load_manifest(path)


def test_package_entry_may_not_point_at_a_repository(tmp_path: Path) -> None:
    with pytest.raises(DancegenError, match="repo_id"):
        load_manifest(written(tmp_path, {**GOOD, "source": "package"}))


def test_path_leaves_no_folder_by_a_link(tmp_path: Path) -> None:
    folder, outside = tmp_path / "package", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "link").symlink_to(outside)
    (folder / "inner").symlink_to(folder)
    assert path_inside(folder, "inner/net.onnx") == folder / "inner/net.onnx"
    with pytest.raises(DancegenError, match="leads outside"):
        path_inside(folder, "link/net.onnx")


def test_unknown_name_lists_the_names_there_are() -> None:
    with pytest.raises(DancegenError, match="dwpose-boxes, dwpose-keypoints"):
        entries_named("dwpos", load_manifest())


def test_missing_manifest_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGE_FOLDER", tmp_path / "site-packages" / "dancegen")
    with pytest.raises(DancegenError, match="install dancegen again"):
        manifest_file()


@pytest.mark.parametrize(
    ("size", "said"),
    [(5, "5 B"), (1500, "2 kB"), (216_746_733, "217 MB"), (999_600_000, "1.0 GB"), (2_400_000_000, "2.4 GB")],
)
def test_sizes_for_people(size: int, said: str) -> None:
    assert readable_size(size) == said


def test_wheel_lists_its_weights(tmp_path: Path) -> None:
    pytest.importorskip("hatchling")
    if not (ROOT / "README.md").is_file():
        pytest.skip("the project's README.md is part of its metadata")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    unpacked = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked)
    assert (unpacked / "dancegen/weights_manifest.json").read_bytes() == (ROOT / "weights_manifest.json").read_bytes()
    environment = {**os.environ, "PYTHONPATH": str(unpacked), "HF_HOME": str(tmp_path / "hf")}
    listed = subprocess.run(
        [sys.executable, "-P", "-m", "dancegen", "weights", "list"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for entry in load_manifest():
        assert entry.name in listed.stdout
    assert "missing" not in listed.stdout, "the weights themselves are in the wheel"
