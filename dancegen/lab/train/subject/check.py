"""How good the subject network is on kept-apart scenes: numbers, and a picture of fixed cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from dancegen.body.joints import BONES, COLOURS, body_height
from dancegen.lab.train.subject.samples import Case, read_cases
from dancegen.people.network.network import SubjectNetwork

CASES = 16
TILE = 160


def choose_cases(files: list[Path]) -> list[Case]:
    """The photo-like first frames of scenes spread evenly over the sets, in a mixed order that is always the same."""
    order = np.random.default_rng(0).permutation(len(files))[:CASES]
    return [read_cases(files[int(index)], (0,))[0] for index in order]


def check(network: SubjectNetwork, cases: list[Case]) -> dict[str, float]:
    """Means over the cases.

    Returns:
        pck: share of joints within 0.1 body heights; iou: of the mask with the true joints, and found_iou with those
        found; plate: mean difference to the true background where the person stood, 0..1.
    """
    rows = [_check_one(network, case) for case in cases]
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks at 0.5."""
    first, second = mask > 0.5, truth > 0.5
    return float((first & second).sum() / max(1, (first | second).sum()))


def sheet(network: SubjectNetwork, cases: list[Case]) -> Image.Image:
    """A row a case: picture, joints found, mask over grey, parts, plate."""
    canvas = Image.new("RGB", (5 * TILE, len(cases) * TILE))
    for row, case in enumerate(cases):
        for column, picture in enumerate(panels(network, case.picture, *network.find_joints(case.picture))):
            canvas.paste(picture.resize((TILE, TILE)), (column * TILE, row * TILE))
    return canvas


def panels(
    network: SubjectNetwork, pixels: np.ndarray, joints: np.ndarray, confidence: np.ndarray
) -> list[Image.Image]:
    """What the network makes of one picture, as five pictures of its size (parts: of their own square)."""
    found = network.segment(pixels, joints, confidence)
    plate = network.paint_background(pixels, found.mask)
    overlay = Image.fromarray(pixels)
    pen = ImageDraw.Draw(overlay)
    width = max(2, pixels.shape[0] // 120)
    for colour, (start, end) in zip(COLOURS, BONES, strict=False):
        if min(confidence[start], confidence[end]) > 0.1:
            pen.line([*joints[start], *joints[end]], fill=colour, width=width)
    cut = (pixels * found.mask[..., None] + 128 * (1 - found.mask[..., None])).astype(np.uint8)
    palette = np.array(COLOURS[: len(found.parts)], np.float32)  # (P, 3)
    parts = np.einsum("phw,pc->hwc", found.parts, palette)
    pictures = [pixels, np.asarray(overlay), cut, np.clip(parts, 0, 255).astype(np.uint8), plate]
    return [Image.fromarray(picture) for picture in pictures]


def _check_one(network: SubjectNetwork, case: Case) -> dict[str, float]:
    alpha = case.alpha.astype(np.float32) / 255
    joints, confidence = network.find_joints(case.picture)
    near = np.linalg.norm(joints - case.joints, axis=1) < 0.1 * float(body_height(case.joints))
    given = network.segment(case.picture, case.joints, np.ones(len(joints), np.float32))
    found = network.segment(case.picture, joints, confidence)
    plate = network.paint_background(case.picture, alpha)
    hidden = alpha > 0.5
    error = np.abs(plate.astype(np.float32) - case.background)[hidden].mean() / 255 if hidden.any() else 0.0
    return {
        "pck": float(near.mean()),
        "iou": overlap(given.mask, alpha),
        "found_iou": overlap(found.mask, alpha),
        "plate": float(error),
    }
