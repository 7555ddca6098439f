"""What recipes of tests share: text of a network that trains in a second, and of few images."""

from __future__ import annotations

#: Imports of hwcodesign's and of torch's; `network`, `data`.
NETWORK_AND_DATA = """
import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data import Dataset, Split
from hwcodesign.data.digits import INPUT_FORMAT, digits
from torch import nn

P = layers.Precision(weights=3, activations=3, logits=6)

def head(features):
    return nn.Sequential(nn.Flatten(), layers.linear(features, 10, precision=P), layers.logits(precision=P))

def network():
    first = nn.Sequential(layers.conv2d(1, 2, 3, stride=2, precision=P), layers.relu(precision=P))
    second = nn.Sequential(layers.conv2d(2, 3, 3, precision=P), layers.relu(precision=P))
    return hw.MultiExitNetwork([first, second], [head(18), head(3)], input_format=INPUT_FORMAT, input_shape=(1, 8, 8))

def part(split, samples):
    return Split(split.images[:samples], split.labels[:samples])

def data():
    whole = digits()
    return Dataset(
        whole.name, INPUT_FORMAT, part(whole.training, 300), part(whole.fitting, 100), part(whole.test, 60)
    )
"""
