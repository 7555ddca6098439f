"""Layers that move values and compute nothing; where hls4ml gives them a type of their own, a cast goes before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hwcodesign.frontend.lowering.reading import Reading, lowers
from hwcodesign.frontend.lowering.weighted import all_padding
from hwcodesign.kernels import Reshape, Transpose, Upsample2D


@lowers("ZeroPadding1D", "ZeroPadding2D")
def _zero_padding(layer: Any, reading: Reading) -> None:
    source = reading.cast(layer, reading.sources[layer.inputs[0]], reading.result(layer))
    reading.bind(layer, source, all_padding(layer, reading))


@lowers("Clone")
def _clone(layer: Any, reading: Reading) -> None:
    source = reading.cast(layer, reading.sources[layer.inputs[0]], reading.result(layer))
    reading.bind(layer, source, reading.padded(layer))


@lowers("Reshape", "Repack")
def _reshape(layer: Any, reading: Reading) -> None:
    source = reading.cast(layer, reading.source(layer), reading.result(layer))
    fields = reading.common(layer, [source])
    if fields["output_shape"] == reading.shapes[source]:
        reading.bind(layer, source)
        return
    reading.bind(layer, reading.add(Reshape(**fields)))


@lowers("Transpose")
def _transpose(layer: Any, reading: Reading) -> None:
    source = reading.cast(layer, reading.source(layer), reading.result(layer))
    axes = [int(axis) for axis in layer.get_attr("perm")]
    if len(axes) == 2:
        axes = [0, *(axis + 1 for axis in axes)]
    if len(axes) not in (1, 3):
        raise reading.unsupported(layer, f"orders {len(axes)} axes", "use images and sequences")
    reading.bind(layer, transposed(reading, layer.name, source, axes))


@lowers("Resize")
def _resize(layer: Any, reading: Reading) -> None:
    source = reading.cast(layer, reading.source(layer), reading.result(layer))
    fields = reading.common(layer, [source])
    given, wanted = fields["input_shapes"][0], fields["output_shape"]
    algorithm = str(layer.get_attr("algorithm"))
    if algorithm != "nearest":
        raise reading.unsupported(layer, f"is {algorithm}, which has no exact kernel", "use mode='nearest'")
    if len(given) != 3 or wanted[2] != given[2] or any(wanted[axis] % given[axis] for axis in (0, 1)):
        raise reading.unsupported(
            layer, f"makes {wanted} of {given}", "have its channels last, and make images larger by whole factors"
        )
    factors = wanted[0] // given[0], wanted[1] // given[1]
    reading.bind(layer, reading.add(Upsample2D(**fields, factors=factors, zeros=False)))


def transposed(reading: Reading, name: str, source: str, axes: Sequence[int]) -> str:
    """Returns a kernel that orders the axes of another's output."""
    if list(axes) == sorted(axes):
        return source
    fmt, shape = reading.formats[source], reading.shapes[source]
    result = tuple(shape[axis] for axis in axes)
    moved = [axis for axis in axes if shape[axis] > 1]
    if moved == sorted(moved):  # only axes of length one change places
        return reading.add(Reshape(name, (source,), (fmt,), (shape,), fmt, result))
    return reading.add(Transpose(name, (source,), (fmt,), (shape,), fmt, result, (axes[0], axes[1], axes[2])))
