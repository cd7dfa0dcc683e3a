"""Pictures of a dance: its speed against the beats, and its poses in time. Drawn with Pillow, which is always there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dancegen.body.draw import draw_skeleton
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.metrics import joint_speed, kinematic_beats

INK, MUSIC, MOVES = (30, 30, 30), (220, 120, 40), (40, 110, 200)


def speed_plot(dance: SkeletonSequence, beats: np.ndarray, path: Path, seconds: float = 15.0) -> None:
    """The mean joint speed over time; music beats as orange lines, kinematic beats as blue dots."""
    width, height, left = 1200, 260, 40
    picture = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(picture)
    speed = joint_speed(dance.joints, dance.fps)[: int(seconds * dance.fps)]
    top = max(float(speed.max(initial=0)), 1e-3) * 1.1

    def place(time: float, value: float) -> tuple[float, float]:
        return left + time / seconds * (width - left - 10), height - 30 - value / top * (height - 50)

    for beat in beats[(beats >= 0) & (beats < seconds)]:
        pen.line([place(beat, 0), place(beat, top)], fill=MUSIC)
    pen.line([place(i / dance.fps, value) for i, value in enumerate(speed)], fill=INK, width=2)
    for beat in kinematic_beats(dance.joints, dance.fps):
        if beat < seconds - 0.1:
            x, y = place(beat, float(np.interp(beat * dance.fps, np.arange(len(speed)), speed)))
            pen.ellipse([x - 4, y - 4, x + 4, y + 4], fill=MOVES)
    pen.text(
        (left, height - 22), f"mean joint speed, 0-{top:.2f} body heights/s, {seconds:g} s; orange: beats", fill=INK
    )
    picture.save(path, optimize=True)


def pose_strip(dance: SkeletonSequence, path: Path, *, start: float, seconds: float, columns: int, rows: int) -> None:
    """Poses at even times in rows, each where it stands on the dancer's floor, all on one ground line a row."""
    cell_width, cell_height, scale = 112, 116, 92.0  # arms held out stay inside
    count = columns * rows
    sheet = np.full((rows * cell_height, columns * cell_width, 3), 255, np.uint8)
    at = (start + np.arange(count) * seconds / count) * dance.fps
    for i, pose in enumerate(np.clip(at.round().astype(int), 0, len(dance) - 1)):
        row, column = divmod(i, columns)
        joints = dance.joints[pose, :, :2] * scale + np.array([cell_width / 2, cell_height * 0.94], np.float32)
        canvas = np.full((cell_height, cell_width, 3), 255 if (row + column) % 2 else 244, np.uint8)
        drawn = draw_skeleton(canvas, joints, dance.confidence[pose])
        sheet[row * cell_height : (row + 1) * cell_height, column * cell_width : (column + 1) * cell_width] = drawn
    Image.fromarray(sheet).quantize(48).save(path, optimize=True)
