"""This module reads the windows of convolutions and poolings: kernel, strides, and padding on each side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.onnx_models.building import Build, Computed
from hwcodesign.networks.onnx_models.graph import Node


@dataclass(frozen=True)
class Window:
    """A window has a size in each axis of an image or a sequence.

    Attributes:
        kernel, strides, dilations: sizes.
        before, after: padding at the start and the end of each axis.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def is_even(self) -> bool:
        """Returns whether both ends of each axis have the same padding."""
        return self.before == self.after


def window_of(node: Node, given: Computed, kernel: Sequence[int]) -> Window:
    """Reads the window of a node.

    Args:
        given: tensor that it reads.
        kernel: size, where the node does not say it.

    Raises:
        UnsupportedLayerError: three axes or more, or none.
    """
    sides, attributes = given.shape[2:], node.attributes
    if len(sides) not in (1, 2):
        raise UnsupportedLayerError(
            f"{node} reads a tensor of shape {given.shape}: windows slide over images (N, C, H, W) or "
            "sequences (N, C, L)"
        )
    kernel = tuple(attributes.get("kernel_shape", kernel))
    strides = tuple(attributes.get("strides", [1] * len(sides)))
    dilations = tuple(attributes.get("dilations", [1] * len(sides)))
    pads = list(attributes.get("pads", [0] * 2 * len(sides)))
    match attributes.get("auto_pad", "NOTSET"):
        case "SAME_UPPER" | "SAME_LOWER" as mode:
            whole = [
                max((-(-side // stride) - 1) * stride + (size - 1) * step + 1 - side, 0)
                for side, stride, size, step in zip(sides, strides, kernel, dilations, strict=True)
            ]
            less, more = [pad // 2 for pad in whole], [pad - pad // 2 for pad in whole]
            pads = less + more if mode == "SAME_UPPER" else more + less
        case "VALID":
            pads = [0] * 2 * len(sides)
    return Window(kernel, strides, dilations, tuple(pads[: len(sides)]), tuple(pads[len(sides) :]))


def padded(node: Node, build: Build, given: Computed, window: Window) -> tuple[Computed, tuple[int, ...]]:
    """Returns the tensor that a layer reads, and the padding that is left to the layer.

    Padding that differs between both ends is a layer of its own.
    """
    if window.is_even:
        return given, window.before
    ends = [end for pair in zip(window.before[::-1], window.after[::-1], strict=True) for end in pair]
    return build.module(node, zeros_around(ends), given), (0,) * len(window.before)


def zeros_around(ends: Sequence[int]) -> nn.Module:
    """Returns a layer that puts zeros around an image or a sequence.

    Args:
        ends: number at both ends of each axis, the last axis first.
    """
    listed: Any = tuple(ends)
    return nn.ZeroPad2d(listed) if len(listed) == 4 else nn.ConstantPad1d(listed, 0.0)
