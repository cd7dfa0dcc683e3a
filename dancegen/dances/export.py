"""A dance for other tools: OpenPose and ComfyUI keypoints, a ControlNet pose video, npz and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancegen.body.draw import CONTROLNET, draw_skeleton
from dancegen.body.joints import JOINT_NAMES, mid_hip
from dancegen.body.openpose import people_json, person_json
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.dance_file import Placement, Take
from dancegen.dances.formats import FORMATS, NAMES
from dancegen.errors import DancegenError
from dancegen.files import write_error, write_whole
from dancegen.folders import whole_folder
from dancegen.people.choose import choose_one, choose_people

CANVAS = (512, 768)  # width, height: what ControlNet's users mostly work with
MARGIN = 0.04  # of each side of the canvas, kept free


def kind_of(out: Path, kind: str | None) -> str:
    """The kind to write: `kind`, else by the ending of `out` (.json is ComfyUI's, no ending is OpenPose's folder)."""
    kind = kind or {one.ending: name for name, one in FORMATS.items()}.get(out.suffix.lower())
    if kind not in FORMATS:
        said = f"--as {kind}" if kind else f"the ending of {out}"
        raise DancegenError(f"{said} is no known kind of export", f"give --as {', '.join(NAMES)}")
    return kind


@dataclass(frozen=True, eq=False)
class _Numbered:
    """A dancer of a take, for `choose_people`: 1 is the first, whatever their size."""

    skeleton: SkeletonSequence
    number: int

    @property
    def extent(self) -> float:
        return -self.number

    @property
    def middle(self) -> np.ndarray:
        return np.median(mid_hip(self.skeleton.joints), axis=0)[:2]


def chosen_dancers(take: Take, people: str, where: str, *, single: bool) -> list[SkeletonSequence]:
    """The dancers of a take whom `people` names (see `people.choose`); the first is the largest and number 1.

    Raises:
        DancegenError: nobody of that choice, or several where `single` asks for one.
    """
    dancers = [_Numbered(skeleton, number) for number, skeleton in enumerate(take.dancers, 1)]
    choose = choose_one if single else choose_people
    chosen = choose(dancers, people, where)
    return [one.skeleton for one in (chosen if isinstance(chosen, list) else [chosen])]


def write(
    out: Path, kind: str, dance: SkeletonSequence, pixels: Sequence[SkeletonSequence], canvas: tuple[int, int]
) -> None:
    """Write the dancers `pixels` (placed on `canvas`), of whom `dance` is the first before that, as `kind`."""
    if kind == "openpose":
        write_openpose(out, pixels[0], pixels[1:])
    elif kind == "comfyui":
        write_comfyui(out, pixels[0], canvas, pixels[1:])
    elif kind == "video":
        write_video(out, pixels[0], canvas, pixels[1:])
    elif kind == "npz":
        write_npz(out, dance, pixels[0], canvas)
    elif kind == "bvh":
        from dancegen.dances.bvh import bvh_text

        write_whole(out, bvh_text(dance).encode())
    else:
        write_csv(out, pixels[0])


def fit(dance: SkeletonSequence, width: int, height: int, partners: Sequence[SkeletonSequence] = ()) -> Placement:
    """The largest placement of a canonical dance in which every pose lies inside the canvas, feet near its bottom."""
    shown = [one.joints[one.confidence > 0][:, :2] for one in (dance, *partners)]
    points = np.concatenate(shown).astype(np.float64)  # (N, 2)
    if not len(points):
        raise DancegenError("the dance has no visible joints", "import it again")
    low, high = points.min(axis=0), np.maximum(points.max(axis=0), (-1e9, 0.0))
    free = np.array([width, height]) * (1 - 2 * MARGIN)
    scale = float((free / np.maximum(high - low, 1e-6)).min())
    return Placement(width, height, scale, width / 2 - scale * float(low[0] + high[0]) / 2, height * (1 - MARGIN))


def place(dance: SkeletonSequence, placement: Placement) -> SkeletonSequence:
    """A canonical dance in pixels of the placement's canvas: a similarity, so it can be undone exactly."""
    joints = dance.joints.astype(np.float64) * placement.scale
    joints[..., :2] += (placement.x, placement.y)
    hands, face = _placed_points(dance.hands, placement), _placed_points(dance.face, placement)
    return SkeletonSequence(joints.astype(np.float32), dance.fps, dance.confidence, hands=hands, face=face)


def _placed_points(points: np.ndarray | None, placement: Placement) -> np.ndarray | None:
    """Points (T, ..., 3) of hands or a face; those that are not there stay 0."""
    if points is None:
        return None
    places = points[..., :2].astype(np.float64) * placement.scale + (placement.x, placement.y)
    seen = points[..., 2:] > 0
    return np.where(seen, np.concatenate([places, points[..., 2:]], axis=-1), 0).astype(np.float32)


def write_openpose(out: Path, pixels: SkeletonSequence, partners: Sequence[SkeletonSequence] = ()) -> None:
    """A folder of `000000_keypoints.json`, ... as OpenPose's --write_json makes it."""
    try:
        if out.is_dir() and any(not file.name.endswith("_keypoints.json") for file in out.iterdir()):
            raise DancegenError(f"{out} holds other files than keypoints", "name a new folder")
        with whole_folder(out) as folder:
            for number in range(len(pixels)):
                people = [_person(one, number, whole=False) for one in (pixels, *partners)]
                text = json.dumps(people_json(people, None))
                (folder / f"{number:06d}_keypoints.json").write_text(text, encoding="utf-8")
    except OSError as cause:
        raise write_error(out, cause) from cause


def write_comfyui(
    out: Path, pixels: SkeletonSequence, canvas: tuple[int, int], partners: Sequence[SkeletonSequence] = ()
) -> None:
    """One JSON list of POSE_KEYPOINT frames, confidence exactly 1.0 or 0, one frame a line."""
    frames = ([_person(one, number, whole=True) for one in (pixels, *partners)] for number in range(len(pixels)))
    lines = [json.dumps(people_json(people, canvas)) for people in frames]
    write_whole(out, ("[\n" + ",\n".join(lines) + "\n]\n").encode())


def _person(dancer: SkeletonSequence, number: int, *, whole: bool) -> dict[str, list[float]]:
    body = np.concatenate([dancer.joints[number, :, :2], dancer.confidence[number, :, None]], axis=1)  # (V, 3)
    hands = None if dancer.hands is None else dancer.hands[number]
    return person_json(body, hands, None if dancer.face is None else dancer.face[number], whole=whole)


def write_video(
    out: Path, pixels: SkeletonSequence, canvas: tuple[int, int], partners: Sequence[SkeletonSequence] = ()
) -> None:
    """An MP4 without sound: the skeletons on black in ControlNet's drawing; odd canvases lose their last pixel."""
    from dancegen.video.encode import VideoWriter

    width, height = (side - side % 2 for side in canvas)
    black = np.zeros((height, width, 3), np.uint8)
    with VideoWriter(out, width, height, pixels.fps, None, {"title": "pose video"}) as video:
        for number in range(len(pixels)):
            frame = black
            for one in (pixels, *partners):
                frame = draw_skeleton(frame, one.joints[number], one.confidence[number], CONTROLNET)
            video.write(frame)


def write_npz(out: Path, dance: SkeletonSequence, pixels: SkeletonSequence, canvas: tuple[int, int]) -> None:
    """`canonical` (T, 18, 3), `pixels` (T, 18, 3), `confidence` (T, 18), `fps`, `canvas` (2,), `joint_names` (18,).

    Where the dance has them also `yaw` (T,) degrees and `depth` (T,) body heights, `hands` (T, 2, 21, 3) and `face`
    (T, F, 3): x, y (pixels) and confidence.
    """
    file = io.BytesIO()
    more = {"yaw": dance.yaw, "depth": dance.depth, "hands": pixels.hands, "face": pixels.face}
    np.savez_compressed(
        file,
        canonical=dance.joints,
        pixels=pixels.joints,
        confidence=pixels.confidence,
        fps=np.float64(pixels.fps),
        canvas=np.asarray(canvas),
        joint_names=np.asarray(JOINT_NAMES),
        **{name: values for name, values in more.items() if values is not None},
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
