"""The digits' network, in which each stage learns from the mean of the gradients of the exits behind it."""

import dataclasses

import hwcodesign as hw

_DIGITS = hw.load_recipe("digits")

RECIPE = dataclasses.replace(
    _DIGITS,
    name="equilibrium_digits",
    training=(dataclasses.replace(_DIGITS.training[0], strategy="equilibrium", epochs=30),),
)
