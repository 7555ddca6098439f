"""The digits' network; how much each exit's loss counts is learned."""

import dataclasses

import hwcodesign as hw

_DIGITS = hw.load_recipe("digits")

RECIPE = dataclasses.replace(
    _DIGITS,
    name="learned_weights_digits",
    training=(dataclasses.replace(_DIGITS.training[0], strategy="learned_weights", epochs=30),),
)
