"""This module holds hls4ml's layer of a function of one code and its quantiser.

Which constants it has depends on the format that hls4ml finds for its input, so they are computed when they are first
asked for.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hls4ml.model.attributes import Attribute
from hls4ml.model.layers import Layer
from onnx import NodeProto

from hwcodesign.fixedpoint import FixedPoint, Overflow
from hwcodesign.frontend.own_layers.own_layer import own_layer, precision_of
from hwcodesign.frontend.quantised_functions import (
    QuantisedFunction,
    TableConstants,
    ThresholdConstants,
    constants_of,
    rectifies,
)
from hwcodesign.networks.boundaries import ROUNDINGS
from hwcodesign.networks.graphs.code_functions import CodeFunction
from hwcodesign.networks.graphs.fused_functions import FUNCTION
from hwcodesign.networks.graphs.notes import attributes_of


@own_layer(FUNCTION)
class CodeFunctionLayer(Layer):  # type: ignore[misc]  # hls4ml has no type information
    """This is hls4ml's layer of a function of one code and its quantiser."""

    _expected_attributes = (Attribute("n_in"), Attribute("n_chan"))

    @staticmethod
    def read(node: NodeProto, input_shapes: list[list[int]]) -> dict[str, Any]:
        """Reads a node; see `own_layer`."""
        given = attributes_of(node)
        rounding = given.get("rounding_mode", b"ROUND").decode()
        signed, width = bool(given.get("signed", 1)), int(given["bits"])
        bipolar = bool(given["bipolar"])
        overflow = Overflow.SAT_SYM if bipolar or (given.get("narrow", 0) and signed) else Overflow.SAT
        exponent = int(np.log2(given["scale"]))
        result = FixedPoint(width, width + exponent, signed, ROUNDINGS[rounding], overflow)
        function = CodeFunction(given["function"], given["rank"])
        return {
            "module": given["module"].decode(),
            "quantised": QuantisedFunction(function, result, bipolar, int(input_shapes[0][-1])),
        }

    def initialize(self) -> None:
        """Declares the layer's output, in the quantiser's format."""
        shape = list(self.get_input_variable().shape)
        self.set_attr("n_in", math.prod(shape))
        self.set_attr("n_chan", int(shape[-1]))
        self.add_output_variable(shape, precision=precision_of(self.get_attr("quantised").result))

    def rectifies(self) -> bool | None:
        """Tells whether it is a cast with a rectifier (True) or without (False), or neither (None)."""
        return rectifies(self.constants(), self.get_attr("quantised"), self._source)

    @property
    def _source(self) -> FixedPoint:
        return FixedPoint.parse(str(self.get_input_variable().type.precision))

    def constants(self) -> ThresholdConstants | TableConstants:
        """Returns the function's constants for the format of the layer's input."""
        found: ThresholdConstants | TableConstants | None = self.get_attr("constants")
        if found is None:
            found = constants_of(f"layer {self.get_attr('module')!r}", self.get_attr("quantised"), self._source)
            self.set_attr("constants", found)
        return found
