"""This module says who computes the integers of segments in software: the native engine, or NumPy."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.errors import ToolError
from hwcodesign.kernels import Segment
from hwcodesign.kernels.kernel import carrier, largest
from hwcodesign.native import engine, library

Arrays = tuple[NDArray[Any], ...]


class Arithmetic(Protocol):
    """An arithmetic computes segments, exactly.

    Attributes:
        label: what it is called where results are shown.
        samples: most samples that are computed together.
    """

    @property
    def label(self) -> str:
        """Names it where results are shown."""
        ...

    @property
    def samples(self) -> int:
        """Returns the most samples that are computed together."""
        ...

    def batch(self, accelerator: Accelerator) -> int:
        """Returns the samples of an accelerator that are computed together."""
        ...

    def level(self, accelerator: Accelerator, k: int, values: Arrays) -> tuple[Arrays, NDArray[Any]]:
        """Computes a stage and its head.

        Args:
            k: number of the stage, from 0.
            values: codes of each input of the stage, (N, *shape), channels last.

        Returns:
            Codes of the stage's outputs, (N, *shape) each, and the logits, (N, logits).
        """
        ...

    def segment(self, segment: Segment, inputs: Sequence[NDArray[Any]]) -> Arrays:
        """Computes the codes of a segment's outputs from those of its inputs, (N, *shape) each."""
        ...


@dataclass(frozen=True)
class NumpyArithmetic:
    """It computes in floats that hold every integer exactly, with NumPy alone."""

    label: str = "software (numpy)"
    #: Samples at a time: a few MiB of values between kernels, so that they stay in cache.
    samples: int = 128

    def batch(self, accelerator: Accelerator) -> int:  # noqa: ARG002
        """Returns the samples that are computed together."""
        return self.samples

    def level(self, accelerator: Accelerator, k: int, values: Arrays) -> tuple[Arrays, NDArray[Any]]:
        """Computes a stage and its head; see `Arithmetic`."""
        given = self.segment(accelerator.stages[k], values)
        (logits,) = accelerator.heads[k].run(*(given[i] for i in accelerator.head_reads[k]))
        return given, logits

    def segment(self, segment: Segment, inputs: Sequence[NDArray[Any]]) -> Arrays:
        """Computes a segment; see `Arithmetic`."""
        carried = (
            codes.astype(np.promote_types(codes.dtype if codes.dtype.kind == "f" else np.float32, wanted), copy=False)
            for codes, wanted in zip(inputs, (_carrier(segment, i) for i in range(len(inputs))), strict=True)
        )
        return segment.run(*carried)


def _carrier(segment: Segment, i: int) -> type[np.float32] | type[np.float64]:
    """Returns the floats that hold the codes of a segment's input."""
    return carrier(largest(segment.inputs[i].format), f"input {i} of {segment.name}")


@dataclass(frozen=True)
class NativeArithmetic:
    """It computes in integers, with the native engine."""

    label: str = "software (native)"
    #: Most samples at a time, and most bytes of one of their tensors.
    samples: int = 1024
    bytes: int = 16 << 20

    def batch(self, accelerator: Accelerator) -> int:
        """Returns the samples that are computed together."""
        largest_tensor = max(tensor.elements for stage in accelerator.stages for tensor in stage.inputs)
        return max(1, min(self.samples, self.bytes // largest_tensor))

    def level(self, accelerator: Accelerator, k: int, values: Arrays) -> tuple[Arrays, NDArray[Any]]:
        """Computes a stage and its head; see `Arithmetic`."""
        return engine.run_level(accelerator, k, values, threads())

    def segment(self, segment: Segment, inputs: Sequence[NDArray[Any]]) -> Arrays:
        """Computes a segment; see `Arithmetic`."""
        return engine.run_segment(segment, inputs, threads())


NUMPY = NumpyArithmetic()
NATIVE = NativeArithmetic()


def chosen() -> Arithmetic:
    """Returns the native engine where it was built or g++ is, else NumPy.

    It warns where the engine should be there and is not.
    """
    try:
        if not library.is_available():
            return NUMPY
        library.native_library()
    except (ToolError, OSError) as error:
        warnings.warn(f"the native engine is not there, and NumPy computes instead: {error}", stacklevel=2)
        return NUMPY
    return NATIVE


def threads() -> int:
    """Returns the threads that the engine takes: OMP_NUM_THREADS, as other libraries do, else all cores that it may."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
