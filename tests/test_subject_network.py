"""The subject network: crops, capsules, the three networks' steps, training. Tiny networks, scenes made here."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from dancegen.body.joints import BONES, MIRROR, V
from dancegen.body.limbs import K as PARTS
from dancegen.errors import DancegenError
from dancegen.images.filters import push_pull
from dancegen.lab.synthetic.poses import still_pose
from dancegen.lab.synthetic.scene import Scene
from dancegen.lab.synthetic.store import scene_path, write_scene
from dancegen.lab.train.subject import losses, samples
from dancegen.lab.train.subject.check import overlap
from dancegen.lab.train.subject.train import Trainer, TrainSubjectConfig, train_subject
from dancegen.people.network.crop import Box, box_around_joints, box_around_mask, crop_square, paste_square
from dancegen.people.network.limb_field import soft_limbs
from dancegen.people.network.network import (
    SubjectConfig,
    SubjectNetwork,
    load_subject_network,
)
from dancegen.weights.checkpoint import save_checkpoint

TINY = SubjectConfig((8, 12, 16), (8, 12, 16), (8, 12, 16), find_size=64, segment_size=64, paint_size=64)


@pytest.fixture
def network() -> SubjectNetwork:
    torch.manual_seed(0)
    return SubjectNetwork(TINY).eval()


def figure_joints(seed: int, size: int = 256) -> np.ndarray:
    """(18, 2) px of a standing pose in the middle of a square."""
    joints = still_pose(np.random.default_rng(seed), lively=True).joints[:, :2] * [1, -1]
    low, high = joints.min(axis=0), joints.max(axis=0)
    return (joints - (low + high) / 2) * (0.6 * size / (high - low).max()) + size / 2


def write_scenes(folder: Path, count: int) -> None:
    """Scenes of a thick stick figure on a plain ground, in both splits."""
    for split, offset in (("train", 0), ("val", 100)):
        for index in range(count):
            rng = np.random.default_rng(index + offset)
            background = np.full((256, 256, 3), rng.integers(60, 250, 3), np.uint8)
            frames, labels, joints = [], [], []
            for frame in range(8):
                places = figure_joints(100 * (index + offset) + frame)
                canvas = Image.new("L", (256, 256))
                pen = ImageDraw.Draw(canvas)
                for number, (start, end) in enumerate(BONES[:13]):
                    pen.line([*places[start], *places[end]], fill=number % 15 + 1, width=14)
                limbs = np.asarray(canvas)
                frames.append(np.where(limbs[..., None] > 0, rng.integers(0, 60, 3), background).astype(np.uint8))
                labels.append(limbs)
                joints.append(np.concatenate([places, np.zeros((V, 1))], axis=1))
            stacked = np.stack(labels)
            alpha = (stacked > 0).astype(np.uint8) * 255
            scene = Scene(np.stack(frames), stacked, alpha, background, np.stack(joints).astype(np.float32), 90, {})
            write_scene(scene_path(folder, split, index), scene)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    write_scenes(folder, 3)
    return folder


def test_crop_puts_a_point_where_it_says() -> None:
    picture = np.zeros((120, 90, 3), np.uint8)
    picture[100:103, 70:73] = 255
    box = Box(40.0, 60.0, 64.0)  # hangs over the right and the lower edge
    crop = crop_square(picture, box, 64)
    x, y = box.to_crop(np.array([71.5, 101.5]), 64)
    assert crop[int(y), int(x), 0] > 200
    np.testing.assert_allclose(box.to_picture(np.array([x, y]), 64), [71.5, 101.5], atol=1e-4)


def test_crop_repeats_the_edge_outside() -> None:
    picture = np.full((30, 40, 3), 7, np.uint8)
    assert (crop_square(picture, Box(-20, -20, 100), 50) == 7).all()


@pytest.mark.parametrize(("box", "size"), [(Box(10, 5, 60), 128), (Box(-20, -10, 130), 64)])
def test_paste_undoes_crop(box: Box, size: int) -> None:
    y, x = np.mgrid[:100, :80]
    smooth = (128 + 100 * np.sin(x / 30) * np.cos(y / 40)).astype(np.uint8)
    back = paste_square(crop_square(smooth[..., None], box, size)[..., 0].astype(np.float32), box, 80, 100)
    inner = np.zeros((100, 80), bool)
    inner[
        max(0, int(box.top)) + 3 : int(box.top + box.side) - 3, max(0, int(box.left)) + 3 : int(box.left + box.side) - 3
    ] = 1
    assert np.abs(back - smooth)[inner].mean() < 2.5
    if box.left > 0:
        assert back[:, : int(box.left)].max() == 0


def test_boxes_hold_what_they_are_around() -> None:
    joints = figure_joints(0)
    box = box_around_joints(joints, np.ones(V), 256, 256)
    inside = box.to_crop(joints, 100)
    assert inside.min() > 8
    assert inside.max() < 92
    mask = np.zeros((50, 400), np.float32)
    mask[10:30, 300:340] = 1
    corners = box_around_mask(mask, 400, 50).to_crop(np.array([[300, 10], [340, 30]]), 100)
    assert corners.min() > 5
    assert corners.max() < 95


def test_capsules_cover_limbs_and_leave_unknown_ones_empty() -> None:
    joints = torch.from_numpy(figure_joints(1)).float()[None]
    known = torch.ones(1, V)
    field = soft_limbs(joints, known, (256, 256), stride=4)
    assert field.shape == (1, PARTS, 64, 64)
    elbow = (joints[0, 2] + joints[0, 3]) / 2 / 4
    assert field[0, 3, int(elbow[1]), int(elbow[0])] > 0.8  # right upper arm
    known[0, 3] = 0
    assert soft_limbs(joints, known, (256, 256), stride=4)[0, [3, 4, 5]].abs().max() == 0


def test_push_pull_keeps_what_is_seen() -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 32, 32)
    hole = torch.zeros(1, 1, 32, 32)
    torch.testing.assert_close(push_pull(picture, 1 - hole), picture)
    hole[..., 8:20, 10:25] = 1
    filled = push_pull(picture, 1 - hole)
    torch.testing.assert_close(filled * (1 - hole), picture * (1 - hole))
    flat = torch.full((1, 3, 32, 32), 0.3)
    torch.testing.assert_close(push_pull(flat * (1 - hole), 1 - hole), flat, atol=1e-4, rtol=0)


def test_untrained_painter_is_the_smooth_fill(network: SubjectNetwork) -> None:
    picture = torch.rand(1, 3, 64, 64)
    hole = torch.zeros(1, 1, 64, 64)
    hole[..., 20:40, 20:40] = 1
    torch.testing.assert_close(network.painter(picture, hole), push_pull(picture, 1 - hole))


@pytest.mark.parametrize("shape", [(120, 90), (90, 120), (61, 200), (7, 5)])
def test_any_picture_gives_results_of_its_size(network: SubjectNetwork, shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (*shape, 3), dtype=np.uint8)
    joints, confidence = network.find_joints(pixels)
    assert joints.shape == (V, 2)
    assert joints.dtype == np.float32
    assert ((confidence >= 0) & (confidence <= 1)).all()
    found = network.segment(pixels, joints, confidence)
    assert found.mask.shape == shape
    assert 0 <= found.mask.min() <= found.mask.max() <= 1
    assert found.parts.shape == (PARTS, 32, 32)
    mask = np.zeros(shape, np.float32)
    mask[: shape[0] // 2, : shape[1] // 2] = 1
    plate = network.paint_background(pixels, mask)
    assert plate.shape == pixels.shape
    assert plate.dtype == np.uint8


@torch.inference_mode()
def test_mirrored_picture_gives_mirrored_joints_and_mask(network: SubjectNetwork) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    box = Box.around_picture(96, 96)
    joints, confidence = network._find_in(pixels, box)
    other, other_confidence = network._find_in(pixels[:, ::-1].copy(), box)
    np.testing.assert_allclose(other[list(MIRROR), 0], 96 - joints[:, 0], atol=0.05)
    np.testing.assert_allclose(other_confidence[list(MIRROR)], confidence, atol=1e-4)
    places = figure_joints(2, 96).astype(np.float32)
    mirrored = (np.array([96, 0]) + places * [-1, 1])[list(MIRROR)].astype(np.float32)
    mask = network.segment(pixels, places, np.ones(V, np.float32)).mask
    other_mask = network.segment(pixels[:, ::-1].copy(), mirrored, np.ones(V, np.float32)).mask
    np.testing.assert_allclose(other_mask[:, ::-1], mask, atol=0.05)


def test_plate_leaves_the_picture_alone_far_from_the_mask(network: SubjectNetwork) -> None:
    pixels = np.random.default_rng(2).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    mask = np.zeros((128, 128), np.float32)
    mask[50:70, 50:70] = 1
    plate = network.paint_background(pixels, mask)
    np.testing.assert_array_equal(plate[:35], pixels[:35])
    assert np.abs(plate[55:65, 55:65].astype(int) - pixels[55:65, 55:65]).mean() > 10
    np.testing.assert_array_equal(network.paint_background(pixels, np.zeros_like(mask)), pixels)


def test_weights_travel(network: SubjectNetwork, tmp_path: Path) -> None:
    path = tmp_path / "subject.safetensors"
    save_checkpoint(path, network.state_dict(), network.config)
    pixels = np.random.default_rng(3).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    np.testing.assert_array_equal(load_subject_network(path).find_joints(pixels)[0], network.find_joints(pixels)[0])
    with pytest.raises(DancegenError):
        load_subject_network(tmp_path / "missing.safetensors")


def one_batch(scenes: Path, size: int = 64) -> samples.Batch:
    rng = np.random.default_rng(0)
    cases = samples.read_cases(scene_path(scenes, "train", 0), (0, 1, 2, 3))
    return samples.gather([samples.cut(c, samples.segmenter_view(c, rng), size, rng, None) for c in cases], rng)


@pytest.mark.parametrize("mirrored", [False, True])
def test_cut_moves_joints_with_the_picture(scenes: Path, mirrored: bool) -> None:
    case = samples.read_cases(scene_path(scenes, "train", 0), (0,))[0]
    view = samples.View(np.array([120.0, 130.0]), 220.0, 0.3, 1.05, mirrored)
    _, alpha, labels, joints, present = samples.cut(case, view, 128, np.random.default_rng(0), None)
    assert present.sum() > 10
    middle = ((joints[2] + joints[3]) / 2).int()  # on the line from the right shoulder to the right elbow
    assert alpha[0, middle[1], middle[0]] > 0.9
    assert (labels[alpha[0] < 0.01] == 0).all()


def test_other_background_leaves_the_person(scenes: Path) -> None:
    case = samples.read_cases(scene_path(scenes, "train", 1), (0,))[0]
    view = samples.View(np.array([128.0, 128.0]), 256.0, 0.0, 1.0, False)
    red = np.zeros((256, 256, 3), np.uint8)
    red[..., 0] = 255
    picture, alpha, *_ = samples.cut(case, view, 256, np.random.default_rng(0), red)
    far = alpha[0] < 0.01
    torch.testing.assert_close(picture[:, far].mean(dim=1), torch.tensor([1.0, 0.0, 0.0]), atol=0.02, rtol=0)
    assert (
        picture[1:, alpha[0] > 0.99] - torch.from_numpy(case.picture).permute(2, 0, 1)[1:, alpha[0] > 0.99] / 255
    ).abs().mean() < 0.1


def test_one_batch_can_be_learnt(scenes: Path) -> None:
    torch.manual_seed(0)
    network = SubjectNetwork(TINY).train()
    batch = one_batch(scenes)
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    first = None
    for _ in range(60):
        heat, present = network.finder(batch.picture)
        heat_loss, present_loss = losses.finder_loss(heat, present, batch)
        mask, parts = network.segmenter(batch.picture, batch.joints, batch.present)
        entropy, dice = losses.mask_loss(mask, batch)
        loss = heat_loss + present_loss + entropy + dice + losses.parts_loss(parts, batch)
        first = first or loss.item()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.45 * first
    assert overlap(torch.sigmoid(mask[:, 0]).detach().numpy(), batch.alpha[:, 0].numpy()) > 0.8


def test_plate_loss_counts_the_hole_alone() -> None:
    truth = torch.rand(2, 3, 32, 32)
    hole = torch.zeros(2, 1, 32, 32)
    hole[..., 4:10, 4:10] = 1
    elsewhere = truth + (1 - hole)
    assert losses.plate_loss(elsewhere, truth, hole).item() == pytest.approx(0, abs=1e-6)
    assert losses.plate_loss(truth + 0.2 * hole, truth, hole).item() > 0.2


SHORT = TrainSubjectConfig(
    steps=4,
    segmenter_every=1,
    painter_every=2,
    finder_batch=6,
    segmenter_batch=4,
    painter_batch=4,
    finder_sizes=(64,),
    segmenter_sizes=(64,),
    painter_size=64,
    check_every=2,
    log_every=1,
)


def test_resumed_training_equals_uninterrupted(scenes: Path, tmp_path: Path) -> None:
    files = [samples.scene_files([scenes], "train")]
    whole = Trainer(TINY, SHORT)
    for step in range(4):
        whole.step(step, files)
    half = Trainer(TINY, SHORT)
    for step in range(2):
        half.step(step, files)
    half.save(tmp_path / "state.safetensors", 2)
    resumed = Trainer(TINY, SHORT)
    assert resumed.load(tmp_path / "state.safetensors") == 2
    for step in range(2, 4):
        resumed.step(step, files)
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(resumed.network.state_dict()[name], value, rtol=0, atol=0)
        torch.testing.assert_close(resumed.average[name], whole.average[name], rtol=0, atol=0)


def test_a_run_may_start_from_earlier_weights(scenes: Path, tmp_path: Path) -> None:
    first = train_subject([scenes], tmp_path / "first", SHORT, config=TINY)
    still = dataclasses.replace(SHORT, rate=0.0)
    again = load_subject_network(train_subject([scenes], tmp_path / "second", still, start=first))
    assert again.config == TINY
    for name, value in load_subject_network(first).named_parameters():
        torch.testing.assert_close(again.get_parameter(name), value)


def test_only_the_networks_that_are_named_learn(scenes: Path) -> None:
    trainer = Trainer(TINY, dataclasses.replace(SHORT, learning=("segmenter",)))
    before = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    assert set(trainer.step(0, [samples.scene_files([scenes], "train")])) == {"mask", "dice", "parts"}
    changed = {
        name.split(".")[0] for name, value in trainer.network.state_dict().items() if (value != before[name]).any()
    }
    assert changed == {"segmenter"}


def test_training_writes_weights_logs_and_pictures(scenes: Path, tmp_path: Path) -> None:
    path = train_subject([scenes], tmp_path, SHORT, config=TINY)
    assert load_subject_network(path).config == TINY
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 5
    assert (tmp_path / "step_000004.png").exists()
    with pytest.raises(DancegenError, match="train frames"):
        train_subject([tmp_path / "nothing"], tmp_path, SHORT)


def test_log_keeps_its_columns_when_other_networks_learn(scenes: Path, tmp_path: Path) -> None:
    train_subject([scenes], tmp_path, dataclasses.replace(SHORT, steps=2, learning=("segmenter",)), config=TINY)
    train_subject([scenes], tmp_path, dataclasses.replace(SHORT, learning=("finder",)), config=TINY)
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    learnt = [{name for name in row if row[name]} - {"step", "seconds"} for row in rows]
    assert learnt == [{"mask", "dice", "parts"}] * 2 + [{"heat", "present"}] * 2
    assert not any(None in row for row in rows)


def test_a_log_begun_with_fewer_columns_gets_the_others(scenes: Path, tmp_path: Path) -> None:
    few = dataclasses.replace(SHORT, learning=("finder",))
    train_subject([scenes], tmp_path, dataclasses.replace(few, steps=1), config=TINY)
    (tmp_path / "log.csv").write_text("step,seconds,heat\n1,2.5,3.5\n")
    train_subject([scenes], tmp_path, few, config=TINY)
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert list(rows[0]) == ["step", "seconds", "heat", "present"]
    assert rows[0]["heat"] == "3.5"
    assert rows[0]["present"] == ""
    assert float(rows[-1]["present"]) > 0


def test_places_away_from_the_figure_are_less_likely(network: SubjectNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    heat = torch.full((2, V, 16, 16), -9.0)
    heat[:, :, 4, 4], heat[:, :, 4, 11] = 2.0, 2.0  # alike in the mirror image
    heat[:, :, 12, 4], heat[:, :, 12, 11] = 2.5, 2.5
    monkeypatch.setattr(network.finder, "forward", lambda picture: (heat, torch.ones(2, V)))
    pixels, figure = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), bool)
    figure[:32] = True
    assert network.find_joints(pixels)[0][0, 1] > 40
    assert network._find_in(pixels, Box(0, 0, 64), (figure * np.uint8(255))[..., None])[0][0, 1] < 24
