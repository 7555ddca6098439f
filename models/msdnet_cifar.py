"""An MSDNet with five exits on three scales, on CIFAR-10 (JPEG).

Huang et al., "Multi-Scale Dense Networks for Resource Efficient Image Classification" (ICLR 2018). Every layer adds
channels to each scale, from all channels of that scale and of the next finer one; heads read the coarsest scale, which
is there from the first layer on. Towards the end finer scales are left out, as no head would see them. In full:
EXITS = 10, LAYERS = 2, FIRST = (16, 32, 64), GROWTH = (6, 12, 24), EPOCHS = 300.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign.data.cifar import cifar10_jpeg
from hwcodesign.data.image_folders import INPUT_FORMAT
from hwcodesign.networks.blocks import average_head, rectified

EXITS = 5
#: From one exit to the next.
LAYERS = 1
#: Channels of each scale in front of the first layer, finest scale first, and channels that a layer adds.
FIRST = (8, 16, 32)
GROWTH = (4, 8, 16)
CLASSES = 10
EPOCHS = 4


def finest(layer: int) -> int:
    """Returns the finest scale that a layer still computes: the last one computes the coarsest alone."""
    return max(0, len(FIRST) - (EXITS * LAYERS - layer))


def channels(layer: int) -> list[int]:
    """Returns the channels of each scale that a layer reads."""
    return [first + layer * growth for first, growth in zip(FIRST, GROWTH, strict=True)]


class FirstLayer(nn.Module):
    """The first layer makes all scales of an image, each from the next finer one."""

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *FIRST)
        self.scales = nn.ModuleList(
            rectified(inputs[s], inputs[s + 1], stride=1 if s == 0 else 2) for s in range(len(FIRST))
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Computes the scales, finest first."""
        made = []
        for scale in self.scales:
            x = scale(x)
            made.append(x)
        return tuple(made)


class Layer(nn.Module):
    """A layer adds channels to each scale that it computes."""

    def __init__(self, number: int) -> None:
        super().__init__()
        reads, self.first = channels(number), finest(number)
        #: The finest scale that it is given.
        self.given = 0 if number == 0 else finest(number - 1)
        self.same, self.down = nn.ModuleList(), nn.ModuleList()
        for s in range(self.first, len(FIRST)):
            # half of the new channels from the scale itself, half from the next finer one; the finest has none
            own = GROWTH[s] if s == 0 else GROWTH[s] // 2
            self.same.append(rectified(reads[s], own))
            self.down.append(nn.Identity() if s == 0 else rectified(reads[s - 1], GROWTH[s] - own, stride=2))

    def forward(self, *scales: Tensor) -> tuple[Tensor, ...]:
        """Computes all channels of the scales from `first` on."""
        made = []
        for s, (same, down) in enumerate(zip(self.same, self.down, strict=True), start=self.first):
            x = scales[s - self.given]
            finer = [down(scales[s - 1 - self.given])] if s else []
            made.append(torch.cat([x, same(x), *finer], dim=1))
        return tuple(made)


class Stage(nn.Module):
    """A stage is the layers from one exit to the next, the first stage with the first layer in front."""

    def __init__(self, k: int) -> None:
        super().__init__()
        made: list[nn.Module] = [FirstLayer()] if k == 0 else []
        self.layers = nn.ModuleList([*made, *(Layer(k * LAYERS + i) for i in range(LAYERS))])

    def forward(self, *scales: Tensor) -> tuple[Tensor, ...]:
        """Computes the scales that the next stage reads."""
        for layer in self.layers:
            scales = layer(*scales)
        return scales


def head(inputs: int) -> nn.Sequential:
    """Returns a head on the coarsest scale."""
    return nn.Sequential(*rectified(inputs, FIRST[-1], stride=2), *average_head(FIRST[-1], CLASSES))


def network() -> hw.FloatNetwork:
    """32x32, 16x16 and 8x8 pixels side by side; each head reads the last."""
    coarsest = [channels((k + 1) * LAYERS)[-1] for k in range(EXITS)]
    last = [finest((k + 1) * LAYERS - 1) for k in range(EXITS)]
    return hw.FloatNetwork(
        stages=[Stage(k) for k in range(EXITS)],
        heads=[head(inputs) for inputs in coarsest],
        input_format=INPUT_FORMAT,
        input_shape=(3, 32, 32),
        head_reads=[(len(FIRST) - 1 - first,) for first in last],
    )


RECIPE = hw.Recipe(
    name="msdnet_cifar",
    network=network,
    data=cifar10_jpeg,
    training=(
        hw.TrainingSettings(epochs=EPOCHS, batch_size=128, learning_rate=0.01, crop=4, flip=True, seed=1, threads=2),
    ),
    compile=hw.CompileSettings(board="zc706", reuse=64),
    quantisation=hw.Quantisation(),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.6),
)
