"""Convolutions over time with three exits, on JapaneseVowels: nine speakers by how they say two vowels."""

from torch import nn

import hwcodesign as hw
from hwcodesign.data.time_series import VOWELS_FORMAT, VOWELS_LENGTH, japanese_vowels

#: Coefficients of speech at a time, and channels of the three stages.
COEFFICIENTS, CHANNELS, CLASSES = 12, (16, 32, 32), 9


def stage(inputs: int, outputs: int) -> nn.Sequential:
    """Returns a convolution over three times, which halves their number."""
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm1d(outputs), nn.ReLU(), nn.MaxPool1d(2)
    )


def network() -> hw.FloatNetwork:
    """32 -> 16 -> 8 -> 4 times; heads read all of them."""
    lengths = [VOWELS_LENGTH // 2**k for k in (1, 2, 3)]
    sizes = zip(CHANNELS, lengths, strict=True)
    return hw.FloatNetwork(
        stages=[stage(*widths) for widths in zip((COEFFICIENTS, *CHANNELS), CHANNELS, strict=False)],
        heads=[nn.Sequential(nn.Flatten(), nn.Linear(channels * length, CLASSES)) for channels, length in sizes],
        input_format=VOWELS_FORMAT,
        input_shape=(COEFFICIENTS, VOWELS_LENGTH),
    )


RECIPE = hw.Recipe(
    name="sequence_conv1d",
    network=network,
    data=japanese_vowels,
    training=(hw.TrainingSettings(epochs=60, batch_size=50, learning_rate=0.01, seed=1, threads=1),),
    compile=hw.CompileSettings(reuse=32),
    quantisation=hw.Quantisation(),
    policy=hw.PolicyRequest(criterion="max_softmax", budget=0.6),
)
