"""What computes in software in tests: the native engine, held to NumPy on the first samples of every call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.kernels import Segment
from hwcodesign.runtime.arithmetic import NATIVE, NUMPY, Arrays

#: Samples of a call that NumPy computes too.
HELD = 64


@dataclass(frozen=True)
class Compared:
    """It gives what the native engine gives, under its name, if NumPy gives the same."""

    label: str = NATIVE.label
    samples: int = NATIVE.samples

    def batch(self, accelerator: Accelerator) -> int:
        return NATIVE.batch(accelerator)

    def level(self, accelerator: Accelerator, k: int, values: Arrays) -> tuple[Arrays, NDArray[Any]]:
        given, logits = NATIVE.level(accelerator, k, values)
        wanted, wanted_logits = NUMPY.level(accelerator, k, tuple(tensor[:HELD] for tensor in values))
        _hold([*given, logits], [*wanted, wanted_logits], accelerator.stages[k].name)
        return given, logits

    def segment(self, segment: Segment, inputs: Sequence[NDArray[Any]]) -> Arrays:
        given = NATIVE.segment(segment, inputs)
        _hold(given, NUMPY.segment(segment, [tensor[:HELD] for tensor in inputs]), segment.name)
        return given


def _hold(given: Sequence[NDArray[Any]], wanted: Sequence[NDArray[Any]], name: str) -> None:
    for a, b in zip(given, wanted, strict=True):
        assert np.array_equal(a[:HELD], b), f"{name}: the native engine and NumPy differ"
