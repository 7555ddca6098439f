"""A perceptron for jets of particles in hls4ml's shape (16-64-32-32-5) with three exits, on random inputs.

Duarte et al., "Fast inference of deep neural networks in FPGAs for particle physics" (2018). Real jets, as a table, are
read by `hwcodesign.data.tables.tables`.
"""

from torch import nn

import hwcodesign as hw
from hwcodesign.data import Dataset
from hwcodesign.data.random_inputs import random_inputs

FEATURES, HIDDEN, CLASSES = 16, (64, 32, 32), 5
#: -4 to 3.97, for features whose mean is 0 and whose deviation is 1.
INPUT_FORMAT = hw.FixedPoint(8, 3, signed=True)


def jets() -> Dataset:
    """Returns random inputs."""
    return random_inputs("jets", INPUT_FORMAT, (FEATURES,), CLASSES)


def network() -> hw.FloatNetwork:
    """A linear layer and a rectifier in each stage, a linear layer in each head."""
    widths = zip((FEATURES, *HIDDEN), HIDDEN, strict=False)
    return hw.FloatNetwork(
        stages=[nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU()) for inputs, outputs in widths],
        heads=[nn.Linear(inputs, CLASSES) for inputs in HIDDEN],
        input_format=INPUT_FORMAT,
        input_shape=(FEATURES,),
    )


RECIPE = hw.Recipe(
    name="jet_mlp",
    network=network,
    data=jets,
    training=(hw.TrainingSettings(epochs=20, batch_size=50, learning_rate=0.01, seed=1, threads=1),),
    compile=hw.CompileSettings(board="kv260"),
    quantisation=hw.Quantisation(),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.6),
)
