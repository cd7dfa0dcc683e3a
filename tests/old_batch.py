"""A batch folder as version 0.1.0 left it: its inputs, always of the same bytes, and its table as SQL.

The SQL was written by `python -c "import old_batch as o; o.dump(OUT)"` after version 0.1.0 had run, in a folder with
`write_inputs`: `dancegen batch songs pics -o OUT --preview --size 64 --fps 5 --duration 1 --offline`.
"""

from __future__ import annotations

import json
import sqlite3
import struct
import wave
from contextlib import closing
from pathlib import Path

SQL = Path(__file__).parent / "data" / "batch_0_1_0.sql"
VIDEOS = ("tune--me.mp4", "tune--you.mp4")
FOLDER = "OUT_FOLDER"  # in the SQL, where that of the batch was
WIDTH, HEIGHT = 48, 72
JOINTS = (  # x, y in pixels
    *((24, 10), (24, 19), (18, 19), (16, 27), (14, 35), (30, 19), (32, 27), (34, 35), (21, 36)),
    *((21, 50), (20, 63), (27, 36), (27, 50), (28, 63), (23, 9), (25, 9), (21, 10), (27, 10)),
)


def write_inputs(folder: Path) -> None:
    """`songs/tune.wav`, two pictures in `pics`, each with its joints beside it."""
    for name in ("songs", "pics"):
        (folder / name).mkdir()
    with wave.open(str(folder / "songs" / "tune.wav"), "wb") as song:
        song.setnchannels(1)
        song.setsampwidth(2)
        song.setframerate(8000)
        song.writeframes(b"".join(struct.pack("<h", 9000 * (-1) ** (i // 8) * (i % 4000 < 400)) for i in range(16000)))
    for name, grey in (("me", 200), ("you", 100)):
        head = struct.pack(
            "<2sIHHIIiiHHIIiiII", b"BM", 54 + 3 * WIDTH * HEIGHT, 0, 0, 54, 40, WIDTH, HEIGHT, 1, 24, *[0] * 6
        )
        (folder / "pics" / f"{name}.bmp").write_bytes(head + bytes([grey]) * (3 * WIDTH * HEIGHT))
        numbers = [number for x, y in JOINTS for number in (x, y, 1)]
        pose = {"people": [{"pose_keypoints_2d": numbers}], "canvas_width": WIDTH, "canvas_height": HEIGHT}
        (folder / "pics" / f"{name}.pose.json").write_text(json.dumps(pose), encoding="utf-8")


def dump(out: Path) -> None:
    """Keep the table of a batch folder as SQL."""
    with closing(sqlite3.connect(Path(out) / "jobs.sqlite")) as rows:
        text = "\n".join(rows.iterdump())
    inputs = Path(out).resolve().parent
    SQL.write_text(text.replace(str(Path(out).resolve()), FOLDER).replace(str(inputs), "IN_FOLDER") + "\n")


def restore(out: Path) -> None:
    """A batch folder with that table, and videos that only have their names."""
    out.mkdir()
    with closing(sqlite3.connect(out / "jobs.sqlite")) as rows:
        text = SQL.read_text(encoding="utf-8").replace(FOLDER, str(out.resolve()))
        rows.executescript(text.replace("IN_FOLDER", str(out.resolve().parent)))
    for name in VIDEOS:
        (out / name).write_bytes(b"a video of version 0.1.0")
