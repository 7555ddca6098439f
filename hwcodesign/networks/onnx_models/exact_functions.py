"""This module says operators whose sums float32 does not hold in operators that are exact, as functions of a file.

Such a function has the name, the inputs and the attributes of the operator that it stands for, and further inputs.
Whoever knows it (`hwcodesign.from_onnx`) reads the operator; any runtime computes the function.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import onnx

from hwcodesign.networks.onnx_models.graph import EXACT, EXACT_SPLIT, Node

_HEAD = '<opset_import: ["" : {opset}], domain: "{domain}">\n'
_CONV_ATTRIBUTES = "auto_pad, dilations, group, kernel_shape, pads, strides"
_CONV_SETTINGS = (
    "auto_pad: string = @auto_pad, dilations: ints = @dilations, group: int = @group, "
    "kernel_shape: ints = @kernel_shape, pads: ints = @pads, strides: ints = @strides"
)
#: By domain and operator; the bias of a convolution is added in float64, shaped as its output.
_TEXTS = {
    (EXACT, "Conv"): f"""
Conv <{_CONV_ATTRIBUTES}> (x, weight, bias, shaped_bias, step) => (y)
{{{{
  products = Conv <{_CONV_SETTINGS}> (x, weight)
  wide = Cast <to = 11> (products)
  wide_bias = Cast <to = 11> (shaped_bias)
  y = Add (wide, wide_bias)
}}}}
""",
    (EXACT_SPLIT, "Conv"): f"""
Conv <{_CONV_ATTRIBUTES}> (x, weight, bias, shaped_bias, step) => (y)
{{{{
  steps = Div (weight, step)
  whole = Floor (steps)
  high = Mul (whole, step)
  low = Sub (weight, high)
  high_products = Conv <{_CONV_SETTINGS}> (x, high)
  low_products = Conv <{_CONV_SETTINGS}> (x, low)
  wide_high = Cast <to = 11> (high_products)
  wide_low = Cast <to = 11> (low_products)
  products = Add (wide_high, wide_low)
  wide_bias = Cast <to = 11> (shaped_bias)
  y = Add (products, wide_bias)
}}}}
""",
    (EXACT, "Gemm"): """
Gemm <alpha, beta, transA, transB> (x, weight, bias) => (y)
{{
  wide = Cast <to = 11> (x)
  wide_weight = Cast <to = 11> (weight)
  wide_bias = Cast <to = 11> (bias)
  y = Gemm <alpha: float = @alpha, beta: float = @beta, transA: int = @transA, transB: int = @transB>
    (wide, wide_weight, wide_bias)
}}
""",
    (EXACT, "MatMul"): """
MatMul (x, weight) => (y)
{{
  wide = Cast <to = 11> (x)
  wide_weight = Cast <to = 11> (weight)
  y = MatMul (wide, wide_weight)
}}
""",
    (EXACT, "GlobalAveragePool"): """
GlobalAveragePool (x, axes, number) => (y)
{{
  total = ReduceSum <keepdims = 1> (x, axes)
  divisor = CastLike (number, x)
  y = Div (total, divisor)
}}
""",
    (EXACT, "ReduceMean"): """
ReduceMean <keepdims, noop_with_empty_axes> (x, axes, number) => (y)
{{
  total = ReduceSum <keepdims: int = @keepdims> (x, axes)
  divisor = CastLike (number, x)
  y = Div (total, divisor)
}}
""",
    (EXACT, "AveragePool"): """
AveragePool <auto_pad, ceil_mode, count_include_pad, dilations, group, kernel_shape, pads, strides>
  (x, ones, number) => (y)
{{
  total = Conv <auto_pad: string = @auto_pad, group: int = @group, kernel_shape: ints = @kernel_shape,
    pads: ints = @pads, strides: ints = @strides> (x, ones)
  y = Div (total, number)
}}
""",
}


def exact_functions(nodes: Iterable[Node], opset: int) -> list[Any]:
    """Returns the functions of those nodes that stand for operators of float32.

    Args:
        nodes: nodes of a graph and of its branches.
        opset: version of ONNX' operators.
    """
    used = {(node.proto.domain, node.proto.op_type) for node in nodes if node.proto.domain in (EXACT, EXACT_SPLIT)}
    return [
        onnx.parser.parse_function((_HEAD + _TEXTS[key]).format(opset=opset, domain=key[0])) for key in sorted(used)
    ]
