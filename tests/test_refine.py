"""The last step of a capture: what the network does not know is bent to the film, all else is left as it is."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dancegen import bf16
from dancegen.body.joints import L_ANKLE, L_KNEE, R_ANKLE, R_KNEE
from dancegen.capture.diffusion import DRIFTS, Sampling, drifts
from dancegen.capture.feet import lift_feet
from dancegen.capture.imagine import several
from dancegen.capture.movement import CONTACT, body_of, place, to_channels
from dancegen.capture.network import Vimo
from dancegen.capture.refine import refine
from dancegen.capture.settle import from_sequence
from dancegen.capture.sight import FEATURES
from dancegen.lab.synthetic.cameras import LEVELS, film
from dancegen.lab.synthetic.sightings import MEMORY, SLOW, coloured_noise
from dancegen.lab.train.vimo.samples import generator_of
from tests.test_capture import dancing
from tests.test_training_vimo import TINY

TALL = 300.0  # pixels of a body height


@pytest.fixture(scope="module")
def moved() -> Tensor:
    """(1, 90, X) numbers of a dance."""
    return to_channels(*(one[None] for one in from_sequence(dancing(3))))


def seen_at(joints: Tensor) -> Tensor:
    """Joints (1, T, V, 3) as a detector that is sure of all sees them from the front."""
    return torch.cat([joints[..., :2] * TALL, torch.ones_like(joints[..., :1])], dim=-1)


def test_a_movement_that_fits_is_left_as_it_is(moved: Tensor) -> None:
    noise = 0.02 * torch.randn(1, 90, 18, 3, generator=generator_of(0, 0))
    bent = refine(moved, seen_at(place(moved) + noise), torch.zeros(1, 90))
    assert (body_of(bent) - body_of(moved)).norm(dim=-1).max() < 1e-5


def test_legs_that_were_seen_bent_for_long_are_bent_and_a_moments_fault_is_not_followed(moved: Tensor) -> None:
    joints = place(moved)
    squat = joints.clone()
    squat[..., [R_KNEE, L_KNEE], 0] += torch.tensor([-0.16, 0.16])
    squat[..., [10, 13], 1] -= 0.22
    for name, times, far in (
        ("long", slice(20, 80), squat),
        ("moment", slice(40, 43), squat),
        ("absurd", slice(20, 80), joints.flip(2)),
    ):
        shown = joints.clone()
        shown[:, times] = far[:, times]
        bent = refine(moved, seen_at(shown), torch.zeros(1, 90))
        knees = [body_of(one)[:, 30:70, [R_KNEE, L_KNEE], 0].diff(dim=-1).abs().mean() for one in (moved, bent)]
        assert (knees[1] > knees[0] + 0.03) == (name == "long"), (name, knees)


def test_the_first_sample_is_the_likeliest_and_the_others_are_more_apart() -> None:
    torch.manual_seed(0)
    network = Vimo(TINY).eval()
    torch.nn.init.normal_(network.out.weight, std=0.3)
    sight = torch.randn(1, network.config.frames, FEATURES)
    alone = several(network, sight, Sampling(), generator_of(0, 1), None)
    made = several(network, sight.expand(7, -1, -1), Sampling(others=3.0), generator_of(0, 1), None)
    near = several(network, sight.expand(7, -1, -1), Sampling(others=0.0), generator_of(0, 1), None)
    assert len(made) == 7 and torch.allclose(made[0], alone[0], atol=1e-5)
    assert made[1:].std(0).mean() > 1.5 * near[1:].std(0).mean()


def test_drifts_come_in_opposite_pairs_at_right_angles() -> None:
    found = drifts(5, 0.5, generator_of(0, 1))
    assert torch.allclose(found.norm(dim=1), torch.full((5,), 0.5 * DRIFTS**0.5))
    assert torch.equal(found[1::2], -found[:4:2]) and abs(found[0] @ found[2]) < 1e-5


def test_a_lens_puts_joints_where_the_film_does() -> None:
    joints = torch.randn(3, 40, 18, 3, generator=generator_of(0, 2)) * 0.3 + torch.tensor([0.0, -0.5, 0.0])
    shown = film(joints, LEVELS["E"], generator_of(0, 3))
    seen = torch.einsum("bsij,bsvj->bsvi", shown.lens, torch.cat([joints, torch.ones_like(joints[..., :1])], dim=-1))
    whole = seen[..., 2] > 0.25  # nearer is held off
    gap = (seen[..., :2] / seen[..., 2:] - shown.points).norm(dim=-1)[whole]
    assert whole.float().mean() > 0.9 and gap.max() < 0.5


def test_noise_is_as_large_and_as_slow_as_it_is_said() -> None:
    noise = coloured_noise((8, 400, 18, 2), generator_of(0, 4))
    assert noise.std() == pytest.approx(1, abs=0.03)
    for lag in (1, 5, 10):
        goes_on = (noise[:, lag:] * noise[:, :-lag]).mean() / noise.square().mean()
        assert goes_on == pytest.approx(SLOW * MEMORY**lag, abs=0.04)


@pytest.mark.parametrize(("half", "quicker"), [(0.4, True), (0.9, False), (20.0, False)])
def test_bf16_is_used_where_it_is_clearly_quicker(half: float, quicker: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    bf16.is_bf16_quicker.cache_clear()
    monkeypatch.setattr(bf16, "_seconds", {torch.float32: 1.0, torch.bfloat16: half}.__getitem__)
    assert bf16.is_bf16_quicker() is quicker
    bf16.is_bf16_quicker.cache_clear()


def test_feet_lift_where_all_else_fits_and_stay_elsewhere(moved: Tensor) -> None:
    joints = place(moved)
    kick = 0.12 * torch.exp(-(((torch.arange(90) - 45) / 4.0) ** 2))
    shown = joints.clone()
    shown[..., R_ANKLE, 1] -= kick
    lifted = lift_feet(moved, seen_at(shown), torch.zeros(1, 90))
    rise = (joints - place(lifted))[0, :, [R_ANKLE, L_ANKLE], 1]
    assert rise[40:50, 0].max() > 0.06 and rise[:20, 0].abs().max() < 0.01 and rise[:, 1].abs().max() < 0.01
    lengths = [body_of(one)[..., R_KNEE, :] - body_of(one)[..., R_ANKLE, :] for one in (moved, lifted)]
    assert torch.allclose(*(one.norm(dim=-1) for one in lengths), atol=1e-5)
    assert lifted[0, 45, CONTACT.start] < 0.1
    shown[..., [3, 4, 6, 7], 0] += 0.3  # somebody else's arms: nothing is believed
    assert torch.equal(lift_feet(moved, seen_at(shown), torch.zeros(1, 90)), moved)
