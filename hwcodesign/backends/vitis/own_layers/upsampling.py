"""This module writes the C++ of an image that is made larger: hls/kernels/upsample2d.h."""

from __future__ import annotations

from typing import Any

from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate

from hwcodesign.backends.vitis.own_layers.templates import call, config_struct, template
from hwcodesign.frontend.own_layers import UpsamplingLayer

_KERNEL = "upsample2d"
_SIZES = ("width", "row_factor", "column_factor", "out_height", "out_width", "zeros")


@template
class UpsamplingConfig(LayerConfigTemplate):  # type: ignore[misc]  # hls4ml has no type information
    """It writes the config struct."""

    def __init__(self) -> None:
        super().__init__(UpsamplingLayer)

    def format(self, node: Any) -> str:
        """Returns the struct."""
        return config_struct(node, _KERNEL, [(name, node.get_attr(name)) for name in _SIZES])


@template
class UpsamplingCall(FunctionCallTemplate):  # type: ignore[misc]
    """It writes the call."""

    def __init__(self) -> None:
        super().__init__(UpsamplingLayer, include_header=[f"nnet_utils/{_KERNEL}.h"])

    def format(self, node: Any) -> str:
        """Returns the call."""
        return call(node, _KERNEL, [], self._default_function_params(node))
