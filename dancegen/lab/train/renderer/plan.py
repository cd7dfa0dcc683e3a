"""What a training of G_r does, and when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingPlan:
    """What is trained, when. Shares are of `steps`.

    Attributes:
        steps, batch, seed: optimiser steps, scenes a step, and the seed of everything random.
        rate: the learning rate, reached after 100 steps; falls along a cosine to a tenth.
        large_from: from this share on frames are 256 wide, before 128.
        regularise_from: from this share on L_fsr and L_bsr are added, as far as they are wanted.
        adversarial_from: likewise the discriminator.
        fsr, bsr, gan: the ablation's switches (S2-1: none of fsr and bsr ... S2-4: both).
        bf16: convolutions in bfloat16.
    """

    steps: int = 4000
    batch: int = 4
    seed: int = 0
    rate: float = 6e-4
    large_from: float = 0.97
    regularise_from: float = 0.7
    adversarial_from: float = 0.6
    fsr: bool = True
    bsr: bool = True
    gan: bool = True
    bf16: bool = True
