"""This module writes the C++ of functions of one code: hls/kernels/thresholds.h, or code_table.h."""

from __future__ import annotations

from typing import Any

import numpy as np
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from numpy.typing import NDArray

from hwcodesign.backends.vitis.own_layers.templates import add_constants, call, config_struct, template
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.frontend.own_layers import CodeFunctionLayer
from hwcodesign.frontend.quantised_functions import ThresholdConstants


@template
class FunctionConfig(LayerConfigTemplate):  # type: ignore[misc]  # hls4ml has no type information
    """It writes the config struct of a function of one code, and adds its constants to the layer's weights."""

    def __init__(self) -> None:
        super().__init__(CodeFunctionLayer)

    def format(self, node: Any) -> str:
        """Returns the struct of thresholds, or of a table."""
        constants, sizes = node.constants(), [("n_in", node.get_attr("n_in"))]
        if isinstance(constants, ThresholdConstants):
            bits = int(constants.thresholds.shape[1]).bit_length()
            never = FixedPoint.parse(str(node.get_input_variable().type.precision)).max_code + 1
            types = {
                "level": add_constants(node, "levels", _filled(constants.thresholds, (1 << bits) - 1, never)),
                "first": add_constants(node, "first", constants.first),
                "sign": add_constants(node, "sign", constants.sign),
            }
            width = node.get_output_variable().type.precision.width
            sizes += [("n_chan", node.get_attr("n_chan")), ("count_bits", bits), ("code_bits", width + bits + 2)]
            return config_struct(node, "thresholds", sizes, **types)
        entry = add_constants(node, "entries", constants.entries)
        least = FixedPoint.parse(str(node.get_input_variable().type.precision)).min_code
        sizes += [("n_entries", constants.entries.size), ("least", least)]
        return config_struct(node, "code_table", sizes, entry=entry)


@template
class FunctionCall(FunctionCallTemplate):  # type: ignore[misc]
    """It writes the call of a function of one code."""

    def __init__(self) -> None:
        headers = [f"nnet_utils/{name}.h" for name in ("thresholds", "code_table")]
        super().__init__(CodeFunctionLayer, include_header=headers)

    def format(self, node: Any) -> str:
        """Returns the call."""
        function, names = "code_table", ["entries"]
        if isinstance(node.constants(), ThresholdConstants):
            function, names = "thresholds", ["levels", "first", "sign"]
        return call(node, function, names, self._default_function_params(node))


def _filled(thresholds: NDArray[Any], number: int, never: int) -> NDArray[Any]:
    """Returns thresholds with such as no code reaches up to a number."""
    return np.pad(thresholds, ((0, 0), (0, number - thresholds.shape[1])), constant_values=never)
