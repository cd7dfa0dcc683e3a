"""The person's mask: flat backgrounds, refinement, cleaning up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter
from scipy import ndimage
from subject_tools import Drawn, StandIn, line_drawing, overlap, photo

from dancegen.body.joints import L_ANKLE, L_KNEE, R_ANKLE, R_KNEE, V
from dancegen.images.filters import guided_filter
from dancegen.people.located import Detection
from dancegen.people.masks.flat import _keep_bodily, flat_figure, flat_outline
from dancegen.people.masks.mask import person_mask
from dancegen.people.masks.refine import refine_mask

SURE = np.ones(V, np.float32)


def seen(drawn: Drawn, mask: np.ndarray | None = None) -> Detection:
    return Detection(drawn.joints, SURE, mask, "test")


def blurred(mask: np.ndarray, radius: float) -> np.ndarray:
    return (
        np.asarray(Image.fromarray((mask * 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(radius)), np.float32)
        / 255
    )


@pytest.mark.parametrize("hollow", [True, False])
@pytest.mark.parametrize("tint", [0, 30])
def test_a_drawing_is_cut_out_of_its_paper(hollow: bool, tint: int) -> None:
    drawn = line_drawing(hollow=hollow, tint=tint)
    mask, source = person_mask(drawn.image, seen(drawn), None)
    assert source == "flat background"
    assert overlap(mask, drawn.mask) > 0.93


def test_strokes_beside_the_figure_are_left_out() -> None:
    drawn = line_drawing()
    pixels = drawn.image.pixels.copy()
    pixels[20:60, 20:24] = 30
    pixels[100:104, 250:290] = 30
    image = replace(drawn.image, pixels=pixels)
    mask, _ = person_mask(image, seen(drawn), None)
    assert mask[20:60, 20:24].max() == 0
    assert mask[100:104, 250:290].max() == 0
    assert overlap(mask, drawn.mask) > 0.93


def test_a_gap_in_the_outline_does_not_let_the_inside_out() -> None:
    drawn = line_drawing()
    pixels = drawn.image.pixels.copy()
    y = int(drawn.joints[[R_KNEE, R_ANKLE], 1].mean())
    pixels[y : y + 4, : pixels.shape[1] // 2] = pixels[5, 5]
    mask, _ = person_mask(replace(drawn.image, pixels=pixels), seen(drawn), None)
    assert overlap(mask, drawn.mask) > 0.9


def test_in_a_drawing_of_lines_what_no_line_closes_off_is_paper() -> None:
    drawn = line_drawing()
    claimed = drawn.mask.astype(np.float32)
    joints = drawn.joints
    claimed[int(joints[3][1]) : int(joints[8][1]), int(joints[4][0]) : int(joints[8][0])] = 1  # between arm and body
    mask, source = person_mask(drawn.image, seen(drawn, claimed), None)
    assert source == "flat background"
    assert overlap(mask, drawn.mask) > 0.93 > overlap(claimed, drawn.mask)


def test_faint_shades_of_the_paper_are_no_ink() -> None:
    drawn = line_drawing()
    y, x = np.indices(drawn.mask.shape)
    neck = drawn.joints[1]
    shade = 20 * np.exp(-((x - neck[0]) ** 2 + (y - neck[1]) ** 2) / (2 * (0.12 * drawn.mask.shape[0]) ** 2))
    pixels = np.clip(drawn.image.pixels - shade[..., None], 0, 255).astype(np.uint8)
    mask, _ = person_mask(replace(drawn.image, pixels=pixels), seen(drawn), None)
    assert overlap(mask, drawn.mask) > 0.92


def test_the_triangle_between_arm_and_waist_is_a_hole() -> None:
    drawn = line_drawing(hollow=False)
    joints = drawn.joints
    between = ((joints[3] + joints[8]) / 2).astype(int)
    assert not drawn.mask[between[1], between[0]]
    mask, _ = person_mask(drawn.image, seen(drawn), None)
    assert mask[between[1], between[0]] == 0


def test_a_shadow_on_the_floor_is_no_part_of_the_person() -> None:
    drawn = line_drawing(hollow=False)
    feet = drawn.joints[[R_ANKLE, L_ANKLE]].mean(axis=0)
    y, x = np.mgrid[0 : drawn.image.size[1], 0 : drawn.image.size[0]]
    far = ((x - feet[0] - 50) / 90) ** 2 + ((y - feet[1] - 8) / 14) ** 2
    shade = np.clip(1.3 - far, 0, 1)[..., None] * ~drawn.mask[..., None]
    image = replace(drawn.image, pixels=(drawn.image.pixels * (1 - 0.35 * shade)).astype(np.uint8))
    mask, _ = person_mask(image, seen(drawn, blurred(drawn.mask, 3)), None)
    assert overlap(mask, drawn.mask) > 0.9


def test_a_busy_background_is_not_flat() -> None:
    drawn = photo()
    distance = seen(drawn).distance(drawn.image.size)
    assert flat_figure(drawn.image.pixels, distance) is None
    assert flat_outline(drawn.image.pixels) is None


def test_the_outline_of_a_small_figure_is_found_before_its_joints() -> None:
    drawn = line_drawing(size=(150, 200))
    large = np.full((600, 500, 3), drawn.image.pixels[3, 3], np.uint8)
    large[300:500, 200:350] = drawn.image.pixels
    outline = flat_outline(large)
    assert outline is not None
    rows, columns = np.nonzero(outline)
    true_rows, true_columns = np.nonzero(drawn.mask)
    assert abs(rows.min() - 300 - true_rows.min()) < 6
    assert abs(columns.max() - 200 - true_columns.max()) < 6


def test_refining_moves_a_blurred_mask_onto_the_pictures_edges() -> None:
    drawn = photo()
    rough = blurred(ndimage.shift(drawn.mask.astype(np.float32), (3, 4)) > 0.5, 5)
    refined = refine_mask(drawn.image.pixels, rough, seen(drawn))
    assert overlap(refined, drawn.mask) > 0.95 > overlap(rough, drawn.mask)
    assert np.abs(refined - drawn.mask).mean() < 0.4 * np.abs(rough - drawn.mask).mean()


def test_the_limbs_alone_give_a_usable_mask() -> None:
    drawn = photo()
    mask, source = person_mask(drawn.image, seen(drawn), None)
    assert source == "limbs"
    assert overlap(mask, drawn.mask) > 0.8


def test_pieces_away_from_the_limbs_are_dropped() -> None:
    drawn = photo()
    soft = blurred(drawn.mask, 3)
    soft[5:40, 5:40] = 1
    mask, source = person_mask(drawn.image, seen(drawn, soft), None)
    assert source == "test"
    assert mask[8:36, 8:36].max() == 0
    assert overlap(mask, drawn.mask) > 0.95


def test_the_networks_mask_is_used_where_the_detector_has_none() -> None:
    drawn = photo()
    network = StandIn(drawn.joints, SURE, drawn.mask)
    mask, source = person_mask(drawn.image, seen(drawn), lambda: network)  # type: ignore[arg-type,return-value]
    assert source == "network"
    assert overlap(mask, drawn.mask) > 0.95


def test_transparency_is_the_mask() -> None:
    drawn = photo()
    alpha = blurred(drawn.mask, 1)
    image = replace(drawn.image, alpha=alpha)
    mask, source = person_mask(image, seen(drawn), None)
    assert source == "transparency"
    assert np.abs(mask - alpha).max() < 1e-6 or overlap(mask, drawn.mask) > 0.97


def test_masks_have_the_pictures_size_and_range() -> None:
    for drawn in (photo((331, 417)), line_drawing((301, 399)), line_drawing((900, 1201))):
        mask, _ = person_mask(drawn.image, seen(drawn, blurred(drawn.mask, 3)), None)
        assert mask.shape == drawn.image.pixels.shape[:2]
        assert mask.dtype == np.float32
        assert mask.min() >= 0
        assert mask.max() <= 1


def test_missing_legs_leave_the_rest() -> None:
    drawn = photo()
    confidence = SURE.copy()
    confidence[[R_KNEE, L_KNEE, R_ANKLE, L_ANKLE]] = 0
    found = Detection(drawn.joints, confidence, blurred(drawn.mask, 3), "test")
    mask, _ = person_mask(drawn.image, found, None)
    upper = slice(0, int(drawn.joints[8, 1]))
    assert overlap(mask[upper], drawn.mask[upper]) > 0.9


def test_guided_filter_keeps_constants_and_follows_edges() -> None:
    guide = np.zeros((40, 40, 3), np.float32)
    guide[:, 20:] = (0.9, 0.5, 0.2)
    assert np.allclose(guided_filter(guide, np.full((40, 40), 0.3, np.float32), 4, 1e-4), 0.3, atol=1e-3)
    mask = np.zeros((40, 40), np.float32)
    mask[:, 17:] = 1  # three pixels off the edge
    moved = guided_filter(guide, mask, 6, 1e-5)
    assert moved[20, 25] > 0.9
    assert moved[20, 18] < 0.5


def test_limb_distance_is_zero_on_axes_and_one_on_the_skin() -> None:
    drawn = photo()
    distance = seen(drawn).distance(drawn.image.size)
    for joint in (R_KNEE, L_ANKLE, 3, 8):
        x, y = drawn.joints[joint].astype(int)
        assert distance[y, x] < 0.15
    assert distance[5, 5] > 3
    edge = ndimage.binary_dilation(drawn.mask) ^ drawn.mask
    assert 0.6 < np.median(distance[edge]) < 1.4


def test_the_corner_between_a_bowed_arm_and_the_head_is_no_body() -> None:
    distance = np.broadcast_to(np.arange(60) / 10, (60, 60))  # radii from an axis along the left edge
    limb, corner = np.zeros((60, 60), bool), np.zeros((60, 60), bool)
    limb[:, :8] = True
    corner[:, :8], corner[:12, :24] = True, True
    likely = np.ones((60, 60))
    np.testing.assert_array_equal(_keep_bodily(limb, distance, likely), limb)
    assert not _keep_bodily(corner, distance, likely).any()
