"""Styles of one's own: learnt from dances, resumed exactly, danced, mixed, refused where they do not belong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Listener
from safetensors.torch import load_file

from dancegen.audio.grid import BeatGrid
from dancegen.audio.load import load_song
from dancegen.batch.pairs import Pair
from dancegen.batch.plan import make_jobs
from dancegen.body.joints import BONES
from dancegen.body.sequence import SkeletonSequence, place_joints
from dancegen.choreographers.stg_mamba import dance as dancing
from dancegen.choreographers.stg_mamba.config import STYLES
from dancegen.choreographers.stg_mamba.imagine import LARGER, sizes
from dancegen.choreographers.stg_mamba.learnt import StyleBranch, StyledPrior, read_style
from dancegen.choreographers.stg_mamba.model import load_choreographer
from dancegen.choreographers.stg_mamba.prior import common_codes, token_count
from dancegen.cli.main import main
from dancegen.dances.dance_file import DanceFile, Take, round_dance, write_dance
from dancegen.dances.make import Styles, parse_styles
from dancegen.dances.read_dance import read_dance
from dancegen.errors import DancegenError
from dancegen.production.request import Request
from dancegen.production.style import Learning, learn_style
from dancegen.styles.codes import encode, round_off
from dancegen.styles.material import Danced, gather, motions_of
from dancegen.weights.checkpoint import read_metadata, save_checkpoint
from tests.tiny import save_tiny_choreographer

STEPS = 30


def swinging(seconds: float, beat: float = 0.5, high: float = 1.0) -> SkeletonSequence:
    """A dancer whose arms swing, resting every `beat` seconds, and whose knees bend along."""
    time = np.arange(round(seconds * 30)) / 30
    directions = np.zeros((len(time), len(BONES), 3), np.float32)
    directions[:, :, 1] = 1
    for limb, way in ((0, (-1, 0.1, 0)), (1, (1, 0.1, 0)), (6, (-0.2, 1, 0)), (9, (0.2, 1, 0)), (12, (0, -1, -0.3))):
        directions[:, limb] = way
    swing = np.cos(np.pi * time / beat)
    for limb, side in ((2, -1), (3, -1), (4, 1), (5, 1)):
        directions[:, limb, 0] = side * (0.6 + 0.5 * high * swing)
        directions[:, limb, 1] = 0.4 - high * swing
    directions[:, 7, 2], directions[:, 8, 2] = -0.3 - 0.2 * swing, 0.3 + 0.2 * swing
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    root = np.stack([0.03 * np.sin(time), np.full(len(time), -0.5)], axis=1)
    return SkeletonSequence(place_joints(directions, root).astype(np.float32), 30.0)


def dance_of(path: Path, dance: SkeletonSequence) -> Path:
    none = np.zeros(0)
    write_dance(path, DanceFile(None, none, 0.0, 0.0, None, (Take(round_dance(dance), 0, "captured"),), chosen=1))
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny choreographer whose prior says something, as a trained one does."""
    path = save_tiny_choreographer(tmp_path_factory.mktemp("base") / "tiny.safetensors")
    network = load_choreographer(path)
    torch.nn.init.normal_(network.prior.leave.weight, std=0.3, generator=torch.Generator().manual_seed(0))
    save_checkpoint(path, network.state_dict(), network.config)
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    return [dance_of(folder / "a.dance.json", swinging(14)), dance_of(folder / "b.dance.json", swinging(12, 0.6, 0.3))]


@pytest.fixture(scope="module")
def learning(base: Path) -> Learning:
    from dancegen.production.capture import Asked

    return Learning(STEPS, 0, Asked(samples=1, weights={"choreographer.stg-mamba": str(base)}))


@pytest.fixture(scope="module")
def style(clips: list[Path], learning: Learning, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return learn_style(clips, tmp_path_factory.mktemp("style") / "moon.style.safetensors", learning)


class Stopper(Listener):
    """Ctrl-C after so many steps of the training."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.left, self.training = after, False

    def stage(self, name: str, total: int | None = None, unit: str = "") -> None:
        self.training = name == "learning the style"

    def advance(self, steps: int = 1) -> None:
        self.left -= steps * self.training
        if self.left <= 0:
            raise KeyboardInterrupt


def test_codes_say_what_the_basis_can_draw(base: Path) -> None:
    network = load_choreographer(base)
    codes = torch.randn(3, token_count(8), network.config.token, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        values = network.phrases(codes).numpy()
    found = encode(network.phrases, values, codes.shape[1])
    assert round_off(network.phrases, values, found) < 0.003


def test_a_style_begins_as_the_choreographer_dances(base: Path) -> None:
    network = load_choreographer(base)
    branch = StyleBranch(network.config)
    branch.begin_as(network.prior)
    place = torch.randn(2, 11, network.config.token)
    beside = common_codes(place, place, torch.ones(2, 2))
    told = torch.randn(2, 11, network.config.prior)
    with torch.no_grad():
        plain = network.prior(place, beside, torch.tensor([0.2, 0.7]), told)
        styled = StyledPrior(network.prior, branch)(place, beside, torch.tensor([0.2, 0.7]), told)
    torch.testing.assert_close(styled, plain)


def test_a_style_holds_its_choreographer_and_learns(style: Path, base: Path) -> None:
    from dancegen.weights.verify import weights_info

    assert read_style(style).base == weights_info(base).sha256
    assert not list(style.parent.glob(".*.work"))
    assert all(value.isfinite().all() for value in load_file(style).values())
    assert load_file(style)["joins.0.weight"].abs().max() > 1e-3


def test_a_run_that_was_stopped_goes_on_exactly(
    clips: list[Path], learning: Learning, style: Path, tmp_path: Path
) -> None:
    out = tmp_path / "moon.style.safetensors"
    with pytest.raises(KeyboardInterrupt):
        learn_style(clips, out, learning, Stopper(27))
    assert not out.exists()
    told = Stopper(1000)
    learn_style(clips, out, learning, told)
    assert 1000 - told.left == STEPS - 25  # 25 steps were kept
    one, other = load_file(out), load_file(style)
    assert one.keys() == other.keys() and all(torch.equal(value, other[name]) for name, value in one.items())
    assert read_metadata(out) == read_metadata(style)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def test_too_little_dancing_is_refused(clips: list[Path], learning: Learning, tmp_path: Path) -> None:
    short = dance_of(tmp_path / "short.dance.json", swinging(4))
    for sources, out, said in (
        ([short], "a.style.safetensors", "4 s of dancing hold"),
        ([], "a.style.safetensors", "no clip"),
        ([short, short], "a.style.safetensors", "named twice"),
        ([short], "a.json", "no name for a style"),
        ([tmp_path / "none.mp4"], "a.style.safetensors", "none.mp4"),
    ):
        with pytest.raises(DancegenError, match=said):
            learn_style(sources, tmp_path / out, learning)
        assert not (tmp_path / out).exists()
    with pytest.raises(DancegenError, match="--steps must be"):
        Learning(0)


def test_phrases_follow_each_other_and_have_mirror_images(base: Path) -> None:
    network = load_choreographer(base)
    found = gather([Danced(swinging(20))], network.phrases, [], 0)
    assert set(found) == {4, 3}
    assert len(found[4]) % 2 == 0 and found[4].known.any() and not found[4].known.all()
    codes = found[4].codes
    assert not torch.allclose(codes[: len(codes) // 2], codes[len(codes) // 2 :])


def test_a_hard_kick_does_not_cut_a_dance() -> None:
    dance = swinging(8)
    joints = dance.joints.copy()
    joints[118:123, 10] += np.array([0.0, -0.3, -0.4]) * np.array([0.4, 0.8, 1.0, 0.8, 0.4])[:, None]  # 12 m/s
    kicking = SkeletonSequence(joints.astype(np.float32), dance.fps)
    assert [len(one) for one in motions_of(kicking, "kick")] == [len(one) for one in motions_of(dance, "none")]


def test_who_spins_is_learnt_for_dances_without_spins_too(base: Path) -> None:
    network, still = load_choreographer(base), swinging(20)
    yaw = np.radians(120) * np.arange(len(still.joints)) / still.fps
    turned = still.joints.copy()
    turned[..., 0] = still.joints[..., 0] * np.cos(yaw)[:, None] + still.joints[..., 2] * np.sin(yaw)[:, None]
    turned[..., 2] = still.joints[..., 2] * np.cos(yaw)[:, None] - still.joints[..., 0] * np.sin(yaw)[:, None]
    found = gather([Danced(SkeletonSequence(turned, still.fps))], network.phrases, [], 0)[4]
    spins = found.facts[:, 2]
    assert spins.mean() == 0.5
    torch.testing.assert_close(found.codes[spins == 1], found.codes[spins == 0])


def test_a_style_has_a_size_of_its_own(style: Path, base: Path) -> None:
    said, network = read_style(style), load_choreographer(base)
    assert 0.9 <= said.size <= 1.4
    rumba = np.full((1, 2), STYLES.index("rumba"))
    usual = sizes(network, rumba, 2)[0, 0]
    network.prior = StyledPrior(network.prior, StyleBranch(network.config), 1.4)  # type: ignore[assignment]
    torch.testing.assert_close(usual, LARGER * network.phrases.sizes[rumba[0, 0]])
    torch.testing.assert_close(sizes(network, rumba, 2)[0, 0], torch.full_like(usual, 1.4))


def test_dancing_with_a_style(run_main: Callable, beat_song: Path, base: Path, style: Path, tmp_path: Path) -> None:
    def dance(name: str, *more: object) -> np.ndarray:
        out = tmp_path / name
        ran = run_main("dance", beat_song, "-o", out, "--weights", f"choreographer={base}", *more)
        assert ran.status == 0, ran.err
        return read_dance(out).take(None).skeleton.joints

    auto, learnt = dance("auto.json"), dance("learnt.json", "--style", style)
    assert read_dance(tmp_path / "learnt.json").take(None).style == str(style)
    half = dance("half.json", "--style", style, "--style-amount", 0.5)
    none = dance("none.json", "--style", style, "--style-amount", 0)
    np.testing.assert_array_equal(none, auto)
    assert np.abs(learnt - auto).max() > 1e-3
    apart = [
        np.linalg.norm(one - other, axis=-1).mean() for one, other in ((half, auto), (half, learnt), (auto, learnt))
    ]
    assert 0 < max(apart[:2]) < apart[2]  # between the two, nearer to each than they are to each other
    np.testing.assert_array_equal(dance("again.json", "--style", style), learnt)
    bars = dance("bars.json", "--style", f"{style}@2")
    assert np.abs(bars - auto).max() > 1e-3
    again = run_main(
        *("dance", beat_song, "-o", tmp_path / "learnt.json", "--redo", "2", "--seed", 5),
        *("--weights", f"choreographer={base}"),
    )
    assert again.status == 0, again.err


def test_a_learnt_style_ends_as_it_dances(
    beat_song: Path, base: Path, style: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The endings that are known are of the styles that are known."""
    asked = []
    known = dancing.last_pose
    monkeypatch.setattr(dancing, "last_pose", lambda *how: asked.append(how) or known(*how))
    song, grid = load_song(beat_song), BeatGrid(np.arange(0.0, 4.0, 0.5), 120.0, 1.0)
    dancer = dancing.load(base, torch.device("cpu"))
    dancer.dance(song, grid, seed=0, style=str(style))
    assert not asked
    dancer.dance(song, grid, seed=0, style=str(style), amount=0.2)
    assert len(asked) == 1


def test_a_style_of_another_choreographer_is_refused(
    run_main: Callable, beat_song: Path, style: Path, base: Path, tmp_path: Path
) -> None:
    other = save_tiny_choreographer(tmp_path / "other.safetensors", {"other": 1})
    broken = tmp_path / "broken.style.safetensors"
    broken.write_bytes(style.read_bytes()[:2000])
    for file, weights, said in (
        (style, other, "was learnt for another choreographer"),
        (tmp_path / "none.safetensors", base, "there is no such file"),
        (base, base, "holds a ChoreographerConfig, not a StyleConfig"),
        (broken, base, "not a whole safetensors file"),
    ):
        ran = run_main("dance", beat_song, "-o", "x.json", "--style", file, "--weights", f"choreographer={weights}")
        assert ran.status == 1 and said in ran.err and len(ran.err.strip().splitlines()[-1]) < 500
        assert not Path("x.json").exists()


def test_a_request_with_a_style(style: Path, tmp_path: Path) -> None:
    asked = Request("song.mp3", "me.jpg", style=str(style))
    assert style in asked.files and Request.from_json(asked.to_json()) == asked
    told = Request.from_json({"song": "s.mp3", "picture": "p.png", "style": "moon.style.safetensors"}, tmp_path)
    assert told.style == str(tmp_path / "moon.style.safetensors")
    assert parse_styles([f"{style}@3-4"]) == Styles("auto", ((str(style), 3, 4),))


def test_a_batch_knows_a_style_by_its_content(style: Path, tmp_path: Path) -> None:
    song, picture, own = tmp_path / "s.wav", tmp_path / "p.png", tmp_path / "my.style.safetensors"
    for file in (song, picture):
        file.write_bytes(b"x")
    own.write_bytes(style.read_bytes())

    def key(file: Path) -> str:
        request = Request(song, picture, style=str(file))
        return make_jobs([Pair(song, picture)], request, {}, tmp_path / "out")[0].key

    first = key(own)
    assert first == key(style)
    own.write_bytes(style.read_bytes() + b" ")
    assert key(own) != first
    own.unlink()
    jobs = make_jobs([Pair(song, picture)], Request(song, picture, style=str(own)), {}, tmp_path / "out")
    assert "does not exist" in jobs[0].problem


def test_a_style_that_is_not_there_is_refused_before_a_judge_learns(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["evaluate", "style", str(tmp_path / "no.style.safetensors"), "--data", str(tmp_path), "--genre", "salsa"])
    told = capfd.readouterr().err
    assert end.value.code == 1 and "there is no such file" in told and "judge" not in told
