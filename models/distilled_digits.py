"""The digits' network, in which every exit also learns from all exits behind it."""

import dataclasses

import hwcodesign as hw
from hwcodesign.training import Distilled

_DIGITS = hw.load_recipe("digits")
STRATEGY = Distilled(teacher="later", temperature=3.0, alpha=0.5)

RECIPE = dataclasses.replace(
    _DIGITS,
    name="distilled_digits",
    training=(dataclasses.replace(_DIGITS.training[0], strategy=STRATEGY, epochs=30),),
)
