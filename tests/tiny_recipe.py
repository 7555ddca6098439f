"""What recipes of tests share: text of a network that trains in a second, and of few images."""

from __future__ import annotations

#: Imports of hwcodesign's and of torch's; `network` of any precision, `P` by default; `data`.
NETWORK_AND_DATA = """
import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data import Dataset, Split
from hwcodesign.data.digits import INPUT_FORMAT, digits
from torch import nn

P = layers.Precision(weights=3, activations=3, logits=6)

def head(features, precision):
    linear = layers.linear(features, 10, precision=precision)
    return nn.Sequential(nn.Flatten(), linear, layers.logits(precision=precision))

def network(precision=P):
    first = nn.Sequential(layers.conv2d(1, 2, 3, stride=2, precision=precision), layers.relu(precision=precision))
    second = nn.Sequential(layers.conv2d(2, 3, 3, precision=precision), layers.relu(precision=precision))
    heads = [head(18, precision), head(3, precision)]
    return hw.MultiExitNetwork([first, second], heads, input_format=INPUT_FORMAT, input_shape=(1, 8, 8))

def part(split, samples):
    return Split(split.images[:samples], split.labels[:samples])

def data():
    whole = digits()
    return Dataset(
        whole.name, INPUT_FORMAT, part(whole.training, 300), part(whole.fitting, 100), part(whole.test, 60)
    )
"""
