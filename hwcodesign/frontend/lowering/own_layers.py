"""This module translates layers that hls4ml has not (`frontend/own_layers`)."""

from __future__ import annotations

from typing import Any

from hwcodesign.frontend.lowering.reading import Reading, lowers
from hwcodesign.kernels import Activation, Kernel


@lowers("CodeFunctionLayer")
def _function(layer: Any, reading: Reading) -> None:
    fields, rectify = reading.common(layer), layer.rectifies()
    kernel: Kernel = layer.constants().kernel(**fields) if rectify is None else Activation(**fields, rectify=rectify)
    reading.bind(layer, reading.add(kernel))
