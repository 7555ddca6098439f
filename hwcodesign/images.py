"""This module checks and encodes images, once for all backends.

An image is a sample: a picture (C, H, W), a sequence (C, L), or a vector (F,). Streams and kernels have channels last,
and take a sequence for a picture of one row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import FormatError, ImagesError
from hwcodesign.fixedpoint import FixedPoint

#: Pixels of one byte each, as most data sets have them: 0 to 255/256.
BYTES = FixedPoint(8, 0, signed=False)
#: Axes of a sample, by their number.
AXES = {1: "(F,)", 2: "(C, L)", 3: "(C, H, W)"}


def stream_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """Returns the shape of a tensor in a stream, channels last: (H, W, C), (1, L, C) or (F,).

    Args:
        shape: (C, H, W), (C, L) or (F,).
    """
    first, *others = shape
    return (*(1,) * (len(others) == 1), *others, first)


def encode_images(images: NDArray[Any], fmt: FixedPoint, shape: Sequence[int]) -> NDArray[np.integer[Any]]:
    """Returns the codes of images.

    Args:
        images: (N, C, H, W), (N, C, L) or (N, F). Floats are values and are rounded half to even to the input format;
            integers are codes.
        fmt: the input format.
        shape: (C, H, W), (C, L) or (F,).

    Returns:
        Codes in the shape of the images; integers stay as they are, in their own dtype.

    Raises:
        ImagesError: the shape or dtype is wrong, or a value is NaN or out of range; the message names the first bad
            value.
    """
    if hasattr(images, "detach"):  # PyTorch's tensor: gradients and other devices are not for NumPy
        images = images.detach().cpu()
    images = np.asarray(images)
    if images.shape[1:] != tuple(shape) or images.ndim < 2:
        wanted = ", ".join(str(size) for size in shape)
        raise ImagesError(f"images have shape {images.shape}, not (N, {wanted})")
    if images.dtype.kind in "iu":
        limits = np.iinfo(images.dtype)
        if limits.min >= fmt.min_code and limits.max <= fmt.max_code:
            return images  # nothing of this dtype is out of range
        bad = (images < fmt.min_code) | (images > fmt.max_code)
        if bad.any():
            where = tuple(int(i) for i in np.argwhere(bad)[0])
            raise ImagesError(
                f"code {int(images[where])} at index {where} does not fit {fmt}, "
                f"whose codes are {fmt.min_code} to {fmt.max_code}"
            )
        return images
    if images.dtype.kind != "f":
        raise ImagesError(f"images have dtype {images.dtype}: give floats (values) or integers (codes)")
    try:
        return fmt.encode(images).astype(np.int64)
    except FormatError as error:
        raise ImagesError(str(error)) from None


def telling_codes(fmt: FixedPoint, shape: Sequence[int], seed: int, each: int) -> NDArray[np.int64]:
    """Returns codes that reveal wrong layouts and roundings: random ones, extreme ones, and single ones among zeros.

    Args:
        fmt: format of the codes.
        shape: shape of a sample, in any order of axes.
        seed: seed of everything random.
        each: number of samples of each kind, at least two.

    Returns:
        (3 * each, *shape), the three kinds one after the other.
    """
    rng = np.random.default_rng(seed)
    low, high = fmt.min_code, fmt.max_code
    random = rng.integers(low, high, (each, *shape), endpoint=True)
    extreme = np.where(rng.integers(0, 2, (each, *shape)), high, low)
    extreme[0], extreme[1] = low, high
    sparse = np.zeros((each, math.prod(shape)), np.int64)
    sparse[np.arange(each), rng.integers(0, sparse.shape[1], each)] = rng.integers(low, high, each, endpoint=True)
    return np.concatenate([random, extreme, sparse.reshape(each, *shape)])


def channels_last(codes: NDArray[Any]) -> NDArray[Any]:
    """Converts (N, C, H, W) to a contiguous (N, H, W, C), the order of every stream; sequences get a row."""
    moved = np.moveaxis(codes, 1, -1).reshape(len(codes), *stream_shape(codes.shape[1:]))
    return np.ascontiguousarray(moved)


def channels_first(values: NDArray[Any], shape: Sequence[int]) -> NDArray[Any]:
    """Converts what `channels_last` gave back to a contiguous (N, *shape)."""
    return np.ascontiguousarray(np.moveaxis(values, -1, 1)).reshape(len(values), *shape)


def lane_bits(fmt: FixedPoint) -> int:
    """Returns the bits of an element's lane in an input word: 8, 16 or 32, the smallest that holds a code.

    Raises:
        FormatError: codes are wider than 32 bits.
    """
    for bits in (8, 16, 32):
        if fmt.width <= bits:
            return bits
    raise FormatError(f"input format {fmt} is wider than the 32 bits of an input word's widest lane: use fewer bits")


def words_per_sample(fmt: FixedPoint, shape: Sequence[int]) -> int:
    """Returns the number of 64-bit input words of one image of a shape."""
    return -(-math.prod(shape) * lane_bits(fmt) // 64)


def pack_words(codes: NDArray[Any], fmt: FixedPoint) -> NDArray[np.uint64]:
    """Packs images as the DMA carries them: 64-bit little-endian words, channels last, each sample in whole words.

    Args:
        codes: (N, C, H, W), (N, C, L) or (N, F) integers of the input format.

    Returns:
        (N, words) of a sample.
    """
    bits = lane_bits(fmt)
    flat = channels_last(codes).reshape(len(codes), math.prod(codes.shape[1:]))
    lanes = 64 // bits
    padded = np.zeros(
        (len(flat), words_per_sample(fmt, codes.shape[1:]) * lanes),
        f"<i{bits // 8}" if fmt.signed else f"<u{bits // 8}",
    )
    padded[:, : flat.shape[1]] = flat
    return padded.view("<u8")
