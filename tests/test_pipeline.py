from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from conftest import Listener
from PIL import Image
from subject_tools import find_subject

from dancegen import Request, registry, render_dance
from dancegen.assets.example import POSE
from dancegen.audio.load import load_song
from dancegen.body.joints import V
from dancegen.body.sequence import SkeletonSequence
from dancegen.choreographers.stg_mamba.config import ChoreographerConfig
from dancegen.dances.origin import Origin
from dancegen.errors import DancegenError
from dancegen.images.picture import open_picture
from dancegen.people.located import LocatedBody
from dancegen.production.backends import Backends, load_backends
from dancegen.production.known import Known
from dancegen.video.comment import read_comment
from dancegen.weights.checkpoint import load_checkpoint, save_checkpoint
from dancegen.weights.verify import WeightsInfo, sha256_of

STAGES = ["listening", "loading", "finding", "choreography", "preparing", "drawing"]
SMALL = {"size": 64, "fps": 5.0}


def loaded(*jobs: str, device: str = "cpu", **weights: str) -> Backends:
    return load_backends(Request(Path(), Path(), weights=weights, device=device), jobs)


@pytest.fixture(scope="module")
def backends(tiny_weights: Path) -> Backends:
    return loaded("choreographer", choreographer=str(tiny_weights))


@pytest.fixture(scope="module")
def subject(picture: Path) -> LocatedBody:
    return find_subject(open_picture(picture), network=None, pose_file=POSE)


def frames_of(path: Path) -> np.ndarray:
    reader: Iterator = imageio_ffmpeg.read_frames(str(path))
    width, height = next(reader)["size"]
    return np.stack([np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader])


def test_a_song_and_a_picture_become_a_video(
    beat_song: Path, picture: Path, tiny_weights: Path, tmp_path: Path
) -> None:
    listener = Listener()
    made = render_dance(
        beat_song,
        picture,
        tmp_path / "a.mp4",
        duration=2.1,
        seed=3,
        **SMALL,
        pose=POSE,
        weights={"choreographer": str(tiny_weights), "renderer": "puppet"},
        device="cpu",
        reporter=listener,
    )
    assert made.path == tmp_path / "a.mp4" and made.frames == round(2.1 * 5) and made.size == (42, 64)
    frames = frames_of(made.path)
    assert frames.shape == (made.frames, 64, 42, 3)
    assert np.abs(np.diff(frames.astype(int), axis=0)).max() > 40  # somebody moves
    told = read_comment(made.path)
    assert told["seed"] == 3 and told["dancegen"] and told == made.facts
    assert told["weights"]["choreographer.stg-mamba"] == {"name": "tiny.safetensors", "sha256": sha256_of(tiny_weights)}
    assert "renderer.puppet" not in told["weights"]
    assert [name.split()[0] for name in listener.stages] == STAGES
    assert listener.steps == made.frames
    assert load_song(made.path).seconds == pytest.approx(2.1, abs=0.06)


def test_seeds(beat_song: Path, picture: Path, backends: Backends, subject: LocatedBody, tmp_path: Path) -> None:
    def dance(seed: int) -> np.ndarray:
        made = render_dance(
            beat_song,
            picture,
            tmp_path / "a.mp4",
            seed=seed,
            preview=True,
            **SMALL,
            backends=backends,
            known=Known(people=[subject]),
            overwrite=True,
        )
        return made.dance.joints

    first = dance(1)
    np.testing.assert_allclose(first, dance(1), atol=1e-7)
    assert np.abs(first - dance(2)).max() > 1e-3


def test_a_given_dance_and_subject_need_no_networks(
    beat_song: Path, picture: Path, subject: LocatedBody, tmp_path: Path, backends: Backends
) -> None:
    made = render_dance(
        beat_song,
        picture,
        tmp_path / "own.mp4",
        preview=True,
        **SMALL,
        backends=backends,
        known=Known(people=[subject]),
    )
    again = render_dance(
        beat_song,
        picture,
        tmp_path / "given.mp4",
        preview=True,
        **SMALL,
        known=Known(dance=made.dance, people=[subject]),
        backends=Backends(backends.device),
    )
    np.testing.assert_array_equal(frames_of(made.path), frames_of(again.path))
    np.testing.assert_array_equal(again.dance.joints, made.dance.joints)


def test_only_the_weights_that_made_something_are_told(
    beat_song: Path, picture: Path, subject: LocatedBody, tmp_path: Path, backends: Backends
) -> None:
    other = WeightsInfo("other.safetensors", "0" * 64)
    assert "choreographer.stg-mamba" in backends.weights

    def told(**given: Any) -> dict[str, Any]:
        how: dict[str, Any] = {"preview": True, "backends": backends, "overwrite": True, "duration": 1.0, **SMALL}
        return render_dance(beat_song, picture, tmp_path / "a.mp4", **how, known=Known(**given)).facts["weights"]

    still = SkeletonSequence(np.zeros((5, V, 3)) + np.arange(V)[:, None] * 0.01, 30)
    assert list(told(people=[subject])) == ["choreographer.stg-mamba"]
    assert told(people=[subject], dance=still) == {}
    origin = Origin({"choreographer": other})
    assert told(people=[subject], dance=still, origin=origin)["choreographer.stg-mamba"]["name"] == "other.safetensors"


def test_a_person_given_whole_needs_no_network(
    beat_song: Path, picture: Path, subject: LocatedBody, tmp_path: Path
) -> None:
    mask = tmp_path / "mask.png"
    Image.fromarray((subject.mask * 255).astype(np.uint8)).save(mask)
    still = SkeletonSequence(np.zeros((5, V, 3)) + np.arange(V)[:, None] * 0.01, 30)
    given: dict[str, Any] = {"pose": POSE, "mask": mask, "preview": True, "device": "cpu", **SMALL}
    made = render_dance(beat_song, picture, tmp_path / "a.mp4", duration=1.0, known=Known(dance=still), **given)
    assert made.facts["weights"] == {}


def test_without_a_choreographer_and_without_a_dance(
    beat_song: Path, picture: Path, subject: LocatedBody, backends: Backends, tmp_path: Path
) -> None:
    with pytest.raises(DancegenError, match="choreographer"):
        render_dance(
            beat_song,
            picture,
            tmp_path / "a.mp4",
            known=Known(people=[subject]),
            backends=Backends(backends.device),
            **SMALL,
        )
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("seconds", "fps", "frames"), [(1.0, 29.97, 30), (0.73, 24.0, 18), (1.01, 60.0, 61), (0.5, 1.0, 1)]
)
def test_frames_are_duration_times_rate(
    picture: Path, subject: LocatedBody, backends: Backends, tmp_path: Path, seconds: float, fps: float, frames: int
) -> None:
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(0, 0.1, round(seconds * 16_000)), 16_000)
    still = SkeletonSequence(np.random.default_rng(0).normal(0, 0.1, (5, V, 3)), 30)
    made = render_dance(
        tmp_path / "a.wav",
        picture,
        tmp_path / "a.mp4",
        size=64,
        fps=fps,
        preview=True,
        known=Known(dance=still, people=[subject]),
        backends=backends,
    )
    assert made.frames == frames == imageio_ffmpeg.count_frames_and_secs(str(made.path))[0]


def test_silence_renders_with_a_note(picture: Path, subject: LocatedBody, backends: Backends, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(2 * 16_000), 16_000)
    listener = Listener()
    made = render_dance(
        tmp_path / "silence.wav",
        picture,
        tmp_path / "a.mp4",
        preview=True,
        **SMALL,
        backends=backends,
        known=Known(people=[subject]),
        reporter=listener,
    )
    assert made.frames == 10 and made.grid.confidence == 0
    assert any("silence.wav has no beat" in note for note in listener.notes)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"size": 10}, "--size"),
        ({"size": 10_000}, "--size"),
        ({"fps": 0.0}, "--fps"),
        ({"fps": float("nan")}, "--fps"),
        ({"crf": 99}, "--crf"),
        ({"seed": -1}, "--seed"),
        ({"style": "polka"}, "cha-cha"),
    ],
)
def test_impossible_settings(wrong: dict, said: str) -> None:
    with pytest.raises(DancegenError, match=said):
        Request(Path("a.wav"), Path("me.png"), **wrong)


@pytest.mark.parametrize("fault", ["missing", "unknown", "of another shape"])
def test_weights_whose_tensors_do_not_fit(tiny_weights: Path, tmp_path: Path, fault: str) -> None:
    config, state = load_checkpoint(tiny_weights, ChoreographerConfig)
    name = next(key for key, tensor in state.items() if tensor.ndim > 1)
    if fault == "unknown":
        state["more.weight"], name = state[name].clone(), "more.weight"
    elif fault == "missing":
        state.pop(name)
    else:
        state[name] = state[name][1:]
    save_checkpoint(tmp_path / "other.safetensors", state, config)
    with pytest.raises(DancegenError, match=r"other\.safetensors: its tensors do not fit") as caught:
        loaded("choreographer", choreographer=str(tmp_path / "other.safetensors"))
    assert name in caught.value.what and "\n" not in caught.value.what


def test_a_device_without_room_is_not_blamed_on_the_weights(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 MiB")

    monkeypatch.setattr(registry, "load", full)
    with pytest.raises(RuntimeError, match="out of memory"):
        loaded("choreographer", choreographer=str(tiny_weights))


def test_backends_that_are_not_there(tiny_weights: Path) -> None:
    with pytest.raises(DancegenError, match="no such weights file"):
        loaded("choreographer", choreographer="missing.safetensors")
    with pytest.raises(DancegenError, match=r"is a choreographer\.stg-mamba, not a renderer\.puppet"):
        loaded("renderer", renderer=str(tiny_weights))
    with pytest.raises(DancegenError, match="choose one of auto, cpu, cuda, mps"):
        loaded(device="tpu")
    bare = loaded("renderer", renderer="puppet")
    assert bare.renderer.puppet.network is None and not bare.weights
