"""Scenes for the avatar's G_r: shells of rigged characters drawn in poses that turn, beside the truth.

A scene is a character who faces the camera in a photo, cut out as the product cuts photos, and poses of a dance turned
by any angle. The shells are drawn when the scene is made, so that training reads pictures alone. Equations 3 and 5 of
the paper start from a neighbour's frame: for the first run the shell is also cut from its middle frame.

Glossary: T = `TARGETS` targets; s = 256 the frame's side; V = 18 joints.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from dancegen.body import joints as J
from dancegen.body.joints import body_height
from dancegen.body.sequence import SkeletonSequence
from dancegen.errors import DancegenError
from dancegen.files import whole_file
from dancegen.images.picture import ConditionalImage
from dancegen.lab.synthetic.character import load_character, skin
from dancegen.lab.synthetic.draw import Painter
from dancegen.lab.synthetic.look import finish_picture, jpeg
from dancegen.lab.synthetic.make import Made, start_painter
from dancegen.lab.synthetic.poses import TURNED_LIMIT, Target, dance_run, still_pose, still_run
from dancegen.lab.synthetic.posing import pose
from dancegen.lab.synthetic.scene import (
    FRAME_SIZE,
    Sources,
    draw_frame,
    draw_setting,
    find_sources,
    random_hands,
    reshape,
)
from dancegen.lab.synthetic.store import scene_path
from dancegen.lab.train.renderer.data import MASKS, add_detector_errors, detector_mask
from dancegen.people.located import LocatedBody
from dancegen.progress import Reporter, SilentReporter
from dancegen.renderers.avatar.renderer import Avatar, AvatarRenderer
from dancegen.renderers.avatar.renderer import load as load_avatar
from dancegen.renderers.avatar.shell import Shapeless
from dancegen.renderers.plate import Plate

RUN = 3  # targets 1/15 s apart
SINGLE = 6  # targets of any moment
TARGETS = RUN + SINGLE
MIDDLE = 1  # the target of the run from which the neighbours' shells are cut
NEIGHBOURS = (0, 2)  # the targets that are drawn from it
STILL = 0.25  # share of poses that are a photo's, the others a dance's
WRONG = 0.6  # share of scenes whose joints and outline are as wrong as a detector's, and
DEEP = 0.75  # of those whose photo's joints have a depth
TRIES = 5  # pictures of whom too little is seen to be given a surface are drawn anew
DEEPEST = 0.5  # body heights that a byte of depth reaches, each way
QUALITY = 95  # of the truths' JPEG


@dataclass(frozen=True, eq=False)
class ShellScene:
    """What a scene's file holds; n of its targets were read.

    Attributes:
        picture, plate: (s, s, 3) uint8, the photo and its empty background.
        frames: (n, s, s, 3) and alpha (n, s, s) uint8, the truth.
        shells: (n, s, s, 5) uint8, RGBA multiplied by alpha, and depth (`pack_layer`).
        joints: (n, V, 3) float32 pixels.
        again: (2, s, s, 5) the shells of `NEIGHBOURS` cut from the run's middle frame.
        meta: what was drawn from where.
    """

    picture: np.ndarray
    plate: np.ndarray
    frames: np.ndarray
    alpha: np.ndarray
    shells: np.ndarray
    joints: np.ndarray
    again: np.ndarray
    meta: dict[str, Any]


def make_shell_scene(sources: Sources, painter: Painter, renderer: AvatarRenderer, index: int, seed: int) -> ShellScene:
    """Scene number `index` of the split."""
    for attempt in range(TRIES):
        rng = np.random.default_rng([seed, index, int(sources.split == "val"), attempt, 14])
        try:
            return _try_scene(sources, painter, renderer, rng, {"seed": seed, "index": index})
        except Shapeless:
            continue
    raise DancegenError(f"scene {index} has nobody to cut out", "choose another --seed")


def _try_scene(
    sources: Sources, painter: Painter, renderer: AvatarRenderer, rng: np.random.Generator, meta: dict[str, Any]
) -> ShellScene:
    path = sources.characters[int(rng.integers(len(sources.characters)))]
    character = reshape(load_character(path), False, rng)
    targets = [_front(rng), *_turned_targets(sources, rng)]
    hands = random_hands(rng)
    matrices = [pose(character, target.joints, target.floor, hands) for target in targets]
    posed = [skin(character, matrix) for matrix in matrices]
    setting = draw_setting(character, [vertices for vertices, _ in posed], sources, False, rng)
    painter.use(character)
    drawn = [draw_frame(character, painter, m, v, n, setting, rng) for m, (v, n) in zip(matrices, posed, strict=True)]
    frames, _, alpha, joints = (np.stack(column) for column in zip(*drawn, strict=True))
    plate = finish_picture(setting.background, setting.finish, None)
    wrong = bool(rng.random() < WRONG)
    told = _told_joints(joints, rng) if wrong else joints
    mask = detector_mask(alpha[0] / np.float32(255), str(rng.choice(MASKS)) if wrong else "true", rng)
    deep = bool(rng.random() < DEEP) or not wrong
    shells = draw_shells(renderer, frames[0], mask, told[0], told[1:], deep)
    middle = 1 + MIDDLE
    again = draw_shells(
        renderer, frames[middle], alpha[middle] / np.float32(255), told[middle], told[[1 + n for n in NEIGHBOURS]], True
    )
    meta = meta | {"character": path.stem, "split": sources.split}
    return ShellScene(frames[0], plate, frames[1:], alpha[1:], shells, told[1:].astype(np.float32), again, meta)


def _front(rng: np.random.Generator) -> Target:
    """The photo's pose, about towards the camera."""
    return still_pose(rng, bool(rng.random() < 0.15))


def _turned_targets(sources: Sources, rng: np.random.Generator) -> list[Target]:
    """A run and single poses, turned by any angle."""

    def clip() -> np.ndarray:
        return sources.clips[int(rng.integers(len(sources.clips)))]

    def poses(count: int) -> list[Target]:
        if rng.random() >= STILL:
            return dance_run(clip(), count, rng, TURNED_LIMIT)
        return still_run(count, rng, TURNED_LIMIT) if count > 1 else [still_pose(rng, False, TURNED_LIMIT)]

    return [*poses(RUN), *(poses(1)[0] for _ in range(SINGLE))]


def _told_joints(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, V, 3) as a detector might give them; their depth stays."""
    told = add_detector_errors(joints[None], rng)[0]
    told[..., 2] = joints[..., 2]
    return told


def draw_shells(
    renderer: AvatarRenderer, picture: np.ndarray, mask: np.ndarray, joints: np.ndarray, targets: np.ndarray, deep: bool
) -> np.ndarray:
    """The shell of a picture (s, s, 3) in target poses (n, V, 3): (n, s, s, 5) uint8.

    Args:
        joints: (V, 3) of the picture; their depth is told where `deep`.
    """
    body = LocatedBody(
        ConditionalImage(Path("scene"), picture, ()),
        joints[:, :2].astype(np.float32),
        np.ones(len(joints), np.float32),
        mask,
        "given",
        joints[:, 2].astype(np.float32) if deep else None,
    )
    figure: Avatar = renderer.prepare(body, Plate([body], FRAME_SIZE, renderer.device))
    height = float(body_height(joints[:, :2]))
    poses = SkeletonSequence(targets.astype(np.float32), 30.0)
    return np.stack(
        [
            pack_layer(layer.colours, layer.depth, layer.corner, FRAME_SIZE, height)
            for layer in renderer.draw(figure, poses)
        ]
    )


def pack_layer(
    colours: torch.Tensor, depth: torch.Tensor | None, corner: tuple[int, int], side: int, height: float
) -> np.ndarray:
    """A layer on a whole frame as bytes: RGBA, and depth, 128 at the mid-hip, more is farther, 0 where nobody is."""
    assert depth is not None
    whole = np.zeros((side, side, 5), np.uint8)
    pixels = colours.permute(1, 2, 0).numpy()
    away = np.clip(depth.numpy() / (DEEPEST * height) * 127 + 128, 1, 255)
    part = np.concatenate([pixels * 255 + 0.5, np.where(pixels[..., 3:] > 0, away[..., None], 0)], -1)
    x, y = corner
    whole[y : y + part.shape[0], x : x + part.shape[1]] = part.astype(np.uint8)
    return whole


def write_shell_scene(path: Path, scene: ShellScene) -> None:
    """Write a scene under its final name, whole or not at all."""
    fields: dict[str, np.ndarray] = {f"shell_{n}": shell for n, shell in enumerate(scene.shells)}
    fields |= {f"frame_{n}": np.frombuffer(jpeg(frame, QUALITY), np.uint8) for n, frame in enumerate(scene.frames)}
    fields |= {f"alpha_{n}": alpha for n, alpha in enumerate(scene.alpha)}
    fields |= {f"again_{n}": again for n, again in enumerate(scene.again)}
    for name in ("picture", "plate"):
        fields[name] = np.frombuffer(jpeg(getattr(scene, name), QUALITY), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as scratch, scratch.open("wb") as file:
        np.savez_compressed(file, joints=scene.joints, meta=np.array(json.dumps(scene.meta)), **fields)


def read_shell_scene(path: Path, which: tuple[int, ...], again: bool = False) -> ShellScene:
    """A scene with some of its targets; the neighbours' shells only where asked for."""
    with np.load(path) as file:
        chosen = list(which)
        neighbours = [file[f"again_{n}"] for n in range(len(NEIGHBOURS))] if again else []
        return ShellScene(
            _decode(file["picture"]),
            _decode(file["plate"]),
            np.stack([_decode(file[f"frame_{n}"]) for n in chosen]),
            np.stack([file[f"alpha_{n}"] for n in chosen]),
            np.stack([file[f"shell_{n}"] for n in chosen]),
            file["joints"][chosen],
            np.stack(neighbours) if again else np.zeros((0, FRAME_SIZE, FRAME_SIZE, 5), np.uint8),
            json.loads(str(file["meta"])),
        )


def _decode(data: np.ndarray) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data.tobytes())).convert("RGB"))


def mirror_shell_scene(scene: ShellScene) -> ShellScene:
    """The scene seen in a mirror."""
    joints = scene.joints[:, list(J.MIRROR)].copy()
    joints[..., 0] = scene.frames.shape[2] - joints[..., 0]
    flipped = {name: getattr(scene, name)[:, :, ::-1] for name in ("frames", "alpha", "shells", "again")}
    return replace(scene, picture=scene.picture[:, ::-1], plate=scene.plate[:, ::-1], joints=joints, **flipped)


def make_shells(
    out: Path, data: Path, *, scenes: range, seed: int, split: str, reporter: Reporter | None = None
) -> Made:
    """Write the scenes whose files are missing, as `lab.synthetic.make.make_frames` does with others."""
    reporter = reporter or SilentReporter()
    sources = find_sources(data, split)
    if not (sources.characters and sources.backgrounds and sources.clips):
        raise DancegenError(
            f"{data} has no characters, backgrounds or dances", "give the shared data folder with --data"
        )
    reporter.stage(f"{split} scenes", len(scenes), "scenes")
    drawers: list[tuple[Painter, AvatarRenderer]] = []
    written = 0
    for index in scenes:
        path = scene_path(out, split, index)
        if not path.exists():
            if not drawers:
                drawers.append((start_painter(), load_avatar(None, torch.device("cpu"))))
            write_shell_scene(path, make_shell_scene(sources, *drawers[0], index, seed))
            written += 1
        reporter.advance()
    return Made(written, len(scenes) - written)
