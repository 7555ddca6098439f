"""The gated LeNet, trained first without its gates; then only the gates learn, from a reward (EPNet, Dai et al.)."""

import dataclasses

import hwcodesign as hw
from hwcodesign.training import RewardedGates

_GATED, _DIGITS = hw.load_recipe("gated_digits"), hw.load_recipe("digits_lenet")

RECIPE = dataclasses.replace(
    _GATED,
    name="rewarded_digits",
    training=(
        *(dataclasses.replace(phase, epochs=40) for phase in _DIGITS.training),
        hw.TrainingSettings(
            strategy=RewardedGates(cost=0.1, exploration=0.03),
            epochs=20,
            batch_size=50,
            learning_rate=0.02,
            shift=1,
            seed=2,
            threads=1,
        ),
    ),
)
