"""Fields of JSON that somebody may have edited by hand: each is of its type and within its limits, or named."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from dancegen.errors import DancegenError

LARGEST_NUMBER = 1e300
SHOWN = 40  # characters of a wrong value in a message


def is_number(value: Any) -> bool:
    """Whether it is a finite number (true and false are none)."""
    return type(value) in (int, float) and -LARGEST_NUMBER <= value <= LARGEST_NUMBER  # NaN is in no range


def describe_value(value: Any) -> str:
    """A wrong value for a message."""
    if isinstance(value, np.ndarray | list):
        return f"a list of {len(value)}"
    return "an object" if isinstance(value, dict) else json.dumps(value)[:SHOWN]


def field(content: dict[str, Any], key: str, prefix: str) -> Any:
    """The value of `key`; messages of all functions here begin with `prefix`."""
    if key not in content:
        raise DancegenError(f'{prefix}"{key}" is missing')
    return content[key]


def number(content: dict[str, Any], key: str, low: float, high: float, prefix: str = "") -> float:
    """A finite number from `low` to `high`."""
    value = field(content, key, prefix)
    if not is_number(value) or not low <= value <= high:
        raise DancegenError(f'{prefix}"{key}" is {describe_value(value)}, not a number from {low:g} to {high:g}')
    return value


def whole_number(content: dict[str, Any], key: str, prefix: str = "") -> int:
    """A whole number."""
    value = field(content, key, prefix)
    if type(value) is not int:
        raise DancegenError(f'{prefix}"{key}" is {describe_value(value)}, not a whole number')
    return value


def text(content: dict[str, Any], key: str, prefix: str = "") -> str:
    """A text."""
    value = field(content, key, prefix)
    if not isinstance(value, str):
        raise DancegenError(f'{prefix}"{key}" is {describe_value(value)}, not text')
    return value


def object_(content: dict[str, Any], key: str, prefix: str = "") -> dict[str, Any]:
    """An object."""
    value = field(content, key, prefix)
    if not isinstance(value, dict):
        raise DancegenError(f'{prefix}"{key}" is not an object')
    return value


def objects(content: dict[str, Any], key: str, prefix: str = "") -> list[dict[str, Any]]:
    """A list of objects, empty where there is none."""
    listed = values(content, key, prefix) if content.get(key) is not None else []
    if not all(isinstance(one, dict) for one in listed):
        raise DancegenError(f'{prefix}"{key}" is not a list of objects')
    return listed


def values(content: dict[str, Any], key: str, prefix: str = "") -> list[Any]:
    """A list."""
    value = field(content, key, prefix)
    if isinstance(value, np.ndarray):
        return list(value) if value.ndim > 1 else value.tolist()
    if not isinstance(value, list):
        raise DancegenError(f'{prefix}"{key}" is not a list')
    return value


def numbers(content: dict[str, Any], key: str, prefix: str = "") -> np.ndarray:
    """A list of finite numbers, (N,) float64."""
    listed = values(content, key, prefix)
    if not all(is_number(one) for one in listed):
        raise DancegenError(f'{prefix}"{key}" holds something that is not a number')
    return np.asarray(listed, np.float64)
