"""Small accelerators for tests, made by hand: a few kernels a segment, a few hundred cycles a sample at most.

`plain` ones have random weights. `steered` ones do what their images say: each pixel but two tells one exit whether the
sample leaves there, so that a test can choose where every sample leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.implementation import Implementation, Implementations
from hwcodesign.images import channels_last
from hwcodesign.kernels import Conv2D, Dense, Reshape, Segment
from hwcodesign.policies import ExitPolicy

Codes = NDArray[np.int64]
Shape = tuple[int, int, int]

_PIXELS = FixedPoint(5, 2, signed=False)
_FEATURES = FixedPoint(6, 3, False, "RND_CONV", "SAT")  # type: ignore[arg-type]
_LOGITS = FixedPoint(8, 5, True, "RND_CONV", "SAT")  # type: ignore[arg-type]
_WEIGHTS = FixedPoint(4, 1, signed=True)

#: Codes of a steered accelerator's images, exact up to its logits.
_STEERED = FixedPoint(5, 5, signed=True)
_STEERED_LOGITS = FixedPoint(8, 8, True, "RND_CONV", "SAT")  # type: ignore[arg-type]
#: A sample leaves by at least 25 and stays by at most 7.
_STEERED_THRESHOLD = 16
_STEERED_GAIN = 16
#: (channels, rows, columns) by number of exits: from one beat a sample to seven.
STEERED_SHAPES: dict[int, Shape] = {1: (3, 1, 1), 2: (1, 1, 3), 3: (2, 2, 1), 4: (1, 1, 5), 5: (7, 1, 1)}


def plain(name: str, *, exits: int = 3, criterion: str = "margin", seed: int = 0) -> Accelerator:
    """Convolutions with random weights on 5x5 pixels, four input words a sample, in which 7 lanes are padding.

    Thresholds are such that about a third of random images leaves at each exit.

    Args:
        exits: 2 or 3. The second stage is the slowest, so that samples wait in the buffer before it.
    """
    rng = np.random.default_rng(seed)
    shapes = ((5, 5, 1), (5, 5, 2), (3, 3, 3), (3, 3, 2))
    reuse = ((1, 4), (12, 3), (3, 9))
    stages = [
        _stage(rng, k, shapes[k], shapes[k + 1], kernel=3 if k < 2 else 1, stride=2 if k == 1 else 1)
        for k in range(exits)
    ]
    heads = [_head(rng, k, shapes[k + 1], 3) for k in range(exits)]
    implementations: dict[str, Implementations] = {}
    for k in range(exits):
        rows, columns, _ = shapes[k + 1]
        implementations[f"stage{k}"] = {"conv": Implementation(reuse[k][0])}
        implementations[f"head{k}"] = {"dense": Implementation(reuse[k][1] * rows * columns)}
    policy = ExitPolicy.build(criterion, [_LOGITS] * exits, 3)
    accelerator = Accelerator(name, (1, 5, 5), tuple(stages), tuple(heads), policy, implementations=implementations)
    return replace(accelerator, policy=_median_policy(accelerator))


def pair() -> tuple[Accelerator, Accelerator]:
    """Two that may stand in one design."""
    return plain("first", criterion="entropy"), plain("second", seed=5, exits=2)


def images(accelerator: Accelerator, samples: int, seed: int = 0) -> Codes:
    """(samples, C, H, W) random codes of its input format."""
    rng, fmt = np.random.default_rng([samples, seed]), accelerator.input_format
    return rng.integers(fmt.min_code, fmt.max_code, (samples, *accelerator.input_shape), endpoint=True)


def steered(name: str, exits: int, *, buffer_samples: int = 1) -> Accelerator:
    """Stages pass their input on; head k looks at pixel k, whose sign is the class of a sample that leaves.

    Buffers hold the least that they may. Heads and decisions are slower than stages at even exits, and as fast at odd
    ones and at an only one.

    Args:
        exits: 1 to 5.
    """
    channels, height, width = STEERED_SHAPES[exits]
    shape, elements = (height, width, channels), height * width * channels
    identity = np.eye(channels).reshape(1, 1, channels, channels)
    accumulator = FixedPoint(16, 16, signed=True)
    stages, heads = [], []
    implementations: dict[str, Implementations] = {}
    for k in range(exits):
        reuse = 1 if k % 2 or exits == 1 else 4
        none = np.zeros(channels)
        copy = Conv2D(
            "copy", ("input",), (_STEERED,), (shape,), _STEERED, shape, identity, none, FixedPoint(2, 2, signed=True),
            accumulator, (1, 1), (0, 0, 0, 0),
        )  # fmt: skip
        stages.append(Segment.chain(f"stage{k}", _STEERED, shape, (copy,)))
        weights = np.zeros((elements, 2))
        weights[elements - 2 :] = np.eye(2)
        if k < exits - 1:
            weights[k] = _STEERED_GAIN, -_STEERED_GAIN
        flat = Reshape("flat", ("input",), (_STEERED,), (shape,), _STEERED, (elements,))
        look = Dense(
            "look", ("flat",), (_STEERED,), ((elements,),), _STEERED_LOGITS, (2,), weights, np.zeros(2),
            FixedPoint(6, 6, signed=True), accumulator,
        )  # fmt: skip
        heads.append(Segment.chain(f"head{k}", _STEERED, shape, (flat, look)))
        implementations[f"stage{k}"] = {"copy": Implementation(reuse)}
        implementations[f"head{k}"] = {"look": Implementation(reuse * elements)}
    policy = ExitPolicy.build("margin", [_STEERED_LOGITS] * exits, 2).with_codes([_STEERED_THRESHOLD] * (exits - 1))
    return Accelerator(
        name, (channels, height, width), tuple(stages), tuple(heads), policy, buffer_samples, implementations
    )


def steered_images(accelerator: Accelerator, leaves: Sequence[int] | Codes, seed: int = 0) -> Codes:
    """Images of samples that leave at the given exits, random in everything else.

    Args:
        leaves: (N,) exits.
    """
    rng, leaves = np.random.default_rng(seed), np.asarray(leaves)
    channels, height, width = accelerator.input_shape
    flat = np.zeros((len(leaves), height * width * channels), np.int64)
    early = accelerator.exits - 1
    flat[:, -2:] = rng.integers(0, 8, (len(leaves), 2))
    exits = np.arange(early)
    # what stands behind the exit at which a sample leaves is never looked at
    flat[:, :early] = np.where(exits < leaves[:, None], 0, rng.choice([-1, 1], (len(leaves), early)))
    return np.ascontiguousarray(flat.reshape(len(leaves), height, width, channels).transpose(0, 3, 1, 2))


def _stage(rng: np.random.Generator, k: int, shape: Shape, output: Shape, *, kernel: int, stride: int) -> Segment:
    source = _PIXELS if k == 0 else _FEATURES
    weights = rng.integers(-7, 8, (kernel, kernel, shape[2], output[2])).astype(float)
    bias = rng.integers(0, 60, output[2]).astype(float)
    pad = kernel // 2
    conv = Conv2D(
        "conv", ("input",), (source,), (shape,), _FEATURES, output, weights, bias, _WEIGHTS,
        FixedPoint(20, 20 - source.fraction - _WEIGHTS.fraction, signed=True), (stride, stride), (pad,) * 4,
    )  # fmt: skip
    return Segment.chain(f"stage{k}", source, shape, (conv,))


def _head(rng: np.random.Generator, k: int, shape: Shape, classes: int) -> Segment:
    inputs = int(np.prod(shape))
    weights = rng.integers(-7, 8, (inputs, classes)).astype(float)
    weights -= np.rint(weights.mean(axis=0))  # no class is ahead for every image
    bias = rng.integers(-20, 20, classes).astype(float)
    flat = Reshape("flat", ("input",), (_FEATURES,), (shape,), _FEATURES, (inputs,))
    dense = Dense(
        "dense", ("flat",), (_FEATURES,), ((inputs,),), _LOGITS, (classes,), weights.clip(-8, 7), bias, _WEIGHTS,
        FixedPoint(24, 24 - _FEATURES.fraction - _WEIGHTS.fraction, signed=True),
    )  # fmt: skip
    return Segment.chain(f"head{k}", _FEATURES, shape, (flat, dense))


def _median_policy(accelerator: Accelerator) -> ExitPolicy:
    """Codes under which a third of random images leaves at each of three exits, half of them at each of two."""
    policy, values = accelerator.policy, channels_last(images(accelerator, 300)).astype(np.float64)
    agreements, codes = np.zeros(len(values), np.int64), []
    for k in range(accelerator.exits - 1):
        (values,) = accelerator.stages[k].run(values)
        logits = accelerator.heads[k].run(values)[0].astype(np.int64)
        scores = policy.scores(k, logits, agreements[: len(logits)])
        codes.append(int(np.quantile(scores, 1 - 1 / (accelerator.exits - k))))
        values = values[scores < codes[-1]]
    return policy.with_codes(codes)
