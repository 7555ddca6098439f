"""Layers that move values and compute nothing; where hls4ml gives them a type of their own, a cast goes before them."""

from __future__ import annotations

from typing import Any

from hwcodesign.backends.lowering.reading import Reading, lowers
from hwcodesign.backends.lowering.weighted import all_padding
from hwcodesign.kernels import Reshape, Transpose


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
    if axes == sorted(axes):
        reading.bind(layer, source)
        return
    if len(axes) != 3:
        raise reading.unsupported(layer, f"orders {len(axes)} axes", "use images and sequences")
    reading.bind(
        layer, reading.add(Transpose(**reading.common(layer, [source]), permutation=(axes[0], axes[1], axes[2])))
    )
