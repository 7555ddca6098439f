"""A small network of three exits for the digits, which tests share: drawn from a seed, or with kept weights.

The kept weights make what tests and notebooks show the same on every machine: training repeats on one alone.
`python -m tests.small_network` trains and keeps them anew.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn

from hwcodesign import layers
from hwcodesign.data import Split
from hwcodesign.data.digits import INPUT_FORMAT, digits
from hwcodesign.fitting.network import fit_policy
from hwcodesign.fitting.path import threshold_path
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import ExitPolicy, ExitStatistics
from hwcodesign.training import train

WEIGHTS = Path(__file__).with_name("small_network.safetensors")


def drawn(seed: int) -> MultiExitNetwork:
    """An untrained one."""
    torch.set_num_threads(1)  # so small a network only waits for more
    precision = layers.Precision(weights=4, activations=4, logits=7)

    def head(features: int) -> nn.Module:
        return layers.linear_head(features, 10, precision=precision)

    torch.manual_seed(seed)
    return MultiExitNetwork(
        stages=[
            nn.Sequential(
                layers.conv2d(1, 3, 3, padding=1, precision=precision),
                nn.MaxPool2d(2),
                layers.relu(precision=precision),
            ),
            nn.Sequential(layers.conv2d(3, 6, 3, padding=1, precision=precision), layers.relu(precision=precision)),
            nn.Sequential(
                layers.conv2d(6, 12, 3, padding=1, precision=precision),
                nn.MaxPool2d(2),
                layers.relu(precision=precision),
            ),
        ],
        heads=[head(3 * 4 * 4), head(6 * 4 * 4), head(12 * 2 * 2)],
        input_format=INPUT_FORMAT,
        input_shape=(1, 8, 8),
    )


def trained() -> MultiExitNetwork:
    """The one with the kept weights."""
    network = drawn(1)
    network.load_state_dict(load_file(WEIGHTS))
    return network.eval()


def fitted(network: MultiExitNetwork, split: Split) -> ExitPolicy:
    """An entropy policy of it under which samples leave at each of its exits, and its path."""
    policy = fit_policy(network, None, criterion="entropy", thresholds=[0.25, 0.2])
    statistics = ExitStatistics.of(policy, network.logits(split.images), split.labels, network.costs().fractions)
    return dataclasses.replace(policy, path=threshold_path(policy, statistics))


if __name__ == "__main__":
    chosen = drawn(1)
    train(chosen, digits(), epochs=10, batch_size=50, learning_rate=0.02, seed=1)
    save_file(chosen.state_dict(), WEIGHTS)
