"""This module writes the C++ of pooling at the border of an image: hls/kernels/border_pool.h."""

from __future__ import annotations

from typing import Any

from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate

from hwcodesign.backends.vitis.own_layers.templates import call, config_struct, template
from hwcodesign.frontend.own_layers import BorderPoolLayer

_SIZES = (
    *("in_height", "in_width", "n_chan", "out_height", "out_width"),
    *("pool_height", "pool_width", "stride_height", "stride_width", "pad_top", "pad_left"),
    *("average", "count_top", "count_bottom", "count_left", "count_right"),
)


@template
class BorderPoolConfig(LayerConfigTemplate):  # type: ignore[misc]  # hls4ml has no type information
    """It writes the config struct of a pooling at the border."""

    def __init__(self) -> None:
        super().__init__(BorderPoolLayer)

    def format(self, node: Any) -> str:
        """Returns the struct."""
        sizes = [(name, int(node.get_attr(name))) for name in _SIZES]
        return config_struct(node, "border_pool", sizes, accum=node.get_attr("accum_t").name)


@template
class BorderPoolCall(FunctionCallTemplate):  # type: ignore[misc]
    """It writes the call of a pooling at the border."""

    def __init__(self) -> None:
        super().__init__(BorderPoolLayer, include_header=["nnet_utils/border_pool.h"])

    def format(self, node: Any) -> str:
        """Returns the call."""
        return call(node, "border_pool", (), self._default_function_params(node))
