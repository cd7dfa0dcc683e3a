"""DWPose on tiny ONNX models of the true signature: 1x3x640x640 -> 1x8400x85, and 1x3x384x288 -> SimCC x and y.

The box model finds what is green (as BGR), the pose model what is red (as normalised RGB), so that channel order,
scale, padding, crop and decoding must all be right for the joints to land where they were painted.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from dancegen.body.joints import L_SHOULDER, L_WRIST, NECK, NOSE, R_SHOULDER, V
from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage
from dancegen.people.detectors import dwpose
from dancegen.people.detectors.dwpose import dwpose_models, find_with_dwpose, joints_of_wholebody

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402

A, K = 8400, 133
ANCHORS = ((80, 0), (40, 6400), (20, 8000))  # of each grid: its side, and where its cells begin


def model_file(path: Path, size: tuple[int, int], nodes: list, constants: dict, outputs: dict) -> Path:
    graph = helper.make_graph(
        nodes, "tiny",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, *size])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def box_model(path: Path, *people: tuple[float, float, float, float, float]) -> Path:
    """A detector of given people (centre x, centre y, width, height in 640-pixels, score), wherever they look.

    Scores are multiplied by the blue channel of the upper left pixel as a detector fed with BGR sees it, over 255.
    """
    raw = np.zeros((1, A, 85), np.float32)
    for number, (x, y, width, height, score) in enumerate(people):
        side, begins = ANCHORS[number % 3]
        stride = 640 // side
        column, row = int(x / stride), int(y / stride)
        anchor = begins + row * side + column
        raw[0, anchor, :2] = x / stride - column, y / stride - row
        raw[0, anchor, 2:4] = np.log(width / stride), np.log(height / stride)
        raw[0, anchor, 4], raw[0, anchor, 5] = score, 1.0
        raw[0, anchor, 6] = 1.0  # as much a bicycle: only the first class counts
    gate = np.ones((1, 1, 85), np.float32)
    gate[..., 4] = 0
    constants = {
        "raw": raw * gate, "scored": raw * (1 - gate), "scale": np.array(1 / 255, np.float32),
        "begin": np.array([0, 0, 0, 0], np.int64), "end": np.array([1, 1, 1, 1], np.int64),
        "shape": np.array([1, 1, 1], np.int64),
    }  # fmt: skip
    nodes = [
        helper.make_node("Slice", ["input", "begin", "end"], ["blue"]),
        helper.make_node("Reshape", ["blue", "shape"], ["blue3"]),
        helper.make_node("Mul", ["blue3", "scale"], ["share"]),
        helper.make_node("Mul", ["scored", "share"], ["lit"]),
        helper.make_node("Add", ["raw", "lit"], ["output"]),
    ]
    return model_file(path, (640, 640), nodes, constants, {"output": [1, A, 85]})


def pose_model(path: Path) -> Path:
    """A pose model whose every keypoint lies at the reddest column and row of its crop; score = the peak's share."""
    mean, deviation = dwpose.MEAN_RGB[0], dwpose.STD_RGB[0]
    constants = {
        "begin": np.array([0, 0, 0, 0], np.int64), "end": np.array([1, 1, 384, 288], np.int64),
        "scale": np.array(deviation / 255, np.float32), "shift": np.array(mean / 255, np.float32),
        "x_shape": np.array([1, 1, 288], np.int64), "y_shape": np.array([1, 1, 384], np.int64),
        "x_sizes": np.array([1, 1, 576], np.int64), "y_sizes": np.array([1, 1, 768], np.int64),
        "x_copies": np.array([1, K, 1], np.int64), "none": np.array([], np.float32),
    }  # fmt: skip
    nodes = [
        helper.make_node("Slice", ["input", "begin", "end"], ["red"]),
        helper.make_node("Mul", ["red", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["share"]),
    ]
    for axis, reduced in (("x", 2), ("y", 3)):
        nodes += [
            helper.make_node("ReduceMax", ["share"], [f"{axis}_max"], axes=[reduced], keepdims=0),
            helper.make_node("Reshape", [f"{axis}_max", f"{axis}_shape"], [f"{axis}_line"]),
            helper.make_node(
                "Resize", [f"{axis}_line", "none", "none", f"{axis}_sizes"], [f"{axis}_bins"],
                mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor",
            ),
            helper.make_node("Tile", [f"{axis}_bins", "x_copies"], [f"simcc_{axis}"]),
        ]  # fmt: skip
    return model_file(path, (384, 288), nodes, constants, {"simcc_x": [1, K, 576], "simcc_y": [1, K, 768]})


def picture(width: int, height: int, x: int, y: int, radius: int = 2) -> np.ndarray:
    """Blue, with a red spot of 2 * radius + 1 pixels a side around (x, y)."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 2] = 255
    pixels[y - radius : y + radius + 1, x - radius : x + radius + 1] = (255, 0, 0)
    return pixels


@pytest.mark.parametrize(
    ("size", "box", "spot"),
    [
        ((640, 640), (300, 320, 200, 500), (310, 200)),  # nothing scaled
        ((1280, 960), (200, 240, 150, 400), (420, 300)),  # halved, padded below
        ((500, 900), (180, 320, 200, 560), (260, 700)),  # a tall picture, padded at the right
        ((640, 640), (40, 320, 300, 600), (20, 350)),  # a box that reaches out of the picture
        ((320, 240), (320, 240, 640, 200), (100, 130)),  # a wide box: the crop grows in height; enlarged
    ],
)
def test_joints_land_where_they_were_painted(
    tmp_path: Path, size: tuple[int, int], box: tuple[float, ...], spot: tuple[int, int]
) -> None:
    boxes = box_model(tmp_path / "box.onnx", (*box, 0.9))  # type: ignore[arg-type]
    ((joints, confidence),) = find_with_dwpose(
        picture(*size, *spot, radius=max(size) // 100), boxes, pose_model(tmp_path / "pose.onnx")
    )
    assert joints.shape == (V, 2)
    assert joints.dtype == confidence.dtype == np.float32
    # The peak is the first of the spot's bins: up to its radius and a pixel of the crop away from its middle.
    assert np.abs(joints - np.array(spot)).max() <= max(size) // 100 + 3
    assert (confidence > 0.8).all()


def test_detector_sees_bgr_and_pose_model_rgb(tmp_path: Path) -> None:
    """Blue and red exchanged: the gate of the box model stays shut, nobody is found."""
    boxes = box_model(tmp_path / "box.onnx", (300, 320, 200, 500, 0.9))
    swapped = picture(640, 640, 310, 200)[..., ::-1]
    assert find_with_dwpose(np.ascontiguousarray(swapped), boxes, pose_model(tmp_path / "pose.onnx")) == []


def test_nobody_there(tmp_path: Path) -> None:
    boxes = box_model(tmp_path / "box.onnx", (300, 320, 200, 500, 0.2))  # below the detector's least score
    assert find_with_dwpose(picture(640, 640, 310, 200), boxes, pose_model(tmp_path / "pose.onnx")) == []


def test_most_prominent_person_is_taken(tmp_path: Path) -> None:
    """A small sure one, a large one boxed twice: the surer box of the large one."""
    pixels = picture(640, 640, 80, 100) | picture(640, 640, 450, 300)
    people = ((80, 100, 60, 100, 0.95), (450, 320, 200, 500, 0.8), (450, 330, 300, 560, 0.5))
    boxes = box_model(tmp_path / "box.onnx", *people)
    first, second = dwpose._people(pixels, dwpose._session(boxes))
    np.testing.assert_allclose(first, (350, 70, 550, 570), atol=0.5)
    np.testing.assert_allclose(second, (50, 50, 110, 150), atol=0.5)
    people_found = find_with_dwpose(pixels, boxes, pose_model(tmp_path / "pose.onnx"))
    assert np.abs(people_found[0][0] - (450, 300)).max() < 6
    assert len(people_found) == 1, "the other is far off in the background"


def test_another_person_of_comparable_size_is_found_too(tmp_path: Path) -> None:
    pixels = picture(640, 640, 150, 300) | picture(640, 640, 450, 300)
    boxes = box_model(tmp_path / "box.onnx", (150, 320, 150, 400, 0.9), (450, 320, 200, 500, 0.8))
    found = find_with_dwpose(pixels, boxes, pose_model(tmp_path / "pose.onnx"))
    assert len(found) == 2
    assert np.abs(found[0][0] - (450, 300)).max() < 6
    assert np.abs(found[1][0] - (150, 300)).max() < 6


def test_wholebody_becomes_our_joints() -> None:
    keypoints = np.stack([np.arange(K), np.arange(K) * 10], axis=-1).astype(np.float64)
    scores = np.linspace(0.4, 1.4, K)
    joints, confidence = joints_of_wholebody(keypoints, scores)
    coco = {
        NOSE: 0,
        R_SHOULDER: 6,
        L_SHOULDER: 5,
        L_WRIST: 9,
        8: 12,
        10: 16,
        11: 11,
        13: 15,
        14: 2,
        15: 1,
        16: 4,
        17: 3,
    }
    for joint, keypoint in coco.items():
        assert joints[joint, 0] == keypoint
        assert joints[joint, 1] == keypoint * 10
    np.testing.assert_allclose(joints[NECK], (5.5, 55))
    assert confidence[NECK] == pytest.approx(scores[5])
    assert confidence.max() <= 1
    scores[6] = 0.1
    assert joints_of_wholebody(keypoints, scores)[1][NECK] == 0, "half a pair of shoulders is no neck"


def test_broken_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "box.onnx").write_bytes(b"no model")
    with pytest.raises(DancegenError, match="onnxruntime cannot load"):
        find_with_dwpose(picture(64, 64, 30, 30), tmp_path / "box.onnx", tmp_path / "box.onnx")


def test_models_are_used_when_here_and_fetched_when_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fake_hub import Listener, point_client_at, running_hub

    from dancegen.weights import manifest

    boxes, pose = box_model(tmp_path / "box.onnx", (300, 320, 200, 500, 0.9)), pose_model(tmp_path / "pose.onnx")
    with running_hub() as hub:
        point_client_at(hub, tmp_path, monkeypatch)
        entries = [
            hub.add(path.read_bytes(), path.name, name=name)
            for path, name in zip((boxes, pose), dwpose.MODELS, strict=True)
        ]
        listed = tmp_path / "weights_manifest.json"
        listed.write_text(json.dumps({"weights": [dataclasses.asdict(entry) for entry in entries]}))
        monkeypatch.setattr(manifest, "manifest_file", lambda: listed)

        assert dwpose_models() is None
        assert hub.requests == [], "nobody asked"
        with pytest.raises(DancegenError, match="offline"):
            dwpose_models(asked=True, offline=True)

        found = dwpose_models(asked=True)
        assert found is not None
        ((joints, _),) = find_with_dwpose(picture(640, 640, 310, 200), *found)
        assert np.abs(joints - (310, 200)).max() < 6
        asked = len(hub.requests)
        assert dwpose_models() == found, "here now"
        assert len(hub.requests) == asked

        found[1].resolve().write_bytes(b"damaged")
        listener = Listener()
        assert dwpose_models(reporter=listener) is None
        assert any("damaged" in note for note in listener.notes)
        mended = dwpose_models(asked=True)
        assert mended is not None
        assert hashlib.sha256(mended[1].read_bytes()).hexdigest() == entries[1].sha256


def test_without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dwpose.importlib.util, "find_spec", lambda name: None)
    assert dwpose_models() is None
    with pytest.raises(DancegenError, match=r"dancegen\[dwpose\]"):
        dwpose_models(asked=True)


def posing_model(path: Path, joints: np.ndarray) -> Path:
    """A pose model that always sees one pose: COCO keypoints (17, 2) in its own 288 x 384 pixels."""
    constants = {"zero": np.array(0, np.float32)}
    nodes = [
        helper.make_node("ReduceMax", ["input"], ["any"], keepdims=0),
        helper.make_node("Mul", ["any", "zero"], ["none"]),
    ]
    for axis, bins in enumerate((576, 768)):
        simcc = np.zeros((1, K, bins), np.float32)
        simcc[0, np.arange(17), np.rint(joints[:, axis] * 2).astype(int)] = 0.9
        constants[f"seen_{axis}"] = simcc
        nodes.append(helper.make_node("Add", [f"seen_{axis}", "none"], [f"simcc_{'xy'[axis]}"]))
    return model_file(path, (384, 288), nodes, constants, {"simcc_x": [1, K, 576], "simcc_y": [1, K, 768]})


STANDING = np.array(  # nose, eyes, ears, shoulders, elbows, wrists, hips, knees, ankles; left before right
    [(144, 40), (150, 34), (138, 34), (158, 38), (130, 38), (174, 80), (114, 80), (190, 130), (98, 130), (196, 180),
     (92, 180), (164, 190), (124, 190), (166, 270), (122, 270), (168, 350), (120, 350)], np.float32,
)  # fmt: skip


def test_subject_finder_uses_dwpose_once_it_is_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from subject_tools import find_subject

    # A box of the pose model's own shape, so that its pixels are the picture's, less the crop's corner.
    crop = np.array([288, 384]) / dwpose.BOX_MARGIN
    models = box_model(tmp_path / "box.onnx", (300, 320, *crop, 0.9)), posing_model(tmp_path / "pose.onnx", STANDING)
    monkeypatch.setattr(dwpose, "dwpose_models", lambda **_: models)
    pixels = picture(640, 640, 10, 10)
    found = find_subject(ConditionalImage(tmp_path / "me.png", pixels), network=None)
    assert found.detector.startswith("dwpose")
    np.testing.assert_allclose(found.joints[NOSE], STANDING[0] + (156, 128), atol=1)
    np.testing.assert_allclose(found.joints[NECK], (300, 208), atol=1)
    assert (found.confidence > 0.8).all()


def test_what_is_no_person_is_left_to_the_next_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    box = box_model(tmp_path / "box.onnx", (300, 320, 200, 500, 0.9))
    monkeypatch.setattr(dwpose, "dwpose_models", lambda **_: (box, pose_model(tmp_path / "pose.onnx")))
    pixels = picture(640, 640, 310, 200)
    assert dwpose.load().find(ConditionalImage(tmp_path / "me.png", pixels)) == []  # every joint at one point


def test_joints_outside_the_picture_are_not_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crop = np.array([288, 384]) / dwpose.BOX_MARGIN
    models = box_model(tmp_path / "box.onnx", (300, 500, *crop, 0.9)), posing_model(tmp_path / "pose.onnx", STANDING)
    monkeypatch.setattr(dwpose, "dwpose_models", lambda **_: models)
    (found,) = dwpose.load().find(ConditionalImage(tmp_path / "me.png", picture(640, 640, 10, 10)))
    assert [joint for joint in range(V) if found.confidence[joint] == 0] == [10, 13], "the ankles are below the edge"


def test_asking_for_the_detector_fetches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from dancegen.networks import load_networks
    from dancegen.weights.own import weights_by_role

    asked: list[dict] = []
    monkeypatch.setattr(dwpose, "dwpose_models", lambda **options: asked.append(options))
    load_networks(weights_by_role(["detector=dwpose"]), device="cpu", roles=(), offline=True)
    assert [(options["asked"], options["offline"]) for options in asked] == [(True, True)]
    load_networks(weights_by_role(["renderer=puppet"]), device="cpu", roles=())
    assert len(asked) == 1
