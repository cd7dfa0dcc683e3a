"""Kits for the large animators: every file as its reader wants it, workflows that load, whole or not at all."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from comfyui_nodes import faults
from conftest import Listener
from PIL import Image
from workbench_tools import dance

from dancegen.audio.load import load_song
from dancegen.body import joints as J
from dancegen.body.draw_parts import FINGERS, draw_hand
from dancegen.body.sequence import HAND, SkeletonSequence
from dancegen.dances.kits import one_to_all, steadydancer, wan_animate
from dancegen.dances.kits.driving import COLOURS, Driver
from dancegen.dances.kits.formats import FORMATS, write_kit
from dancegen.dances.kits.material import Material
from dancegen.dances.kits.raw_video import whole_segments
from dancegen.people.located import LocatedBody
from dancegen.renderers.control import wan
from dancegen.renderers.control.face import _outline, face_frames
from dancegen.renderers.control.frame import crop, pad, shape_like
from dancegen.renderers.control.poses import carry_hands, draw, ease_in, place
from dancegen.renderers.puppet.renderer import PuppetRenderer
from tests.test_puppet import drawn
from tests.test_scene import two

SECONDS = 1.0
VIDEOS = {  # what each kit's videos must be: name -> frames a second, whether its frame is that of the picture
    "wan-animate": {"src_pose.mp4": 30, "src_face.mp4": 30},
    "wan-animate-2": {"driving.mp4": 30},
    "scail-2": {"driving.mp4": 30, "rendered_v2.mp4": 30, "rendered_mask_v2.mp4": 30},
    "steadydancer": {"pose.mp4": 16, "negative.mp4": 16},
    "one-to-all": {"ref_reference_driven_dance_align_ref_h_304_w_208_fps_30.0/pose.mp4": 30},
    "controlnet": {"pose.mp4": 30},
    "animate-anyone": {"dance_kps.mp4": 30},
}


def with_hands(made: SkeletonSequence) -> SkeletonSequence:
    """The dance with two open hands at its wrists, 0.1 body heights long."""
    fan = np.stack([np.repeat(np.linspace(-0.03, 0.03, 5), 4), np.tile(np.linspace(0.03, 0.1, 4), 5)], axis=1)
    hand = np.concatenate([[[0, 0]], fan])  # (HAND, 2)
    wrists = made.joints[:, (J.L_WRIST, J.R_WRIST), None, :2]  # (T, 2, 1, 2)
    points = np.concatenate([wrists + hand, np.ones((len(made), 2, HAND, 1))], axis=-1)
    return replace(made, hands=points.astype(np.float32))


def material(folder: Path, song: Path | None = None, people: list[LocatedBody] | None = None) -> Material:
    bodies = people or [drawn(210, 310, 240)]
    dances = tuple(dance(SECONDS, seed=number) for number in range(len(bodies)))
    sound = load_song(song, 0, SECONDS) if song else None

    def drive(size: tuple[int, int]) -> Driver:
        return Driver(PuppetRenderer(None), bodies, size)

    return Material(dances, tuple(bodies), sound, folder, "kit", "somebody dances", Listener(), drive)


@pytest.fixture(scope="module")
def kits(tmp_path_factory: pytest.TempPathFactory, beat_song: Path) -> dict[str, Path]:
    """One kit of each format, with the song."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steadydancer, "AREA", 320 * 180)  # 162 pictures of it
        for kind in FORMATS:
            made[kind] = tmp_path_factory.mktemp(kind) / "kit"
            write_kit(made[kind], kind, lambda folder: material(folder, beat_song), ["nothing special"])
    return made


def probe(path: Path) -> tuple[dict, np.ndarray]:
    """What a video says of itself, and its frames (T, h, w, 3)."""
    reader = imageio_ffmpeg.read_frames(str(path))
    facts = next(reader)
    width, height = facts["size"]
    return facts, np.stack([np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader])


@pytest.mark.parametrize("kind", list(FORMATS))
def test_videos_have_the_rate_the_length_the_size_and_the_song(kits: dict[str, Path], kind: str) -> None:
    named = re.search(r"the picture, (\d+)x(\d+)", (kits[kind] / "README.md").read_text())
    assert {str(path.relative_to(kits[kind])) for path in kits[kind].rglob("*.mp4")} == set(VIDEOS[kind])
    for name, fps in VIDEOS[kind].items():
        facts, frames = probe(kits[kind] / name)
        least = 81 if kind in ("one-to-all", "steadydancer") else round(SECONDS * fps)  # a window of their nodes
        assert facts["fps"] == fps and len(frames) == least, name
        assert ("audio_codec" in facts and facts["audio_codec"] == "aac") == ("mask" not in name), name
        if named and name != "src_face.mp4":
            times = steadydancer.TWICE if kind == "steadydancer" else 1
            assert facts["size"] == tuple(times * int(side) for side in named.groups()), name
    assert imageio_ffmpeg.count_frames_and_secs(str(kits[kind] / next(iter(VIDEOS[kind]))))[1] > 0.9 * SECONDS
    assert (kits[kind] / "song.m4a").stat().st_size > 2000


@pytest.mark.parametrize("kind", list(FORMATS))
def test_workflows_load_and_name_the_kits_own_files(kits: dict[str, Path], kind: str) -> None:
    workflow = json.loads((kits[kind] / "workflow.json").read_text())
    assert faults(workflow) == []
    named = [node["inputs"][key] for node in workflow.values() for key in ("image", "file") if key in node["inputs"]]
    files = [name for name in named if isinstance(name, str)]
    assert files and all((kits[kind].parent / name).is_file() for name in files)
    assert sum(node["class_type"] == "SaveVideo" for node in workflow.values()) == 1
    assert any("audio" in node["inputs"] for node in workflow.values())
    assert not re.search(r"\{\w+\}", (kits[kind] / "README.md").read_text())  # no fact was forgotten


def test_a_workflow_that_would_not_load_is_told() -> None:
    assert faults({"1": {"class_type": "VAEDecode", "inputs": {"samples": ["2", 0]}}}) == [
        "1 (VAEDecode) lacks vae",
        "1 (VAEDecode): samples is no LATENT: ['2', 0]",
        "1 (VAEDecode): samples goes in a circle",
    ]
    assert len(faults({"1": {"class_type": "LoadImage", "inputs": {"image": 3, "scale": 1.0}}})) == 2


def test_long_dances_go_on_from_segment_to_segment(tmp_path: Path) -> None:
    """ComfyUI's nodes: each goes on from the frames and the offset of the one before; a minute at most."""
    given = material(tmp_path)
    for count, expected in ((77, 77), (78, 78), (200, 200), (10**5, 77 + 23 * 72)):
        graph, made = wan_animate.workflow(given, (480, 832), count)
        nodes = json.loads(graph.text())
        steps = [node["inputs"] for node in nodes.values() if node["class_type"] == "WanAnimateToVideo"]
        assert made == expected and len(steps) == min(24, 1 + math.ceil(max(count - 77, 0) / 72))
        assert "continue_motion" not in steps[0] and all("continue_motion" in one for one in steps[1:])
        assert faults(nodes) == []
    graph = steadydancer.workflow(given, (576, 1024), 10**5)
    assert faults(json.loads(graph.text())) == [] and "WanVideoContextOptions" in graph.text()
    graph, made = one_to_all.workflow(given, "cache", (576, 768), 10**5)
    steps = [one["inputs"] for one in json.loads(graph.text()).values() if "frames_processed" in one["inputs"]]
    assert made == 81 + 18 * 76 and [one["frames_processed"] for one in steps] == [81 + 76 * at for at in range(18)]
    assert faults(json.loads(graph.text())) == [] and "WanVideoContextOptions" not in graph.text()


@pytest.mark.parametrize("count", [16, 81, 128, 1200])
def test_steadydancers_nodes_get_poses_for_all_frames(tmp_path: Path, count: int) -> None:
    """Its model adds poses to frames one by one, and with guidance reads the negative ones."""
    nodes = json.loads(steadydancer.workflow(material(tmp_path), (576, 1024), count).text())
    by_kind = {node["class_type"]: node["inputs"] for node in nodes.values()}
    frames = by_kind["WanVideoImageToVideoEncode"]["num_frames"]
    assert frames % 4 == 1 and frames >= 81 and by_kind["WanVideoSampler"]["cfg"] > 1
    for name in ("pose_latents_positive", "pose_latents_negative"):
        coded = nodes[by_kind["WanVideoAddSteadyDancerEmbeds"][name][0]]["inputs"]
        assert nodes[coded["image"][0]]["inputs"]["length"] == frames


@pytest.mark.parametrize("count", [82, 120, 157, 158, 1000])
def test_scail_2s_script_draws_all_that_is_danced(count: int) -> None:
    """Its script's loop, said again: a segment that ends with the video or after it is left out."""
    start = made = 0
    while start + 81 < whole_segments(count):
        start, made = start + 76, start + 81
    assert count <= made < count + 76 and whole_segments(60) == 60


def test_wan_animate_reads_pose_face_and_reference(kits: dict[str, Path]) -> None:
    """Its reader takes the frame from the pose video and pads the reference to it; sides are multiples of 16."""
    folder = kits["wan-animate"]
    _, pose = probe(folder / "src_pose.mp4")
    _, face = probe(folder / "src_face.mp4")
    reference = np.asarray(Image.open(folder / "src_ref.png"))
    assert pose.shape[1:] == reference.shape and face.shape[1:3] == (512, 512) and len(face) == len(pose)
    height, width = pose.shape[1:3]
    assert width % 16 == height % 16 == 0 and 0.88 * 1280 * 720 <= width * height <= 1280 * 720
    assert abs(width / height / (210 / 310) - 1) < 0.02
    assert face.mean() > 30  # somebody's face, not black


def test_the_face_video_is_the_pictures_face_turned_with_the_head() -> None:
    body = drawn(400, 600, 520)
    still = SkeletonSequence(np.concatenate([body.joints, np.zeros((18, 1))], axis=1)[None], 30)
    upright = next(face_frames(body, still, (400, 600))).astype(int)
    middle = body.joints[[J.R_EYE, J.L_EYE, J.NOSE]].mean(0).astype(int)
    seen = body.picture.pixels[middle[1] - 3 : middle[1] + 4, middle[0] - 3 : middle[0] + 4].reshape(-1, 3).mean(0)
    assert np.abs(upright[200:260, 220:290].reshape(-1, 3).mean(0) - seen).max() < 25
    turned = still.joints.copy()
    pivot, face = turned[0, J.NECK, :2], list(J.FACE_JOINTS)
    angle = np.radians(30)
    spin = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned[0, face, :2] = (turned[0, face, :2] - pivot) @ spin.T + pivot
    tilted = next(face_frames(body, replace(still, joints=turned), (400, 600))).astype(int)
    assert np.abs(tilted - upright).mean() > 3
    hidden = replace(body, confidence=np.where(np.arange(18) == J.L_EYE, 0, 1).astype(np.float32))
    assert not next(face_frames(hidden, still, (400, 600))).any()


def test_the_face_of_a_head_from_the_side_is_not_only_its_eye() -> None:
    """Eyes and ears seem near each other there, and say too little of how large the face is."""
    body = drawn(400, 600, 520)
    joints = body.joints.copy()
    x, y = joints[J.NOSE]
    joints[[J.R_EYE, J.L_EYE, J.R_EAR, J.L_EAR]] = [[x + 6, y - 8], [x + 9, y - 8], [x + 30, y - 6], [x + 33, y - 6]]
    for seen in (range(18), [joint for joint in range(18) if joint != J.R_EAR]):
        shown = np.isin(np.arange(18), list(seen)).astype(np.float32)
        outline = _outline(replace(body, joints=joints, confidence=shown))
        assert 2.5 * 0.5 * 30 < np.ptp(outline.real) < 2.5 * 0.5 * 40


def test_scail_2_reads_who_is_who_by_colour(tmp_path: Path) -> None:
    """Two dancers: its reader takes a channel for lit from 225 on; the same colour is the same person on both sides."""
    pair = two(70, 0, 120)
    write_kit(tmp_path / "kit", "scail-2", lambda folder: material(folder, None, pair))
    _, masks = probe(tmp_path / "kit" / "rendered_mask_v2.mp4")
    facts, driving = probe(tmp_path / "kit" / "rendered_v2.mp4")
    reference = np.asarray(Image.open(tmp_path / "kit" / "ref_mask.png"))
    width, height = facts["size"]
    assert width % 32 == height % 32 == 0 and reference.shape[:2] == (height, width)
    assert (tmp_path / "kit" / "driving.mp4").read_bytes() == (tmp_path / "kit" / "rendered_v2.mp4").read_bytes()
    for colour in COLOURS[:2]:
        for picture in (reference, masks[0], masks[-1]):
            lit = ((picture > 225) == (np.array(colour) > 225)).all(-1)
            assert 0.005 < lit.mean() < 0.4
    inside, outside = (masks[0] > 225).any(-1), (masks[0] < 30).all(-1)
    assert inside.mean() + outside.mean() > 0.985  # edges are thin
    assert (reference[:4] == 255).all() and not masks[0][:4].any()  # the picture's ground shall be seen, the other not
    columns = [np.flatnonzero((masks[0][..., channel] > 225).any(0)).mean() for channel in (2, 0)]
    assert columns[0] < columns[1]  # blue is the left one, as on the picture
    ground = driving[0][outside]
    assert np.quantile(np.abs(ground.astype(int) - 0xB4), 0.99) < 6
    assert not masks[0][0].any() and not masks[:, :, 0].any() and not masks[:, :, -1].any()  # nobody is cut off


def test_steadydancer_begins_with_the_pictures_own_pose(kits: dict[str, Path]) -> None:
    """Its reader opens 0000.jpg to 0080.jpg of both folders and makes them as large as the picture."""
    clip = kits["steadydancer"] / "clip-001"
    for folder in ("positive", "negative"):
        assert sorted(path.name for path in (clip / folder).iterdir()) == [f"{at:04d}.jpg" for at in range(81)]
    reference = Image.open(clip / "ref_image.png")
    first = Image.open(clip / "positive" / "0000.jpg")
    assert first.size == tuple(2 * side for side in reference.size)
    body = drawn(210, 310, 240)
    frame = crop((210, 310), reference.size)
    own = body.joints * frame.scale + frame.corner
    lit = np.asarray(first).max(-1)
    for x, y in own[[J.R_WRIST, J.L_ANKLE, J.NOSE]] * 2:
        assert lit[int(y) - 2 : int(y) + 3, int(x) - 2 : int(x) + 3].max() > 120
    positive, negative = (
        np.asarray(Image.open(clip / kind / "0040.jpg")).astype(int) for kind in ("positive", "negative")
    )
    assert np.abs(positive - negative).mean() > 0.5
    assert (clip / "prompt.txt").read_text() == "somebody dances\n"


def test_clips_of_steadydancer_meet_in_one_pose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steadydancer, "AREA", 160 * 90)
    given = replace(material(tmp_path), dances=(dance(6.0),))
    facts = steadydancer.write(given)
    assert facts["clips"] == "2"  # 96 poses
    last, first = (
        np.asarray(Image.open(tmp_path / name)) for name in ("clip-001/positive/0080.jpg", "clip-002/positive/0000.jpg")
    )
    np.testing.assert_array_equal(last, first)


def split_plan(total: int) -> list[tuple[int, int]]:
    """How One-to-All's script cuts a video into segments (`build_split_plan`), said again."""
    plan, start = [], 0
    while start + 76 + 81 < total:
        plan.append((start, start + 81))
        start += 76
    plan.append((start, start + 81))
    last = next((total - size for size in (65, 69, 73, 77, 81) if total - size < start + 76), start + 76)
    return [*plan, (last, total)]


def test_one_to_all_finds_its_cache_and_has_frames_enough(kits: dict[str, Path]) -> None:
    folders = list(kits["one-to-all"].glob("ref_reference_driven_dance_align_ref_*"))
    assert len(folders) == 1
    _, pose = probe(folders[0] / "pose.mp4")
    sizes = {Image.open(folders[0] / f"{name}_input.png").size for name in ("image", "pose", "mask")}
    assert sizes == {pose.shape[2:0:-1]} and all(side % 16 == 0 for side in next(iter(sizes)))
    assert not np.asarray(Image.open(folders[0] / "mask_input.png")).any()
    assert np.asarray(Image.open(folders[0] / "pose_input.png")).any()
    assert all(0 <= begin < end <= len(pose) for begin, end in split_plan(len(pose)))
    assert not all(0 <= begin < end <= 80 for begin, end in split_plan(80))  # why there are 81 at least


def test_animate_anyone_finds_its_files(kits: dict[str, Path]) -> None:
    folder = kits["animate-anyone"]
    named = re.findall(r'"\./(kit/[\w.]+)"', (folder / "animation.yaml").read_text())
    assert len(named) == 2 and all((folder.parent / name).is_file() for name in named)
    assert f"-W 512 -H 768 -L {round(SECONDS * 30)}" in (folder / "README.md").read_text()


def reference_drawing(joints: np.ndarray, size: tuple[int, int], stick: int) -> np.ndarray:
    """Wan-Animate's body drawing, said again with OpenCV, whose ellipses and circles it uses."""
    cv2 = pytest.importorskip("cv2")
    out = np.zeros((size[1], size[0], 3), np.uint8)
    for (a, b), colour in zip(J.BONES, J.COLOURS, strict=False):
        (x0, y0), (x1, y1) = joints[a].astype(float), joints[b].astype(float)
        middle = (int((x0 + x1) / 2), int((y0 + y1) / 2))
        axes = (int(np.hypot(x0 - x1, y0 - y1) / 2), stick)
        angle = int(np.degrees(np.arctan2(y0 - y1, x0 - x1)))
        shape = cv2.ellipse2Poly(middle, axes, angle, 0, 360, 1)
        cv2.fillConvexPoly(out, shape, [int(part * 0.6) for part in colour])
    for (x, y), colour in zip(joints, J.COLOURS, strict=True):
        cv2.circle(out, (int(x), int(y)), stick, colour, -1)
    return out


@pytest.mark.parametrize("size", [(720, 1280), (1536, 1152)])
def test_the_poses_are_drawn_as_wan_animate_draws_them(size: tuple[int, int]) -> None:
    body = drawn(*size, 0.8 * size[1])
    poses = SkeletonSequence(np.concatenate([body.joints, np.zeros((18, 1))], axis=1)[None], 30)
    ours = next(draw(size, [poses], wan.drawing(size)))
    theirs = reference_drawing(body.joints, size, max(min(size) // 200 - 1, 1))
    one, other = ours.max(-1) > 60, theirs.max(-1) > 60
    assert (one & other).sum() / (one | other).sum() > 0.6  # lines of five pixels, half a pixel apart
    near = one & other
    assert np.abs(ours[near].astype(int) - theirs[near]).mean() < 25
    assert abs(int(one.sum()) - int(other.sum())) < 0.2 * other.sum()


def test_hands_go_with_the_wrists() -> None:
    body = drawn(210, 310, 240)
    made = with_hands(dance(SECONDS))
    placed = place(made, body, 30)
    assert placed.hands is not None
    wrists = placed.joints[:, (J.L_WRIST, J.R_WRIST), None, :2]
    np.testing.assert_allclose(placed.hands[:, :, :1, :2], wrists, atol=1e-3)
    lengths = np.linalg.norm(placed.hands[..., :2] - wrists, axis=-1).max(-1) / 240
    assert lengths.min() > 0.06 and lengths.max() < 0.16  # as long for this body as for the dance's own
    hidden = replace(body, confidence=np.where(np.arange(18) == J.L_WRIST, 0, 1).astype(np.float32))
    half = place(made, hidden, 30).hands
    assert half is not None and not half[:, 0].any() and half[:, 1, :, 2].all()
    assert carry_hands(dance(SECONDS), placed) is None
    bare = replace(placed, hands=None)
    one, other = (next(draw((210, 310), [poses], wan.drawing((210, 310)))) for poses in (placed, bare))
    assert (one != other).any(-1).sum() > 100
    eased = ease_in(placed, body.joints, body.confidence, 8)
    np.testing.assert_allclose(eased.joints[0, :, :2], body.joints, atol=1e-3)
    np.testing.assert_allclose(eased.hands[:, :, 0, :2], eased.joints[:, (J.L_WRIST, J.R_WRIST), :2], atol=1e-2)


def test_a_hand_is_drawn_bone_by_bone() -> None:
    assert FINGERS[:6] == ((0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (5, 6)) and len(FINGERS) == 20
    out = np.zeros((60, 60, 3), np.uint8)
    points = np.zeros((HAND, 3))
    points[:3] = (10, 10, 1), (40, 10, 1), (40, 40, 0)
    draw_hand(out, points, 1, 2)
    assert out[10, 25].tolist() == [255, 0, 0] and not out[30, 40].any() and out[10, 40, 2] == 255


@pytest.mark.parametrize("picture", [(512, 768), (4000, 300), (33, 2000), (1080, 1920), (17, 16)])
def test_frames_have_the_pictures_shape(picture: tuple[int, int]) -> None:
    for area, step in ((1280 * 720, 16), (512 * 896, 32)):
        wide, high = shape_like(picture, area, step)
        assert wide % step == high % step == 0 and 0.5 * area < wide * high <= area
        padded, cropped = pad(picture, (wide, high)), crop(picture, (wide, high))
        assert padded.scale <= cropped.scale
        if max(picture) / min(picture) < 2:
            assert cropped.scale / padded.scale < 1.07
    assert all(
        side % 16 == 0 and side > 0 for side in (*steadydancer.frame_size(picture), *one_to_all.frame_size(picture))
    )


def test_the_picture_lies_where_the_poses_say() -> None:
    pixels = np.zeros((300, 200, 3), np.uint8)
    pixels[140:160, 90:110] = 255
    for frame in (pad((200, 300), (400, 400)), crop((200, 300), (400, 400))):
        lit = np.argwhere(frame.picture(pixels)[..., 0] > 128)
        expected = np.array([150, 100]) * frame.scale + frame.corner[::-1]
        np.testing.assert_allclose((lit.min(0) + lit.max(0)) / 2 + 0.5, expected, atol=1)
