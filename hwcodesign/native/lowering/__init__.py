"""How each kind of kernel becomes operations of the engine: one registry, `LOWERINGS`."""

from hwcodesign.native.lowering import elementwise, moves, pools, products
from hwcodesign.native.lowering.context import LOWERINGS, TAKE_STEPS

__all__ = ["LOWERINGS", "TAKE_STEPS", "elementwise", "moves", "pools", "products"]
