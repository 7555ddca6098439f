"""The LeNet of digits_lenet with a gate at every exit, trained together from the start (Scardapane et al.)."""

import dataclasses

from torch import nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.training import JointGates

_DIGITS = hw.load_recipe("digits_lenet")


def network(precision: layers.Precision) -> hw.MultiExitNetwork:
    """The same stages and heads; a gate reads the logits of each."""
    plain = _DIGITS.network(precision)
    heads: list[nn.Module] = [layers.GatedHead(head, plain.classes, precision=precision) for head in plain.heads]
    return hw.MultiExitNetwork(list(plain.stages), heads, plain.input_format, plain.input_shape, gates=True)


#: As in digits_lenet; a gate takes an answer in no more cycles than the first stage takes for an image.
FOLDING = {
    **{key: fold for key, fold in _DIGITS.compile.layers.items() if "stages" in key},
    **{f"heads.{k}.classifier.1": _DIGITS.compile.layers[f"heads.{k}.1"] for k in range(3)},
    **{f"heads.{k}.gate.0": hw.LayerSettings(reuse=64) for k in range(3)},
    **{f"heads.{k}.gate.2": hw.LayerSettings(reuse=32) for k in range(3)},
}

RECIPE = dataclasses.replace(
    _DIGITS,
    name="gated_digits",
    network=network,
    training=tuple(dataclasses.replace(phase, strategy=JointGates(cost=0.5), epochs=40) for phase in _DIGITS.training),
    policy=hw.PolicyRequest(criterion="gate", budget=0.1),
    compile=hw.CompileSettings(layers=FOLDING),
)
