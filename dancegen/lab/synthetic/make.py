"""Make a set of training frames: resumable, the same whatever the order or the number of processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dancegen.body.joints import BONES, COLOURS
from dancegen.errors import DancegenError
from dancegen.lab.synthetic.draw import Painter
from dancegen.lab.synthetic.figures import make_figure_scene
from dancegen.lab.synthetic.scene import FRAME_SIZE, FRAMES, find_sources, make_scene
from dancegen.lab.synthetic.store import StoredScene, read_scene, scene_path, write_scene
from dancegen.progress import Reporter, SilentReporter


@dataclass(frozen=True)
class Made:
    """How many scenes were written and how many were there already."""

    written: int
    found: int


def make_frames(
    out: Path,
    data: Path,
    *,
    scenes: range,
    seed: int,
    split: str,
    figures: bool = False,
    turned: bool = False,
    reporter: Reporter | None = None,
) -> Made:
    """Write the scenes whose files are missing.

    Args:
        out: the data set's folder; scenes go to out/split/NNNNNN.npz.
        data: the folder with characters/, backgrounds/ and dance/.
        scenes: the scenes' numbers; several processes may share the work, each with its own range.
        seed: with the split and a scene's number it determines the scene.
        split: "train" or "val".
        figures: drawn figures instead of rigged characters.
        turned: characters may turn their side or their back to the camera.
        reporter: told of each scene.
    """
    reporter = reporter or SilentReporter()
    sources = find_sources(data, split)
    if not (sources.characters and sources.backgrounds and sources.clips):
        raise DancegenError(
            f"{data} has no characters, backgrounds or dances", "give the shared data folder with --data"
        )
    painter = None
    reporter.stage(f"{split} scenes", len(scenes), "scenes")
    written = 0
    for index in scenes:
        path = scene_path(out, split, index)
        if not path.exists():
            if figures:
                scene = make_figure_scene(sources, index, seed)
            else:
                painter = painter or start_painter()
                scene = make_scene(sources, painter, index, seed, turned)
            write_scene(path, scene)
            written += 1
        reporter.advance()
    return Made(written, len(scenes) - written)


def contact_sheet(paths: list[Path], across: int = FRAMES) -> Image.Image:
    """Two rows a scene: its frames with the joints, and its labels; the background last."""
    size = FRAME_SIZE
    sheet = Image.new("RGB", ((across + 1) * size, 2 * len(paths) * size))
    for row, path in enumerate(paths):
        scene = read_scene(path)
        for column in range(across):
            sheet.paste(_with_joints(scene, column), (column * size, 2 * row * size))
            sheet.paste(_colour_labels(scene, column), (column * size, (2 * row + 1) * size))
        sheet.paste(Image.fromarray(scene.background), (across * size, 2 * row * size))
        sheet.paste(Image.fromarray(scene.frames[0]), (across * size, (2 * row + 1) * size))
    return sheet


def _with_joints(scene: StoredScene, index: int) -> Image.Image:
    picture = Image.fromarray(scene.frames[index])
    pen = ImageDraw.Draw(picture)
    for colour, (start, end) in zip(COLOURS, BONES, strict=False):
        pen.line([*scene.joints[index, start, :2], *scene.joints[index, end, :2]], fill=colour, width=2)
    return picture


def _colour_labels(scene: StoredScene, index: int) -> Image.Image:
    palette = np.concatenate([np.zeros((1, 3)), np.array(COLOURS)[:15]]).astype(np.uint8)
    faded = scene.alpha[index][..., None] / 255 * 0.7 + 0.3
    return Image.fromarray((palette[scene.labels[index]] * faded).astype(np.uint8))


def start_painter() -> Painter:
    """What draws characters, without a window."""
    try:
        return Painter(FRAME_SIZE)
    except ImportError as cause:
        raise DancegenError("moderngl is not installed", 'install the extra: pip install "dancegen[train]"') from cause
    except Exception as cause:
        raise DancegenError(
            f"OpenGL could not be started without a window ({cause})",
            "install EGL, for example libegl1 and Mesa's drivers",
        ) from cause
