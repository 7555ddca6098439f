"""DS-CNN in MLPerf Tiny's shape for keywords with three exits, on random inputs: no speech is at hand.

Zhang et al., "Hello Edge: Keyword Spotting on Microcontrollers" (2017). An input is 49 times of 10 coefficients of
speech. In full: CHANNELS = 64, BLOCKS = (1, 1, 2), and `data` that returns a Dataset of real coefficients.
"""

from torch import nn

import hwcodesign as hw
from hwcodesign.data import Dataset
from hwcodesign.data.random_inputs import random_inputs
from hwcodesign.networks.blocks import average_head, rectified

CHANNELS = 32
#: Depthwise separable convolutions of each stage.
BLOCKS = (1, 1, 2)
CLASSES = 12
#: -4 to 3.97, for coefficients whose mean is 0 and whose deviation is 1.
INPUT_FORMAT = hw.FixedPoint(8, 3, signed=True)
INPUT_SHAPE = (1, 49, 10)


def keywords() -> Dataset:
    """Returns random inputs."""
    return random_inputs("keywords", INPUT_FORMAT, INPUT_SHAPE, CLASSES)


def first_layer() -> nn.Sequential:
    """49x10 -> 25x5."""
    convolution = nn.Conv2d(1, CHANNELS, (10, 4), stride=2, padding=(5, 1), bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(CHANNELS), nn.ReLU())


def separable() -> nn.Sequential:
    """Returns a depthwise convolution and a 1x1 convolution."""
    return nn.Sequential(*rectified(CHANNELS, CHANNELS, groups=CHANNELS), *rectified(CHANNELS, CHANNELS, 1))


def network() -> hw.FloatNetwork:
    """25x5 pixels from the first layer to the last."""
    stages = [nn.Sequential(*(separable() for _ in range(blocks))) for blocks in BLOCKS]
    stages[0] = nn.Sequential(*first_layer(), *stages[0])
    return hw.FloatNetwork(stages, [average_head(CHANNELS, CLASSES) for _ in BLOCKS], INPUT_FORMAT, INPUT_SHAPE)


RECIPE = hw.Recipe(
    name="dscnn_kws",
    network=network,
    data=keywords,
    training=(hw.TrainingSettings(epochs=5, batch_size=50, learning_rate=0.01, seed=1, threads=1),),
    compile=hw.CompileSettings(reuse=64),
    quantisation=hw.Quantisation(),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.6),
)
