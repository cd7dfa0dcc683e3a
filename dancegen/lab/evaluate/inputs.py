"""What each input of each network decides, and which units are dead: inputs are swapped one at a time.

- The prior: how far phrases move when another song's sound, another tempo, style of steps or of arms or neighbour is
  told, over how far another draw of noise moves them.
- The network that dances: how far poses move when it hears another song, counts other beats, is told another style or
  is given another sketch, over how far it moves a sketch at all.
- The beat network: how far the odds of beats move when levels or pitches are another song's, over their deviation.

A unit is dead that changes by less than DEAD of what the layer's middle unit changes.

Glossary: B songs, F pieces, Q phrases, K tokens, V = 18 joints.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from dancegen.audio.grid import BeatGrid
from dancegen.audio.network import BeatNet
from dancegen.audio.song import Song
from dancegen.audio.spectrum import loudness_gain, mel_levels, pitch_levels, root_mean_square
from dancegen.body.sequence import place_joints
from dancegen.choreographers.stg_mamba.config import ARM_STYLES, STYLES
from dancegen.choreographers.stg_mamba.dance import Listening, laid_sketch, listen
from dancegen.choreographers.stg_mamba.imagine import Asked, carry
from dancegen.choreographers.stg_mamba.model import Choreographer
from dancegen.choreographers.stg_mamba.prior import common_codes

DEAD = 0.01
FIRST, SECOND = "cha-cha", "rumba"  # the styles that are swapped
PIECES = 150
FRAMES = 2000  # of a song that the beat network hears


def _gap(first: Tensor, second: Tensor) -> float:
    """Mean distance of pose values (..., C), as joints."""
    joints = [place_joints(_limbs(values), values[..., -3:-1].numpy()) for values in (first, second)]
    return float(np.linalg.norm(joints[0] - joints[1], axis=-1).mean())


def _limbs(values: Tensor) -> np.ndarray:
    limbs = values[..., :-3].unflatten(-1, (-1, 3))
    return (limbs / limbs.norm(dim=-1, keepdim=True).clamp_min(1e-4)).numpy()


def prior_inputs(network: Choreographer, songs: Sequence[tuple[Song, BeatGrid]]) -> dict[str, float]:
    """The prior's rows: each input's influence over that of another draw."""
    heard = [listen(song, grid, FIRST, network.ranks.numpy()).heard for song, grid in songs]
    sound = torch.from_numpy(np.concatenate([each.sound[1:5] for each in heard]))  # (Q, U, A)
    period = torch.from_numpy(np.concatenate([np.log(each.period[1:5] / 0.55) for each in heard])).float()
    facts = torch.stack([period, torch.zeros_like(period), torch.zeros_like(period)], dim=1)
    tokens, width = 11, network.config.token
    draw = torch.Generator().manual_seed(0)
    noise, other = (torch.randn(len(sound), 1, tokens, width, generator=draw) for _ in range(2))
    nothing = torch.zeros(len(sound), tokens, width)
    alone = common_codes(nothing, nothing, torch.zeros(len(sound), 2))

    def phrases(
        noise: Tensor, sound: Tensor, facts: Tensor, beside: Tensor, steps: str = FIRST, arms: str = FIRST
    ) -> tuple[Tensor, Tensor]:
        style = torch.tensor([[STYLES.index(steps), ARM_STYLES.index(arms)]]).repeat(len(sound), 1)
        with torch.inference_mode():
            codes = carry(network.prior, noise, Asked(sound, facts, beside, style, 4))[:, 0]
            return codes, network.phrases(codes)

    codes, usual = phrases(noise, sound, facts, alone)
    known = torch.ones(len(sound), 2)
    beside = common_codes(codes.roll(1, 0), codes.roll(2, 0), known)
    slower = facts + torch.tensor([0.3, 0, 0])
    spins = facts + torch.tensor([0, 0, 1.0])
    draws = _gap(usual, phrases(other, sound, facts, alone)[1])
    swapped = {
        "sound": phrases(noise, sound.roll(4, 0), facts, alone),
        "tempo": phrases(noise, sound, slower, alone),
        "spins": phrases(noise, sound, spins, alone),
        "style": phrases(noise, sound, facts, alone, SECOND, SECOND),
        "style of the steps": phrases(noise, sound, facts, alone, SECOND),
        "style of the arms": phrases(noise, sound, facts, alone, FIRST, SECOND),
        "phrases beside": phrases(noise, sound, facts, beside),
    }
    return {f"prior: {name} / another draw": _gap(usual, made) / draws for name, (_, made) in swapped.items()}


def dancing_inputs(network: Choreographer, songs: Sequence[tuple[Song, BeatGrid]]) -> dict[str, float]:
    """The dancing network's rows: each input's influence over how far it moves a sketch at all."""
    heard = [listen(song, grid, FIRST, network.ranks.numpy()) for song, grid in songs]
    heard = [each for each in heard if len(each.mel) >= PIECES]
    poses = PIECES * network.config.poses_per_piece
    mel, beats = (
        torch.from_numpy(np.stack([getattr(each, name)[:PIECES] for each in heard])) for name in ("mel", "clock")
    )
    sketch = torch.from_numpy(np.stack([_sketch_of(network, each, poses) for each in heard]))
    styles = [torch.full((len(heard),), STYLES.index(style)) for style in (FIRST, SECOND)]

    def dance_with(mel: Tensor, beats: Tensor, sketch: Tensor, style: Tensor) -> Tensor:
        with torch.inference_mode():
            turned, placed, rate = network(mel, beats, sketch, style)
            return torch.cat([turned.flatten(2), placed, rate[..., None]], dim=-1)

    usual = dance_with(mel, beats, sketch, styles[0])
    moved = _gap(usual, sketch)
    swapped = {
        "sound": dance_with(mel.roll(1, 0), beats, sketch, styles[0]),
        "beats": dance_with(mel, beats.roll(1, 0), sketch, styles[0]),
        "style": dance_with(mel, beats, sketch, styles[1]),
        "sketch": dance_with(mel, beats, sketch.roll(1, 0), styles[0]),
    }
    rows = {f"dancing network: {name} / what it adds": _gap(usual, made) / moved for name, made in swapped.items()}
    return {"dancing network: what it adds, heights": moved} | rows


def _sketch_of(network: Choreographer, heard: Listening, poses: int) -> np.ndarray:
    """A sketch (poses, C) of phrases imagined without music."""
    count = len(heard.heard.sound)
    noise = torch.randn(count, 1, 11, network.config.token, generator=torch.Generator().manual_seed(1))
    nothing = torch.zeros(count, 11, network.config.token)
    alone = common_codes(nothing, nothing, torch.zeros(count, 2))
    style = torch.full((count, 2), STYLES.index(FIRST))
    asked = Asked(torch.from_numpy(heard.heard.sound), torch.zeros(count, 3), alone, style, 4)
    with torch.inference_mode():
        codes = carry(network.prior, noise, asked)[:, 0]
    return laid_sketch(network, codes, heard, network.config.fps)(0, poses)


def beat_inputs(network: BeatNet, songs: Sequence[Song]) -> dict[str, float]:
    """The beat network's rows: each input's influence over the deviation of the odds of beats."""
    mel, pitch = _levels(songs)
    with torch.inference_mode():
        usual = network(mel, pitch)[:, 0]
        deaf = {"levels": network(mel.roll(1, 0), pitch)[:, 0], "pitches": network(mel, pitch.roll(1, 0))[:, 0]}
    return {
        f"beat network: {name} / deviation": float((usual - odds).abs().mean() / usual.std())
        for name, odds in deaf.items()
    }


def _levels(songs: Sequence[Song]) -> tuple[Tensor, Tensor]:
    """(B, FRAMES, M) mel levels and (B, FRAMES / 4, P) pitches of the songs that are long enough."""
    rows = []
    for song in songs:
        samples = np.asarray(song.samples)
        if len(samples) >= (FRAMES + 100) * 160:
            gain = loudness_gain(root_mean_square(samples))
            rows.append((mel_levels(samples, 0, FRAMES, gain), pitch_levels(samples, 0, FRAMES, gain)))
    return torch.from_numpy(np.stack([row[0] for row in rows])), torch.from_numpy(np.stack([row[1] for row in rows]))


@contextmanager
def watch(network: nn.Module) -> Iterator[dict[str, list[Tensor]]]:
    """What the layers of a network say while it is used: name: outputs (N, C) each."""
    said: dict[str, list[Tensor]] = {}

    def keep(name: str, layer: nn.Module) -> None:
        def hook(_: nn.Module, __: object, out: object) -> None:
            first = out[0] if isinstance(out, tuple) else out
            if isinstance(first, Tensor) and first.dim() >= 2:
                channels = first.transpose(1, 2) if isinstance(layer, nn.Conv1d) else first
                said.setdefault(name, []).append(channels.detach().flatten(0, -2)[:4000])

        hooks.append(layer.register_forward_hook(hook))

    hooks: list = []
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv1d | nn.GRU):
            keep(name, layer)
    try:
        yield said
    finally:
        for hook in hooks:
            hook.remove()


def dead_share(said: dict[str, list[Tensor]]) -> tuple[float, str]:
    """The share of dead units in %, and the layer that has most of them."""
    dead, count, worst = 0, 0, ("", 0)
    for name, outs in said.items():
        spread = torch.cat(outs).float().std(dim=0)
        lost = int((spread < DEAD * spread.median()).sum())
        dead, count = dead + lost, count + len(spread)
        worst = max(worst, (name, lost), key=lambda pair: pair[1])
    return 100 * dead / max(count, 1), worst[0]


def input_rows(
    network: Choreographer, songs: Sequence[tuple[Song, BeatGrid]], beats: BeatNet | None = None
) -> dict[str, float]:
    """Every row of this file."""
    with watch(network) as said:
        rows = prior_inputs(network, songs) | dancing_inputs(network, songs)
    rows["choreographer: dead units, %"] = dead_share(said)[0]
    if beats is not None:
        with watch(beats) as heard:
            rows |= beat_inputs(beats, [song for song, _ in songs])
        rows["beat network: dead units, %"] = dead_share(heard)[0]
    return rows


__all__ = ["beat_inputs", "dancing_inputs", "dead_share", "input_rows", "prior_inputs", "watch"]
