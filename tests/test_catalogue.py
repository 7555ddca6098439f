"""Offers of units are kept by what kernels compute, whatever they are called."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.implementation import Implementation
from hwcodesign.hardware.offers import Catalogue
from hwcodesign.hardware.stream import Stream
from hwcodesign.kernels import Conv2D
from tests.drawn_kernels import drawn_segment

REUSE = Implementation(2)


def convolution() -> Conv2D:
    """Draws one."""
    kernel = drawn_segment(np.random.default_rng(3), "conv2d", most=1).kernels[0]
    assert isinstance(kernel, Conv2D)
    return kernel


def test_kernels_that_compute_the_same_have_the_same_offers() -> None:
    catalogue, kernel = Catalogue(), convolution()
    streams = tuple(Stream.of(shape) for shape in kernel.input_shapes)
    offer = catalogue.offer(kernel, REUSE, streams)
    assert catalogue.offer(replace(kernel, name="another", inputs=("layer",)), REUSE, streams) is offer
    assert catalogue.offer(kernel, replace(REUSE, reuse_factor=1), streams) is not offer


def test_kernels_that_differ_in_one_weight_or_format_have_their_own() -> None:
    catalogue, kernel = Catalogue(), convolution()
    streams = tuple(Stream.of(shape) for shape in kernel.input_shapes)
    offer = catalogue.offer(kernel, REUSE, streams)
    weights = np.array(kernel.weights)
    weights.flat[0] += 1 if weights.flat[0] < kernel.weight_format.max_code else -1
    result = FixedPoint(kernel.result.width, kernel.result.integer + 1, kernel.result.signed)
    for other in (replace(kernel, weights=weights), replace(kernel, result=result)):
        assert other.content != kernel.content
        assert catalogue.offer(other, REUSE, streams) is not offer
