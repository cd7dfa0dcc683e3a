"""Colours as a screen shows them: pictures with an embedded colour profile become sRGB."""

from __future__ import annotations

import io

from PIL import Image, ImageCms

NO_PROFILE = "the picture's colour profile is damaged or of another kind of picture: its colours are taken as sRGB"


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """(the picture in sRGB, what there is to say about it).

    Args:
        image: 8 bits, without transparency: RGB, grey ("L"), CMYK or another mode that Pillow converts to RGB.
        profile: the ICC profile that its file carries (Display P3, Adobe RGB, a printer's ...), if any.
    """
    if not profile:
        return image.convert("RGB"), ""
    try:
        described = ImageCms.getOpenProfile(io.BytesIO(profile))
        wanted = described.profile.xcolor_space.strip()
        if wanted == "RGB" and image.mode != "RGB":  # a grey picture with the profile of the colour picture it was
            image = image.convert("RGB")
        converted = ImageCms.profileToProfile(
            image, described, ImageCms.createProfile("sRGB"), ImageCms.Intent.PERCEPTUAL, "RGB"
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, AttributeError):
        return image.convert("RGB"), NO_PROFILE
    assert converted is not None  # only with inPlace
    return converted, ""
