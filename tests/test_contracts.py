"""What every line of the registry promises, for each that can work here; the renderers' layers are in test_scene.py."""

from __future__ import annotations

import os
import sys
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from conftest import Listener
from PIL import Image
from workbench_tools import fake_work

from dancegen import Request, frames, produce, registry, render_dance
from dancegen.assets.example import PICTURE, POSE
from dancegen.batch.jobs import Job
from dancegen.body.joints import V
from dancegen.body.sequence import SkeletonSequence
from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage, open_picture
from dancegen.production.known import Known
from dancegen.production.sinks import Each, Several, VideoFile
from dancegen.registry import BACKENDS, Backend, load, names
from dancegen.renderers.compose import make_scene
from dancegen.weights.manifest import load_manifest
from dancegen.weights.resolve import weights_path
from tests.fake_device import CUDA, FakeGpu, moved
from tests.test_scene import dancing, drawn
from tests.tiny_choreographer import song_of

CPU = torch.device("cpu")
LINES = [(role, name) for role in BACKENDS for name in names(role)]
# Renderers that need nothing but this package: tests/test_photoreal.py has the others.
HERE = [name for name in names("renderer") if not registry.backend("renderer", name).module]
OWN = "capsules:load"  # tests/capsules.py
SMALL: dict[str, Any] = {"size": 64, "fps": 5.0, "duration": 1.0, "pose": POSE, "device": "cpu"}


def ready(role: str, name: str) -> Any:
    """The backend with its shipped weights; the test is skipped where it lacks something."""
    line = registry.backend(role, name)
    if line.missing:
        pytest.skip(line.missing)
    shipped = {entry.role for entry in load_manifest() if entry.source == "package"}
    if line.weights and line.weights not in shipped and not line.bare:
        pytest.skip(f"its weights ({line.weights}) are not shipped")
    path = weights_path(line.weights, offline=True) if line.weights in shipped else None
    return load(role, name, path, CPU)


def on_gpu(backend: Any) -> Any:
    """A backend with its networks on the GPU that is not there."""
    for part in vars(backend).values():
        if isinstance(part, torch.nn.Module):
            moved(part)
    return backend


class Pressed(Listener):
    """Ctrl-C, at the first sign of progress."""

    def advance(self, steps: int = 1) -> None:
        raise KeyboardInterrupt


@pytest.fixture(scope="module")
def still() -> SkeletonSequence:
    return SkeletonSequence(np.zeros((30, V, 3)) + np.arange(V)[:, None] * 0.01, 30)


@pytest.mark.parametrize(("role", "name"), LINES)
def test_a_line_says_what_it_is_and_names_what_there_is(role: str, name: str) -> None:
    line = registry.backend(role, name)
    assert line.says and "\n" not in line.says and bool(line.module) == bool(line.extra)
    assert callable(registry.import_named(line.factory))
    assert not line.config or isinstance(registry.import_named(line.config), type)
    if line.missing:
        with pytest.raises(DancegenError, match=r"pip install 'dancegen\["):
            load(role, name, None, CPU)
    elif line.config and not line.bare:
        with pytest.raises(DancegenError, match=f"give --weights {line.weights}=FILE"):
            load(role, name, None, CPU)


@pytest.mark.parametrize("role", list(BACKENDS))
@pytest.mark.parametrize(("name", "said"), [("nobody", "is not known: choose"), ("no.module:f", "cannot be imported")])
def test_what_is_not_there_is_said(role: str, name: str, said: str) -> None:
    with pytest.raises(DancegenError, match=said):
        load(role, name, None, CPU)


@pytest.mark.parametrize("name", names("choreographer"))
def test_choreographers(name: str) -> None:
    """Length, determinism by seed, styles, Ctrl-C, and memory that does not grow with the song."""
    dancer = ready("choreographer", name)
    song, grid = song_of(12)
    plain = dancer.styles[0]
    dance = dancer.dance(song, grid, seed=3, style=plain)
    assert dance.fps == 30 and abs(dance.seconds - 12) < 0.11 and dance.joints.shape[1:] == (V, 3)
    assert np.isfinite(dance.joints).all()
    np.testing.assert_allclose(dancer.dance(song, grid, seed=3, style=plain).joints, dance.joints, atol=1e-5)
    assert np.abs(dancer.dance(song, grid, seed=4, style=plain).joints - dance.joints).max() > 1e-3
    with pytest.raises(DancegenError, match="polka"):
        dancer.dance(song, grid, seed=3, style="polka")
    with pytest.raises(KeyboardInterrupt):
        dancer.dance(song, grid, seed=3, style=plain, reporter=Pressed())
    np.testing.assert_allclose(dancer.dance(song, grid, seed=3, style=plain).joints, dance.joints, atol=1e-5)
    listed = registry.backend("choreographer", name).styles
    assert tuple(dancer.styles) == listed


@pytest.mark.parametrize("name", names("choreographer"))
def test_a_choreographers_memory_is_that_of_its_dance(name: str) -> None:
    dancer = ready("choreographer", name)

    def spare(seconds: float) -> float:
        """Peak of numpy's memory beside the dance's own, in bytes for a pose."""
        song, grid = song_of(seconds)
        tracemalloc.start()
        dance = dancer.dance(song, grid, seed=0, style=dancer.styles[0])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / len(dance)

    assert spare(120) < max(1.2 * spare(30), 8 * V * 3 * 8)  # a few arrays of the dance's own size


@pytest.mark.parametrize("name", names("detector"))
def test_detectors(name: str) -> None:
    """All whom it sees, the same each time, within the picture; nobody where there is nobody."""
    detector = ready("detector", name)
    picture = open_picture(PICTURE)
    found, again = detector.find(picture), detector.find(picture)
    assert len(found) == len(again) == 1
    one = found[0]
    np.testing.assert_allclose(one.joints, again[0].joints, atol=1e-3)
    assert one.joints.shape == (V, 2) and one.joints.dtype == np.float32 and one.confidence.shape == (V,)
    assert one.confidence.min() >= 0 and one.confidence.max() <= 1 and one.detector
    assert one.mask is None or one.mask.shape == picture.pixels.shape[:2]
    seen = one.joints[one.confidence > 0.3]
    assert len(seen) > 10 and (seen >= 0).all() and (seen <= picture.size).all()
    assert detector.find(ConditionalImage(Path("empty"), np.full((200, 160, 3), 128, np.uint8))) == []


@pytest.mark.parametrize("name", names("detector"))
def test_a_detector_keeps_nothing_of_a_picture(name: str) -> None:
    detector, picture = ready("detector", name), open_picture(PICTURE)
    detector.find(picture)  # loads what it needs
    tracemalloc.start()
    try:
        detector.find(picture)
        kept = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert kept < picture.pixels.nbytes


class Stopped(ConditionalImage):
    """A picture whose pixels Ctrl-C interrupts when they are looked at."""

    def __getattribute__(self, name: str) -> Any:
        if name == "pixels":
            raise KeyboardInterrupt
        return super().__getattribute__(name)


@pytest.mark.parametrize("name", names("detector"))
def test_a_detector_that_was_interrupted_finds_again(name: str) -> None:
    detector, picture = ready("detector", name), open_picture(PICTURE)
    before = detector.find(picture)
    with pytest.raises(KeyboardInterrupt):
        detector.find(Stopped(picture.path, picture.pixels))
    after = detector.find(picture)
    np.testing.assert_allclose(before[0].joints, after[0].joints, atol=1e-3)


@pytest.mark.parametrize("name", names("detector"))
def test_a_detector_looks_at_any_picture(name: str) -> None:
    """The smallest picture, a strip, plain noise: nobody, and no fault."""
    detector, noise = ready("detector", name), np.random.default_rng(0).integers(0, 255, (40, 300, 3)).astype(np.uint8)
    for pixels in (noise[:16, :16], noise, noise.swapaxes(0, 1).copy()):
        assert detector.find(ConditionalImage(Path("odd"), np.ascontiguousarray(pixels))) == []


@pytest.mark.parametrize("name", names("detector"))
def test_detectors_see_the_same_on_a_gpu(name: str) -> None:
    picture, detector = open_picture(PICTURE), ready("detector", name)
    expected = detector.find(picture)
    with FakeGpu():
        found = on_gpu(detector).find(picture)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one.joints, other.joints, atol=0.1)
        np.testing.assert_allclose(one.confidence, other.confidence, atol=1e-3)


@pytest.mark.parametrize("name", names("choreographer"))
def test_choreographers_dance_the_same_on_a_gpu(name: str) -> None:
    song, grid = song_of(6)
    dancer = ready("choreographer", name)
    expected = dancer.dance(song, grid, seed=3, style=dancer.styles[0]).joints
    with FakeGpu():
        made = on_gpu(dancer).dance(song, grid, seed=3, style=dancer.styles[0]).joints
    np.testing.assert_allclose(made, expected, atol=1e-4)


@pytest.mark.parametrize("name", names("beats"))
@pytest.mark.parametrize("bare", [False, True], ids=["with weights", "bare"])
def test_beats(name: str, bare: bool) -> None:
    """The same beats each time, rising, within the song; none in silence and none in a moment of sound."""
    find = load("beats", name, None, CPU) if bare else ready("beats", name)
    song, _ = song_of(12)
    grid, again = find(song.samples), find(song.samples)
    np.testing.assert_array_equal(grid.times, again.times)
    assert (np.diff(grid.times) > 0).all() and len(grid.downbeat) == len(grid.times) and 0 <= grid.confidence <= 1
    assert not len(grid.times) or (grid.times[0] >= 0 and grid.times[-1] <= song.seconds)
    for nothing in (np.zeros(64_000, np.float32), song.samples[:1600]):
        assert find(nothing).confidence == 0 and not len(find(nothing).times)


@pytest.mark.parametrize("name", [*HERE, OWN])
def test_renderers_draw_the_same_on_a_gpu(name: str) -> None:
    body = drawn(96, 96, 80)
    poses = dancing(body, 2)
    expected = list(make_scene(load("renderer", name, None, CPU), [body], 96).frames(poses))
    with FakeGpu():
        renderer = load("renderer", name, None, CUDA)
        made = list(make_scene(renderer, [body], 96).frames(poses))
    for one, other in zip(made, expected, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


@pytest.mark.parametrize("name", [*HERE, OWN])
def test_a_closed_film_draws_no_more_and_leaves_no_file(
    name: str, beat_song: Path, still: SkeletonSequence, tmp_path: Path
) -> None:
    """Ctrl-C while it draws; closing the iterator of frames."""
    request, known = Request(beat_song, PICTURE, renderer=name, **SMALL), Known(dance=still)
    film = frames(request, known=known)
    assert next(film).shape == (64, 42, 3)
    film.close()
    assert next(film, None) is None
    with pytest.raises(KeyboardInterrupt):
        produce(request, VideoFile(tmp_path / "a.mp4"), Pressed(), known=known)
    assert not list(tmp_path.iterdir())


def frames_of(path: Path) -> np.ndarray:
    reader: Iterator = imageio_ffmpeg.read_frames(str(path))
    width, height = next(reader)["size"]
    return np.stack([np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader])


def test_one_file_is_a_renderer(beat_song: Path, still: SkeletonSequence, tmp_path: Path) -> None:
    """tests/capsules.py, under 60 lines, by its address and under a name of its own; several sinks at once."""
    assert len((Path(__file__).parent / "capsules.py").read_text().splitlines()) < 60
    known = Known(dance=still)
    made = render_dance(beat_song, PICTURE, tmp_path / "a.mp4", renderer=OWN, known=known, **SMALL)
    assert made.facts["renderer"] == OWN
    registry.register("renderer", "capsules", Backend(OWN, "coloured capsules"))
    try:
        seen: list[np.ndarray] = []
        request = Request(beat_song, PICTURE, renderer="capsules", **SMALL)
        produce(request, Several(VideoFile(tmp_path / "b.mp4"), Each(seen.append)), known=known)
    finally:
        del BACKENDS["renderer"]["capsules"]
    np.testing.assert_array_equal(frames_of(tmp_path / "a.mp4"), frames_of(tmp_path / "b.mp4"))
    assert len(seen) == made.frames and np.abs(seen[0].astype(int) - frames_of(tmp_path / "a.mp4")[0]).mean() < 6
    puppet = next(frames(Request(beat_song, PICTURE, **SMALL), known=known))
    assert np.abs(seen[0].astype(int) - puppet).mean() > 3  # capsules, not the picture's limbs
    plate = np.asarray(Image.open(PICTURE).convert("RGB").resize((42, 64)))
    assert np.abs(seen[0][:20, :6].astype(int) - plate[:20, :6]).mean() < 3  # over the picture's background


@pytest.mark.parametrize("name", names("engine"))
def test_engines_do_jobs_tell_of_faults_and_close(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job done, one that fails, one whose worker dies, after which there is another; closing ends one at work."""
    line = registry.backend("engine", name)
    if line.missing:
        pytest.skip(line.missing)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))  # workers import the tests
    good, bad, lost, long = (
        Job(key, "video", key, tmp_path / key, {"log": str(tmp_path / "log"), "folder": str(tmp_path), **how})
        for key, how in (("good", {}), ("bad", {"error": 1}), ("lost", {"die": "always"}), ("long", {"sleep": 600}))
    )
    engine = registry.import_named(line.factory)(fake_work, 4, 1, "cpu", None)
    try:
        assert engine.free() == 1 and engine.results(timeout=0.0) == []
        told = {}
        for job in (good, bad, lost):
            engine.submit(job)
            assert engine.free() == 0
            end = time.monotonic() + 120
            while not (found := engine.results(timeout=1.0)) and time.monotonic() < end:
                pass
            told[job.key] = found[0]
            assert engine.free() == 1
        assert (tmp_path / "good").read_text() == "good" and not told["good"].error and not told["good"].lost
        assert "bad is bad" in told["bad"].error and not told["bad"].lost and not (tmp_path / "bad").exists()
        assert told["lost"].lost and told["lost"].error
        engine.submit(long)
        while "begin long" not in (tmp_path / "log").read_text():
            time.sleep(0.05)
    finally:
        engine.close()
    pid = int((tmp_path / "log").read_text().split()[-1])
    end = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not Path(f"/proc/{pid}").exists() and not (tmp_path / "long").exists()
