"""This package holds layers that hls4ml has not, one module each; importing it tells hls4ml of them.

A layer comes as an ONNX node of its own operator. `backends/vitis/own_layers` writes its C++, and
`frontend/lowering/own_layers` makes its kernel.
"""

from hwcodesign.frontend.own_layers.border_pool import BorderPoolLayer
from hwcodesign.frontend.own_layers.code_function import CodeFunctionLayer
from hwcodesign.frontend.own_layers.held_quantiser import with_held_constants
from hwcodesign.frontend.own_layers.upsampling import UpsamplingLayer
from hwcodesign.frontend.own_layers.whole_average import WholeAverageLayer

__all__ = ["BorderPoolLayer", "CodeFunctionLayer", "UpsamplingLayer", "WholeAverageLayer", "with_held_constants"]
