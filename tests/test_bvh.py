"""BVH: what is written comes back; skeletons of other tools by their names; files that are none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dancegen.body.joints import FACE_JOINTS, L_HIP, L_KNEE, mid_hip
from dancegen.body.sequence import bone_directions, place_joints
from dancegen.cli.main import main
from dancegen.dances.bvh import bvh_text, read_bvh
from dancegen.dances.dance_file import DanceFile, Take, round_dance, write_dance
from dancegen.dances.read_dance import read_dance
from dancegen.errors import DancegenError
from tests.test_capture import dancing

# The same limbs as other tools name them: what `bvh_text` writes -> CMU's, Blender's, Poser's.
CMU = {"UpLegBase": "HipJoint", "ArmBase": "Shoulder", "Neck": "Neck1"}
BLENDER = {f"{word}{part}": f"{other}.{word[0]}" for word in ("Left", "Right") for part, other in {
    **{"UpLegBase": "pelvis", "UpLeg": "thigh", "Leg": "shin", "Foot": "foot", "ArmBase": "clavicle"},
    **{"Arm": "upper_arm", "ForeArm": "forearm", "Hand": "hand"},
}.items()}  # fmt: skip
POSER = {f"{word}{part}": f"{word[0].lower()}{other}" for word in ("Left", "Right") for part, other in {
    **{"UpLegBase": "Buttock", "UpLeg": "Thigh", "Leg": "Shin", "Foot": "Foot", "ArmBase": "Collar"},
    **{"Arm": "Shldr", "ForeArm": "ForeArm", "Hand": "Hand"},
}.items()}  # fmt: skip
LIMBS = [joint for joint in range(18) if joint not in FACE_JOINTS]


def renamed(text: str, names: dict[str, str], prefix: str = "") -> str:
    lines = []
    for line in text.splitlines():
        words = line.split(" ")
        if words[-2:-1] in (["JOINT"], ["ROOT"]):
            name = names.get(words[-1], words[-1])
            for old, new in names.items():
                name = name.replace(old, new) if old not in words[-1][:4] and name == words[-1] else name
            line = " ".join([*words[:-1], prefix + name])
        lines.append(line)
    return "\n".join(lines)


def local(joints: np.ndarray) -> np.ndarray:
    return (joints - mid_hip(joints)[:, None])[:, LIMBS]


def test_shoulders_that_are_aslant_on_the_spine_come_back(tmp_path: Path) -> None:
    dance, file = dancing(1), tmp_path / "aslant.bvh"
    joints = dance.joints.copy()
    trunk = [joint for joint in range(18) if joint not in (8, 9, 10, 11, 12, 13)]  # all but the legs
    joints[:, trunk, 0] += 0.06  # hips stay, so the spine leans and the shoulders do not
    leaning = replace(dance, joints=place_joints(bone_directions(joints), mid_hip(joints)[:, :2]))
    file.write_text(bvh_text(leaning))
    assert np.abs(local(read_bvh(file).joints) - local(leaning.joints)).max() < 0.015


def test_bones_of_another_length_become_the_canonical_body_s_and_point_where_they_did(tmp_path: Path) -> None:
    dance, file = dancing(1), tmp_path / "long.bvh"
    lines = bvh_text(dance).splitlines()
    at = [line.strip() for line in lines].index("JOINT LeftLeg") + 2  # its offset: the thigh
    *words, length, last = lines[at].rsplit(" ", 2)
    lines[at] = " ".join([*words, str(1.2 * float(length)), last])
    file.write_text("\n".join(lines))
    back = read_bvh(file)
    thigh = [one.joints[:, L_KNEE] - one.joints[:, L_HIP] for one in (back, dance)]
    assert np.abs(thigh[0] - thigh[1]).max() < 2e-3


@pytest.mark.parametrize(("names", "prefix"), [({}, ""), ({}, "mixamorig:"), (CMU, ""), (BLENDER, ""), (POSER, "")])
def test_what_is_written_comes_back_by_any_names(names: dict[str, str], prefix: str, tmp_path: Path) -> None:
    dance = dancing(2)
    file = tmp_path / "a.bvh"
    file.write_text(renamed(bvh_text(dance), names, prefix))
    back = read_bvh(file)
    assert back.fps == pytest.approx(30) and len(back) == len(dance)
    assert np.abs(local(back.joints) - local(dance.joints)).max() < 1e-3
    assert np.linalg.norm(back.joints - dance.joints, axis=-1)[:, list(FACE_JOINTS)].max() < 0.06
    assert np.abs(back.yaw - dance.yaw).max() < 0.1 and np.ptp(back.depth - dance.depth) < 1e-3


def test_commands_write_and_read_bvh_and_strange_names_are_told(tmp_path: Path) -> None:
    dance, file, out = round_dance(dancing(2)), tmp_path / "d.dance.json", tmp_path / "a.bvh"
    write_dance(file, DanceFile(None, np.zeros(0), 0.0, 0.0, None, (Take(dance, 0, "none"),)))
    for command in (["export", str(file), "-o", str(out)], ["import", str(out), "-o", str(tmp_path / "b.dance.json")]):
        with pytest.raises(SystemExit) as end:
            main([*command, "-q"])
        assert end.value.code == 0
    back = read_dance(tmp_path / "b.dance.json").takes[0].skeleton
    assert np.abs(local(back.joints) - local(dance.joints)).max() < 2e-3
    out.write_text(out.read_text().replace("LeftLeg", "B17"))
    with pytest.raises(DancegenError, match="no joint is known as left_knee"):
        read_bvh(out)
    assert np.abs(local(read_bvh(out, {"left_knee": "B17"}).joints) - local(dance.joints)).max() < 2e-3
    names = tmp_path / "names.json"
    for told in ('{"left_knee": "B17"}', '{"wing": "B17"}', "[1]"):
        names.write_text(told)
        with pytest.raises(SystemExit) as end:
            main(["import", str(out), "--names", str(names), "-o", str(tmp_path / "c.dance.json"), "--overwrite", "-q"])
        assert end.value.code == int("wing" in told or told == "[1]")
    assert json.loads((tmp_path / "c.dance.json").read_text())["format"] == "dancegen dance"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("HIERARCHY", "HIER"),
        ("MOTION", "MOTI"),
        ("Frames: 60", "Frames: 0"),
        ("Frame Time: 0.0333", "Frame Time: x"),
        ("OFFSET 0.00000 0.00000 0.00000", "OFFSET 0.0 nothing"),
        ("Xposition", "Wposition"),
        ("CHANNELS 6", "CHANNELS six"),
    ],
)
def test_broken_files_are_refused_in_one_line(old: str, new: str, tmp_path: Path) -> None:
    file = tmp_path / "a.bvh"
    text = bvh_text(dancing(2))
    assert old in text
    file.write_text(text.replace(old, new, 1))
    with pytest.raises(DancegenError, match=r"a\.bvh"):
        read_bvh(file)
    file.write_text(text[: text.index("MOTION") + 60])
    with pytest.raises(DancegenError):
        read_bvh(file)
