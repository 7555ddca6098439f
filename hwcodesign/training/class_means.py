"""This module makes exits from class means (Gormez and Koyuncu, "E2CM", arXiv 2103.01148), which need no training but
one pass over the images.

An early exit compares pooled features f with the mean of each class in the training split; the nearest is its answer.
Since |f - m_c|^2 = |f|^2 - 2 (m_c . f - |m_c|^2 / 2), and |f|^2 is the same for all classes, the nearest mean has the
largest m_c . f - |m_c|^2 / 2: a linear layer. Average pooling is linear too, so that it goes into the layer's weights,
and hardware has an ordinary linear head whose logits are half the squared distances, negated, up to |f|^2. The paper's
softmax is of distances that are not squared, each divided by its class' mean; here the criterion's temperature does the
scaling (`fit_policy(..., calibrate=True)`).
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hwcodesign.errors import SettingsError
from hwcodesign.images import encode_images
from hwcodesign.networks import layers
from hwcodesign.networks.network import MultiExitNetwork

_BATCH = 256
#: Batches over which the logits' quantiser observes their range.
_OBSERVED = 100
PRECISION = layers.Precision(weights=8, activations=8, bias=16, logits=8)


def with_class_means(
    network: MultiExitNetwork,
    images: NDArray[Any],
    labels: NDArray[Any],
    *,
    pool: int = 1,
    precision: layers.Precision = PRECISION,
) -> MultiExitNetwork:
    """Returns a copy of the network whose early exits are class means; stages and last head stay as they are.

    Args:
        network: trained network.
        images: (N, C, H, W) of the training split, values or codes.
        labels: (N,) true classes.
        pool: size of the averaging window in pixels, in both directions; 1 compares the features as they are.
        precision: precision of the means, of what is subtracted, and of the logits.

    Raises:
        SettingsError: the network has gates, which class means do not support; windows of `pool` pixels do not fill a
            stage's output; or a class has no image.
    """
    if network.gates:
        raise SettingsError("class means do not support gates: give a network without gates")
    codes = encode_images(images, network.input_format, network.input_shape)
    labels = np.asarray(labels, np.int64)
    missing = sorted(set(range(network.classes)) - set(labels.tolist()))
    if missing:
        raise SettingsError(f"class {missing[0]} has no image, and so no mean: give images of every class")
    for k, tensors in enumerate(network.boundaries()[0][:-1]):
        reads = network.reads_of(k, len(tensors))
        if len(reads) > 1:
            raise SettingsError(
                f"head {k} reads {len(reads)} tensors, but class means are of one: name it in the network's head_reads"
            )
        boundary = tensors[reads[0]]
        if pool < 1 or any(size % pool for size in boundary.shape[1:]):
            raise SettingsError(f"pool={pool} does not divide the {boundary.shape[1:]} pixels of stage {k}'s output")
    batches = _batches(network, codes)
    made = copy.deepcopy(network).eval()
    for k, means in enumerate(_means(made, batches, labels)):
        made.heads[k] = _head(means, pool, precision)
    _observe(made, batches)
    return made.eval()


def class_means(network: MultiExitNetwork, images: NDArray[Any], labels: NDArray[Any]) -> list[Tensor]:
    """Returns (classes, C, H, W) means of the outputs of every stage but the last, in float64.

    Args:
        network: quantised or floating-point network in evaluation mode.
        images: (N, C, H, W) values or codes.
        labels: (N,) true classes, each at least once.
    """
    codes = encode_images(images, network.input_format, network.input_shape)
    return _means(network, _batches(network, codes), np.asarray(labels, np.int64))


def _batches(network: MultiExitNetwork, codes: NDArray[Any]) -> list[Tensor]:
    x = torch.from_numpy(network.input_format.decode(codes).astype(np.float32))
    return [x[start : start + _BATCH] for start in range(0, len(x), _BATCH)]


def _means(network: MultiExitNetwork, batches: list[Tensor], labels: NDArray[np.int64]) -> list[Tensor]:
    totals: list[Tensor] = []
    classes = int(labels.max()) + 1
    counts = torch.from_numpy(np.bincount(labels)).double()
    with torch.no_grad():
        for batch, own in zip(batches, torch.split(torch.from_numpy(labels), _BATCH), strict=True):
            for k, given in zip(range(network.exits - 1), network.features(batch), strict=False):
                feature = network.head_inputs(k, given)[0]
                if len(totals) == k:
                    totals.append(torch.zeros((classes, *feature.shape[1:]), dtype=torch.float64))
                totals[k].index_add_(0, own, feature.double())
    return [total / counts.reshape(-1, *[1] * (total.dim() - 1)) for total in totals]


def _head(means: Tensor, pool: int, precision: layers.Precision) -> nn.Module:
    """Builds a head of flatten, linear layer and logits."""
    pooled = nn.functional.avg_pool2d(means, pool) if pool > 1 else means
    spread = pooled.repeat_interleave(pool, dim=2).repeat_interleave(pool, dim=3) if pool > 1 else means
    linear: Any = layers.linear(means[0].numel(), len(means), precision=precision)
    with torch.no_grad():
        linear.weight.copy_(spread.flatten(1) / pool**2)
        # the distance is that to the mean as the weights hold it; pool^2 pixels share each of its elements
        held = linear.quant_weight().value.double()
        linear.bias.copy_(-(pool**2) * (held**2).sum(dim=1) / 2)
    return nn.Sequential(nn.Flatten(), linear, layers.logits(precision=precision))


def _observe(network: MultiExitNetwork, batches: list[Tensor]) -> None:
    """Runs images, so that the new heads' logit quantisers observe their ranges."""
    with torch.no_grad():
        for n in range(_OBSERVED):
            network.eval()
            for head in network.heads[:-1]:
                head.train()
            network(batches[n % len(batches)])
