"""How long compiling residual networks takes, by depth, and how long the prediction of cycles alone.

python -m benchmarks.compile_times --write docs/compile_times.md
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign import layers

#: Channels of the three groups of blocks, and reuse of their convolutions: all take about as long for an image.
_GROUPS = ((16, 64), (32, 256), (64, 512))
_PRECISION = layers.Precision(weights=4, activations=4)
_INPUT = hw.FixedPoint(8, 0, signed=False)


class Block(nn.Module):
    """Two 3x3 convolutions, and their input added; a strided 1x1 convolution brings it into shape where sizes differ."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = layers.conv2d(inputs, outputs, 3, stride=stride, padding=1, precision=_PRECISION)
        self.inner = layers.relu(precision=_PRECISION)
        self.second = layers.conv2d(outputs, outputs, 3, padding=1, precision=_PRECISION)
        self.summand = layers.identity(precision=_PRECISION)
        self.shortcut = (
            nn.Sequential(
                layers.conv2d(inputs, outputs, 1, stride=stride, precision=_PRECISION),
                layers.identity(precision=_PRECISION),
            )
            if stride > 1 or inputs != outputs
            else nn.Identity()
        )
        self.outer = layers.relu(precision=_PRECISION)

    def forward(self, x: Tensor) -> Tensor:
        summand = self.summand(self.second(self.inner(self.first(x))))
        return self.outer(layers.value_of(summand) + layers.value_of(self.shortcut(x)))


def residual_network(depth: int, classes: int = 10) -> tuple[hw.MultiExitNetwork, dict[str, hw.LayerSettings]]:
    """A residual network for 32x32 colour images with an exit behind each of its three groups, and reuse by layer.

    Args:
        depth: convolutions on the longest path and the last linear layer: 6n + 2, as He et al. (2016) count.
    """
    blocks, rest = divmod(depth - 2, 6)
    assert blocks > 0 and rest == 0, f"{depth} is not 6n + 2"
    stages: list[nn.Module] = []
    settings: dict[str, hw.LayerSettings] = {}
    inputs = 3
    for k, (channels, reuse) in enumerate(_GROUPS):
        parts: list[nn.Module] = []
        if k == 0:
            parts += [layers.conv2d(3, channels, 3, padding=1, precision=_PRECISION), layers.relu(precision=_PRECISION)]
            settings["stages.0.0"] = hw.LayerSettings(reuse)
            inputs = channels
        for block in range(blocks):
            parts.append(Block(inputs, channels, 1 if k == 0 or block else 2))
            inputs = channels
        stages.append(nn.Sequential(*parts))
    for name, module in nn.ModuleDict({"stages": nn.ModuleList(stages)}).named_modules():
        if name.endswith(("first", "second", "shortcut.0")):
            settings[name] = hw.LayerSettings(_GROUPS[int(name.split(".")[1])][1])
    heads = []
    for k, (channels, _) in enumerate(_GROUPS):
        side = 32 >> k
        heads.append(
            nn.Sequential(
                nn.MaxPool2d(side // 4),
                nn.Flatten(),
                layers.linear(16 * channels, classes, precision=_PRECISION),
                layers.logits(precision=_PRECISION),
            )
        )
        settings[f"heads.{k}.2"] = hw.LayerSettings(512)
    network = hw.MultiExitNetwork(stages, heads, _INPUT, (3, 32, 32))
    network.train()
    with torch.no_grad():
        network(torch.rand(8, 3, 32, 32))  # ranges of activations
    network.eval()
    return network, settings
