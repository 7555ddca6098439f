"""This module says QONNX' quantisers in standard ONNX operators, as functions that a file carries along.

So a file stays QONNX for those who know it, and any runtime computes it.
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
  is_signed = Cast <to = 1> (signed_value)
  is_narrow = Cast <to = 1> (narrow_value)
  one = Constant <value_float = 1.0> ()
  two = Constant <value_float = 2.0> ()
  magnitude = Sub (bits, is_signed)
  codes = Pow (two, magnitude)
  is_unsigned = Sub (one, is_signed)
  dropped = Mul (is_unsigned, is_narrow)
  all = Sub (codes, one)
  most = Sub (all, dropped)
  negative = Sub (is_narrow, codes)
  least = Mul (negative, is_signed)
  divided = Div (x, scale)
  shifted = Add (divided, zero_point)
  clipped = Clip (shifted, least, most)
{rounding}
  back = Sub (rounded, zero_point)
  y = Mul (back, scale)
}}
"""
_BIPOLAR = """
<opset_import: ["" : {opset}], domain: "{domain}">
BipolarQuant (x, scale) => (y)
{{
  zero = Constant <value_float = 0.0> ()
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
