"""The studio's dances by HotDance, with the weights that ship: on the body of the picture, out of its pose."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dancegen.assets.example import PICTURE, POSE
from dancegen.body.joints import BONES, V
from dancegen.choreographers.hotdance.dancer import HEAD, dancer_of
from dancegen.choreographers.tailor import Person
from dancegen.dances.keep import bone_lengths
from dancegen.images.picture import open_picture

pytest.importorskip("starlette", reason="needs the extra [studio]")
pytest.importorskip("uvicorn", reason="needs the extra [studio]")

from studio_tools import Open, one_line

WEIGHTS = PICTURE.parents[1] / "weights" / "hotdance.safetensors"


@pytest.fixture
def dancing(filled: Open) -> Open:
    """A project whose picture is chosen, and a second take of whose dance is by HotDance."""
    filled.studio.usual["weights"]["choreographer.hotdance"] = str(WEIGHTS)
    filled.studio.project.change(picture="me.png")
    how = {"takes": 2, "seed": 1, "choreographer": "hotdance", "steps": 2}
    filled.json("POST", "/api/songs/beat.wav/dance", how)
    return filled


def person_of(picture: Path) -> Person:
    numbers = np.asarray(json.loads(POSE.read_text(encoding="utf-8"))["people"][0]["pose_keypoints_2d"])
    joints = numbers.reshape(V, 3)
    return Person(joints[:, :2], joints[:, 2], open_picture(picture).size)


def test_a_take_is_danced_on_the_body_of_the_picture_out_of_its_pose(dancing: Open) -> None:
    made = one_line(dancing)
    who = dancer_of(person_of(PICTURE))
    assert made.body is not None and made.body.name == "me.png"
    np.testing.assert_allclose(made.body.bones, who.bones, atol=1e-6)
    for take in made.takes:
        joints = take.skeleton.joints
        assert np.abs(bone_lengths(joints) - who.bones).max() < 1e-3
        ends = np.asarray(BONES)[:HEAD]
        limbs = (joints[0, ends[:, 1], :2] - joints[0, ends[:, 0], :2]) / who.bones[:HEAD, None]
        assert np.abs(limbs - who.pose[:HEAD]).max() < 0.06
