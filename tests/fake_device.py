"""A GPU that is not there: tensors that say they are on CUDA and refuse to meet those that are not.

The arithmetic is the CPU's. What goes wrong on a real GPU and nowhere else, a tensor made on the wrong device or a
`.numpy()` without `.cpu()`, goes wrong here too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

CUDA, CPU = torch.device("cuda"), torch.device("cpu")
INDEXING = (torch.Tensor.__getitem__, torch.Tensor.__setitem__)


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for one in value:
            yield from tensors_in(one)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))


def wanted_device(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.device | None:
    """The device that the arguments of `Tensor.to` or of a factory name, if they name one."""
    for value in (*args, kwargs.get("device"), kwargs.get("other")):
        if isinstance(value, torch.Tensor):
            return value.device
        if isinstance(value, torch.device) or (isinstance(value, str) and value in ("cpu", "cuda")):
            return torch.device(value)
    return None


def on_cpu(value: Any) -> Any:
    """Arguments without the device that does not exist."""
    if isinstance(value, OnGpu):
        return value.as_subclass(torch.Tensor)
    if isinstance(value, torch.device) or (isinstance(value, str) and value == "cuda"):
        return CPU
    return value


class OnGpu(torch.Tensor):
    """A tensor on the GPU that is not there."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func == torch.Tensor.device.__get__:
            return CUDA
        if func == torch.Tensor.is_cuda.__get__:
            return True
        if func is torch.Tensor.to:
            moved = torch.Tensor.to(*map(on_cpu, args), **{key: on_cpu(value) for key, value in kwargs.items()})
            target = wanted_device(args[1:], kwargs)
            stays = isinstance(args[0], OnGpu) if target is None else target == CUDA
            return moved.as_subclass(OnGpu if stays else torch.Tensor)
        if func is torch.Tensor.cpu or (func is torch.Tensor.numpy and kwargs.get("force")):
            return func(on_cpu(args[0]), **kwargs)
        if func in (torch.Tensor.numpy, torch.Tensor.__array__):
            raise TypeError("can't convert a CUDA tensor to numpy: use .cpu() first")
        if func not in (torch.Tensor.copy_, torch.Tensor.as_subclass):
            given = args[:1] if func in INDEXING and isinstance(args[0], OnGpu) else (args, kwargs)
            for tensor in tensors_in(given):
                if not isinstance(tensor, OnGpu) and tensor.dim():
                    raise RuntimeError(f"{getattr(func, '__name__', func)}: tensors on cuda and on the CPU")
        return super().__torch_function__(
            func, types, args, {k: on_cpu(v) if k == "device" else v for k, v in kwargs.items()}
        )


class FakeGpu(TorchFunctionMode):
    """While this is entered, `device="cuda"` and `.to("cuda")` make tensors of `OnGpu`."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if not any(isinstance(tensor, OnGpu) for tensor in tensors_in((args, kwargs))):
            if func is torch.Tensor.to and wanted_device(args[1:], kwargs) == CUDA:
                return OnGpu.__torch_function__(func, types, args, kwargs)
            if func is not torch.Tensor.to and wanted_device((), kwargs) == CUDA:
                return func(*args, **{**kwargs, "device": CPU}).as_subclass(OnGpu)
        return func(*args, **kwargs)


def moved(network: nn.Module) -> nn.Module:
    """A network with its parameters and buffers on the GPU that is not there."""
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(parameter.detach().as_subclass(OnGpu), requires_grad=False))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, buffer.as_subclass(OnGpu))
    return network
