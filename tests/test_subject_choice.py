"""From heatmaps to joints: peaks, and which of them are chosen together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dancegen.body.joints import V
from dancegen.lab.synthetic.poses import still_pose
from dancegen.people.network.choice import FINDER_STRIDE, choose_joints, means_around


def figure_joints(seed: int) -> np.ndarray:
    """(18, 2) cells of a standing pose in the middle of a map of 32 x 32."""
    joints = still_pose(np.random.default_rng(seed), lively=True).joints[:, :2] * [1, -1]
    low, high = joints.min(axis=0), joints.max(axis=0)
    return (joints - (low + high) / 2) * (19.2 / (high - low).max()) + 16


def highest_alone(heat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(V, 2) px around the highest cell of each map (V, h, w) by itself, and (V,) how much of the map lies there."""
    share = torch.softmax(heat.flatten(1), dim=1)
    places, mass = means_around(share, share.argmax(dim=1), *heat.shape[1:])
    return places * FINDER_STRIDE, mass


def test_heat_peak_is_found_between_cells() -> None:
    y, x = torch.meshgrid(torch.arange(16) + 0.5, torch.arange(16) + 0.5, indexing="ij")
    heat = -((x - 5.3) ** 2 + (y - 9.8) ** 2) / 2
    joints, mass = choose_joints(heat.expand(V, 16, 16))
    np.testing.assert_allclose(joints[0], [5.3 * 4, 9.8 * 4], atol=0.4)
    assert mass[0] > 0.9
    assert choose_joints(torch.zeros(V, 16, 16))[1].max() < 0.2  # no idea, no confidence


def test_choice_keeps_to_the_device_of_the_maps() -> None:
    with pytest.raises(RuntimeError, match="item"):  # as far as maps without values go: all on one device up to there
        choose_joints(torch.zeros(V, 16, 16, device="meta"))


def heat_at(places: np.ndarray) -> torch.Tensor:
    """(V, 32, 32) logits of maps with one peak each at `places` (V, 2), in cells."""
    y, x = torch.meshgrid(torch.arange(32) + 0.5, torch.arange(32) + 0.5, indexing="ij")
    return torch.stack([-((x - jx) ** 2 + (y - jy) ** 2) for jx, jy in places])


def also_at(heat: torch.Tensor, joint: int, place: np.ndarray, likelier: float) -> torch.Tensor:
    """The maps with a second peak of one joint, `likelier` times as high as its own, at `place` in cells."""
    added = heat.clone()
    second = heat_at(np.broadcast_to(place, (V, 2)))[joint] + np.log(likelier)
    added[joint] = torch.logaddexp(heat[joint], second)
    return added


def test_single_peaks_are_the_joints_chosen() -> None:
    heat = heat_at(figure_joints(0))
    joints, mass = choose_joints(heat)
    before, share = highest_alone(heat)
    torch.testing.assert_close(joints, before, atol=0.5, rtol=0)
    torch.testing.assert_close(mass, share, atol=0.02, rtol=0)


def test_a_limb_does_not_reach_across_the_picture() -> None:
    heat = heat_at(figure_joints(0))
    before, _ = highest_alone(heat)
    post = also_at(heat, 4, np.array([31.5, 5.5]), 3.0)  # a lamp post looks more like the right wrist, far away
    assert highest_alone(post)[0][4, 0] > 100
    assert torch.linalg.norm(choose_joints(post)[0][4] - before[4]) < 4


def test_two_legs_are_not_found_on_one() -> None:
    places = figure_joints(0)
    places[[8, 9, 10]], places[[11, 12, 13]] = [(14, 17), (12, 22), (10, 28)], [(18, 17), (20, 22), (22, 28)]
    heat = heat_at(places)
    for right, left in ((9, 12), (10, 13)):
        heat = also_at(heat, left, places[right], 1.5)
    alone, together = highest_alone(heat)[0] / 4, choose_joints(heat)[0] / 4
    np.testing.assert_allclose(alone[[12, 13]], places[[9, 10]], atol=0.3)
    np.testing.assert_allclose(together[[9, 10, 12, 13]], places[[9, 10, 12, 13]], atol=0.3)
