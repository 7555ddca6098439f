"""A network of two scales for the digits, as in MSDNet: stages give a fine and a coarse map, heads read the coarse one.

Huang et al., "Multi-Scale Dense Networks for Resource Efficient Image Classification" (ICLR 2018), without its dense
connections.
"""

from __future__ import annotations

from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data.digits import INPUT_FORMAT, digits

FINE, COARSE, CLASSES = 4, 8, 10


def conv(precision: layers.Precision, inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """Returns a 3x3 convolution with a rectifier; stride 2 leads from the fine scale to the coarse one."""
    return nn.Sequential(
        layers.conv2d(inputs, outputs, 3, stride=stride, padding=1, precision=precision),
        layers.relu(precision=precision),
    )


class FirstStage(nn.Module):
    """The first stage makes both scales of an image: 8x8 pixels and 4x4 pixels."""

    def __init__(self, precision: layers.Precision) -> None:
        super().__init__()
        self.fine, self.coarse = conv(precision, 1, FINE), conv(precision, FINE, COARSE, stride=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Computes the fine map, and the coarse one from it."""
        fine = self.fine(x)
        return fine, self.coarse(layers.value_of(fine))


class NextStage(nn.Module):
    """A further stage computes the coarse map from both scales.

    Args:
        precision: of its layers.
        last: whether no stage follows, so that nobody reads a fine map.
    """

    def __init__(self, precision: layers.Precision, *, last: bool = False) -> None:
        super().__init__()
        self.coarse, self.down = conv(precision, COARSE, COARSE), conv(precision, FINE, COARSE, stride=2)
        self.sum = layers.relu(precision=precision)
        self.fine = None if last else conv(precision, FINE, FINE)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Computes the next fine map, unless this is the last stage, and the next coarse map."""
        both: Tensor = self.sum(layers.value_of(self.coarse(coarse)) + layers.value_of(self.down(fine)))
        return both if self.fine is None else (self.fine(fine), both)


def network(precision: layers.Precision) -> hw.MultiExitNetwork:
    """Three exits, each a linear head on 4x4x8 coarse features."""
    return hw.MultiExitNetwork(
        stages=[FirstStage(precision), NextStage(precision), NextStage(precision, last=True)],
        heads=[layers.linear_head(4 * 4 * COARSE, CLASSES, precision=precision) for _ in range(3)],
        input_format=INPUT_FORMAT,
        input_shape=(1, 8, 8),
        head_reads=[(1,), (1,), (0,)],  # the coarse map is the second tensor of a stage, and the last stage's only one
    )


RECIPE = hw.Recipe(
    name="two_scales",
    network=network,
    precision=layers.Precision(weights=4, activations=4),
    data=digits,
    training=(hw.TrainingSettings(epochs=30, batch_size=50, learning_rate=0.01, shift=1, seed=1, threads=1),),
    policy=hw.PolicyRequest(criterion="max_softmax", calibrate=True, thresholds=(0.95, 0.95)),
)
