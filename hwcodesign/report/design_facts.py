"""This module says in plain data what a design is made of: segments, kernels, units, resources and operations."""

from __future__ import annotations

import re
from typing import Any

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate, BlockEstimate
from hwcodesign.design import Design
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.hardware.estimate import estimated
from hwcodesign.hardware.implementation import AUTO, DEFAULT, DEFAULTS, REGISTERS, Implementation
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.hardware.unit import Unit
from hwcodesign.kernels import Kernel, Segment
from hwcodesign.kernels.tensor import suffix
from hwcodesign.report.schema import KernelReport, OperationsReport, ResourcesReport, SegmentReport


def segment_reports(design: Design, hardware: Hardware | None) -> list[SegmentReport]:
    """Returns the segments of a design.

    Args:
        design: the design.
        hardware: its hardware; None where it has no RTL.
    """
    cycles = design.manifest["cycles"]["segments"] if design.has_rtl else {}
    estimate = AcceleratorEstimate.of(hardware) if hardware else None
    found: list[SegmentReport] = []
    for number, segment in enumerate(design.accelerator.segments):
        placed = hardware.netlists[number].blocks if hardware else ()
        units = {block.unit.kernel.name: block.unit for block in placed if block.unit is not None}
        taken = [block for block in estimate.blocks if block.block == segment.name] if estimate else []
        built = design.accelerator.implementations.get(segment.name, DEFAULTS)
        own = cycles.get(segment.name, {})
        found.append(
            {
                "name": segment.name,
                "reads": _tensors(segment.inputs),
                "writes": _tensors(segment.results),
                "latency": own.get("latency"),
                "interval": own.get("interval"),
                "kernels": [
                    _kernel(kernel, units.get(kernel.name), built.get(kernel.name, DEFAULT), taken)
                    for kernel in segment.kernels
                ],
            }
        )
    return found


def _tensors(tensors: Any) -> str:
    return " and ".join(f"{_shape(tensor.shape)} of {tensor.format}" for tensor in tensors)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _kernel(kernel: Kernel, unit: Unit[Any] | None, built: Implementation, taken: list[BlockEstimate]) -> KernelReport:
    reads = zip(kernel.input_formats, kernel.input_shapes, strict=True)
    weights = getattr(kernel, "weight_format", None)
    latency, interval = _pace(unit) if unit is not None else (None, None)
    resources = [block.resources for block in taken if block.layer == kernel.name]
    return {
        "name": kernel.name,
        "kind": kernel.kind,
        "reads": " and ".join(f"{_shape(shape)} of {fmt}" for fmt, shape in reads),
        "writes": f"{_shape(kernel.output_shape)} of {kernel.result}",
        "weights": str(weights) if weights is not None else "",
        "macs": kernel.macs,
        "parameters": kernel.parameters,
        "unit": None if unit is None else "wires" if unit.is_wires else _words(type(unit).__name__),
        "folding": _folding(built) if kernel.macs else "",
        "latency": latency,
        "interval": interval,
        "resources": _sum(resources).to_json() if unit is not None else None,
    }


def _words(name: str) -> str:
    """Returns "FoldedConv2d" as "folded conv2d"."""
    return " ".join(re.findall("[A-Z][a-z0-9]*", name)).lower() or name


def _folding(built: Implementation) -> str:
    text = f"reuse factor {built.reuse_factor}, {built.strategy.replace('_', ' ')}"
    if built.windows != REGISTERS:
        text += f", windows in {built.windows}"
    if built.pixels > 1:
        text += f", {built.pixels} pixels a beat"
    return text if built.weights == AUTO else f"{text}, weights in {built.weights} RAM"


def _pace(unit: Unit[Any]) -> tuple[int | None, float | None]:
    """Returns the latency and the interval of a unit alone, if there is a formula for them."""
    try:
        found = estimated(unit.timing, unit.reads[0].beats)
    except NotImplementedError:
        return None, None
    return found.latency, found.interval


def _sum(resources: list[Resources]) -> Resources:
    return sum(resources, Resources())


def resources_report(design: Design, hardware: Hardware) -> ResourcesReport:
    """Returns the resources of a design with RTL."""
    estimate, board = AcceleratorEstimate.of(hardware), design.board
    blocks: dict[str, list[Resources]] = {}
    for block in estimate.blocks:
        blocks.setdefault(block.block, []).append(block.resources)
    return {
        "board": board.name,
        "capacity": board.capacity.to_json(),
        "blocks": [(name, _sum(parts).to_json()) for name, parts in blocks.items()],
        "estimated": estimate.total.to_json(),
        "missing": list(estimate.missing),
    }


def operations_reports(accelerator: Accelerator) -> list[OperationsReport]:
    """Returns the counted operations of stages, heads and buffers, in data order."""
    found: list[OperationsReport] = []
    for number, segment in enumerate(accelerator.segments):
        k, is_head = divmod(number, 2)
        moved = sum(tensor.elements * tensor.format.width for tensor in segment.results)
        found.append(_operations(segment.name, k, segment, moved))
        if is_head and k < accelerator.exits - 1:
            for i, tensor in enumerate(accelerator.stages[k].results):
                bits = tensor.elements * tensor.format.width
                found.append(_operations(f"buffer{k}{suffix(i)}", k, None, bits))
    return found


def _operations(name: str, k: int, segment: Segment | None, moved: int) -> OperationsReport:
    kernels = segment.kernels if segment else ()
    return {
        "part": name,
        "exit": k,
        "macs": sum(kernel.macs for kernel in kernels),
        "bit_products": sum(kernel.macs * _product_bits(kernel) for kernel in kernels),
        "moved_bits": moved,
    }


def _product_bits(kernel: Kernel) -> int:
    """Returns weight bits times input bits; of products of two tensors, the bits of both."""
    weights = getattr(kernel, "weight_format", kernel.input_formats[-1])
    return int(weights.width * kernel.input_formats[0].width)
