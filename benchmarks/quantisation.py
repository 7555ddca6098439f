"""What quantisation costs: accuracy of each exit in floating point, quantised after training, and trained on.

python -m benchmarks.quantisation --write docs/quantisation.md
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import hwcodesign as hw
from hwcodesign import layers, pipeline
from hwcodesign.data import Dataset
from hwcodesign.errors import PolicyError
from hwcodesign.networks.floating import fine_format, float_logits, floating, on_grid
from hwcodesign.policies import ExitPolicy, ExitStatistics
from hwcodesign.storage.files import write_text
from hwcodesign.training.checkpoint import load_trained

FOLDER = Path("build/quantisation")
CALIBRATION = 512
BUDGETS = (0.4, 0.6, 0.8)
CRITERIA = ("max_softmax", "entropy", "margin", "patience")
EIGHT, FOUR = layers.Precision(8, 8, bias=16, logits=16), layers.Precision(4, 4, bias=16, logits=16)

_HEAD = """\
# Accuracy of quantised networks

    python -m benchmarks.quantisation --write docs/quantisation.md

Test accuracy of each exit, in percent. "8/8 bits" and "4/4 bits" are weights and activations, with biases and logits of
16 bits, quantised by `hwcodesign.quantise` on {calibration} training images, without training. "Trained on" is what the
recipe named in the row does behind that. CIFAR-10 (JPEG) is CIFAR-10 as re-encoded JPEG images: figures on it are not
comparable with those of the original.

"""


@dataclass(frozen=True)
class Subject:
    """A recipe whose network is trained in floating point, and recipes that train its quantised network on."""

    title: str
    recipe: str
    trained_on: tuple[str, ...] = ()


SUBJECTS = (
    Subject("B-LeNet on MNIST", "blenet_mnist"),
    Subject("ResNet-8 on CIFAR-10 (JPEG)", "resnet8_cifar", ("resnet8_cifar", "resnet8_cifar_w4a4")),
)


@dataclass(frozen=True)
class Row:
    """One network's logits as integers, on which policies are fitted as on any network's."""

    name: str
    network: hw.MultiExitNetwork
    fitting: list[NDArray[np.int64]]
    test: list[NDArray[np.int64]]

    def accuracy(self, data: Dataset) -> list[float]:
        return [float((z.argmax(axis=1) == data.test.labels).mean()) for z in self.test]


def float_network(subject: Subject, data: Dataset) -> hw.FloatNetwork:
    """The network of a recipe in floating point, trained by its settings."""
    recipe = hw.load_recipe(subject.recipe)
    network = recipe.build()
    plain = network if isinstance(network, hw.FloatNetwork) else floating(network)
    run = pipeline.Run(recipe, Path("build") / subject.recipe)
    if plain is network and load_trained(run.folder / pipeline.TRAINING, plain):
        return plain
    hw.train(plain, data, *recipe.training, checkpoint=FOLDER / subject.recipe)
    return plain


def rows(subject: Subject, data: Dataset) -> Iterator[Row]:
    plain = float_network(subject, data)
    fine = [float_logits(plain, split.images) for split in (data.fitting, data.test)]
    yield Row("floating point", plain, *([on_grid(z, fine_format([z])) for z in logits] for logits in fine))
    for name, precision in (("8/8 bits", EIGHT), ("4/4 bits", FOUR)):
        made = hw.quantise(plain, precision, calibration=data.training.images[:CALIBRATION])
        yield Row(name, made, made.logits(data.fitting.images), made.logits(data.test.images))
    for name in subject.trained_on:
        recipe = hw.load_recipe(name)
        if recipe.quantisation is None or not recipe.quantisation.training:
            continue
        made = pipeline.read_network(pipeline.Run(recipe, Path("build") / name))
        bits = recipe.quantisation.precision
        title = f"{bits.weights}/{bits.activations} bits, trained on ({name})"
        yield Row(title, made, made.logits(data.fitting.images), made.logits(data.test.images))


def accuracies(found: Sequence[Row], data: Dataset) -> str:
    exits = found[0].network.exits
    text = f"| | {' | '.join(f'exit {k}' for k in range(exits))} |\n|---|{'--:|' * exits}\n"
    for row in found:
        text += f"| {row.name} | {' | '.join(f'{100 * share:.2f}' for share in row.accuracy(data))} |\n"
    return text


def policies(found: Sequence[Row], data: Dataset) -> str:
    """Exit rates and accuracy of quantised networks at each budget."""
    text = "| network | criterion | budget | cost | accuracy | exit rates |\n|---|---|--:|--:|--:|---|\n"
    for row in found:
        if isinstance(row.network, hw.FloatNetwork):
            continue
        fractions = row.network.costs().fractions
        for criterion in CRITERIA:
            for budget in BUDGETS:
                try:
                    policy = hw.fit_policy(
                        row.network, (data.fitting.images, data.fitting.labels), criterion=criterion, budget=budget
                    )
                except PolicyError as error:
                    text += f"| {row.name} | {criterion} | {budget} | | | {str(error).split(':')[0]} |\n"
                    continue
                text += f"| {row.name} | {criterion} | {budget} | {_measured(policy, row, data, fractions)} |\n"
    return text


def _measured(policy: ExitPolicy, row: Row, data: Dataset, fractions: Sequence[float]) -> str:
    statistics = ExitStatistics.of(policy, row.test, data.test.labels, fractions)
    exits = statistics.exits_taken(policy.threshold_codes[:-1])
    accuracy = statistics.correct[exits, np.arange(len(exits))].mean()
    cost = np.asarray(fractions)[exits].mean()
    rates = np.bincount(exits, minlength=len(fractions)) / len(exits)
    return f"{cost:.3f} | {100 * accuracy:.2f} | {' / '.join(f'{100 * rate:.0f}' for rate in rates)} %"


def document(subjects: Sequence[Subject]) -> str:
    text = _HEAD.format(calibration=CALIBRATION)
    for subject in subjects:
        data = hw.load_recipe(subject.recipe).data()
        found = list(rows(subject, data))
        text += f"## {subject.title}\n\n{accuracies(found, data)}\n"
        if subject.trained_on:
            text += (
                "Budgets are average costs, as fractions of the multiply-accumulates of the last exit; exit rates are "
                f"those of the test split, first exit first.\n\n{policies(found, data)}\n"
            )
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--only", help="one recipe, and print")
    asked = parser.parse_args()
    text = document([subject for subject in SUBJECTS if asked.only in (None, subject.recipe)])
    if asked.write:
        write_text(asked.write, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
