"""What each input decides, and dead units, on networks whose answers are known."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from dancegen.lab.datasets.motion import Motion
from dancegen.lab.evaluate.inputs import dead_share, watch
from dancegen.lab.evaluate.styles import judge_windows, mix_moments, style_rows, train_judge
from tests.test_training_choreographer import arm_dance


def test_dead_units_are_counted_and_named() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))
    with torch.no_grad():
        network[0].weight[:2], network[0].bias[:2] = 0, 0.3
    with watch(network) as said:
        network(torch.randn(50, 6))
    network(torch.randn(9, 6))  # what is done later is not watched
    share, worst = dead_share(said)
    assert share == 100 * 2 / 12 and worst == "0" and len(said["0"][0]) == 50


def test_moments_of_styles_are_weighed() -> None:
    first, second = np.zeros((10, 2)), np.ones((1000, 2))
    mean, spread = mix_moments([[first], [second]], [3.0, 1.0])
    assert np.allclose(mean, 0.25) and np.allclose(spread, 0.25 * 0.75)


def test_a_judge_tells_styles_apart_that_differ() -> None:
    slow, fast = arm_dance(20, 1.2, "rumba"), arm_dance(20, 0.3, "salsa")
    other = Motion(np.roll(slow.directions, 5, axis=1), slow.root, "waltz", "elsewhere", 0.0)
    judge = train_judge([slow, fast], [other], steps=80)
    rows = style_rows(judge, {"rumba": [slow.joints], "salsa": [fast.joints]}, [slow])
    assert rows["rumba"]["danced"] > 80 and rows["salsa"]["danced"] > 80
    assert rows["rumba"]["real"] == rows["rumba"]["danced"] and "real" not in rows["salsa"]
    assert len(judge_windows(judge, [slow.joints[:20]])) == 0
