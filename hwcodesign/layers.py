"""These are the quantised layers of which stages and heads are made; they live in `hwcodesign.networks.layers`."""

from __future__ import annotations

from hwcodesign.networks.layers import (
    LEAST_RANGE,
    GatedHead,
    Precision,
    conv2d,
    identity,
    linear,
    linear_head,
    logits,
    relu,
    tensors_of,
    value_of,
    values_of,
)

__all__ = [
    "LEAST_RANGE",
    "GatedHead",
    "Precision",
    "conv2d",
    "identity",
    "linear",
    "linear_head",
    "logits",
    "relu",
    "tensors_of",
    "value_of",
    "values_of",
]
