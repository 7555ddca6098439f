"""This module finds the numbers that a module computes with, such as the 0.3 of `0.3 * x` and the slope of LeakyReLU.

They are Python's, in float64, and ONNX keeps them in float32. In between, a product may lie on another side of the
middle of two codes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


def numbers_in(module: nn.Module, given: Sequence[Tensor]) -> dict[float, float]:
    """Calls a module on tensors, and returns every number that a function of them was given, by its float32."""
    listening = _Listening()
    with torch.no_grad(), listening:
        module(*given)
    return listening.found


class _Listening(TorchFunctionMode):
    """It notes the numbers that functions of tensors are given."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[float, float] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: object,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        if any(hasattr(value, "__torch_function__") for value in args):  # Brevitas' tensors are no `Tensor`
            numbers = [value for value in (*args, *named.values()) if isinstance(value, float)]
            if getattr(func, "__name__", "") == "rrelu" and numbers:
                numbers.append(sum(numbers) / len(numbers))  # the slope, where nothing is trained
            self.found.update({float(np.float32(value)): value for value in numbers})
        return func(*args, **named)
