"""This module hands plans to the native library, and runs them on arrays."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from functools import singledispatchmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.native.library import NativeLibrary
from hwcodesign.native.memory import placed
from hwcodesign.native.plan import Depthwise, Elements, Moved, Padded, Plan, Pool, Products
from hwcodesign.native.steps import Chain, Step

#: Bytes of a block of samples: about what stays in a processor's own cache.
_BLOCK = 1 << 18
_MOST_SAMPLES = 64


class _ValueConfig(ctypes.Structure):
    _fields_ = (("type", ctypes.c_int32), ("elements", ctypes.c_int64), ("place", ctypes.c_int64))


def _structure(name: str, ints: str, longs: str, pointers: str) -> type[ctypes.Structure]:
    """A structure of the engine: 32-bit integers, 64-bit integers, and pointers to such, in this order."""
    fields = [(field, ctypes.c_int32) for field in ints.split()]
    fields += [(field, ctypes.c_int64) for field in longs.split()]  # type: ignore[misc]
    fields += [(field, ctypes.c_void_p) for field in pointers.split()]  # type: ignore[misc]
    return type(name, (ctypes.Structure,), {"_fields_": tuple(fields)})


_StepConfig = _structure(
    "StepConfig",
    "",
    "kind shift add if_negative if_odd overflow low high channels count",
    "first second levels",
)
_ProductsConfig = _structure(
    "ProductsConfig",
    "source result multiply unused",
    "places phases runs run_length outputs",
    "in_places out_places phase_places run_places weights shifts bias",
)
_DepthwiseConfig = _structure(
    "DepthwiseConfig",
    "source result sums_are_wide unused",
    "places taps channels",
    "in_places tap_places weights shifts bias",
)
_PoolConfig = _structure(
    "PoolConfig",
    "source result maximum with_zero",
    "shift rows columns channels pool_rows pool_columns stride_rows stride_columns top left out_rows out_columns",
    "row_counts column_counts",
)
_ElementsConfig = _structure(
    "ElementsConfig",
    "first second result first_shift second_shift unused",
    "pixels channels out_channels out_first",
    "",
)
_PaddedConfig = _structure(
    "PaddedConfig", "source result offset unused", "rows columns channels top bottom left right", ""
)
_MovedConfig = _structure("MovedConfig", "source result", "elements", "places")


class Program:
    """A program is a plan in the native library.

    Args:
        plan: what is computed.
        library: the engine.
    """

    def __init__(self, plan: Plan, library: NativeLibrary) -> None:
        self._plan, self._functions = plan, library.functions
        self._given = [value for value in dict.fromkeys(plan.outputs) if value not in plan.inputs]
        most = max(1, min(_MOST_SAMPLES, _BLOCK // max(1, placed(plan, 1).bytes)))
        memory = placed(plan, most)
        configs = [
            _ValueConfig(int(value.type), value.elements, place)
            for value, place in zip(plan.values, memory.places, strict=True)
        ]
        values = (_ValueConfig * len(configs))(*configs)
        self._program = ctypes.c_void_p(
            self._functions.hwc_program(
                values,
                len(values),
                *_positions(plan.inputs),
                *_positions(self._given),
                ctypes.c_int64(memory.bytes),
                most,
            )
        )
        weakref.finalize(self, self._functions.hwc_free, self._program)
        for operation in plan.operations:
            self._append(operation)

    def run(self, inputs: Sequence[NDArray[Any]], threads: int = 1) -> tuple[NDArray[Any], ...]:
        """Computes the outputs of all samples.

        Args:
            inputs: codes of each input, (N, ...) in any integer or float dtype, each with as many elements as a sample
                has.
            threads: number of threads that share the samples.

        Returns:
            Codes of each output, (N, elements), in the narrowest integers that hold them.
        """
        plan, samples = self._plan, len(inputs[0])
        found: dict[int, NDArray[Any]] = {}
        for position, codes in zip(plan.inputs, inputs, strict=True):
            value = plan.values[position]
            found[position] = np.ascontiguousarray(codes, value.type.dtype).reshape(samples, value.elements)
        for position in self._given:
            value = plan.values[position]
            found[position] = np.empty((samples, value.elements), value.type.dtype)
        self._functions.hwc_run(
            self._program,
            ctypes.c_int64(samples),
            _addresses([found[position] for position in plan.inputs]),
            _addresses([found[position] for position in self._given]),
            threads,
        )
        return tuple(found[position] for position in plan.outputs)

    @singledispatchmethod
    def _append(self, operation: object) -> None:
        raise AssertionError(f"the engine has no {type(operation).__name__}")

    @_append.register
    def _(self, operation: Products) -> None:
        runs, length, outputs = operation.weights.shape
        config = _ProductsConfig(
            operation.source,
            operation.result,
            int(operation.multiply),
            0,
            len(operation.in_places),
            len(operation.phases),
            runs,
            length,
            outputs,
            *map(_address, (operation.in_places, operation.out_places, operation.phases, operation.runs)),
            *map(_address, (operation.weights, operation.shifts, operation.bias)),
        )
        self._functions.hwc_products(self._program, ctypes.byref(config), *_steps(operation.chain))

    @_append.register
    def _(self, operation: Depthwise) -> None:
        taps, channels = operation.weights.shape
        config = _DepthwiseConfig(
            operation.source,
            operation.result,
            int(operation.are_wide),
            0,
            len(operation.in_places),
            taps,
            channels,
            *map(_address, (operation.in_places, operation.taps, operation.weights)),
            *map(_address, (operation.shifts, operation.bias)),
        )
        self._functions.hwc_depthwise(self._program, ctypes.byref(config), *_steps(operation.chain))

    @_append.register
    def _(self, operation: Pool) -> None:
        config = _PoolConfig(
            operation.source,
            operation.result,
            int(operation.maximum),
            int(operation.with_zero),
            operation.shift,
            *operation.shape,
            *operation.pool,
            *operation.stride,
            *operation.padding,
            *map(len, operation.counts),
            *map(_address, operation.counts),
        )
        self._functions.hwc_pool(self._program, ctypes.byref(config), *_steps(operation.chain))

    @_append.register
    def _(self, operation: Elements) -> None:
        config = _ElementsConfig(
            *(*operation.sources, -1)[:2],
            operation.result,
            *(*operation.shifts, 0)[:2],
            0,
            operation.pixels,
            operation.channels,
            operation.out_channels,
            operation.first,
        )
        self._functions.hwc_elements(self._program, ctypes.byref(config), *_steps(operation.chain))

    @_append.register
    def _(self, operation: Padded) -> None:
        config = _PaddedConfig(
            operation.source, operation.result, operation.offset, 0, *operation.shape, *operation.padding
        )
        self._functions.hwc_padded(self._program, ctypes.byref(config))

    @_append.register
    def _(self, operation: Moved) -> None:
        config = _MovedConfig(operation.source, operation.result, len(operation.places), _address(operation.places))
        self._functions.hwc_moved(self._program, ctypes.byref(config))


def _steps(chain: Chain) -> tuple[Any, ctypes.c_int, ctypes.c_int]:
    """Returns the arguments that say the steps behind an operation."""
    configs = (_StepConfig * len(chain.steps))(*(_step(step) for step in chain.steps))
    return configs, ctypes.c_int(len(chain.steps)), ctypes.c_int(chain.is_wide)


def _step(step: Step) -> Any:
    channels = len(step.second)  # a table's entries are no channels
    count = step.levels.shape[1] if step.levels.size else len(step.first)
    return _StepConfig(
        int(step.kind),
        step.shift,
        step.add,
        step.if_negative,
        step.if_odd,
        int(step.overflow),
        *step.limits,
        channels,
        count,
        *map(_address, (step.first, step.second, step.levels)),
    )


def _address(array: NDArray[np.int64]) -> int | None:
    """Returns the address of 64-bit integers; the array belongs to the plan, which outlives the call."""
    assert array.dtype == np.int64, array.dtype
    assert array.flags.c_contiguous
    return array.ctypes.data if array.size else None


def _addresses(arrays: Sequence[NDArray[Any]]) -> Any:
    return (ctypes.c_void_p * len(arrays))(*(array.ctypes.data for array in arrays))


def _positions(values: Sequence[int]) -> tuple[Any, int]:
    return (ctypes.c_int32 * len(values))(*values), len(values)
