"""What quantisation costs: accuracy of each exit in floating point, and quantised after training.

python -m benchmarks.quantisation --write docs/quantisation.md
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import hwcodesign as hw
from hwcodesign import layers
from hwcodesign.data import Dataset
from hwcodesign.networks.floating import float_logits, floating
from hwcodesign.storage.files import write_text

FOLDER = Path("build/quantisation")
CALIBRATION = 512
#: Recipes of quantised networks, which are trained without their quantisers here.
RECIPES = {"blenet_mnist": "B-LeNet on MNIST"}
PRECISIONS = {
    "8/8 bits": layers.Precision(8, 8, bias=16, logits=16),
    "4/4 bits": layers.Precision(4, 4, bias=16, logits=16),
}

_HEAD = """\
# Accuracy of quantised networks

    HWCODESIGN_DATA=… python -m benchmarks.quantisation --write docs/quantisation.md

Test accuracy of each exit, in percent. "8/8 bits" and "4/4 bits" are weights and activations, with biases and logits of
16 bits, quantised by `hwcodesign.quantise` on {calibration} training images, without training behind it. The network is
that of the recipe, trained by its settings in floating point. ResNet-8's figures are in [zoo.md](zoo.md).

"""


def float_network(recipe: str, data: Dataset) -> hw.FloatNetwork:
    """The network of a recipe in floating point, trained by its settings."""
    asked = hw.load_recipe(recipe)
    network = floating(asked.build())
    hw.train(network, data, *asked.training, checkpoint=FOLDER / recipe)
    return network


def logits(recipe: str, data: Dataset) -> Iterator[tuple[str, list[NDArray[np.float32]]]]:
    plain = float_network(recipe, data)
    yield "floating point", float_logits(plain, data.test.images)
    for name, precision in PRECISIONS.items():
        made = hw.quantise(plain, precision, calibration=data.training.images[:CALIBRATION])
        yield name, [codes.astype(np.float32) for codes in made.logits(data.test.images)]


def table(recipe: str) -> str:
    asked = hw.load_recipe(recipe)
    data, exits = asked.data(), asked.build().exits
    text = f"| | {' | '.join(f'exit {k}' for k in range(exits))} |\n|---|{'--:|' * exits}\n"
    for name, found in logits(recipe, data):
        shares = [float((z.argmax(axis=1) == data.test.labels).mean()) for z in found]
        text += f"| {name} | {' | '.join(f'{100 * share:.2f}' for share in shares)} |\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    asked = parser.parse_args()
    text = _HEAD.format(calibration=CALIBRATION)
    text += "".join(f"## {title}\n\n{table(recipe)}\n" for recipe, title in RECIPES.items())
    if asked.write:
        write_text(asked.write, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
