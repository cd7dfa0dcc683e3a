"""The selective scan against a float64 loop, and what a causal scan must not see."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from dancegen.choreographers.stg_mamba.stgm import SelectiveScan, chunked_scan, cuda_kernel, selective_scan


def loop(x: Tensor, dt: Tensor, decay: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """The recurrence as written, step by step in float64."""
    x, dt, decay, b, c = (value.double() for value in (x, dt, decay, b, c))
    batch, length, heads, width = x.shape
    state = torch.zeros(batch, heads, width, b.shape[-1], dtype=torch.float64)
    out = []
    for t in range(length):
        fed = (dt[:, t, :, None] * x[:, t])[..., None] * b[:, t, None, None]
        state = state * torch.exp(dt[:, t] * decay)[..., None, None] + fed
        out.append((state * c[:, t, None, None]).sum(-1))
    return torch.stack(out, dim=1)


def inputs(batch: int, length: int, heads: int = 3, width: int = 4, state: int = 5, seed: int = 0) -> list[Tensor]:
    g = torch.Generator().manual_seed(seed)
    return [
        torch.randn(batch, length, heads, width, generator=g),
        torch.rand(batch, length, heads, generator=g) * 0.8,
        -torch.rand(heads, generator=g) * 4 - 0.1,
        torch.randn(batch, length, state, generator=g),
        torch.randn(batch, length, state, generator=g),
    ]


@pytest.mark.parametrize("length", [1, 2, 18, 23, 24, 25, 80, 100])
@pytest.mark.parametrize("chunk", [7, 24])
def test_equals_the_loop(length: int, chunk: int) -> None:
    args = inputs(3, length)
    assert torch.allclose(chunked_scan(*args, chunk=chunk).double(), loop(*args), atol=2e-5)


def test_gradients_equal_the_loops() -> None:
    one = [value.clone().requires_grad_() for value in inputs(2, 30)]
    other = [value.clone().requires_grad_() for value in inputs(2, 30)]
    chunked_scan(*one, chunk=8).square().sum().backward()
    loop(*other).square().sum().backward()
    for a, b in zip(one, other, strict=True):
        assert a.grad is not None and b.grad is not None
        assert torch.allclose(a.grad, b.grad, rtol=1e-3, atol=1e-3)


def test_strong_decay_gives_no_nan() -> None:
    x, dt, decay, b, c = inputs(2, 60)
    x.requires_grad_()
    y = chunked_scan(x, dt * 100, decay * 100, b, c)
    y.sum().backward()
    assert torch.isfinite(y).all() and x.grad is not None and torch.isfinite(x.grad).all()


def test_the_mixer_ignores_the_future() -> None:
    torch.manual_seed(0)
    mixer = SelectiveScan(32, state=8, expand=2, head_width=16, conv_width=3)
    u = torch.randn(2, 50, 32)
    changed = u.clone()
    changed[:, 30:] += 1
    assert torch.allclose(mixer(u)[:, :30], mixer(changed)[:, :30], atol=1e-6)
    assert not torch.allclose(mixer(u)[:, 30:], mixer(changed)[:, 30:])


def test_the_shifted_convolution_equals_conv1d() -> None:
    torch.manual_seed(0)
    mixer = SelectiveScan(16, state=4, expand=1, head_width=8, conv_width=4)
    x = torch.randn(2, 11, 24)
    expected = mixer.conv1d(x.transpose(1, 2))[..., :11].transpose(1, 2)
    assert torch.allclose(mixer._causal_conv(x), expected, atol=1e-6)


def test_parameter_names_are_mamba_ssms() -> None:
    names = {name for name, _ in SelectiveScan(32, 16, 1, 16, 4).named_parameters()}
    assert names == {
        "in_proj.weight",
        "conv1d.weight",
        "conv1d.bias",
        "dt_bias",
        "A_log",
        "D",
        "norm.weight",
        "out_proj.weight",
    }


@pytest.mark.skipif(not torch.cuda.is_available() or cuda_kernel() is None, reason="needs CUDA and mamba-ssm")
def test_the_kernel_equals_the_loop() -> None:
    args = inputs(2, 100, heads=2, width=16, state=16)
    made = selective_scan(*(value.cuda() for value in args)).cpu()
    assert torch.allclose(made.double(), loop(*args), atol=1e-3)
