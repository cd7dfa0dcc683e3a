"""`dancegen evaluate subject`: on drawings with joints beside them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Ran
from PIL import Image
from subject_tools import line_drawing

from dancegen.body.joints import MIRROR
from dancegen.errors import DancegenError
from dancegen.lab.evaluate.subject import MEASURES, YAML_JOINTS, judge, judge_pictures, judge_scenes, means
from dancegen.lab.synthetic.scene import Scene
from dancegen.lab.synthetic.store import scene_path, write_scene
from dancegen.people.located import TORSO
from dancegen.people.network.network import SubjectConfig, SubjectNetwork
from dancegen.weights.checkpoint import save_checkpoint

TINY = SubjectConfig((8, 16), (8, 16), (8, 16), 64, 64, 64)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures" / "drawings"
    folder.mkdir(parents=True)
    drawn = line_drawing()
    drawn.save(folder / "man.png")
    Image.fromarray(drawn.mask).save(folder / "man_mask.png")
    lines = ["skeleton:"]
    for name, joint in YAML_JOINTS.items():
        x, y = drawn.joints[joint].round().astype(int)
        lines += ["- loc:", f"  - {x}", f"  - {y}", f"  name: {name}"]
    (folder / "man_joints.yaml").write_text("\n".join(lines) + "\n")
    return tmp_path / "pictures"


class Knowing(SubjectNetwork):
    """A network that finds what is true, `off` px to the right, with the sides or without the joints that are named."""

    def __init__(self, off: float = 0, sides: tuple[int, ...] = tuple(range(18)), hidden: tuple[int, ...] = ()) -> None:
        super().__init__(TINY)
        self.off, self.sides, self.hidden = off, sides, hidden

    def find_joints(self, pixels: np.ndarray, figure: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        joints = line_drawing().joints[[*self.sides]] + np.array([self.off, 0], np.float32)
        return joints, 1 - np.isin(np.arange(18), self.hidden).astype(np.float32)


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network looks at the whole picture."""
    monkeypatch.setattr("dancegen.people.detectors.embedded.flat_outline", lambda pixels: None)


@pytest.mark.usefixtures("whole")
def test_joints_are_measured_in_body_heights(pictures: Path) -> None:
    (judged,) = judge_pictures(pictures)
    assert judged.known.sum() == len(YAML_JOINTS)
    exact, near, far = (judge(Knowing(off), judged) for off in (0, 25, 60))
    assert exact["pck10"] == exact["pck05"] == 1
    assert (near["pck10"], near["pck05"]) == (1, 0)
    assert far["pck10"] == 0
    assert exact["exchanged"] == 0
    assert exact["iou"] > 0.9  # the figure stands on flat paper
    assert means({"a/b": exact, "a/c": far})["a"]["pck10"] == 0.5


@pytest.mark.usefixtures("whole")
def test_left_found_on_the_right_is_exchanged(pictures: Path) -> None:
    (judged,) = judge_pictures(pictures)
    assert judge(Knowing(sides=MIRROR), judged)["exchanged"] == 1


@pytest.mark.usefixtures("whole")
def test_without_a_torso_nobody_is_found(pictures: Path) -> None:
    (judged,) = judge_pictures(pictures)
    row = judge(Knowing(hidden=TORSO), judged)
    assert set(row) == set(MEASURES)
    assert {row[key] for key in ("pck10", "pck05", "exchanged", "iou_found", "iou")} == {0}


def test_command_writes_figures_and_a_sheet(pictures: Path, tmp_path: Path, run_main: Callable[..., Ran]) -> None:
    torch.manual_seed(0)
    network = SubjectNetwork(TINY)
    save_checkpoint(tmp_path / "net.safetensors", network.state_dict(), network.config)
    out, sheet = tmp_path / "found.json", tmp_path / "sheet.png"
    ran = run_main(
        *("evaluate", "subject", "--pictures", pictures, "--weights", tmp_path / "net.safetensors"),
        *("--json", out, "--plot", sheet),
    )
    assert ran.status == 0, ran.err
    assert "drawings" in ran.out
    written = json.loads(out.read_text())
    assert set(written["pictures"]["drawings/man"]) == set(MEASURES)
    assert Image.open(sheet).size == (2000, 200)


def test_validation_scenes_are_measured_too(tmp_path: Path, run_main: Callable[..., Ran]) -> None:
    drawn = line_drawing((256, 256))
    square = np.stack([drawn.image.pixels] * 8)
    alpha = np.stack([drawn.mask.astype(np.uint8) * 255] * 8)
    joints = np.zeros((8, 18, 3), np.float32)
    joints[..., :2] = drawn.joints
    scene = Scene(square, alpha // 255, alpha, square[0], joints, 90, {"character": "figure"})
    write_scene(scene_path(tmp_path / "SET", "val", 3), scene)
    names = [judged.name for judged in judge_scenes([tmp_path / "SET"])]
    assert names == ["000003_0", "000003_4"]
    save_checkpoint(tmp_path / "net.safetensors", SubjectNetwork(TINY).state_dict(), TINY)
    out = tmp_path / "found.json"
    measured = ("--weights", tmp_path / "net.safetensors", "--json", out)
    ran = run_main("evaluate", "subject", "--frames", tmp_path / "SET", *measured)
    assert ran.status == 0, ran.err
    assert "SET" in ran.out
    written = json.loads(out.read_text())
    assert set(written["pictures"]["SET/000003_0"]) == set(MEASURES) - {"iou"}  # their masks are not refined
    assert set(written["groups"]["SET"]) == set(MEASURES) - {"iou"} | {"pictures"}
    assert run_main("evaluate", "subject").status == 1


def test_sets_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DancegenError, match="same name"):
        judge_scenes([tmp_path / "a" / "SET", tmp_path / "b" / "SET"])


def test_a_folder_without_truth_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DancegenError, match="judged"):
        judge_pictures(tmp_path)
