"""This module makes the plan of some segments: it fuses kernels, and asks each kind's lowering for operations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hwcodesign.kernels import Segment
from hwcodesign.kernels.tensor import TensorType
from hwcodesign.native.fusing import fused_kernels
from hwcodesign.native.library import NativeLibrary
from hwcodesign.native.lowering import LOWERINGS
from hwcodesign.native.lowering.context import Planning
from hwcodesign.native.plan import ElementType, Plan

#: The kind of kernel that gives its input's elements in their order, and so needs no operation.
_ALIAS = "reshape"


def plan_segment(segment: Segment, library: NativeLibrary) -> Plan:
    """Returns the plan that computes a segment's outputs from its inputs."""
    planning = Planning(library.lanes, library.has_bytes)
    inputs = [_added(planning, tensor) for tensor in segment.inputs]
    outputs = _plan(planning, segment, inputs)
    return _finished(planning, inputs, outputs)


def plan_level(stage: Segment, head: Segment, head_reads: Sequence[int], library: NativeLibrary) -> Plan:
    """Returns the plan that computes a stage and its head: the stage's outputs, and the head's behind them.

    Args:
        head_reads: the outputs of the stage that the head reads.
    """
    planning = Planning(library.lanes, library.has_bytes)
    inputs = [_added(planning, tensor) for tensor in stage.inputs]
    between = _plan(planning, stage, inputs)
    logits = _plan(planning, head, [between[i] for i in head_reads])
    return _finished(planning, inputs, [*between, *logits])


def _finished(planning: Planning, inputs: Sequence[int], outputs: Sequence[int]) -> Plan:
    return Plan(tuple(planning.values), tuple(inputs), tuple(outputs), tuple(planning.operations))


def _added(planning: Planning, tensor: TensorType) -> int:
    """Adds a tensor in the caller's memory."""
    value = planning.value(ElementType.of(tensor.format), tensor.elements)
    planning.external.add(value)
    return value


def _plan(planning: Planning, segment: Segment, inputs: Sequence[int]) -> list[int]:
    """Adds a segment's operations; returns the values of its outputs."""
    known = dict(zip(segment.input_names, inputs, strict=True))
    given = _given(segment)
    for fused in fused_kernels(segment):
        sources, last = [known[name] for name in fused.kernel.inputs], fused.last
        if last.kind == _ALIAS:
            known[last.name] = sources[0]
            continue
        result = planning.value(ElementType.of(last.result), math.prod(last.output_shape))
        if last.name in given:
            planning.external.add(result)
        LOWERINGS[fused.kernel.kind](planning, fused, sources, result)
        known[last.name] = result
    return [known[name] for name in segment.outputs]


def _given(segment: Segment) -> set[str]:
    """Returns the kernels whose result is an output, as it is or reshaped."""
    reads = {kernel.name: kernel.inputs[0] for kernel in segment.kernels if kernel.kind == _ALIAS}
    given = set(segment.outputs)
    while shaped := given & reads.keys():
        given = given - shaped | {reads[name] for name in shaped}
    return given
