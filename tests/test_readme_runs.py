"""Every command of README's blocks runs, in README's order and in one folder, on small things.

Options make it quick (`QUICK`). Commands that need a network, data sets or many minutes are held to `--help` only, by
`test_readme.py`: they are named in `SKIPPED`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import soundfile
from conftest import Ran, click_track
from PIL import Image
from test_capture import film, pose_pictures
from test_readme import README, blocks

from dancegen.assets.example import PICTURE, POSE
from dancegen.ffmpeg import ffmpeg_program

pytestmark = pytest.mark.skipif(not README.is_file(), reason="README.md lies in a checkout")

SECONDS = 50  # 25 bars at 120 beats a minute: README redoes bars 17 to 24
SKIPPED = {("weights", "download"), ("weights", "publish"), ("train",), ("evaluate",), ("studio",)}
DRAWN = ("--preview", "--size", "64", "--fps", "2")  # the skeleton, small and seldom
QUICK = {
    "example": DRAWN,
    "render": (*DRAWN, "--offline"),
    "batch": (*DRAWN, "--offline", "--duration", "2"),
    "check": ("--offline",),
    "subject": ("--offline",),
    "dance": ("--offline",),
    "capture": ("--samples", "1", "--offline"),
    "style": ("--steps", "3", "--offline"),
}


def person_at(right: float) -> dict[str, list[float]]:
    """The figure as OpenPose writes people, moved to the right by so many pixels."""
    keypoints = json.loads(POSE.read_text())["people"][0]["pose_keypoints_2d"]
    return {"pose_keypoints_2d": [value + right * (place % 3 == 0) for place, value in enumerate(keypoints)]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what README's commands name."""
    samples, _ = click_track(120, SECONDS, rate=22_050)
    soundfile.write(tmp_path / "song.wav", samples, 22_050)
    command = [ffmpeg_program(), "-v", "error", "-i", "song.wav", "song.mp3"]
    subprocess.run(command, cwd=tmp_path, check=True)
    for name in ("me.jpg", "you.jpg"):
        Image.open(PICTURE).convert("RGB").save(tmp_path / name, quality=95)
    for name, files in (("songs", ("song.mp3",)), ("pictures", ("me.jpg", "you.jpg"))):
        (tmp_path / name).mkdir()
        for file in files:
            shutil.copy(tmp_path / file, tmp_path / name)
    (tmp_path / "found.json").write_text(json.dumps([json.loads(POSE.read_text())] * 90))  # another tool's, 3 s
    (tmp_path / "keypoints").mkdir()
    couple = {"people": [person_at(0), person_at(400)]}
    for frame in range(60):
        (tmp_path / "keypoints" / f"clip_{frame:012d}_keypoints.json").write_text(json.dumps(couple))
    film(tmp_path / "friend.mp4", pose_pictures(3, 15), 15)
    (tmp_path / "pairs.csv").write_text("song.mp3,me.jpg,3,rumba\n")
    return tmp_path


def test_the_blocks_run_as_they_stand(folder: Path, run_main: Callable[..., Ran]) -> None:
    ran_once = []
    for words in blocks():
        if (words[0],) in SKIPPED or tuple(words[:2]) in SKIPPED:
            continue
        written = folder / words[words.index("-o") + 1] if "-o" in words else None
        ran = run_main(*words, *QUICK.get(words[0], ()))
        assert ran.status == 0, f"dancegen {' '.join(words)}: {ran.err[-500:]}"
        assert written is None or written.exists(), words
        ran_once.append(words[0])
    assert {"render", "dance", "beats", "export", "import", "batch", "subject", "check"} <= set(ran_once)
