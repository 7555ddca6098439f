"""Networks whose stages hand on several tensors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.networks.layers import value_of

#: Of the images.
FORMAT, SHAPE = FixedPoint(5, 1, signed=False), (1, 8, 8)
CLASSES = 4
P = layers.Precision(weights=4, activations=4, logits=7)


def _conv(inputs: int, outputs: int, *, stride: int = 1) -> nn.Module:
    return nn.Sequential(
        layers.conv2d(inputs, outputs, 3, stride=stride, padding=1, precision=P), layers.relu(precision=P)
    )


class CutEdge(nn.Module):
    """The first half of a residual block: what its convolution gives, and the edge around it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.conv = _conv(1, 3), _conv(3, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Computes both."""
        edge = self.stem(x)
        return self.conv(value_of(edge)), edge


class JoinedEdge(nn.Module):
    """The second half of a residual block, and what comes behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.sum, self.conv = layers.relu(precision=P), _conv(3, 4, stride=2)

    def forward(self, inner: Tensor, edge: Tensor) -> Tensor:
        """Computes a feature map."""
        result: Tensor = self.conv(value_of(self.sum(inner + edge)))
        return result


class FirstScales(nn.Module):
    """A fine and a coarse feature map of an image."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = _conv(1, 2), _conv(2, 3, stride=2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Computes both, the fine one first."""
        fine = self.fine(x)
        return fine, self.coarse(value_of(fine))


class NextScales(nn.Module):
    """The next layer of a network of two scales: the coarse map reads both."""

    def __init__(self) -> None:
        super().__init__()
        self.fine, self.coarse = _conv(2, 2), _conv(3, 3)
        self.down, self.sum = _conv(2, 3, stride=2), layers.relu(precision=P)

    def forward(self, fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """Computes both, the fine one first."""
        both = value_of(self.coarse(coarse)) + value_of(self.down(fine))
        return self.fine(fine), self.sum(both)


class HandsOn(nn.Module):
    """A layer of the coarse map alone; the fine one is handed on as it came."""

    def __init__(self) -> None:
        super().__init__()
        self.coarse = _conv(3, 3)

    def forward(self, fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """Computes the coarse map."""
        return fine, self.coarse(coarse)


class ReadsAndHandsOn(nn.Module):
    """A layer of the coarse map that reads both; the fine one is handed on as it came."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.coarse, self.sum = _conv(2, 3, stride=2), _conv(3, 3), layers.relu(precision=P)

    def forward(self, fine: Tensor, coarse: Tensor) -> tuple[Tensor, Tensor]:
        """Computes the coarse map."""
        both = value_of(self.coarse(coarse)) + value_of(self.down(value_of(fine)))
        return fine, self.sum(both)


class SumOfBoth(nn.Module):
    """A head that reads two tensors of one shape, of which one takes longer to come."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.sum, self.head = layers.relu(precision=P), layers.linear_head(features, CLASSES, precision=P)

    def forward(self, inner: Tensor, edge: Tensor) -> Tensor:
        """Computes logits."""
        result: Tensor = self.head(value_of(self.sum(inner + edge)))
        return result


class BothScales(nn.Module):
    """A head on two maps of different size."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.sum = _conv(2, 3, stride=2), layers.relu(precision=P)
        self.head = layers.linear_head(48, CLASSES, precision=P)

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        """Computes logits."""
        both = value_of(self.down(fine)) + coarse
        result: Tensor = self.head(value_of(self.sum(both)))
        return result


class LateTensor(nn.Module):
    """Gives what it is given, quantised, at once, and what many layers make of it several samples later."""

    def __init__(self) -> None:
        super().__init__()
        self.early, self.late = layers.relu(precision=P), nn.Sequential(*(_conv(1, 1) for _ in range(16)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Computes both, the early one first."""
        return self.early(x), self.late(x)


class EarlyAndLate(nn.Module):
    """Adds both."""

    def __init__(self) -> None:
        super().__init__()
        self.sum = layers.relu(precision=P)

    def forward(self, early: Tensor, late: Tensor) -> Tensor:
        """Computes a feature map."""
        result: Tensor = self.sum(early + late)
        return result


def late_tensor() -> hw.MultiExitNetwork:
    """Returns a network whose first exit decides on several samples before the second tensor of the first one comes."""
    heads = [layers.linear_head(64, CLASSES, precision=P) for _ in range(2)]
    return _calibrated([LateTensor(), EarlyAndLate()], heads, [(0,), (0,)])


def cut_residual_edge(*, head_on_both: bool = False) -> hw.MultiExitNetwork:
    """Returns a network whose first exit lies within a residual block.

    Args:
        head_on_both: the first head reads the edge, too.
    """
    first = SumOfBoth(3 * 64) if head_on_both else layers.linear_head(3 * 64, CLASSES, precision=P)
    return _calibrated(
        [CutEdge(), JoinedEdge()],
        [first, layers.linear_head(4 * 16, CLASSES, precision=P)],
        [(0, 1) if head_on_both else (0,), (0,)],
    )


def two_scales() -> hw.MultiExitNetwork:
    """Returns a network of four stages with a fine and a coarse map each; its exits are on the coarse one, the last one
    on both. The second and the third stage hand the fine map on, which the second one reads, too.
    """
    heads = [layers.linear_head(48, CLASSES, precision=P) for _ in range(3)]
    stages = [FirstScales(), ReadsAndHandsOn(), HandsOn(), NextScales()]
    return _calibrated(stages, [*heads, BothScales()], [(1,), (1,), (1,), (0, 1)])


def _calibrated(
    stages: list[nn.Module], heads: list[nn.Module], head_reads: list[tuple[int, ...]]
) -> hw.MultiExitNetwork:
    """Returns a network of random weights whose quantisers have seen images."""
    torch.manual_seed(3)
    for module in (*stages, *heads):
        for layer in module.modules():
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
    network = hw.MultiExitNetwork(stages, heads, FORMAT, SHAPE, head_reads=head_reads)
    network.train()
    with torch.no_grad():
        for _ in range(4):
            network(torch.rand(32, *SHAPE) * 2)
    return network.eval()
