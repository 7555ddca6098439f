"""The digits' network, whose first exit first learns three kinds of shapes and then the digits."""

import dataclasses

import hwcodesign as hw
from hwcodesign.training import Hierarchical

_DIGITS = hw.load_recipe("digits")
#: 0: with a loop; 1: mostly straight strokes; 2: open curves.
COARSE = (0, 1, 2, 2, 1, 2, 0, 1, 0, 0)

RECIPE = dataclasses.replace(
    _DIGITS,
    name="hierarchical_digits",
    training=(dataclasses.replace(_DIGITS.training[0], strategy=Hierarchical(COARSE), epochs=30),),
)
