"""This module removes transposes that hardware does not need, because each would store a whole sample.

Front ends that put channels first leave them in front of every flattening, and in pairs around what they do not know.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from hwcodesign.kernels import Kernel, Transpose


def without_transposes(kernels: Sequence[Kernel], outputs: Sequence[str]) -> tuple[tuple[Kernel, ...], tuple[str, ...]]:
    """Returns kernels with the same function and as few transposes as possible.

    * Two in a row are one, or none.
    * One before what treats every value alike goes behind it.
    * One before a flattening that linear layers read is an order of their weights.

    Args:
        kernels: of a segment, in order.
        outputs: those that write its outputs.

    Returns:
        Kernels in order, those that nothing reads left out, and those that then write the outputs.
    """
    done: dict[str, Kernel] = {}
    same: dict[str, str] = {}  # kernels that another one's output, or the input, has replaced
    for kernel in kernels:
        kernel = dataclasses.replace(kernel, inputs=tuple(same.get(name, name) for name in kernel.inputs))  # noqa: PLW2901
        if isinstance(kernel, Transpose):
            kernel = _composed(kernel, done)  # noqa: PLW2901
            if kernel.permutation == (0, 1, 2):
                same[kernel.name] = kernel.inputs[0]
                continue
        kernel = _reordered(kernel, done)  # noqa: PLW2901
        if kernel.is_elementwise:
            kernel, behind = _passed(kernel, done)  # noqa: PLW2901
            if behind is not None:
                done[kernel.name] = kernel
                same[kernel.name] = behind.name
                kernel = behind  # noqa: PLW2901
        done[kernel.name] = kernel
    ends = tuple(same.get(name, name) for name in outputs)
    return _needed(done, ends), ends


def _composed(kernel: Transpose, done: Mapping[str, Kernel]) -> Transpose:
    """Returns the transpose combined with the one before it."""
    before = done.get(kernel.inputs[0])
    if not isinstance(before, Transpose):
        return kernel
    first, second = before.permutation, kernel.permutation
    return dataclasses.replace(
        kernel,
        inputs=before.inputs,
        input_shapes=before.input_shapes,
        permutation=(first[second[0]], first[second[1]], first[second[2]]),
    )


def _passed(kernel: Kernel, done: Mapping[str, Kernel]) -> tuple[Kernel, Transpose | None]:
    """Returns the kernel without the transpose in front of it, and the transpose that then belongs behind it."""
    turned = [before for name in kernel.inputs if isinstance(before := done.get(name), Transpose)]
    if len(turned) < len(kernel.inputs) or len({before.permutation for before in turned}) > 1:
        return kernel, None
    shape = turned[0].input_shapes[0]
    inner = dataclasses.replace(
        kernel,
        inputs=tuple(before.inputs[0] for before in turned),
        input_shapes=tuple(before.input_shapes[0] for before in turned),
        output_shape=shape,
    )
    name, fmt = f"{kernel.name}_turned", kernel.result
    return inner, Transpose(name, (kernel.name,), (fmt,), (shape,), fmt, kernel.output_shape, turned[0].permutation)


def _reordered(kernel: Kernel, done: Mapping[str, Kernel]) -> Kernel:
    """Returns the kernel without the transpose and the flattening in front of it, if it can read their input."""
    flat = done.get(kernel.inputs[0])
    turned = done.get(flat.inputs[0]) if flat is not None and flat.is_flattening else None
    if not isinstance(turned, Transpose):
        return kernel
    inner = kernel.before_transpose(turned.input_shapes[0], turned.permutation)
    return kernel if inner is None else dataclasses.replace(inner, inputs=turned.inputs)


def _needed(done: Mapping[str, Kernel], outputs: Sequence[str]) -> tuple[Kernel, ...]:
    """Returns the kernels that the outputs depend on, in order."""
    wanted = set(outputs)
    for kernel in reversed(list(done.values())):
        if kernel.name in wanted:
            wanted.update(kernel.inputs)
    return tuple(kernel for kernel in done.values() if kernel.name in wanted)
