"""A song through the beat network, block by block, so that an hour takes no more memory than a minute."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch

from dancegen.audio.hearing import loudness_gain, mel_levels, pitch_levels
from dancegen.audio.network import BeatNet, BeatNetConfig
from dancegen.audio.spectrum import HOP, root_mean_square
from dancegen.weights.checkpoint import load_checkpoint

BLOCK = 6000  # frames that are kept of a pass: a minute


@cache
def load_beat_net(path: Path) -> BeatNet:
    """The network of a checkpoint, ready to listen; loaded once in a process.

    Raises:
        DancegenError: there is no such checkpoint of this role.
        RuntimeError: its tensors are of other shapes.
    """
    config, state = load_checkpoint(path, BeatNetConfig)
    network = BeatNet(config).eval()
    network.load_state_dict(state)
    return network


def log_odds(samples: np.ndarray, network: BeatNet) -> np.ndarray:
    """How likely each frame is a beat, and a downbeat: (N,) samples -> (2, ceil(N / HOP)) float32 log odds.

    The frames near a block's ends are heard again with what lies around them: where blocks end changes nothing.
    """
    frames = -(-len(samples) // HOP)
    gain = loudness_gain(root_mean_square(samples))
    context = -(-network.config.context // 4) * 4
    out = np.zeros((2, frames), np.float32)
    for first in range(0, frames, BLOCK):
        begin = max(first - context, 0)
        last = min(first + BLOCK, frames)
        count = -(-(min(last + context, frames) - begin) // 4) * 4
        mel = torch.from_numpy(mel_levels(samples, begin, count, gain))[None]  # (1, count, M)
        pitch = torch.from_numpy(pitch_levels(samples, begin, count, gain))[None]  # (1, count / 4, P)
        with torch.inference_mode():
            heard = network(mel, pitch)[0].numpy()  # (2, count)
        out[:, first:last] = heard[:, first - begin : last - begin]
    return out
