"""This module translates layers that hls4ml has not (`frontend/own_layers`)."""

from __future__ import annotations

from typing import Any

from hwcodesign.frontend.lowering.reading import Reading, lowers
from hwcodesign.kernels import Activation, Kernel, Upsample2D


@lowers("CodeFunctionLayer")
def _function(layer: Any, reading: Reading) -> None:
    fields, rectify = reading.common(layer), layer.rectifies()
    kernel: Kernel = layer.constants().kernel(**fields) if rectify is None else Activation(**fields, rectify=rectify)
    reading.bind(layer, reading.add(kernel))


@lowers("UpsamplingLayer")
def _upsampling(layer: Any, reading: Reading) -> None:
    factors = int(layer.get_attr("row_factor")), int(layer.get_attr("column_factor"))
    source = reading.cast(layer, reading.source(layer), reading.result(layer))
    kernel = Upsample2D(**reading.common(layer, [source]), factors=factors, zeros=bool(layer.get_attr("zeros")))
    reading.bind(layer, reading.add(kernel))
