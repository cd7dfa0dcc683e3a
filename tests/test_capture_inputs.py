"""Clips that are not as clips should be: broken, uneven, huge, long, cut every second, stopped."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Listener
from test_capture import FFMPEG, SMALL, Finder, dancing, film, pose_pictures

from dancegen.capture.clip import frames, open_clip
from dancegen.capture.diffusion import Sampling
from dancegen.capture.imagine import imagine
from dancegen.capture.movement import place
from dancegen.capture.network import Vimo
from dancegen.capture.watch import watch
from dancegen.cli.main import main
from dancegen.dances.captured import follow_one
from dancegen.dances.read_dance import read_dance
from dancegen.errors import DancegenError
from dancegen.production.capture import Asked, capture_movement
from dancegen.weights.checkpoint import save_checkpoint


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(1)
    network = Vimo(SMALL)
    torch.nn.init.normal_(network.out.weight, std=0.05)
    path = tmp_path_factory.mktemp("weights") / "vimo.safetensors"
    save_checkpoint(path, network.state_dict(), SMALL)
    return path


def test_a_clip_that_breaks_off_is_captured_so_far_and_says_so(
    weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = film(tmp_path / "a.mp4", pose_pictures(6, 15), 15, "-crf", "16", "-g", "15", "-movflags", "+faststart")
    broken, out = tmp_path / "b.mp4", tmp_path / "b.dance.json"
    content = whole.read_bytes()
    broken.write_bytes(content[: len(content) * 6 // 10])
    with pytest.raises(SystemExit) as end:
        main(["capture", str(broken), "-o", str(out), "--samples", "1", "--weights", f"capture.vimo={weights}"])
    assert end.value.code == 0
    told = capfd.readouterr().err
    assert "b.mp4 ends after" in told and "of 6.0 s" in told
    assert 1 < read_dance(out).seconds < 5


def test_an_uneven_rate_is_made_even(tmp_path: Path) -> None:
    pictures = [np.full((64, 64, 3), 2 * number, np.uint8) for number in range(90)]
    even = film(tmp_path / "even.mp4", pictures, 30, "-crf", "10")
    uneven = tmp_path / "uneven.mp4"
    kept = "select='if(lt(t,1.5),not(mod(n,2)),not(mod(n,5)))'"
    subprocess.run([FFMPEG, "-v", "error", "-i", even, "-vf", kept, "-fps_mode", "vfr", uneven], check=True)
    clip = open_clip(uneven, 0, None, None)
    levels = np.array([picture.mean() for picture in frames(clip)])
    assert abs(len(levels) / clip.fps - 3) < 0.2
    seconds = np.arange(len(levels)) / clip.fps
    assert np.abs(levels / 60 - seconds).max() < 0.3  # a frame is shown when it was: gaps of 5 frames, and rounding


def test_large_frames_are_made_small(tmp_path: Path) -> None:
    clip = open_clip(film(tmp_path / "4k.mp4", [np.zeros((2160, 3840, 3), np.uint8)] * 10, 10), 0, None, None)
    assert clip.size == (512, 288) and clip.full == (3840, 2160)
    assert next(frames(clip)).shape == (288, 512, 3)


class Hasty(Listener):
    """Ctrl-C at the third frame."""

    looked = 0

    def advance(self, steps: int = 1) -> None:
        self.looked += steps
        if self.looked == 3:
            raise KeyboardInterrupt


def test_an_hour_says_how_long_it_takes_and_can_be_stopped(weights: Path, tmp_path: Path) -> None:
    short, long = film(tmp_path / "s.mp4", pose_pictures(3, 5), 5), tmp_path / "long.mp4"
    loop = [FFMPEG, "-v", "error", "-stream_loop", "1199", "-i", short, "-c", "copy", long]
    subprocess.run(loop, check=True)
    reporter, before = Hasty(), sorted(tmp_path.iterdir())
    asked = Asked(samples=1, weights={"capture.vimo": str(weights)})
    with pytest.raises(KeyboardInterrupt):
        capture_movement(open_clip(long, 0, None, None), asked, reporter)
    assert any("60 minutes of video take about" in note and "--duration" in note for note in reporter.notes)
    assert sorted(tmp_path.iterdir()) == before
    part = capture_movement(open_clip(long, 1800, 2.0, None), asked, Listener())
    assert abs(part.dances[0].seconds - 2) < 0.2


def test_cuts_every_second_leave_one_dance_without_jumps(tmp_path: Path) -> None:
    pictures = [np.full((400, 400, 3), 60 + 120 * (number // 10 % 2), np.uint8) for number in range(60)]
    clip = open_clip(film(tmp_path / "cuts.mp4", pictures, 10), 0, None, None)
    points = dancing(6).resample(10, 60).joints[..., :2]
    shown = [points[number] * (300 if number // 10 % 2 else 200) + (150, 390) for number in range(60)]
    seen = follow_one(clip, watch(clip, Finder([[one] for one in shown]), Listener()), "largest", Listener())
    assert torch.nonzero(seen.cut)[:, 0].tolist() == [10, 20, 30, 40, 50]
    torch.manual_seed(1)
    network = Vimo(SMALL).eval()
    torch.nn.init.normal_(network.out.weight, std=0.05)
    moved, _ = imagine(network, seen, 1, Sampling(), 0, Listener())[0]
    joints = place(moved[None])[0]
    assert len(joints) == 180 and torch.isfinite(joints).all()
    step = (joints[1:] - joints[:-1]).norm(dim=-1).amax(-1)
    assert step.max() < 20 * step.median()


def test_a_song_that_is_none_is_refused_before_the_clip_is_looked_at(
    weights: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    clip, picture, out = film(tmp_path / "a.mp4", pose_pictures(2, 5), 5), tmp_path / "a.png", tmp_path / "a.dance.json"
    subprocess.run([FFMPEG, "-v", "error", "-f", "lavfi", "-i", "color=s=64x64", "-frames:v", "1", picture], check=True)
    with pytest.raises(SystemExit) as end:
        main(["capture", str(clip), "-o", str(out), "--song", str(picture), "--weights", f"capture.vimo={weights}"])
    told = capfd.readouterr().err
    assert end.value.code == 1 and "a.png is a playlist, a picture, or" in told and "looking" not in told
    assert not out.exists()


@pytest.mark.parametrize("people", ["nobody", "all", "1,3", "0"])
def test_one_person_is_captured_and_nothing_else_is_offered(people: str) -> None:
    with pytest.raises(DancegenError) as fault:
        Asked(people=people)
    assert "largest, left, right or a number" in fault.value.what and repr(people) in fault.value.what


@pytest.mark.parametrize("people", ["largest", "left", "right", "2"])
def test_one_person_may_be_asked_for(people: str) -> None:
    assert Asked(people=people).people == people
