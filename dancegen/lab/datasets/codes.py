"""Phrases as numbers and back: pose values by the beat, and the codes that stand for them.

Glossary: P phrases, G poses by the beat, C = POSE_VALUES, K tokens of a phrase, D numbers of a token, N poses around a
beat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dancegen.choreographers.stg_mamba.prior import REACH, PhraseBasis, shares
from dancegen.choreographers.stg_mamba.sketch import STEPS
from dancegen.lab.datasets.bank import Bank
from dancegen.styles import phrases as stored
from dancegen.styles.arms import with_arms
from dancegen.styles.codes import mirror_values, value_weights

THIN = stored.STEPS // STEPS  # one stored pose of so many is told by a code
EVEN = 0.4  # 0: codes weigh styles by their footage, 1: all styles alike
NOTHING = 1e-4  # of the first direction's deviation: one that phrases do not differ in
FLATTER = 0.5  # codes deviate as this power of how much their directions move a body: the first the most


@dataclass(frozen=True)
class Codec:
    """`rest` (C,), `vectors` (D, N, C), `spread` (D,) of `prior.PhraseBasis`, and what finds codes: `finders`
    (D, N, C)."""

    rest: np.ndarray
    vectors: np.ndarray
    spread: np.ndarray
    finders: np.ndarray

    def encode(self, values: np.ndarray) -> np.ndarray:
        """(P, G, C) -> (P, K, D)."""
        around = surroundings(values - self.rest)  # (P, K, N, C)
        return around.reshape(*around.shape[:2], -1) @ self.finders.reshape(len(self.finders), -1).T

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """(P, K, D) -> (P, G, C)."""
        drawn = np.tensordot(codes.astype(np.float32), self.vectors, 1) * shares()[:, None]  # (P, K, N, C)
        count = codes.shape[1]
        out = np.zeros((len(codes), STEPS * (count - 1) + 2 * REACH + 1, drawn.shape[-1]), np.float32)
        for token in range(count):
            out[:, token * STEPS : token * STEPS + 2 * REACH + 1] += drawn[:, token]
        return self.rest + out[:, REACH : REACH + STEPS * (count - 1) + 1]


def phrase_values(bank: Bank, row: int) -> np.ndarray:
    """A stored phrase as pose values (G', C) float32: directions, root, turning in radians a beat."""
    directions = bank.directions[row].astype(np.float32)
    rate = np.gradient(bank.turn[row].astype(np.float32)) * stored.STEPS
    return np.concatenate([directions.reshape(len(rate), -1), bank.root[row], rate[:, None]], axis=1, dtype=np.float32)


def surroundings(values: np.ndarray) -> np.ndarray:
    """What lies around each beat, by its share: (P, G, C) -> (P, K, N, C); the ends are held."""
    padded = np.concatenate(
        [np.repeat(values[:, :1], REACH, axis=1), values, np.repeat(values[:, -1:], REACH, axis=1)], axis=1
    )
    first = np.arange((values.shape[1] - 1) // STEPS + 1) * STEPS
    return padded[:, first[:, None] + np.arange(2 * REACH + 1)] * shares()[:, None]


def codec_of(basis: PhraseBasis) -> Codec:
    """The codec of a network's basis."""
    rest, vectors, spread = (getattr(basis, name).numpy() for name in ("rest", "vectors", "spread"))
    weights = value_weights()
    power = np.square(vectors * weights).sum(axis=(1, 2), keepdims=True)
    return Codec(rest, vectors, spread, vectors * weights**2 / np.maximum(power, 1e-12))


def fit_codec(bank: Bank, size: int, seed: int, most: int = 3000, base: Codec | None = None) -> Codec:
    """The main directions of the surroundings of beats, over phrases and their mirror images; `size` of them.

    Half of the phrases have the arms of another. Of an earlier codec `base` all directions are kept; added are the
    main ones of what it does not say.
    """
    rng = np.random.default_rng(seed)
    odds = bank.weight.astype(np.float64).copy()
    for style in set(bank.style.tolist()):
        odds[bank.style == style] /= odds[bank.style == style].sum() ** EVEN
    some = rng.choice(len(bank), size=min(most, len(bank)), p=odds / odds.sum())
    values = np.stack([phrase_values(bank, int(row))[::THIN] for row in some])
    half = len(values) // 2
    values[:half] = [with_arms(body, arms) for body, arms in zip(values[:half], values[half:], strict=False)]
    values = np.concatenate([values, mirror_values(values)])  # (2 P, G, C)
    rest, weights = values.mean(axis=(0, 1)) if base is None else base.rest, value_weights()
    around = (surroundings(values - rest) * weights)[:, 1:-1]  # the first and the last are cut off
    shape = around.shape[2:]
    flat = around.reshape(-1, shape[0] * shape[1])
    largest = None
    if base is not None:
        size -= len(base.spread)
        known = (base.vectors * weights).reshape(len(base.spread), -1)
        largest = float(np.linalg.norm(known[0]))
        known /= np.maximum(np.linalg.norm(known, axis=1, keepdims=True), 1e-9)
        flat = flat - flat @ known.T @ known
    powers, directions = np.linalg.eigh((flat.T @ flat / len(flat)).astype(np.float64))
    deviation = np.sqrt(np.maximum(powers[::-1][:size], 1e-12))
    rows = directions[:, ::-1][:, :size].T.reshape(-1, *shape)  # (D, N, C), orthonormal by the weights
    largest = largest or float(deviation[0])
    spread = (deviation / largest) ** FLATTER
    said = (deviation > NOTHING * largest)[:, None, None]  # few phrases have fewer directions
    vectors = said * rows / weights * (deviation / spread)[:, None, None]
    finders = said * rows * weights * (spread / deviation)[:, None, None]
    fitted = Codec(*(array.astype(np.float32) for array in (rest, vectors, spread, finders)))
    if base is None:
        return fitted
    both = (np.concatenate([getattr(base, name), getattr(fitted, name)]) for name in ("vectors", "spread", "finders"))
    return Codec(base.rest, *both)
