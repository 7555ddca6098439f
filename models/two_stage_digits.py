"""The digits' network in DeeBERT's two stages: first backbone and last exit, then the early heads."""

import dataclasses

import hwcodesign as hw

_DIGITS = hw.load_recipe("digits")
_PHASE = dataclasses.replace(_DIGITS.training[0], epochs=15)

RECIPE = dataclasses.replace(
    _DIGITS,
    name="two_stage_digits",
    training=(
        dataclasses.replace(_PHASE, strategy="last_exit"),
        dataclasses.replace(_PHASE, strategy="heads_only"),
    ),
)
