"""The video's own size: where the person comes to stand in a picture that was cropped or continued."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dancegen import Request
from dancegen.errors import DancegenError
from dancegen.images.picture import ConditionalImage
from dancegen.people.located import LocatedBody
from dancegen.production.canvas import fit_to_canvas


def standing(width: int, height: int, x: float, tall: float, foot: float) -> LocatedBody:
    """A red bar as a person, on a grey picture that is darker to the left."""
    joints = np.stack([np.full(18, x), np.linspace(foot - tall, foot, 18)], axis=1).astype(np.float32)
    mask = np.zeros((height, width), np.float32)
    mask[round(foot - tall) : round(foot), round(x) - 3 : round(x) + 4] = 1
    pixels = np.repeat(np.linspace(40, 200, width)[None, :, None], height, axis=0).repeat(3, axis=2)
    pixels[mask > 0] = (255, 0, 0)
    picture = ConditionalImage(Path("me.png"), pixels.astype(np.uint8))
    return LocatedBody(picture, joints, np.ones(18, np.float32), mask, "test")


@pytest.mark.parametrize("fit", ["pad", "crop"])
@pytest.mark.parametrize(("size", "canvas"), [((200, 120), "90x160"), ((120, 200), "200x100"), ((64, 64), "300x300")])
def test_the_person_stays_on_their_pixels(fit: str, size: tuple[int, int], canvas: str) -> None:
    person = standing(*size, x=size[0] * 0.8, tall=40, foot=size[1] - 12)
    request = Request(Path("a.wav"), Path("me.png"), canvas=canvas, fit=fit)
    (fitted,) = fit_to_canvas([person], request)
    width, height = request.canvas_size or (0, 0)
    assert request.video_size(fitted.picture.size) == (width, height)
    assert fitted.picture.size[0] * height == fitted.picture.size[1] * width  # the very shape
    assert fitted.mask.shape == fitted.picture.pixels.shape[:2]
    scale = np.ptp(fitted.joints[:, 1]) / 40
    assert fitted.mask.sum() == pytest.approx(person.mask.sum() * scale**2, rel=0.05)
    columns = np.flatnonzero((fitted.mask > 0.5).any(0))
    assert abs(columns.mean() - fitted.joints[0, 0]) < 1.5 * scale
    red = fitted.picture.pixels[fitted.mask > 0.98].mean(0)
    assert red[0] > 200 and red[1] < 60


def test_a_padded_picture_goes_on_softly_and_a_cropped_one_is_a_part() -> None:
    person = standing(100, 200, x=50, tall=150, foot=190)
    wide = fit_to_canvas([person], Request(Path("a.wav"), Path("me.png"), canvas="400x200"))[0].picture.pixels
    assert np.abs(wide[100, 50].astype(int) - 40).max() <= 3 and np.abs(wide[100, 350].astype(int) - 200).max() <= 3
    small = standing(200, 100, x=150, tall=50, foot=90)
    part = fit_to_canvas([small], Request(Path("a.wav"), Path("me.png"), canvas="64x64", fit="crop"))[0]
    assert abs(float(part.joints[0, 0]) - part.picture.size[0] / 2) < 2  # in the middle


def test_a_crop_that_would_cut_the_person_is_refused() -> None:
    person = standing(100, 200, x=50, tall=150, foot=190)
    with pytest.raises(DancegenError, match="use --fit pad"):
        fit_to_canvas([person], Request(Path("a.wav"), Path("me.png"), canvas="400x200", fit="crop"))
    plain = Request(Path("a.wav"), Path("me.png"))
    assert fit_to_canvas([person], plain) == [person] and plain.video_size((100, 200)) == (256, 512)
