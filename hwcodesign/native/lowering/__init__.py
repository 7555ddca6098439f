"""How each kind of kernel becomes operations of the engine: one registry, `LOWERINGS`."""

from hwcodesign.native.lowering import elementwise, moves, pools, products
from hwcodesign.native.lowering.context import LOWERINGS

__all__ = ["LOWERINGS", "elementwise", "moves", "pools", "products"]
