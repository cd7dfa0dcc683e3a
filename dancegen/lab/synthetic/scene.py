"""One training scene: one character, camera, background and light; eight frames from one dance clip.

Everything random comes from one generator seeded by (seed, scene index), so a scene does not depend on the others.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dancegen.lab.synthetic.character import (
    Character,
    is_validation,
    landmarks,
    load_character,
    skin,
    with_proportions,
)
from dancegen.lab.synthetic.draw import Drawn, Light, Painter, camera_matrix, project, shift_camera
from dancegen.lab.synthetic.drawing import DrawingStyle, random_style, redraw_by_hand
from dancegen.lab.synthetic.look import Finish, cast_shadow, finish_picture, random_background, random_finish, resolve
from dancegen.lab.synthetic.poses import (
    FACING_LIMIT,
    TURNED_LIMIT,
    Target,
    dance_run,
    load_clips,
    still_pose,
    still_run,
)
from dancegen.lab.synthetic.posing import HandShape, about, pose

FRAME_SIZE = 256
RUN = 3  # consecutive poses
FRAMES = 2 + 2 * RUN
DRAWING_SHARE = 0.24
MARGIN = 0.96  # of the half frame: how far out a limb may reach


@dataclass(frozen=True)
class Scene:
    """K = `FRAMES` frames, s = `FRAME_SIZE`.

    Attributes:
        frames: (K, s, s, 3) uint8; labels, alpha: (K, s, s) uint8; background: (s, s, 3) uint8.
        joints: (K, 18, 3) float32 px, z away from the camera relative to the mid-hip.
        quality: of the JPEG that the camera wrote.
        meta: what was drawn from where.
    """

    frames: np.ndarray
    labels: np.ndarray
    alpha: np.ndarray
    background: np.ndarray
    joints: np.ndarray
    quality: int
    meta: dict[str, str | float | int | bool]


@dataclass(frozen=True)
class Sources:
    """The files a split is made from."""

    characters: list[Path]
    backgrounds: list[Path]
    clips: list[np.ndarray]
    split: str


@dataclass(frozen=True)
class _Setting:
    camera: np.ndarray
    eye: np.ndarray
    light: Light
    background: np.ndarray
    finish: Finish
    style: DrawingStyle | None
    shadow_blur: float
    shadow_strength: float
    shadow_fade: float


def find_sources(data: Path, split: str) -> Sources:
    """The characters, backgrounds and dances of `split` ("train" or "val") under the shared data folder."""
    validation = split == "val"
    characters = [path for path in sorted(data.glob("characters/*/*.npz")) if is_validation(path) == validation]
    names = sorted(data.glob("backgrounds/*.jpg"))
    backgrounds = [path for index, path in enumerate(names) if (index // 9 % 11 == 10) == validation]
    return Sources(characters, backgrounds, load_clips(data / "dance", validation), split)


def make_scene(sources: Sources, painter: Painter, index: int, seed: int, turned: bool = False) -> Scene:
    """Scene number `index` of the split; `turned`: the people may turn their side or their back."""
    rng = np.random.default_rng([seed, index, int(sources.split == "val")])
    drawing = bool(rng.random() < DRAWING_SHARE)
    path = sources.characters[int(rng.integers(len(sources.characters)))]
    character = reshape(load_character(path), drawing, rng)
    clip = int(rng.integers(len(sources.clips)))
    targets = random_targets(sources.clips[clip], rng, TURNED_LIMIT if turned else FACING_LIMIT)
    matrices = [pose(character, target.joints, target.floor, random_hands(rng)) for target in targets]
    matrices = _place(character, matrices, rng)
    posed = [skin(character, matrix) for matrix in matrices]
    setting = draw_setting(character, [vertices for vertices, _ in posed], sources, drawing, rng)
    painter.use(character)
    frames = [draw_frame(character, painter, m, v, n, setting, rng) for m, (v, n) in zip(matrices, posed, strict=True)]
    pictures, labels, alpha, joints = (np.stack(column) for column in zip(*frames, strict=True))
    meta: dict[str, str | float | int | bool] = {
        "character": path.stem,
        "split": sources.split,
        "clip": clip,
        "drawing": setting.style.kind if setting.style else "",
        "seed": seed,
        "index": index,
    }
    background = finish_picture(setting.background, setting.finish, None)
    return Scene(pictures, labels, alpha, background, joints, setting.finish.quality, meta)


def random_targets(clip: np.ndarray, rng: np.random.Generator, limit: float = FACING_LIMIT) -> list[Target]:
    """The poses of a scene: 0 a photo's, 1-3 and 4-6 runs, 7 any pose.

    `limit`: how far they turn, radians; where they may turn far, more of them are lively.
    """
    still, lively = (0.2, 0.2) if limit <= FACING_LIMIT else (0.5, 0.6)

    def dance(count: int) -> list[Target]:
        return dance_run(clip, count, rng, limit)

    runs = [still_run(RUN, rng, limit) if rng.random() < still else dance(RUN) for _ in range(2)]
    last = still_pose(rng, True, limit) if rng.random() < 0.5 else dance(1)[0]
    first = still_pose(rng, bool(rng.random() < lively), limit) if rng.random() < 0.85 else dance(1)[0]
    return [first, *runs[0], *runs[1], last]


def random_hands(rng: np.random.Generator) -> HandShape:
    """Fingers more or less curled, wrists a little bent."""
    curl, bend = rng.uniform(0, 0.55, 2), rng.normal(0, 0.25, 2)
    return HandShape((float(curl[0]), float(curl[1])), (float(bend[0]), float(bend[1])))


def reshape(character: Character, drawing: bool, rng: np.random.Generator) -> Character:
    """People vary a little; drawn ones a lot: big heads, thin or thick limbs, short legs."""
    wild = drawing and rng.random() < 0.8
    spread = 0.22 if wild else 0.05
    head = float(np.clip(np.exp(rng.normal(0.22 if wild else 0, spread)), 0.7, 1.9))
    arm, leg = np.exp(rng.normal(0, spread, 2))
    thick = np.exp(rng.normal(-0.1 if wild else 0, spread * 1.3, 3))
    scales = {"head": (head, head)}
    for side in "RL":
        scales |= {f"{side}_{part}": (float(arm), float(thick[0])) for part in ("arm", "forearm")}
        scales |= {f"{side}_{part}": (float(leg), float(thick[1])) for part in ("upleg", "leg")}
        scales[f"{side}_hand"] = (float(thick[2]), float(thick[2]))
    body = float(np.exp(rng.normal(0, spread * 0.7)))
    scales |= {name: (1.0, body) for name in character.joint_index if name.startswith("spine") or name == "hips"}
    return with_proportions(character, scales)


def _place(character: Character, matrices: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Move each run a little on the floor, as a dancer kept in the picture does."""
    placed = []
    shifts = rng.normal(0, [0.10, 0.05], (4, 2)) * character.height
    for group, matrix in zip((0, 1, 1, 1, 2, 2, 2, 3), matrices, strict=True):
        matrix = matrix.copy()
        matrix[:, 0, 3] += shifts[group, 0]
        matrix[:, 2, 3] += shifts[group, 1]
        placed.append(matrix)
    return placed


def draw_setting(
    character: Character, bodies: list[np.ndarray], sources: Sources, drawing: bool, rng: np.random.Generator
) -> _Setting:
    """A random place, light and camera that shows all of a character's `bodies`, each (N, 3)."""
    background = random_background(sources.backgrounds, FRAME_SIZE, drawing, rng)
    style = random_style(FRAME_SIZE * 2, rng) if drawing else None
    camera, eye = random_camera(character, bodies, rng)
    casts = rng.random() < (0.15 if drawing else 0.75)
    return _Setting(
        camera=camera,
        eye=eye,
        light=_light(rng, drawing),
        background=background,
        finish=random_finish(rng, drawing),
        style=style,
        shadow_blur=float(rng.uniform(2, 8)),
        shadow_strength=float(rng.uniform(0.15, 0.7)) if casts else 0.0,
        shadow_fade=float(rng.uniform(0.3, 6)) / character.height,
    )


def random_camera(
    character: Character, bodies: list[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A camera (4, 4) in front of the dancer whose crop holds all the scene's poses, and where it stands (3,)."""
    height = character.height
    fov, pitch = rng.uniform(16, 50), np.radians(rng.normal(4, 5))
    distance = height / (2 * np.tan(np.radians(fov) / 2)) * 1.25
    middle = np.array([0, 0.5 * height, 0])
    eye = middle + distance * np.array([0, np.sin(pitch), np.cos(pitch)])
    camera = camera_matrix(eye, middle, fov)
    flat = [project(camera, vertices[::7], 2)[0] - 1 for vertices in bodies]  # (N, 2) in -1..1, y down
    low = np.min([points.min(axis=0) for points in flat], axis=0)
    high = np.max([points.max(axis=0) for points in flat], axis=0)
    standing = 2 / 1.25  # how much of the -1..1 span the standing height takes
    scale = 2 * rng.uniform(0.5, 0.88) / standing
    scale = min(scale, 2 * MARGIN / float((high - low).max()))
    room = MARGIN - scale * (high - low) / 2  # (2,) how far the middle may go
    centre = rng.uniform(-1, 1, 2) * np.maximum(room, 0) * [0.8, 1.0]
    shift = centre - scale * (high + low) / 2
    return shift_camera(camera, scale, (float(shift[0]), -float(shift[1]))), eye


def _light(rng: np.random.Generator, drawing: bool) -> Light:
    sun = np.array([0, 0, 1.0]) @ about(np.array([1.0, 0, 0]), rng.uniform(0.15, 1.3)).T * [1, -1, 1]
    sun = about(np.array([0, 1.0, 0]), rng.normal(0, 0.8)) @ sun
    flat = rng.random() < (0.6 if drawing else 0.12)
    sky = rng.uniform(0.85, 1.05) if flat else rng.uniform(0.4, 0.85)
    strength = 0.08 if flat else rng.uniform(0.25, 0.8)
    warm, cool = 1 + rng.normal(0, 0.06, 3), 1 + rng.normal(0, 0.05, 3)
    shine = float(rng.choice([0, 0, rng.uniform(0, 0.15)]))
    sun_colour, sky_colour = strength * warm, sky * cool
    return Light(sun, tuple(map(float, sun_colour)), tuple(map(float, sky_colour)), shine)  # type: ignore[arg-type]


def draw_frame(
    character: Character,
    painter: Painter,
    matrices: np.ndarray,
    vertices: np.ndarray,
    normals: np.ndarray,
    setting: _Setting,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(s, s, 3) picture, (s, s) labels, (s, s) alpha, (18, 3) joints."""
    drawn = painter.draw(vertices, normals, setting.camera, setting.eye, setting.light, setting.shadow_fade)
    joints = project_joints(character, matrices, setting.camera)
    if setting.style is not None:
        drawn = _redraw(drawn, joints, setting)
    colour, coverage, labels = resolve(drawn.colour, drawn.labels)
    behind = cast_shadow(setting.background, drawn.shadow, setting.shadow_blur, setting.shadow_strength)
    picture = finish_picture(behind * (1 - coverage[..., None]) + colour, setting.finish, rng)
    return picture, labels, (coverage * 255 + 0.5).astype(np.uint8), joints


def _redraw(drawn: Drawn, joints: np.ndarray, setting: _Setting) -> Drawn:
    assert setting.style is not None
    paper = np.median(setting.background.reshape(-1, 3), axis=0)
    scale = drawn.labels.shape[0] / FRAME_SIZE
    colour, labels = redraw_by_hand(drawn, joints * scale, paper, setting.style)
    return dataclasses.replace(drawn, colour=colour, labels=labels)


def project_joints(character: Character, matrices: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """(18, 3): the joints of a posed character in pixels of the frame, z away from the camera, 0 at the mid-hip."""
    points = landmarks(character, matrices)  # (18, 3) metres
    pixels, depth = project(camera, points, FRAME_SIZE)
    middle = (points[8] + points[11]) / 2
    half = np.array([0.5, 0, 0])
    ends = np.stack([middle - half, middle + half])
    px_per_metre = float(np.ptp(project(camera, ends, FRAME_SIZE)[0][:, 0]))
    away = (depth - (depth[8] + depth[11]) / 2) * px_per_metre
    return np.concatenate([pixels, away[:, None]], axis=1).astype(np.float32)
