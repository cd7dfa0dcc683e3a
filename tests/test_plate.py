"""The background behind the person: what was covered, and the shadow at their feet, is painted over."""

from __future__ import annotations

import numpy as np
import torch

from dancegen.images.inpaint.exemplar import find_sources, guess_across
from dancegen.images.inpaint.patches import copy_places, fill_with_patches, seam_colours
from dancegen.renderers.plate import background_plate, foot_shadow, is_plain


def room(height: int = 120, width: int = 160) -> np.ndarray:
    """A wall that gets darker to the right over a striped floor: (h, w, 3) float32."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    wall = np.stack([0.8 - 0.2 * x / width, 0.8 - 0.1 * x / width, np.full_like(x, 0.75)], -1)
    floor = np.stack([0.55 + 0.05 * (y % 9 == 0), np.full_like(x, 0.4), np.full_like(x, 0.25)], -1)
    return np.where((y < 0.7 * height)[..., None], wall, floor).astype(np.float32)


def person(height: int = 120, width: int = 160) -> np.ndarray:
    """An upright mask whose feet stand on the floor: (h, w) float32."""
    mask = np.zeros((height, width), np.float32)
    mask[20:105, 70:92] = 1
    return mask


def as_torch(picture: np.ndarray) -> torch.Tensor:
    """(h, w, 3) -> (3, h, w)."""
    return torch.from_numpy(picture).permute(2, 0, 1)


def test_patches_continue_a_texture() -> None:
    y, x = np.mgrid[:96, :96]
    picture = np.repeat(((x // 4 + y // 4) % 2)[..., None], 3, -1).astype(np.float32)
    hole = np.zeros((96, 96), bool)
    hole[36:60, 40:56] = True
    filled = fill_with_patches(picture, hole)
    assert filled is not None
    assert np.array_equal(filled[~hole], picture[~hole])
    assert np.abs(filled - picture)[hole].mean() < 0.25


def test_where_nothing_is_known_nothing_is_copied() -> None:
    assert find_sources(np.zeros((20, 20, 3), np.float32), np.ones((20, 20), bool)) is None
    assert fill_with_patches(np.zeros((5, 90, 3), np.float32), np.eye(5, 90, dtype=bool)) is None


def test_the_plate_is_the_picture_where_the_person_is_not() -> None:
    picture, mask = room(), person()
    picture[mask > 0] = [0.9, 0.1, 0.1]
    plate = background_plate(as_torch(picture), torch.from_numpy(mask)[None], reach=3)
    far = torch.nn.functional.max_pool2d(torch.from_numpy(mask)[None], 31, 1, 15)[0] == 0
    assert torch.equal(plate[:, far], as_torch(picture)[:, far])


def test_an_edge_goes_straight_on_behind_the_person() -> None:
    empty, mask = room(), person()
    picture = np.where(mask[..., None] > 0, np.array([0.9, 0.1, 0.1], np.float32), empty)
    plate = background_plate(as_torch(picture), torch.from_numpy(mask)[None], reach=2)
    wrong = np.abs(plate.permute(1, 2, 0).numpy() - empty).max(-1)[mask > 0]
    assert (wrong > 0.1).mean() < 0.02 and wrong.mean() < 0.02


def test_a_guess_runs_straight_across() -> None:
    picture = room()
    known = person() == 0
    guess = guess_across(np.where(known[..., None], picture, 0), known, upright=False)
    assert np.abs(guess - picture).max() < 0.06
    assert np.array_equal(guess[known], picture[known])


def test_seams_are_levelled_and_nothing_bleeds_into_the_hole() -> None:
    picture = np.full((40, 60, 3), 0.5, np.float32)
    picture[:, 40:] = 0.56  # a piece from here is a little too light
    hole = np.zeros((40, 60), bool)
    hole[10:30, 10:25] = True
    rows, columns = np.indices(hole.shape)
    places = np.stack([rows, columns + 33], -1).clip(0, 59)
    made = copy_places(picture, places) + seam_colours(picture, hole, places)
    assert np.abs(made[hole] - 0.5).mean() < 0.01
    thing = np.full((40, 60, 3), 0.5, np.float32)
    thing[:, 25:30] = 0.0  # right beside the hole stands something dark, which does not bleed into it
    thing[:, 40:] = 0.56
    made = copy_places(thing, places) + seam_colours(thing, hole, places)
    assert np.abs(made[hole] - 0.5).mean() < 0.02


def test_the_shadow_at_the_feet_is_painted_over() -> None:
    empty, mask = room(), person()
    y, x = np.mgrid[:120, :160]
    shade = 1 - 0.4 * np.exp(-(((x - 81) / 10) ** 2) - ((y - 104) / 2.5) ** 2)
    picture = np.where(mask[..., None] > 0, 0.1, empty * shade[..., None]).astype(np.float32)
    covered = mask > 0
    found = foot_shadow(picture, mask, covered)
    assert found[(shade < 0.85) & ~covered].mean() > 0.9
    assert not found[:90].any()
    assert not foot_shadow(np.where(mask[..., None] > 0, 0.1, empty).astype(np.float32), mask, covered).any()
    plate = background_plate(as_torch(picture), torch.from_numpy(mask)[None], reach=1).permute(1, 2, 0).numpy()
    assert np.abs(plate - empty)[shade < 0.9].mean() < 0.03


def test_what_ends_at_the_lower_edge_are_no_feet() -> None:
    picture, mask = np.full((200, 200, 3), 0.7, np.float32), np.zeros((200, 200), np.float32)
    mask[20:, 80:120] = 1
    picture[:, 120:130] *= 0.6  # a post beside a person who is cut off at the waist
    assert not foot_shadow(picture, mask, mask > 0).any()
    mask[150:] = 0  # whose feet stand well inside the picture: the same post is taken for a shadow
    assert foot_shadow(picture, mask, mask > 0).any()


def test_only_the_rows_around_the_feet_matter_for_their_shadow() -> None:
    picture, mask = np.random.default_rng(0).random((240, 100, 3), np.float32), np.zeros((240, 100), np.float32)
    mask[20:180, 40:60] = 1
    picture[178:184, 30:70] *= 0.3
    found = foot_shadow(picture, mask, mask > 0)
    assert found.any() and not found[:160].any() and not found[190:].any()
    picture[:150], picture[210:] = 0, 1
    assert np.array_equal(foot_shadow(picture, mask, mask > 0), found)


def test_paper_is_plain_and_a_room_is_not() -> None:
    shade = np.linspace(0.62, 0.7, 160)[None, :, None] * np.ones((120, 160, 3))
    paper = shade + np.random.default_rng(0).normal(0, 0.02, shade.shape)
    assert is_plain(as_torch(paper.astype(np.float32)))
    assert is_plain(torch.ones(3, 40, 30))
    assert not is_plain(as_torch(room()))
