"""The digits' network, which learns the weights of its exits' losses."""

import dataclasses

import hwcodesign as hw

_DIGITS = hw.load_recipe("digits")

RECIPE = dataclasses.replace(
    _DIGITS,
    name="learned_weights_digits",
    training=(dataclasses.replace(_DIGITS.training[0], strategy="learned_weights", epochs=30),),
)
