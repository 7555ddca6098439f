"""This module writes the C++ of the average of a whole image, which is hls4ml's own."""

from __future__ import annotations

from typing import Any

from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate

from hwcodesign.backends.vitis.own_layers.templates import template
from hwcodesign.frontend.own_layers import WholeAverageLayer

_STRUCT = """struct config{index} : nnet::pooling2d_config {{
    static const unsigned in_height = {in_height};
    static const unsigned in_width = {in_width};
    static const unsigned n_filt = {n_filt};
    static const nnet::Pool_Op pool_op = nnet::Average;
    typedef {accum_t.name} accum_t;
}};
"""
_CALL = "nnet::global_pooling2d_cl<{input_t}, {output_t}, {config}>({input}, {output});"


@template
class WholeAverageConfig(LayerConfigTemplate):  # type: ignore[misc]  # hls4ml has no type information
    """It writes the config struct of the average of a whole image."""

    def __init__(self) -> None:
        super().__init__(WholeAverageLayer)

    def format(self, node: Any) -> str:
        """Returns the struct."""
        return _STRUCT.format(**self._default_config_params(node))


@template
class WholeAverageCall(FunctionCallTemplate):  # type: ignore[misc]
    """It writes the call of the average of a whole image."""

    def __init__(self) -> None:
        headers = [f"nnet_utils/{name}.h" for name in ("nnet_pooling", "nnet_pooling_stream")]
        super().__init__(WholeAverageLayer, include_header=headers)

    def format(self, node: Any) -> str:
        """Returns the call."""
        return _CALL.format(**self._default_function_params(node))
