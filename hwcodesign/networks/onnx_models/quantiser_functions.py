"""This module says QONNX' quantisers in standard ONNX operators, as functions that a file carries along.

So a file stays QONNX for those who know it, and any runtime computes it. What they read may be float64; what they give
is of their scale's type.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import onnx

from hwcodesign.networks.onnx_models.graph import QONNX_DOMAINS, Node

_HALF_EVEN = """
  rounded = Round (clipped)
"""
_ANY_ROUNDING = """
  mode = Constant <value_string: string = @rounding_mode> ()
  floor = Constant <value_string = "FLOOR"> ()
  zero_name = Constant <value_string = "ROUND_TO_ZERO"> ()
  is_floor = Equal (mode, floor)
  is_zero = Equal (mode, zero_name)
  even = Round (clipped)
  down = Floor (clipped)
  size = Abs (clipped)
  cut = Floor (size)
  sign = Sign (clipped)
  toward_zero = Mul (cut, sign)
  not_zero = Where (is_floor, down, even)
  rounded = Where (is_zero, toward_zero, not_zero)
"""
_QUANT = """
<opset_import: ["" : {opset}], domain: "{domain}">
Quant <signed: int = 1, narrow: int = 1, rounding_mode: string = "ROUND"> (x, scale, zero_point, bits) => (y)
{{
  signed_value = Constant <value_int: int = @signed> ()
  narrow_value = Constant <value_int: int = @narrow> ()
  is_signed = CastLike (signed_value, x)
  is_narrow = CastLike (narrow_value, x)
  one_value = Constant <value_float = 1.0> ()
  two_value = Constant <value_float = 2.0> ()
  one = CastLike (one_value, x)
  two = CastLike (two_value, x)
  step = CastLike (scale, x)
  zero = CastLike (zero_point, x)
  width = CastLike (bits, x)
  magnitude = Sub (width, is_signed)
  codes = Pow (two, magnitude)
  is_unsigned = Sub (one, is_signed)
  dropped = Mul (is_unsigned, is_narrow)
  all = Sub (codes, one)
  most = Sub (all, dropped)
  negative = Sub (is_narrow, codes)
  least = Mul (negative, is_signed)
  divided = Div (x, step)
  shifted = Add (divided, zero)
  clipped = Clip (shifted, least, most)
{rounding}
  back = Sub (rounded, zero)
  code = CastLike (back, scale)
  y = Mul (code, scale)
}}
"""
_BIPOLAR = """
<opset_import: ["" : {opset}], domain: "{domain}">
BipolarQuant (x, scale) => (y)
{{
  zero_value = Constant <value_float = 0.0> ()
  zero = CastLike (zero_value, x)
  one = Constant <value_float = 1.0> ()
  minus_one = Constant <value_float = -1.0> ()
  is_positive = GreaterOrEqual (x, zero)
  sign = Where (is_positive, one, minus_one)
  y = Mul (sign, scale)
}}
"""


def quantiser_functions(nodes: Iterable[Node], opset: int) -> list[Any]:
    """Returns the functions of the quantisers among some nodes.

    Args:
        nodes: nodes of a graph and of its branches.
        opset: version of ONNX' operators, at least 19, which compares texts.
    """
    used = {(node.proto.domain, node.operator) for node in nodes if node.proto.domain in QONNX_DOMAINS}
    modes = {node.attributes.get("rounding_mode", "ROUND") for node in nodes if node.operator == "Quant"}
    rounding = _HALF_EVEN if modes <= {"ROUND"} else _ANY_ROUNDING
    texts = {"Quant": _QUANT, "BipolarQuant": _BIPOLAR}
    return [
        onnx.parser.parse_function(texts[operator].format(opset=opset, domain=domain, rounding=rounding))
        for domain, operator in sorted(used)
    ]
