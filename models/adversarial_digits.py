"""The digits' network is trained on images as they are, and on images that attack all of its exits together."""

import dataclasses

import hwcodesign as hw
from hwcodesign.training import Adversarial, Attack

_DIGITS = hw.load_recipe("digits")
#: A pixel has 17 codes.
ATTACK = Attack(epsilon=2, steps=2, step=1)

RECIPE = dataclasses.replace(
    _DIGITS,
    name="adversarial_digits",
    training=(dataclasses.replace(_DIGITS.training[0], strategy=Adversarial(ATTACK), epochs=10),),
)
