"""The shipped renderer on one fixed case that needs no outside data: a drawn figure waves its arms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dancegen.renderers.compose import make_scene
from dancegen.renderers.puppet.renderer import PuppetRenderer
from dancegen.renderers.retouch.generator import Generator, load_generator
from dancegen.weights.resolve import weights_path
from tests.test_puppet import as_sequence, drawn
from tests.test_rendering import moving

STORED = Path(__file__).parent / "data" / "renderer_case.png"  # `fixed_case` of the shipped weights


@pytest.fixture(scope="module")
def network() -> Generator:
    return load_generator(weights_path("renderer", offline=True))


def fixed_case(network: Generator | None) -> np.ndarray:
    """Two frames side by side: uint8 (160, 256, 3)."""
    subject = drawn(128, 160, 140)
    joints = moving(subject.joints, 2)
    joints[1, [9, 10], 0] -= 14  # a leg to the side: what lies between the legs is the network's
    renderer = PuppetRenderer(network)
    return np.concatenate(list(make_scene(renderer, [subject], 160).frames(as_sequence(joints))), 1)


def test_the_fixed_case_is_the_stored_one(network: Generator) -> None:
    stored = np.asarray(Image.open(STORED).convert("RGB")).astype(int)
    difference = np.abs(fixed_case(network).astype(int) - stored)
    assert difference.mean() < 0.5
    assert (difference.max(-1) > 12).mean() < 0.005


def test_it_paints_little_and_keeps_what_the_picture_shows(network: Generator) -> None:
    difference = np.abs(fixed_case(network).astype(int) - fixed_case(None)).max(-1)
    assert 0.0005 < (difference > 12).mean() < 0.05
