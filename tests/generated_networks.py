"""Networks made at random from a seed: what the campaign holds every backend to."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign import layers
from tests.generated_layers import drawn_stage

#: The first seed whose stages are of more kinds: tests know those before.
_MORE_KINDS = 8
#: Batches in training mode, so that activation ranges are those of the images.
_OBSERVED_BATCHES = 3


class Residual(nn.Module):
    """A convolution around which its input is added: both inputs of the sum have scales of their own."""

    def __init__(self, channels: int, precision: layers.Precision) -> None:
        super().__init__()
        self.conv = layers.conv2d(channels, channels, 3, padding=1, precision=precision)
        self.inner = layers.relu(precision=precision)
        self.outer = layers.relu(precision=precision)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.inner(self.conv(x))
        value = x.value if hasattr(x, "value") else x
        return self.outer(inner.value + value)


@dataclass(frozen=True)
class Generated:
    """A network and what to run it on.

    Attributes:
        network: random weights, in evaluation mode.
        images: codes of images (N, C, H, W), or of sequences (N, C, L).
        labels: (N,) random classes.
        text: what was drawn, for tables.
    """

    network: hw.MultiExitNetwork
    images: NDArray[np.int64]
    labels: NDArray[np.int64]
    text: str


def generate(seed: int, samples: int = 60, *, gates: bool = False) -> Generated:
    """Draw a network: 2 to 5 exits, 2 to 100 classes, sizes, kernels and bit widths at random.

    From seed 8 on, stages are of the kinds of `generated_layers`, too, and every fourth network is of sequences.

    Args:
        gates: whether its heads give a gate, too; all else is drawn alike.
    """
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    exits, classes = int(rng.integers(2, 6)), round(2 * 50 ** rng.random())
    precision = layers.Precision(
        weights=int(rng.integers(2, 9)), activations=int(rng.integers(2, 9)), logits=int(rng.integers(4, 13))
    )
    width = int(rng.integers(1, 9))
    signed = width > 1 and bool(rng.integers(0, 2))
    fmt = hw.FixedPoint(width, int(rng.integers(-1, width + 2)), signed=signed)
    shape: tuple[int, ...] = (int(rng.integers(1, 4)), int(rng.integers(6, 13)), int(rng.integers(6, 13)))
    if seed >= _MORE_KINDS and seed % 4 == 0:
        shape = (shape[0], 2 * shape[1])
    stages, heads, words = [], [], []
    size = shape
    for _ in range(exits):
        if seed >= _MORE_KINDS and (len(size) == 2 or rng.integers(0, 2)):
            stage, size, word = drawn_stage(rng, size, precision)
        else:
            stage, size, word = _stage(rng, size, precision)
        stages.append(stage)
        heads.append(_head(rng, size, classes + int(gates), precision))
        words.append(word)
    network = hw.MultiExitNetwork(stages, heads, fmt, shape, gates=gates)
    images = rng.integers(fmt.min_code, fmt.max_code + 1, (samples, *shape))
    network.train()
    with torch.no_grad():
        for _ in range(_OBSERVED_BATCHES):
            network(torch.from_numpy(fmt.decode(images).astype(np.float32)))
    network.eval()
    counted = f"{exits} exits, {classes} classes{' and gates' if gates else ''}"
    text = (
        f"{counted}, input {'x'.join(map(str, shape))} {fmt.width}{'s' if signed else 'u'}, "
        f"W{precision.weights}A{precision.activations}, {' → '.join(words)}"
    )
    return Generated(network, images, rng.integers(0, classes, samples), text)


def _stage(
    rng: np.random.Generator, size: tuple[int, ...], precision: layers.Precision
) -> tuple[nn.Module, tuple[int, ...], str]:
    channels, height, width = size
    kind = str(rng.choice(["conv", "conv", "conv", "depthwise", "residual"]))
    if kind == "residual":
        return Residual(channels, precision), size, f"residual {channels}"
    kernel = int(rng.choice([k for k in (1, 3, 5) if k <= min(height, width)]))
    padding = int(rng.integers(0, kernel // 2 + 1))
    stride = int(rng.choice([1, 1, 2])) if kernel > 1 else 1
    filters = channels if kind == "depthwise" else int(rng.integers(2, 7))
    groups = channels if kind == "depthwise" and channels > 1 else 1
    parts: list[nn.Module] = [
        layers.conv2d(channels, filters, kernel, stride=stride, padding=padding, groups=groups, precision=precision)
    ]
    height, width = ((n + 2 * padding - kernel) // stride + 1 for n in (height, width))
    pooled = ""
    if min(height, width) >= 4 and bool(rng.integers(0, 2)):
        pooling, pooled = _pooling(rng, precision)
        parts += pooling
        height, width = pooling[0](torch.zeros(1, 1, height, width)).shape[2:]
    parts.append(layers.relu(precision=precision))
    word = f"{kind} {filters} {kernel}x{kernel}{f'/{stride}' if stride > 1 else ''}{pooled}"
    return nn.Sequential(*parts), (filters, height, width), word


def _pooling(rng: np.random.Generator, precision: layers.Precision) -> tuple[list[nn.Module], str]:
    """A pooling, with what has to be around it."""
    kinds = ["maximum", "maximum", "padded maximum", "signed maximum", "average", "padded average", "mean"]
    kind = str(rng.choice(kinds))
    side, stride, ceil = int(rng.integers(2, 4)), int(rng.integers(1, 4)), bool(rng.integers(0, 2))
    signed = layers.identity(precision=precision)
    made: dict[str, list[nn.Module]] = {
        "maximum": [nn.MaxPool2d(side, stride, ceil_mode=ceil)],
        "padded maximum": [nn.MaxPool2d(side, stride, padding=1, ceil_mode=ceil)],
        "signed maximum": [nn.MaxPool2d(side, stride, padding=1, ceil_mode=ceil), signed],
        "average": [nn.AvgPool2d(side, stride, ceil_mode=ceil)],
        "padded average": [nn.AvgPool2d(side, stride, 1, ceil, bool(rng.integers(0, 2)))],
        "mean": [nn.AdaptiveAvgPool2d(1)],
    }
    return made[kind], f" {kind}{f' {side}/{stride}' if kind != 'mean' else ''}"


def _head(rng: np.random.Generator, size: tuple[int, ...], outputs: int, precision: layers.Precision) -> nn.Module:
    parts: list[nn.Module] = []
    if rng.integers(0, 3) == 0 and len(size) == 3:
        channels, *sides = size
        filters = int(rng.integers(2, 5))
        parts += [layers.conv2d(channels, filters, 1, precision=precision), layers.relu(precision=precision)]
        size = (filters, *sides)
    parts += [
        nn.Flatten(),
        layers.linear(math.prod(size), outputs, precision=precision),
        layers.logits(precision=precision),
    ]
    return nn.Sequential(*parts)
