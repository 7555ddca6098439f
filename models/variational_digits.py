"""The gated LeNet, trained for the exits of an oracle; then its gates learn to imitate it (Chen et al.)."""

import dataclasses

import hwcodesign as hw
from hwcodesign.training import OracleExits, VariationalGates

_GATED, _DIGITS = hw.load_recipe("gated_digits"), hw.load_recipe("digits_lenet")

RECIPE = dataclasses.replace(
    _GATED,
    name="variational_digits",
    training=(
        *(
            dataclasses.replace(phase, strategy=OracleExits(cost=0.1, beta=3.0), epochs=40)
            for phase in _DIGITS.training
        ),
        hw.TrainingSettings(
            strategy=VariationalGates(cost=0.3),
            epochs=20,
            batch_size=50,
            learning_rate=0.01,
            shift=1,
            seed=2,
            threads=1,
        ),
    ),
)
