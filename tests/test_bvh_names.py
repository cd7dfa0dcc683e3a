"""BVH files as other tools name and turn them: whole trees, with collars, toes and spines as each has them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dancegen.body import joints as J
from dancegen.dances.bvh import read_bvh

# hips, spine, neck, head, then of a side ({S} L, {s} l, {W} Left): collar, arm, forearm, hand, thigh, shin, foot, toe.
TOOLS = {
    "mixamo": "mixamorig:Hips mixamorig:Spine mixamorig:Neck mixamorig:Head mixamorig:{W}Shoulder mixamorig:{W}Arm "
    "mixamorig:{W}ForeArm mixamorig:{W}Hand mixamorig:{W}UpLeg mixamorig:{W}Leg mixamorig:{W}Foot mixamorig:{W}ToeBase",
    "metarig": "spine spine.003 spine.004 spine.006 shoulder.{S} upper_arm.{S} forearm.{S} hand.{S} thigh.{S} shin.{S} "
    "foot.{S} toe.{S}",
    "rigify": "DEF-spine DEF-spine.003 DEF-spine.004 DEF-spine.006 DEF-shoulder.{S} DEF-upper_arm.{S} DEF-forearm.{S} "
    "DEF-hand.{S} DEF-thigh.{S} DEF-shin.{S} DEF-foot.{S} DEF-toe.{S}",
    "cmu": "Hips LowerBack Neck Head {W}Shoulder {W}Arm {W}ForeArm {W}Hand {W}UpLeg {W}Leg {W}Foot {W}ToeBase",
    "poser": "hip abdomen neck head {s}Collar {s}Shldr {s}ForeArm {s}Hand {s}Thigh {s}Shin {s}Foot {s}Toe",
    "max": "Bip01_Pelvis Bip01_Spine Bip01_Neck Bip01_Head Bip01_{S}_Clavicle Bip01_{S}_UpperArm Bip01_{S}_Forearm "
    "Bip01_{S}_Hand Bip01_{S}_Thigh Bip01_{S}_Calf Bip01_{S}_Foot Bip01_{S}_Toe0",
    "unreal": "pelvis spine_01 neck_01 head clavicle_{s} upperarm_{s} lowerarm_{s} hand_{s} thigh_{s} calf_{s} "
    "foot_{s} ball_{s}",
    "xsens": "Hips Chest Neck Head {W}Collar {W}Shoulder {W}Elbow {W}Wrist {W}Hip {W}Knee {W}Ankle {W}Toe",
    "optitrack": "Hip Ab Neck Head {S}Shoulder {S}UArm {S}FArm {S}Hand {S}Thigh {S}Shin {S}Foot {S}Toe",
    "smpl": "Pelvis Spine1 Neck Head {S}_Collar {S}_Shoulder {S}_Elbow {S}_Wrist {S}_Hip {S}_Knee {S}_Ankle {S}_Foot",
    "vroid": "J_Bip_C_Hips J_Bip_C_Spine J_Bip_C_Neck J_Bip_C_Head J_Bip_{S}_Shoulder J_Bip_{S}_UpperArm "
    "J_Bip_{S}_LowerArm J_Bip_{S}_Hand J_Bip_{S}_UpperLeg J_Bip_{S}_LowerLeg J_Bip_{S}_Foot J_Bip_{S}_ToeBase",
    "makehuman": "root spine05 neck01 head clavicle.{S} upperarm01.{S} lowerarm01.{S} wrist.{S} upperleg01.{S} "
    "lowerleg01.{S} foot.{S} toe1-1.{S}",
}
PLACES = ((0, 0, 0), (0, 40, 0), (0, 10, 0), (0, 12, 0))  # centimetres: hips, spine, neck, head
SIDE = ((3, 5, 0), (15, 0, 0), (28, 0, 0), (25, 0, 0), (9, -3, 0), (0, -43, 0), (0, -43, 0), (0, -7, 12))
FRAMES, RAISED, BENT = 10, 80.0, 60.0  # degrees that the left arm rises and the right knee bends


def file_of(tool: str, path: Path, turn: np.ndarray) -> Path:
    """A T pose whose left arm rises and right knee bends, in a file whose axes are turned."""
    names = TOOLS[tool].split()
    lines, numbers = ["HIERARCHY"], []

    def put(name: str, place: np.ndarray, depth: int, inner: list[object], turned: tuple[float, int] | None) -> None:
        kind = "JOINT" if depth else "ROOT"
        lines.extend([f"{kind} {name}", "{", "OFFSET " + " ".join(f"{x:.4f}" for x in turn @ place)])
        lines.append(f"CHANNELS {3 if depth else 6} {'' if depth else 'Xposition Yposition Zposition '}"
                     "Zrotation Yrotation Xrotation")  # fmt: skip
        way = (
            np.zeros((FRAMES, 3)) if turned is None else np.linspace(0, turned[0], FRAMES)[:, None] * turn[:, turned[1]]
        )
        numbers.extend([np.zeros((FRAMES, 3))] * (not depth) + [way[:, ::-1]])
        for child in inner:
            put(*child)  # type: ignore[misc]
        lines.extend([] if inner else ["End Site", "{", "OFFSET 0 1 0", "}"])
        lines.append("}")

    def limb(side: float, own: list[str], places: tuple[tuple[float, float, float], ...], depth: int) -> list[object]:
        moves = {1: (RAISED, 2)} if depth == 2 and side > 0 else {1: (BENT, 0)} if depth == 1 and side < 0 else {}
        chain: list[object] = []
        for number in reversed(range(len(own))):
            place = np.array(places[number]) * (side, 1, 1)
            chain = [(own[number], place, depth + number, chain, moves.get(number))]
        return chain

    sides = [[name.format(S=word[0], s=word[0].lower(), W=word) for name in names[4:]] for word in ("Left", "Right")]
    arms = [part for side, own in zip((1, -1), sides, strict=True) for part in limb(side, own[:4], SIDE[:4], 2)]
    legs = [part for side, own in zip((1, -1), sides, strict=True) for part in limb(side, own[4:], SIDE[4:], 1)]
    head: object = (names[2], np.array(PLACES[2]), 2, [(names[3], np.array(PLACES[3]), 3, [], None)], None)
    put(names[0], np.zeros(3), 0, [(names[1], np.array(PLACES[1]), 1, [head, *arms], None), *legs], None)
    table = np.concatenate(numbers, axis=1)
    lines += ["MOTION", f"Frames: {FRAMES}", "Frame Time: 0.0333333"]
    path.write_text("\n".join([*lines, *(" ".join(f"{x:.4f}" for x in row) for row in table)]) + "\n")
    return path


@pytest.mark.parametrize("up", ["y", "z", "-y"])
@pytest.mark.parametrize("tool", TOOLS)
def test_skeletons_of_other_tools_stand_and_move_as_they_do_there(tool: str, up: str, tmp_path: Path) -> None:
    turns = {"y": np.eye(3), "z": np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]), "-y": np.diag([-1.0, -1.0, 1.0])}
    dance = read_bvh(file_of(tool, tmp_path / "a.bvh", turns[up]))
    first, last = dance.joints[[0, -1]]
    straight, raised = first[J.L_WRIST] - first[J.L_SHOULDER], last[J.L_WRIST] - last[J.L_SHOULDER]
    assert abs(straight[1]) < 0.01 < straight[0] and raised[1] < -0.9 * np.linalg.norm(straight)
    shin = last[J.R_ANKLE] - last[J.R_KNEE]
    angle = np.degrees(np.arctan2(abs(shin[2]), shin[1]))
    assert angle == pytest.approx(BENT, abs=2) and abs(last[J.L_ANKLE] - last[J.L_KNEE])[2] < 0.01
    assert first[J.NOSE, 1] < first[J.NECK, 1] < first[J.R_HIP, 1] < first[J.R_ANKLE, 1]
