"""Plots for people who choose: beats of a song, speed of a dance, takes side by side. Drawn with Pillow alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dancegen.audio.bars import bars
from dancegen.audio.grid import CHANGE, BeatGrid, local_tempo
from dancegen.body.draw import draw_strip
from dancegen.body.sequence import SkeletonSequence
from dancegen.dances.metrics import joint_speed, kinematic_beats
from dancegen.dances.takes import COLUMNS

if TYPE_CHECKING:
    from dancegen.dances.dance_file import DanceFile

WIDTH = 1200  # pixels of a plot or sheet
ROW_SECONDS = 15.0  # a row of the beat plot
CURVE_HEIGHT = 90
TEMPO_HEIGHT = 34  # of the line of tempi above a row of the beat plot
TEMPO_ROOM = 0.35  # octaves that the line has room for above and below the song's tempo, at least
GUTTER = 44  # pixels left of a row of the beat plot, for its time
STRIP_HEIGHT = 120
POSES = 12  # of a take on the contact sheet
INK, PALE, BEAT, BAR, MARK = (30, 60, 120), (205, 215, 235), (225, 200, 190), (200, 90, 60), (20, 140, 90)
LEGEND = "curve: speed of elbows, wrists, knees and ankles; lines: beats, with bar numbers; dots: the dance's own beats"
_FINE = 2  # drawn this much larger and made smaller, for smooth lines


def beat_plot(onset: np.ndarray, rate: float, grid: BeatGrid, seconds: float) -> np.ndarray:
    """How strongly sounds set in, with the beats over it and the tempo above: rows of ROW_SECONDS, uint8 (H, WIDTH, 3).

    Args:
        onset: (N,) at `rate` values a second.
        rate: values a second.
        grid: the beats and bars.
        seconds: length of the stretch.
    """
    rows, tempi = [], local_tempo(grid)
    for begin in np.arange(0, max(seconds, 1e-3), ROW_SECONDS):
        end = min(begin + ROW_SECONDS, seconds) if seconds < ROW_SECONDS else begin + ROW_SECONDS
        values = onset[round(begin * rate) : round(end * rate)]
        top, width = float(onset.max(initial=1e-6)), WIDTH - GUTTER
        curve = _curve(values, rate, begin, end, grid, [], top, width)
        tempo = _tempo_row(grid, tempi, begin, end, width)
        rows.append(np.concatenate([_gutter(f"{begin:.0f} s"), np.concatenate([tempo, curve])], axis=1))
    return np.concatenate(rows)


def speed_plot(dance: SkeletonSequence, grid: BeatGrid) -> np.ndarray:
    """Speed over time with the beats (pale, first of a bar red) and the dance's own (green dots): (H, WIDTH, 3)."""
    speed = joint_speed(dance.joints, dance.fps)
    marks = kinematic_beats(dance.joints, dance.fps)
    return _curve(speed, dance.fps, 0.0, dance.seconds, grid, marks, float(speed.max(initial=1e-6)), WIDTH)


def contact_sheet(dance: DanceFile) -> np.ndarray:
    """All takes, the best first: scores, a strip of poses, the speed curve with the beats. uint8 (H, WIDTH, 3)."""
    ranks = [(take.scores or {}).get("rank", number) for number, take in enumerate(dance.takes)]
    rows = [_line(LEGEND, (255, 255, 255))]
    for number in np.argsort(ranks, kind="stable"):
        take = dance.takes[number]
        scores = take.scores or {}
        said = [f"{name} {form.format(scores[key])}" for name, (key, form) in COLUMNS.items() if key in scores]
        said = [f"{text.replace(' %', '')} %" if " % " in text else text for text in said]
        style = take.style + (" (edited)" if take.edits else "")
        rows.append(_line(f"take {number + 1}   seed {take.seed}   {style}   " + "   ".join(said)))
        rows.append(_strip(take.skeleton))
        rows.append(speed_plot(take.skeleton, dance.grid))
    return np.concatenate(rows)


def strip(dance: SkeletonSequence, poses: int = POSES, height: int = STRIP_HEIGHT) -> np.ndarray:
    """Poses side by side, WIDTH wide."""
    return draw_strip(dance, poses, (WIDTH // poses, height))


def _strip(dance: SkeletonSequence) -> np.ndarray:
    picture = strip(dance)
    return np.pad(picture, ((0, 0), (0, WIDTH - picture.shape[1]), (0, 0)), constant_values=255)


def _line(text: str, paper: tuple[int, int, int] = (240, 242, 246)) -> np.ndarray:
    picture = Image.new("RGB", (WIDTH, 26), paper)
    ImageDraw.Draw(picture).text((8, 5), text, fill=(20, 20, 20), font=ImageFont.load_default(14))
    return np.asarray(picture)


def _gutter(text: str) -> np.ndarray:
    picture = Image.new("RGB", (GUTTER, CURVE_HEIGHT + TEMPO_HEIGHT), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(12)
    corner = (GUTTER - 6 - draw.textlength(text, font), CURVE_HEIGHT + TEMPO_HEIGHT - 18)
    draw.text(corner, text, fill=(90, 90, 90), font=font)
    return np.asarray(picture)


def _tempo_row(grid: BeatGrid, tempi: np.ndarray, begin: float, end: float, wide: int) -> np.ndarray:
    """The tempo over time as a line, higher = faster, with its value where it changes: (TEMPO_HEIGHT, wide, 3)."""
    picture = Image.new("RGB", (wide * _FINE, TEMPO_HEIGHT * _FINE), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(11 * _FINE)
    octaves = np.log2(np.maximum(tempi, 1) / max(grid.tempo, 1))  # (B,)
    room = max(TEMPO_ROOM, float(np.abs(octaves).max(initial=0)))
    points, told = [], 0.0
    for moment, tempo, octave in zip(grid.times, tempi, octaves, strict=True):
        if not begin <= moment <= end:
            continue
        x = (moment - begin) / max(end - begin, 1e-6) * wide * _FINE
        points.append((x, (0.72 - 0.2 * octave / room) * TEMPO_HEIGHT * _FINE))
        if abs(tempo / max(told, 1) - 1) > CHANGE:
            draw.text((x, 0), f"{tempo:.0f}", fill=INK, font=font)
            told = tempo
    if len(points) > 1:
        draw.line(points, fill=MARK, width=_FINE + 1)
    return np.asarray(picture.resize((wide, TEMPO_HEIGHT), Image.Resampling.LANCZOS))


def _curve(
    values: np.ndarray,
    rate: float,
    begin: float,
    end: float,
    grid: BeatGrid,
    marks: Sequence[float] | np.ndarray,
    top: float,
    wide: int,
) -> np.ndarray:
    """One row: `values` at `rate` from `begin` s to `end` s, lines at the beats, dots at `marks`."""
    times = grid.times
    width, height = wide * _FINE, CURVE_HEIGHT * _FINE
    picture = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(picture)

    def x(moment: float) -> float:
        return (moment - begin) / max(end - begin, 1e-6) * width

    dense = len(times) > 1 and x(begin + float(np.median(np.diff(times)))) < 6 * _FINE
    bar_width = grid.beats_per_bar * x(begin + float(np.median(np.diff(times)))) if len(times) > 1 else width
    numbered = max(1, int(np.ceil(25 * _FINE / max(bar_width, 1.0))))  # every bar that has room for its number
    small = ImageFont.load_default(11 * _FINE)
    numbers = {bar.first: bar.number for bar in bars(grid)}
    for beat, moment in enumerate(times):
        first = bool(grid.downbeat[beat])
        if begin <= moment <= end and (first or not dense):
            draw.line([(x(moment), 0), (x(moment), height)], fill=BAR if first else BEAT, width=2 if first else _FINE)
            if first and numbers[beat] % numbered == 0:
                draw.text((x(moment) + 6, height * 0.02), str(numbers[beat]), fill=BAR, font=small)
    points = [
        (x(begin + place / rate), height - 4 - value / max(top, 1e-9) * 0.88 * height)
        for place, value in enumerate(values.tolist())
    ]
    if len(points) > 1:
        draw.line(points, fill=INK, width=_FINE + 1, joint="curve")
    for mark in marks:
        radius = 2.2 * _FINE
        draw.ellipse([x(mark) - radius, height - 2 * radius - 2, x(mark) + radius, height - 2], fill=MARK)
    draw.line([(0, height - 1), (width, height - 1)], fill=PALE, width=_FINE)
    return np.asarray(picture.resize((wide, CURVE_HEIGHT), Image.Resampling.LANCZOS))


def save_png(path: object, picture: np.ndarray) -> None:
    """Write a picture, whole or not at all."""
    import io
    from pathlib import Path

    from dancegen.files import write_whole

    file = io.BytesIO()
    Image.fromarray(picture).quantize(128, Image.Quantize.FASTOCTREE).save(file, "PNG", optimize=True)
    write_whole(Path(str(path)), file.getvalue())
