"""Whether a change of the code makes the stages anew that can reach it, and no others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from dancegen import Request, __version__
from dancegen.assets.example import PICTURE, POSE
from dancegen.batch.edition import STAGE_ROLES, edition, edition_of, list_files

KINDS = tuple(STAGE_ROLES)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package in another folder, as a wheel puts it there."""
    place = tmp_path_factory.mktemp("copy") / "dancegen"
    shutil.copytree(ROOT / "dancegen", place, ignore=shutil.ignore_patterns("assets", "__pycache__"))
    return place


@pytest.mark.parametrize("kind", KINDS)
def test_an_edition_is_the_version_and_the_code(kind: str, copy: Path) -> None:
    mine = edition(kind)
    assert mine.startswith(f"{__version__}+") and edition_of(copy, __version__, kind) == mine
    for file in (copy / "audio").glob("*.py"):
        file.write_bytes(
            file.read_bytes().replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        )  # as Windows checks files out
    assert edition_of(copy, __version__, kind) == mine != edition_of(copy, "0.0.1", kind)


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_stage_reaches_makes_it_anew_and_nothing_else_does(kind: str, copy: Path) -> None:
    mine, files = edition_of(copy, "1", kind), list_files(copy, kind)
    known = {"dance": "dances/bars.py", "subject": "people/find.py", "video": "ffmpeg.py"}
    assert copy / known[kind] in files
    for file in files:
        text = file.read_bytes()
        file.write_bytes(text + b"\n# touched\n")
        assert edition_of(copy, "1", kind) != mine, file
        file.write_bytes(text)
    others = set(copy.rglob("*.py")) - set(files)
    assert {copy / "cli/main.py", copy / "batch/plan.py", copy / "lab/synthetic/figure.py"} <= others
    before = {file: file.read_bytes() for file in others}
    for file, text in before.items():
        file.write_bytes(text + b"\n# touched\n")
    same = edition_of(copy, "1", kind)
    for file, text in before.items():
        file.write_bytes(text)
    assert same == mine


RUN = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
task, found = json.loads(sys.argv[1]), {}
for kind, output in (("dance", task["dance"]), ("subject", task["subject"]), ("video", task["video"])):
    from dancegen.batch.stages import run_stage
    run_stage(SimpleNamespace(kind=kind, task=task), Path(output))
    found[kind] = [name for name in sys.modules if name.split(".")[0] == "dancegen"]
    for name in found[kind]:
        del sys.modules[name]
print(json.dumps(found))
"""


def test_whatever_a_stage_imports_is_found(tmp_path: Path, beat_song: Path, tiny_weights: Path) -> None:
    """The stages themselves, each with no module of dancegen imported before."""
    outputs = {name: str(tmp_path / name) for name in ("dance", "subject")}
    how: dict[str, Any] = {"duration": 1.0, "size": 64, "fps": 2.0, "device": "cpu", "offline": True}
    request = Request(beat_song, PICTURE, pose=POSE, weights={"choreographer": str(tiny_weights)}, **how)
    task = {"request": request.to_json(), **outputs, "video": str(tmp_path / "v.mp4")}
    done = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(task)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for kind, names in json.loads(done.stdout).items():
        files = {"/".join(file.relative_to(ROOT).with_suffix("").parts) for file in list_files(ROOT / "dancegen", kind)}
        known = {file.removesuffix("/__init__").replace("/", ".") for file in files}
        assert len(names) > 20 and set(names) <= known, kind


STAGES = """
from dancegen.batch import shared
def _dance(task):
    from dancegen.registry import load
    return _helper()
def _helper():
    import dancegen.audio.beats
def _subject(task):
    from dancegen import people
def _video(task):
    from dancegen.registry import load
"""
REGISTRY = """
TABLE = {"choreographers": {"a": "dancegen.a.one:make"}, "renderer": {"b": ("dancegen.b.two", "Config")}}
MORE = {"c": "dancegen.c"}
def load(name):
    from typing import TYPE_CHECKING
    if TYPE_CHECKING:
        from dancegen import unseen
    else:
        from dancegen import seen
"""


def test_strings_functions_and_parents_are_followed_and_type_checking_is_not(tmp_path: Path) -> None:
    files = {
        **{
            "batch/stages": STAGES,
            "batch/shared": "",
            "batch/__init__": "",
            "registry": REGISTRY,
            "audio/beats": "from dancegen import ring",
        },
        **{
            "audio/__init__": "from dancegen.audio import door",
            "audio/door": "",
            "ring": "import dancegen.audio.beats",
        },
        **{"people/__init__": "", "people/other": "", "a/one": "", "b/two": "", "c": "", "seen": "", "unseen": ""},
        **{"__init__": "from dancegen import everything", "everything": ""},
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.py").write_text(text)
    found = {kind: {str(f.relative_to(tmp_path).with_suffix("")) for f in list_files(tmp_path, kind)} for kind in KINDS}
    always = {"__init__", "batch/__init__", "batch/stages", "batch/shared"}
    loaded = {"registry", "seen", "c", "a/one"}
    assert found["dance"] == always | loaded | {"audio/__init__", "audio/beats", "audio/door", "ring"}
    assert found["subject"] == always | {"people/__init__"}
    assert found["video"] == always | loaded | {"b/two"}


def test_no_file_imports_by_a_relative_name() -> None:
    """Those would not be followed."""
    assert not [file for file in (ROOT / "dancegen").rglob("*.py") if "\nfrom ." in file.read_text(encoding="utf-8")]
