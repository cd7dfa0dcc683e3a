"""A dance for other tools: OpenPose and ComfyUI keypoints, a ControlNet pose video, npz and CSV."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np

from dancegen.body.draw import CONTROLNET, draw_skeleton
from dancegen.body.joints import JOINT_NAMES
from dancegen.body.openpose import frame_json
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.dance_file import Placement
from dancegen.errors import DancegenError
from dancegen.files import not_written, whole_folder, write_whole

KINDS = ("openpose", "comfyui", "video", "npz", "csv")
CANVAS = (512, 768)  # width, height: what ControlNet's users mostly work with
MARGIN = 0.04  # of each side of the canvas, kept free


def kind_of(out: Path, kind: str | None) -> str:
    """The kind to write: `kind`, else by the ending of `out` (.json is ComfyUI's, no ending is OpenPose's folder)."""
    by_ending = {".json": "comfyui", ".mp4": "video", ".npz": "npz", ".csv": "csv", "": "openpose"}
    kind = kind or by_ending.get(out.suffix.lower())
    if kind not in KINDS:
        said = f"--as {kind}" if kind else f"the ending of {out}"
        raise DancegenError(f"{said} is no known kind of export", f"give --as {', '.join(KINDS)}")
    return kind


def fitted(dance: SkeletonSequence, width: int, height: int) -> Placement:
    """The largest placement of a canonical dance in which every pose lies inside the canvas, feet near its bottom."""
    points = dance.joints[dance.confidence > 0][:, :2].astype(np.float64)  # (N, 2)
    if not len(points):
        raise DancegenError("the dance has no visible joints", "import it again")
    low, high = points.min(axis=0), np.maximum(points.max(axis=0), (-1e9, 0.0))
    free = np.array([width, height]) * (1 - 2 * MARGIN)
    scale = float((free / np.maximum(high - low, 1e-6)).min())
    return Placement(width, height, scale, width / 2 - scale * float(low[0] + high[0]) / 2, height * (1 - MARGIN))


def placed(dance: SkeletonSequence, placement: Placement) -> SkeletonSequence:
    """A canonical dance in pixels of the placement's canvas: a similarity, so it can be undone exactly."""
    joints = dance.joints.astype(np.float64) * placement.scale
    joints[..., :2] += (placement.x, placement.y)
    return SkeletonSequence(joints.astype(np.float32), dance.fps, dance.confidence)


def write_openpose(out: Path, pixels: SkeletonSequence) -> None:
    """A folder of `000000_keypoints.json`, ... as OpenPose's --write_json makes it."""
    try:
        if out.is_dir() and any(not file.name.endswith("_keypoints.json") for file in out.iterdir()):
            raise DancegenError(f"{out} holds other files than keypoints", "name a new folder")
        with whole_folder(out) as folder:
            for number, (joints, confidence) in enumerate(zip(pixels.joints, pixels.confidence, strict=True)):
                text = json.dumps(frame_json(joints, confidence))
                (folder / f"{number:06d}_keypoints.json").write_text(text, encoding="utf-8")
    except OSError as cause:
        raise not_written(out, cause) from cause


def write_comfyui(out: Path, pixels: SkeletonSequence, canvas: tuple[int, int]) -> None:
    """One JSON list of POSE_KEYPOINT frames, confidence exactly 1.0 or 0, one frame a line."""
    frames = zip(pixels.joints, pixels.confidence, strict=True)
    lines = [json.dumps(frame_json(joints, confidence, canvas)) for joints, confidence in frames]
    write_whole(out, ("[\n" + ",\n".join(lines) + "\n]\n").encode())


def write_video(out: Path, pixels: SkeletonSequence, canvas: tuple[int, int]) -> None:
    """An MP4 without sound: the skeleton on black in ControlNet's drawing; odd canvases lose their last pixel."""
    from dancegen.video.encode import VideoWriter

    width, height = (side - side % 2 for side in canvas)
    black = np.zeros((height, width, 3), np.uint8)
    with VideoWriter(out, width, height, pixels.fps, None, {"title": "pose video"}) as video:
        for joints, confidence in zip(pixels.joints, pixels.confidence, strict=True):
            video.write(draw_skeleton(black, joints, confidence, CONTROLNET))


def write_npz(out: Path, dance: SkeletonSequence, pixels: SkeletonSequence, canvas: tuple[int, int]) -> None:
    """`canonical` (T, 18, 3), `pixels` (T, 18, 3), `confidence` (T, 18), `fps`, `canvas` (2,), `joint_names` (18,)."""
    file = io.BytesIO()
    np.savez_compressed(
        file,
        canonical=dance.joints,
        pixels=pixels.joints,
        confidence=pixels.confidence,
        fps=np.float64(pixels.fps),
        canvas=np.asarray(canvas),
        joint_names=np.asarray(JOINT_NAMES),
    )
    write_whole(out, file.getvalue())


def write_csv(out: Path, pixels: SkeletonSequence) -> None:
    """One row a pose: frame, time (s), then x, y, z (pixels) and confidence c of each joint."""
    file = io.StringIO(newline="")
    rows = csv.writer(file)
    rows.writerow(["frame", "time", *(f"{joint}_{axis}" for joint in JOINT_NAMES for axis in "xyzc")])
    table = np.concatenate([pixels.joints, pixels.confidence[..., None]], axis=-1).reshape(len(pixels), -1)  # (T, 72)
    for number, row in enumerate(table.tolist()):
        rows.writerow([number, f"{number / pixels.fps:.4f}", *(f"{value:.4f}" for value in row)])
    write_whole(out, file.getvalue().encode())
