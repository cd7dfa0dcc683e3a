"""Whatever the picture and the joints, the subject is found or refused in words, and the dance stays finite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from subject_tools import StandIn, find_subject

from dancegen.body.joints import V
from dancegen.body.retarget import retarget
from dancegen.body.sequence import SkeletonSequence
from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage
from dancegen.people.detectors import dwpose
from dancegen.people.detectors import mediapipe as mediapipe_detector


@pytest.fixture(autouse=True, scope="module")
def _bare() -> object:
    """Only the stand-in detects."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mediapipe_detector, "is_available", lambda: False)
        patch.setattr(dwpose, "dwpose_models", lambda **_: None)
        yield


@settings(max_examples=60, deadline=None)
@given(
    width=st.integers(16, 70),
    height=st.integers(16, 70),
    kind=st.sampled_from(["noise", "flat", "half"]),
    spread=st.sampled_from([0.0, 0.01, 0.5, 1.0, 3.0]),
    unseen=st.integers(0, V),
    empty=st.booleans(),
    seed=st.integers(0, 10_000),
)
def test_any_picture_and_any_joints(
    width: int, height: int, kind: str, spread: float, unseen: int, empty: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), 200, np.uint8)
    if kind != "flat":
        pixels[: height if kind == "noise" else height // 2] = rng.integers(0, 255, 3, dtype=np.uint8)
        pixels[::2] = rng.integers(0, 255, pixels[::2].shape, dtype=np.uint8) if kind == "noise" else pixels[::2]
    joints = (rng.normal(0, spread, (V, 2)) * (width, height) + (width / 2, height / 2)).astype(np.float32)
    confidence = np.ones(V, np.float32)
    confidence[rng.permutation(V)[:unseen]] = 0
    mask = np.zeros((height, width), bool) if empty else rng.random((height, width)) > 0.5
    network = StandIn(joints, confidence, mask)
    image = ConditionalImage(Path("any.png"), pixels)
    try:
        found = find_subject(image, network=network)
    except DancegenError as told:
        assert "any.png" in told.what
        return
    assert found.mask.shape == (height, width)
    assert np.isfinite(found.mask).all()
    assert 0 <= found.mask.min() <= found.mask.max() <= 1
    dance = SkeletonSequence(rng.normal(0, 0.3, (20, V, 3)), 30)
    danced = retarget(dance, found.joints, found.confidence, image.size)
    assert np.isfinite(danced.joints).all()
    assert (danced.confidence[:, found.confidence == 0] == 0).all()
    assert sorted(found.confidence > 0) == sorted(confidence > 0)  # sides may be exchanged: who is seen from behind
