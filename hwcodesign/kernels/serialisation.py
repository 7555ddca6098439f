"""Kernels to and from JSON and named arrays: what a design folder stores for the software backend."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import DesignError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels.kernel import KERNELS, Kernel

Arrays = dict[str, NDArray[Any]]


def kernel_to_json(kernel: Kernel, prefix: str, arrays: Arrays) -> dict[str, Any]:
    """Describe a kernel; its arrays are added to `arrays` under `prefix` + field name."""
    data: dict[str, Any] = {"kind": kernel.kind}
    for field in dataclasses.fields(kernel):
        data[field.name] = _plain(getattr(kernel, field.name), prefix + field.name, arrays)
    return data


def kernel_from_json(data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Kernel:
    """Rebuild a kernel.

    Raises:
        DesignError: unknown kind, or a field or array that is missing.
    """
    kind = data.get("kind")
    if kind not in KERNELS:
        raise DesignError(f"kernel kind {kind!r} is unknown to this version; it knows {', '.join(sorted(KERNELS))}")
    try:
        return KERNELS[kind](**{name: _rich(value, arrays) for name, value in data.items() if name != "kind"})
    except (KeyError, TypeError) as error:
        raise DesignError(f"kernel {data.get('name')!r} is incomplete: {error}; compile the design again") from None


def _plain(value: Any, key: str, arrays: Arrays) -> Any:
    if isinstance(value, FixedPoint):
        return {"fixed_point": value.to_json()}
    if isinstance(value, np.ndarray):
        arrays[key] = value
        return {"array": key}
    if isinstance(value, tuple):
        return [_plain(item, f"{key}.{i}", arrays) for i, item in enumerate(value)]
    return value


def _rich(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    if isinstance(value, dict):
        return FixedPoint.from_json(value["fixed_point"]) if "fixed_point" in value else arrays[value["array"]]
    if isinstance(value, list):
        return tuple(_rich(item, arrays) for item in value)
    return value
