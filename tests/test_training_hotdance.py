"""`dancegen train hotdance`: windows, autoencoder and transformer, on what the test makes; a run goes on exactly."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dancegen.body.joints import V
from dancegen.body.sequence import BONE_COUNT, place_joints
from dancegen.choreographers.finish.facing import turn_directions
from dancegen.choreographers.hotdance.carriage import carry
from dancegen.choreographers.hotdance.config import HotDanceConfig
from dancegen.choreographers.hotdance.image import draw, to_bins
from dancegen.choreographers.hotdance.model import HotDance, load_hotdance
from dancegen.choreographers.hotdance.music import ASKED, clocks, rank_beats, sounds
from dancegen.choreographers.hotdance.vae import PoseVae
from dancegen.dances.metrics import gaussian_smooth
from dancegen.errors import DancegenError
from dancegen.lab.datasets.footage import Limbs, read_limbs
from dancegen.lab.train.hotdance.carriage import WAY, distance, fit_carriage, moments
from dancegen.lab.train.hotdance.dit import Shares, flow_losses, measure, references
from dancegen.lab.train.hotdance.pool import Pool, by_beats, load_pool, save_pool
from dancegen.lab.train.hotdance.run import Run, Schedule, generator_of, go_on
from dancegen.lab.train.hotdance.train import POOL, RANKS, TrainHotDance, train_hotdance
from dancegen.lab.train.hotdance.traits import beat_quantiles, rank_traits, window_traits
from dancegen.lab.train.hotdance.vae import measure_retelling, reconstruction, vae_losses
from dancegen.lab.train.hotdance.views import GROWS, HOLDS, grow, see

TINY = HotDanceConfig(frame_width=112, vae_width=24, vae_blocks=(1, 1), width=32, layers=1, heads=2, mlp=1)
WINDOWS = 6


@pytest.fixture(scope="module")
def pool() -> Pool:
    """Dancers who sway."""
    rng = np.random.default_rng(0)
    poses, beats = TINY.frames, TINY.columns
    down = np.zeros((BONE_COUNT, 3))
    down[:, 1] = 1
    sway = 0.3 * np.sin(np.arange(poses) / 8)[:, None] * rng.normal(size=(WINDOWS, 1, BONE_COUNT))
    directions = np.broadcast_to(down, (WINDOWS, poses, BONE_COUNT, 3)).copy()
    directions[..., 0] += sway
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return Pool(
        directions.astype(np.float16),
        np.tile(np.float32([0, -0.5]), (WINDOWS, poses, 1)),
        (0.1 * rng.normal(size=(WINDOWS, poses))).astype(np.float16),
        rng.random((WINDOWS, beats, ASKED)).astype(np.float32),
        np.tile(clocks(0, np.full(beats, 0.5), 4), (WINDOWS, 1, 1)),
        np.arange(WINDOWS).astype(np.uint8),
    )


def test_cameras_see_dancers_in_the_picture(pool: Pool) -> None:
    shown = see(pool, np.arange(WINDOWS), generator_of(0, 1))
    again = see(pool, np.arange(WINDOWS), generator_of(0, 1))
    assert torch.equal(shown.points, again.points) and shown.points.shape == (WINDOWS, TINY.frames, V, 3)
    inside = (shown.points[..., :2] > -0.1) & (shown.points[..., :2] < 1.1)
    assert inside.float().mean() > 0.97 and shown.points[..., 2].abs().max() < 0.6
    assert not shown.shape[..., 2].any()  # a picture tells no depth


def test_sound_is_laid_on_beats() -> None:
    """The slice that begins a beat is told first, at any tempo; silence outside."""
    slices = np.arange(100, dtype=np.float32)[:, None] * np.ones(33, np.float32)
    laid = sounds(slices, np.array([-0.5, 0.0, 0.4, 1.2, 2.4])).reshape(4, -1, 33)
    assert laid[1, 0, 0] == 0 and laid[2, 0, 0] == 20 and laid[3, 0, 0] == 60
    assert not laid[0].any() and laid[3, -1, 0] == 0


def test_a_window_of_the_stage_is_cut_by_beats() -> None:
    from dancegen.lab.datasets.placing import Window

    seconds = np.arange(160) / 10
    target = np.zeros((480, BONE_COUNT * 3 + 3), np.float32)
    target[:, 1 : BONE_COUNT * 3 : 3] = 1
    target[:, -3] = np.arange(480) / 30  # x is the time
    target[:, -1] = 1.0
    mel = np.zeros((160, 5, 33), np.float32)
    window = Window(mel, seconds / 0.5, np.full(160, 0.5), target, target, mel, "tango", 4, np.eye(4), mel)
    found = by_beats(window, TINY, np.random.default_rng(0))
    assert found and all(len(row["root"]) == TINY.frames and len(row["period"]) == TINY.columns for row in found)
    np.testing.assert_allclose(np.diff(found[0]["root"][:, 0]), 0.5 / 8, atol=1e-3)
    np.testing.assert_allclose(found[0]["period"], 0.5, atol=1e-6)
    np.testing.assert_allclose(found[0]["turn"], 0.5 / 8, atol=1e-3)
    short = replace(window, position=seconds / 1.2)
    assert not by_beats(short, TINY, np.random.default_rng(0))


def test_a_large_dance_asks_for_loud_music(pool: Pool) -> None:
    """Ranks of a dance follow its size; its highest hands are asked for most."""
    directions = pool.directions.copy()
    down = np.zeros(3)
    down[1] = 1
    for row in range(WINDOWS):  # the later the smaller
        directions[row] = down + (pool.directions[1] - down) / (1 + row)
    directions[0, 80:, 2:6] *= -1  # arms up
    raw = window_traits(directions, pool.root, np.full((WINDOWS, TINY.columns), 0.5, np.float32))
    assert np.diff(raw[1:, 4, 0]).max() < 0
    ranks = rank_traits(raw, np.zeros(WINDOWS, np.uint8))
    assert ranks[0, -1, 2] > ranks[0, 0, 2] and ranks.min() == 0 and ranks.max() == 1


def test_beats_of_songs_are_ranked_by_what_they_are_like() -> None:
    from dancegen.lab.datasets.placing import Sound

    rng = np.random.default_rng(0)
    beats = np.arange(60) * 0.5
    songs = [Sound(str(level), level + 0.3 * rng.normal(size=(1600, 33)), beats, "") for level in (-1.0, 1.0)]
    table = beat_quantiles(songs)
    assert table.shape == (101, ASKED) and (np.diff(table, axis=0) >= 0).all()
    quiet, loud = (rank_beats(song.slices, beats, table)[:, 0].mean() for song in songs)
    assert quiet < 0.3 and loud > 0.7


def test_a_carriage_takes_dances_to_dancers() -> None:
    """Dances that lean, hardly move and travel too far become such as the dancers'; the map is no other than theirs."""
    rng = np.random.default_rng(0)

    def dance(size: float, lean: float, way: float) -> Limbs:
        noise = gaussian_smooth(rng.normal(size=(1500, BONE_COUNT * 3)), 3.0)
        directions = np.array([lean, 1.0, 0.0]) + size * noise.reshape(1500, BONE_COUNT, 3)
        directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
        return directions.astype(np.float32), np.cumsum(way * rng.normal(size=(1500, 2)), axis=0).astype(np.float32)

    drawn = dance(0.3, 0.2, 0.02)
    real = moments([dance(0.4, 0.0, 0.01)], 30.0)
    before = moments([drawn], 30.0)
    how = fit_carriage(lambda how: [carry(*drawn, how, 30.0)], real, 30.0)
    after = moments([carry(*drawn, how, 30.0)], 30.0)
    assert distance(after, real) < 0.3 * distance(before, real)
    assert after.travel == pytest.approx(WAY * real.travel, rel=0.1) and how.travel == pytest.approx(WAY / 2, rel=0.1)


def test_a_dance_is_read_as_footage_is() -> None:
    """A steady turn and a slow walk are taken out; what is left is the same dance facing the camera."""
    time = np.arange(300) / 30
    directions = np.zeros((300, BONE_COUNT, 3), np.float32)
    directions[..., 1] = 1
    directions[:, [0, 6]], directions[:, [1, 9]] = (-1, 0.5, 0), (1, 0.5, 0)
    directions[:, 2, 0] = 0.3 * np.sin(2 * np.pi * 2 * time)
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    turned = turn_directions(directions, np.radians(40) * np.sin(2 * np.pi * time / 10))
    limbs = read_limbs(place_joints(turned, np.stack([time / 20, 0 * time], axis=1)))
    assert len(limbs) == 1 and np.abs(limbs[0][0] - directions)[30:-30].max() < 0.1
    assert np.abs(limbs[0][1][30:-30, 0]).max() < 0.1


def test_a_pool_is_kept(pool: Pool, tmp_path: Path) -> None:
    save_pool(tmp_path / "pool.npz", pool)
    again = load_pool(tmp_path / "pool.npz")
    assert all(np.array_equal(getattr(again, name), getattr(pool, name)) for name in Pool.__dataclass_fields__)
    (tmp_path / "broken.npz").write_bytes(b"nothing")
    with pytest.raises(DancegenError, match="is no pool of training windows"):
        load_pool(tmp_path / "broken.npz")


def test_latents_of_known_frames_do_not_know_what_follows(pool: Pool) -> None:
    torch.manual_seed(0)
    network = HotDance(TINY)
    points = see(pool, np.arange(2), generator_of(0, 1)).points
    other = points.clone()
    other[:, 16:] = points[:, 16:].flip(1)
    first, second = network.encode(points), network.encode(other)
    assert torch.equal(first[..., :2], second[..., :2]) and not torch.equal(first, second)


def test_a_right_picture_costs_less_than_a_shifted_one(pool: Pool) -> None:
    at = to_bins(see(pool, np.arange(2), generator_of(0, 1), 64).points, 64)
    right, wrong = ((draw(one, 64) + 1e-4).log() for one in (at, at - 1))
    good, bad = (reconstruction(logits, at, torch.ones_like(at)) for logits in (right, wrong))
    assert good["place"] < 0.01 and bad["place"] > 0.3 and good["bins"] < bad["bins"]


@pytest.mark.parametrize("what", ["autoencoder", "transformer"])
def test_a_run_goes_on_exactly(pool: Pool, tmp_path: Path, what: str) -> None:
    def run() -> Run:
        torch.manual_seed(0)
        network = PoseVae(TINY) if what == "autoencoder" else HotDance(TINY)
        if isinstance(network, HotDance):
            network.vae.requires_grad_(False)
            measure(network, pool, 0)
            return Run(network, Schedule(4, save_every=2), lambda g: flow_losses(network, pool, 2, g, Shares()))
        return Run(network, Schedule(4, save_every=2), lambda g: vae_losses(network, pool, 2, g))

    whole, first, second = run(), run(), run()
    go_on(whole, tmp_path / "whole")
    first.schedule = Schedule(4, save_every=2)
    for _ in range(2):
        first.advance()
    (tmp_path / "parts").mkdir()
    first.save(tmp_path / "parts")
    go_on(second, tmp_path / "parts")
    assert second.step == 4
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], value, rtol=0, atol=0)


def test_an_autoencoder_learns(pool: Pool) -> None:
    torch.manual_seed(0)
    vae = PoseVae(TINY)
    vae.start()
    run = Run(vae, Schedule(40, rate=3e-3, warm_up=5), lambda g: vae_losses(vae, pool, 4, g))
    first = run.advance()
    for _ in range(39):
        last = run.advance()
    assert last["bins"] < 0.6 * first["bins"]
    told = measure_retelling(vae, see(pool, np.arange(4), generator_of(1, 1), 64))
    assert set(told) == {"mean", "depth", "most", "jitter"} and np.isfinite(list(told.values())).all()


def test_references_tell_known_frames(pool: Pool) -> None:
    torch.manual_seed(0)
    network = HotDance(TINY)
    shown = see(pool, np.arange(4), generator_of(0, 1))
    real = network.encode(shown.points)
    told, mask = references(network, shown, real, Shares(fresh=0.0, going_on=1.0), generator_of(0, 2))
    begins = shown.begins
    assert begins.any() and not begins.all()
    assert torch.equal(mask.sum(dim=(1, 2)), torch.where(begins, float(TINY.stride), float(TINY.overlap)))
    kept = TINY.overlap // TINY.stride
    assert torch.equal(told[~begins, ..., :kept], real[~begins, ..., :kept])
    assert torch.equal(told[..., 0], real[..., 0]) and torch.equal(told[..., kept], told[..., -1])
    assert torch.equal(told[begins, ..., 1], told[begins, ..., -1])


def test_some_dances_begin_in_the_pose_of_the_picture(pool: Pool) -> None:
    """Those that grow out of it go on as they are after three beats."""
    shown = see(pool, np.arange(WINDOWS), generator_of(0, 1))
    off = (shown.points[:, 0, :, :2] - shown.shape[..., :2]).abs().amax(dim=(1, 2))
    assert torch.equal(off < 1e-6, shown.begins) and shown.begins.any()
    directions = torch.from_numpy(pool.directions).float()
    held = torch.nn.functional.normalize(torch.randn(WINDOWS, BONE_COUNT, 3), dim=-1)
    out = torch.arange(WINDOWS) < 3
    grown, root = grow(directions, torch.from_numpy(pool.root), held, out)
    assert torch.allclose(grown[:3, 0], held[:3], atol=1e-3) and torch.allclose(grown[3:], directions[3:], atol=1e-3)
    end = HOLDS + GROWS
    assert torch.allclose(grown[:, end:], directions[:, end:], atol=1e-3) and torch.isfinite(root).all()
    assert torch.allclose(grown[:3, HOLDS - 1], held[:3], atol=1e-3)


def test_training_ends_in_weights(pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_pool(tmp_path / POOL, pool)
    np.save(tmp_path / RANKS, np.linspace(0, 1, 101)[:, None] * np.ones(4 + ASKED))
    plan = TrainHotDance(vae=Schedule(2), dit=Schedule(2), vae_batch=2, dit_batch=2, songs=0)
    weights = train_hotdance(tmp_path, tmp_path, plan, config=TINY)
    network = load_hotdance(weights, torch.device("cpu"))
    assert network.config == TINY and network.spread.min() > 0 and network.ranks[-1, 0] == 1
    with pytest.raises(DancegenError, match="other sizes"):
        train_hotdance(tmp_path, tmp_path, plan, config=HotDanceConfig(frame_width=112, vae_width=32))


def test_the_autoencoder_is_measured_on_dances_apart(pool: Pool) -> None:
    from dancegen.lab.datasets.motion import Motion
    from dancegen.lab.evaluate.pose_pictures import vae_row

    torch.manual_seed(0)
    network = HotDance(TINY)
    network.vae.start()
    motion = Motion(pool.directions[0].astype(np.float32), pool.root[0], "rumba", "apart", 0.0)
    row = vae_row(network, [motion])
    assert row["autoencoder, bins off"] > 0 and np.isfinite(list(row.values())).all()
