"""The LeNet of digits_lenet with a gate at every exit, trained together with it from the start (Scardapane et al.)."""

import dataclasses

from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.training import JointGates

_DIGITS = hw.load_recipe("digits_lenet")
PRECISION = layers.Precision(weights=4, activations=5)
#: That a head reads.
FEATURES = (8 * 4 * 4, 20 * 4 * 4, 32 * 2 * 2)


def network() -> hw.MultiExitNetwork:
    """The same stages; heads give ten logits and a gate."""
    plain = _DIGITS.network()
    heads = [
        nn.Sequential(
            nn.Flatten(), layers.linear(features, 11, precision=PRECISION), layers.logits(precision=PRECISION)
        )
        for features in FEATURES
    ]
    return hw.MultiExitNetwork(list(plain.stages), heads, plain.input_format, plain.input_shape, gates=True)


RECIPE = dataclasses.replace(
    _DIGITS,
    name="gated_digits",
    network=network,
    training=tuple(dataclasses.replace(phase, strategy=JointGates(cost=0.3)) for phase in _DIGITS.training),
    policy=hw.PolicySettings(criterion="gate", accuracy_drop=0.005, confidence=0.95),
)
