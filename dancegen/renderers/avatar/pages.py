"""The colours of a shell's two sides: cleaned at the rim, continued beyond it, and what no picture shows, the back.

Glossary: H x W texels; H is also the body's height, in texels, where a function says so.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates, median_filter

from dancegen.body import joints as J
from dancegen.body.joints import mid_hip
from dancegen.renderers.avatar.sheets import Grid, Sheet

RIM, BACK_RIM = 1.0, 2.0  # video pixels at the outline whose colour is the background's too, in front and at the back
BEYOND = 16  # one part in so many of a page is how far beyond a piece colours are painted: nothing samples farther out
SPREAD = 1.5  # texels over which what is painted anew is smoothed: a wide mean would make a rim of dark hair grey
CRISP = 0.2  # how much sharper a page is made, as it is sampled again: in its own pose it has the picture's gradients
# The back of a head, in heights around the middle of the face: where the hair surely is, and where it ends at the neck.
CROWN, TEMPLES, NAPE, HALF = 0.042, 0.05, -0.042, 0.10
# The middle of a trunk's back, in heights: half its breadth, where it begins below the neck and ends below the hips.
MIDDLE, COLLAR, BELT, BLEND = 0.07, -0.005, 0.03, 0.015
THIN, GRAIN = 0.018, 0.03  # half of what is thin, heights; what cloth's own texture differs by
SAME_HAIR = 0.15  # colours as near as this to the hair's are hair
CHEEKS, LIKE_SKIN = 0.028, 0.01  # heights around the face's middle that are skin; what colours of skin differ by
SCALP = 30  # texels that say what colour hair is


def sheet_pages(sheet: Sheet, grid: Grid, alpha: np.ndarray, has_face: bool) -> tuple[np.ndarray, np.ndarray]:
    """The front's and the back's page (H, W, 4) uint8.

    Args:
        alpha: (H, W) of the piece.
        has_face: whether the picture shows the face.
    """
    front, back = (_clean(sheet.colours, alpha, rim * grid.density) for rim in (RIM, BACK_RIM))
    front = front + CRISP * (front - gaussian_filter(front, (1, 1, 0)))
    if sheet.is_trunk and has_face:
        per_cell = grid.density / grid.per_pixel[1]
        places, height = grid.local * per_cell, grid.height * per_cell
        back = back_of_head(back_of_garment(back, alpha, places, height), alpha, places, height)
    return plain_page(front, alpha), plain_page(back, alpha)


def plain_page(colours: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours (H, W, 3) and alpha (H, W) as a page (H, W, 4) uint8."""
    page = np.concatenate([colours, alpha[..., None]], -1)
    return (np.clip(page, 0, 1) * 255 + 0.5).astype(np.uint8)


def _clean(colours: np.ndarray, alpha: np.ndarray, depth: float) -> np.ndarray:
    """Colours (H, W, 3) with the outermost `depth` texels painted anew from inside, and spread beyond the outline.

    What is thinner than that, as fingers are, keeps its own.
    """
    room = max(alpha.shape) // BEYOND
    part = tuple(slice(max(low - room, 0), high + 1 + room) for low, high in _bounds(alpha > 0))
    whole, colours, alpha = colours, colours[part], alpha[part]
    solid = alpha > 0.9
    inner = distance_transform_edt(solid) > depth
    kept = inner | (solid & (distance_transform_edt(~inner) > 3 * depth + 2))
    if not kept.any():
        return whole
    y, x = distance_transform_edt(~kept, return_distances=False, return_indices=True)
    spread = gaussian_filter(colours[y, x], (SPREAD, SPREAD, 0))
    result = whole.copy()
    result[part] = np.where(kept[..., None], colours, spread)
    return result


def _bounds(mask: np.ndarray) -> list[tuple[int, int]]:
    """The first and the last row, and column, of what a mask (H, W) holds; of all where it holds nothing."""
    found = [np.flatnonzero(mask.any(axis)) for axis in (1, 0)]
    return [(int(f[0]), int(f[-1])) if len(f) else (0, side) for f, side in zip(found, mask.shape, strict=True)]


def back_of_garment(colours: np.ndarray, alpha: np.ndarray, joints: np.ndarray, height: float) -> np.ndarray:
    """Colours (H, W, 3) of the trunk without what is thin in the middle of fronts alone, as zips, chains and buckles.

    Args:
        joints: (V, 2) texels; height: of the body, texels.
    """
    neck, hips = joints[J.NECK], mid_hip(joints)
    long = max(float(np.linalg.norm(hips - neck)), 1e-3)
    down = (hips - neck) / long
    y, x = np.mgrid[0 : alpha.shape[0], 0 : alpha.shape[1]]
    below = ((x - neck[0]) * down[0] + (y - neck[1]) * down[1]) / height
    aside = np.abs(-(x - neck[0]) * down[1] + (y - neck[1]) * down[0]) / height
    here = np.clip((MIDDLE - aside) / BLEND, 0, 1) * np.clip((below - COLLAR) / BLEND, 0, 1)
    here = here * np.clip((long / height + BELT - below) / BLEND, 0, 1) * (alpha > 0.9)
    step = max(int(THIN * height / 4), 1)
    small = median_filter(colours[::step, ::step], (9, 9, 1), mode="nearest")
    rows, columns = (np.minimum(np.arange(side) / step, (side - 1) // step) for side in alpha.shape)
    at = np.meshgrid(rows, columns, indexing="ij")
    plain = np.stack([map_coordinates(small[..., c], at, order=1, mode="nearest") for c in range(3)], -1)
    cloth = plain + np.clip(colours - plain, -GRAIN, GRAIN)
    result: np.ndarray = colours + (cloth - colours) * here[..., None]
    return result


def back_of_head(colours: np.ndarray, alpha: np.ndarray, joints: np.ndarray, height: float) -> np.ndarray:
    """Colours (H, W, 3) with hair where the face is, and the neck's own colour below it.

    Args:
        joints: (V, 2) texels; height: of the body, texels.
    """
    face, neck = joints[list(J.FACE_JOINTS)].mean(0), joints[J.NECK]
    up = face - neck
    up = up / max(float(np.linalg.norm(up)), 1e-3)
    y, x = np.mgrid[0 : alpha.shape[0], 0 : alpha.shape[1]]
    above = ((x - face[0]) * up[0] + (y - face[1]) * up[1]) / height  # towards the crown
    aside = np.abs(-(x - face[0]) * up[1] + (y - face[1]) * up[0]) / height
    inside = distance_transform_edt(alpha > 0.9) > 0.006 * height
    crown = inside & (above > CROWN) & (aside < TEMPLES)
    if crown.sum() < SCALP:
        return colours
    tone = np.median(colours[crown], axis=0)
    hair = inside & (above > CROWN - 0.007) & (aside < TEMPLES + 0.03)
    away = np.abs(colours - tone).mean(-1)
    skin = inside & (np.abs(above) < CHEEKS) & (aside < CHEEKS)
    if skin.sum() > SCALP:  # brown hair is not far from brown skin
        hair &= away < np.abs(colours - np.median(colours[skin], axis=0)).mean(-1) + LIKE_SKIN
    hair &= away < SAME_HAIR
    if hair.sum() < SCALP:
        return colours
    end = NAPE + 0.03 * np.clip(aside / 0.05, 0, 1) ** 2
    nape = inside & (above < -0.04) & (above > -0.075) & (aside < 0.03)
    if nape.sum() > SCALP:
        share = np.clip((above + 0.095) / 0.03, 0, 1) * np.clip((end - above) / 0.015 + 1, 0, 1)
        share = (share * np.clip((0.055 - aside) / 0.025, 0, 1))[..., None]
        colours = colours * (1 - share) + np.median(colours[nape], axis=0) * share
    share = (np.clip((above - end) / 0.015, 0, 1) * np.clip((HALF - aside) / 0.01, 0, 1))[..., None]
    painted: np.ndarray = colours * (1 - share) + _strands(colours, hair, 0.012 * height) * share
    return painted


def _strands(colours: np.ndarray, hair: np.ndarray, sigma: float) -> np.ndarray:
    """The hair of a picture (H, W, 3), mirrored up and down to cover the whole head."""
    _, (near_y, near_x) = distance_transform_edt(~hair, return_indices=True)
    rows = np.flatnonzero(hair.any(1))
    top, high = rows[0], rows[-1] + 1 - rows[0]
    phase = (np.arange(len(hair)) - top) % (2 * high)
    mirrored = top + np.where(phase < high, phase, 2 * high - 1 - phase)
    columns = np.arange(hair.shape[1])
    paint = colours[near_y[mirrored][:, columns], near_x[mirrored][:, columns]]
    fine: np.ndarray = 0.35 * (paint - gaussian_filter(paint, (sigma, sigma, 0)))
    return fine + gaussian_filter(paint, (2 * sigma, 2 * sigma, 0))
