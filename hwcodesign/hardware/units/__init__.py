"""This package holds the units, by the kind of kernel that they build, and the choice among them.

There is one module per kernel, or per architecture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hwcodesign.choices import not_known
from hwcodesign.errors import DesignError
from hwcodesign.hardware.implementation import DISTRIBUTED, MEMORY, REGISTERS, Implementation, Implementations
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.unit import Unit
from hwcodesign.hardware.units.activation import Casts
from hwcodesign.hardware.units.add import Sum
from hwcodesign.hardware.units.affine import ScalesByAdders, ScalesByMultipliers
from hwcodesign.hardware.units.average_pool2d import AverageOfWindows
from hwcodesign.hardware.units.code_table import LookUp
from hwcodesign.hardware.units.concatenate import SideBySide
from hwcodesign.hardware.units.conv2d import ConvolutionByAdders, ConvolutionByMultipliers, window_of
from hwcodesign.hardware.units.dense import LinearByAdders, LinearByMultipliers
from hwcodesign.hardware.units.distributed import DistributedConvolution, DistributedLinear
from hwcodesign.hardware.units.folded_conv2d import FoldedConvolution, FoldedDepthwiseConvolution
from hwcodesign.hardware.units.folded_pool2d import FoldedAverage, FoldedMaximum
from hwcodesign.hardware.units.global_pool import RunningPool
from hwcodesign.hardware.units.max_pool2d import MaximumOfWindows
from hwcodesign.hardware.units.reshape import Wires
from hwcodesign.hardware.units.thresholds import Bisection
from hwcodesign.hardware.units.transpose import InOrder, StoredFrames
from hwcodesign.hardware.units.upsample2d import StoredRow
from hwcodesign.kernels import Conv2D, Kernel, Segment

_CONVOLUTIONS = (
    ConvolutionByAdders,
    ConvolutionByMultipliers,
    DistributedConvolution,
    FoldedDepthwiseConvolution,
    FoldedConvolution,
)
#: By kind of kernel; the first that has the strategy and fits is taken.
UNITS: Mapping[str, tuple[type[Unit[Any]], ...]] = {
    "activation": (Casts,),
    "add": (Sum,),
    "affine": (ScalesByAdders, ScalesByMultipliers),
    "average_pool2d": (FoldedAverage, AverageOfWindows),
    "concatenate": (SideBySide,),
    "conv2d": _CONVOLUTIONS,
    "dense": (LinearByAdders, LinearByMultipliers, DistributedLinear),
    "global_pool": (RunningPool,),
    "max_pool2d": (FoldedMaximum, MaximumOfWindows),
    "reshape": (Wires,),
    "code_table": (LookUp,),
    "thresholds": (Bisection,),
    "transpose": (InOrder, StoredFrames),
    "upsample2d": (StoredRow,),
    "zero_columns": _CONVOLUTIONS,
}


def strategies_of(kind: str) -> tuple[str, ...]:
    """Returns the strategies for which a kind of kernel has units."""
    return tuple(dict.fromkeys(strategy for unit in UNITS[kind] for strategy in unit.strategies))


def reads_memory(kernel: Kernel) -> bool:
    """Returns whether there are units for such a kernel that read windows from memory only."""
    return any(unit.windows == (MEMORY,) for unit in UNITS[kernel.kind])


def possible_pixels(kernel: Kernel) -> list[int]:
    """Returns the numbers of pixels of a beat that an implementation of a kernel may ask for: 1 of most kinds."""
    return window_of(kernel).possible_pixels if isinstance(kernel, Conv2D) else [1]


def unit_of(
    kernel: Kernel, implementation: Implementation, offered: tuple[Stream, ...], module: str = "generated"
) -> Unit[Any]:
    """Returns the unit that is chosen for a kernel.

    Args:
        kernel: the kernel.
        implementation: its implementation.
        offered: streams that come; those that the unit reads may differ.
        module: name for a module that is generated for it.

    Raises:
        DesignError: no unit of this kind of kernel has the strategy, or the pixels of a beat.
    """
    for known in UNITS[kernel.kind]:
        unit = known(kernel, implementation, offered, module)
        if unit.is_asked_for and unit.fits:
            return unit
    raise _no_unit(kernel, implementation)


def check_implementations(segment: Segment, implementations: Implementations) -> None:
    """Refuses implementations of kernels that a segment does not have, or with strategies that no unit has.

    Raises:
        DesignError: there is such an implementation; the message names the kernel.
    """
    kernels = {kernel.name: kernel for kernel in segment.kernels}
    for name, implementation in implementations.items():
        if name not in kernels:
            what = f"{segment.name}: kernel {name!r} of an implementation"
            raise DesignError(not_known(what, name, sorted(kernels)))
        if implementation.strategy not in strategies_of(kernels[name].kind):
            raise _no_unit(kernels[name], implementation)
        refused = why_not_pixels(kernels[name], implementation)
        if refused:
            raise DesignError(f"{name}: {refused}")


def why_not_pixels(kernel: Kernel, implementation: Implementation) -> str | None:
    """Says why a kernel cannot take the pixels of a beat that an implementation asks for; None where it can.

    Args:
        kernel: the kernel.
        implementation: its implementation.
    """
    asked = implementation.pixels
    if asked == 1:
        return None
    if not isinstance(kernel, Conv2D):
        return f"pixels={asked} is for convolutions, and its kind is {kernel.kind}: leave it out, it takes what comes"
    other = ""
    if implementation.windows != REGISTERS:
        other = f"windows={implementation.windows!r}"
    elif implementation.strategy == DISTRIBUTED:
        other = f"strategy={implementation.strategy!r}"
    if other:
        return f"pixels={asked} needs windows={REGISTERS!r} and multipliers, and {other} is asked for: use pixels=1"
    possible = possible_pixels(kernel)
    if asked in possible:
        return None
    columns, results, step = kernel.input_shapes[0][1], kernel.output_shape[1], kernel.stride[1]
    return (
        f"pixels={asked} does not cut its rows of {columns} pixels, and of {results} results {step} pixels apart, into "
        f"whole beats: use {' or '.join(f'pixels={pixels}' for pixels in possible)}"
    )


def _no_unit(kernel: Kernel, implementation: Implementation) -> DesignError:
    refused = why_not_pixels(kernel, implementation)
    if refused and implementation.strategy in strategies_of(kernel.kind):
        return DesignError(f"{kernel.name}: {refused}")
    return DesignError(
        f"{kernel.name}: there is no hardware for a kernel of kind {kernel.kind} with strategy "
        f"{implementation.strategy!r}: give it {' or '.join(map(repr, strategies_of(kernel.kind)))}"
    )
