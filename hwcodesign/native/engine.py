"""This module computes an accelerator's segments with the native engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.kernels import Segment
from hwcodesign.native.library import native_library
from hwcodesign.native.planning import plan_level, plan_segment
from hwcodesign.native.program import Program

_SEGMENTS: WeakKeyDictionary[Segment, Program] = WeakKeyDictionary()
_LEVELS: WeakKeyDictionary[Accelerator, dict[int, Program]] = WeakKeyDictionary()


def run_segment(segment: Segment, inputs: Sequence[NDArray[Any]], threads: int = 1) -> tuple[NDArray[Any], ...]:
    """Computes a segment's outputs.

    Args:
        inputs: codes of each input, (N, *shape), channels last.
        threads: number of threads that share the samples.

    Returns:
        Codes of each output, (N, *shape), in the narrowest integers that hold them.

    Raises:
        ToolError: the engine cannot be built.
    """
    program = _SEGMENTS.get(segment)
    if program is None:
        library = native_library()
        program = _SEGMENTS[segment] = Program(plan_segment(segment, library), library)
    return _shaped(segment, program.run(inputs, threads))


def run_level(
    accelerator: Accelerator, k: int, inputs: Sequence[NDArray[Any]], threads: int = 1
) -> tuple[tuple[NDArray[Any], ...], NDArray[Any]]:
    """Computes a stage and its head.

    Args:
        k: number of the stage, from 0.
        inputs: codes of each input of the stage, (N, *shape), channels last.
        threads: number of threads that share the samples.

    Returns:
        Codes of the stage's outputs, (N, *shape) each, and the head's, (N, logits).

    Raises:
        ToolError: the engine cannot be built.
    """
    programs = _LEVELS.setdefault(accelerator, {})
    stage, head = accelerator.stages[k], accelerator.heads[k]
    if k not in programs:
        library = native_library()
        programs[k] = Program(plan_level(stage, head, accelerator.head_reads[k], library), library)
    *given, logits = programs[k].run(inputs, threads)
    return _shaped(stage, given), logits


def _shaped(segment: Segment, outputs: Sequence[NDArray[Any]]) -> tuple[NDArray[Any], ...]:
    return tuple(
        codes.reshape(len(codes), *tensor.shape) for codes, tensor in zip(outputs, segment.results, strict=True)
    )
