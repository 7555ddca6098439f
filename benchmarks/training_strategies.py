"""Accuracy of each exit under every training strategy, of networks with the same budget of epochs.

    HWCODESIGN_DATA=… python -m benchmarks.training_strategies --write docs/training.md

Trainings are kept below build/ by what they are made of: a run that was stopped goes on, and one with more seeds adds
to what is there. Needs Fashion-MNIST in HWCODESIGN_DATA, but for `--only digits`.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import hwcodesign as hw
from hwcodesign.data import Split
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.recipes import Recipe
from hwcodesign.storage.files import sha256_json
from hwcodesign.training import (
    Adversarial,
    Attack,
    Distilled,
    GradientEquilibrium,
    Hierarchical,
    LearnedWeights,
    Personalised,
    Strategy,
    attacked_codes,
)

DIGITS_EPOCHS, DIGITS_SEEDS = 20, 5
#: What all others are compared with.
TWO_STAGE = "last exit, then heads only"
LATER = "self-distillation from every later exit"
#: Stronger than what networks are trained against.
TEST_ATTACK = Attack(epsilon=2, steps=10, step=1, form="max_average")
#: Percent of samples, (seeds, exits).
Figures = NDArray[np.float64]
Phases = tuple[hw.TrainingSettings, ...]


def phases(base: hw.TrainingSettings, *strategies: str | Strategy) -> Phases:
    """The budget of epochs, shared out among phases alike."""
    fraction, rest = divmod(base.epochs, len(strategies))
    return tuple(
        dataclasses.replace(base, strategy=strategy, epochs=fraction + (rest if last else 0))
        for last, strategy in zip([False] * (len(strategies) - 1) + [True], strategies, strict=True)
    )


def compared(base: hw.TrainingSettings) -> dict[str, Phases]:
    """What is compared on both data sets; with two exits, the only later one is the last."""
    return {
        "joint": phases(base, "joint"),
        TWO_STAGE: phases(base, "last_exit", "heads_only"),
        "self-distillation from the last exit": phases(base, Distilled("last")),
    }


def of_digits(base: hw.TrainingSettings) -> dict[str, Phases]:
    """All strategies whose exits answer the same question about the same images."""
    coarse = coarse_classes()
    return {
        **compared(base),
        LATER: phases(base, Distilled("later")),
        "joint, learned weights": phases(base, LearnedWeights()),
        "joint, gradient equilibrium": phases(base, GradientEquilibrium()),
        "hierarchical, a quarter fine at the first exit": phases(base, Hierarchical(coarse)),
        "hierarchical, coarse alone at the first exit": phases(base, Hierarchical(coarse, fine=0.0)),
        "adversarial": phases(base, Adversarial(Attack(epsilon=2, steps=2, step=1))),
    }


def coarse_classes() -> tuple[int, ...]:
    """Those of the recipe."""
    strategy = hw.load_recipe("hierarchical").training[0].chosen
    assert isinstance(strategy, Hierarchical)
    return strategy.coarse


def trained(recipe: Recipe, made_of: Phases, folder: Path) -> MultiExitNetwork:
    """A network of the recipe, trained in these phases, or taken from a former run's."""
    seeded = dataclasses.replace(recipe, training=made_of)
    network = seeded.build()
    key = sha256_json([settings.to_json() for settings in made_of])[:16]
    hw.train(network, recipe.data(), *made_of, checkpoint=folder / f"{recipe.name}-{key}")
    return network


def accuracy(network: MultiExitNetwork, split: Split) -> list[float]:
    """Percent right at each exit."""
    return [100 * float((z.argmax(axis=1) == split.labels).mean()) for z in network.logits(split.images)]


def accuracies(recipe: Recipe, epochs: int, seeds: int, folder: Path) -> dict[str, Figures]:
    """On the test split, of each strategy."""
    test, found = recipe.data().test, {}
    base = dataclasses.replace(recipe.training[0], epochs=epochs, threads=1)
    for name in of_digits(base) if recipe.name == "digits" else compared(base):
        rows = []
        for seed in range(1, seeds + 1):
            seeded = dataclasses.replace(base, seed=seed)
            made_of = of_digits(seeded) if recipe.name == "digits" else compared(seeded)
            rows.append(accuracy(trained(recipe, made_of[name], folder), test))
            print(recipe.name, name, seed, *(f"{value:.2f}" for value in rows[-1]), flush=True)
        found[name] = np.array(rows)
    return found


def under_attack(folder: Path) -> dict[str, Figures]:
    """Accuracy on the digits' test images, each network attacked on its own."""
    recipe = hw.load_recipe("digits")
    test, found = recipe.data().test, {}
    for name in ("joint", "adversarial"):
        rows = []
        for seed in range(1, DIGITS_SEEDS + 1):
            base = dataclasses.replace(recipe.training[0], epochs=DIGITS_EPOCHS, seed=seed)
            network = trained(recipe, of_digits(base)[name], folder)
            codes = attacked_codes(network, test.images, test.labels, TEST_ATTACK, seed=seed)
            rows.append(accuracy(network, Split(codes, test.labels)))
        found[name] = np.array(rows)
    return found


def coarse_accuracy(folder: Path) -> dict[str, Figures]:
    """How often each exit is right about the coarse class: by its label's, and by the sum of probabilities."""
    recipe, group = hw.load_recipe("digits"), np.array(coarse_classes())
    test, found = recipe.data().test, {}
    members = (group[:, None] == np.arange(group.max() + 1)).astype(np.float64)
    truth = group[test.labels]
    names = [name for name in of_digits(recipe.training[0]) if name == "joint" or name.startswith("hierarchical")]
    for name in names:
        by_label, by_sum = [], []
        for seed in range(1, DIGITS_SEEDS + 1):
            base = dataclasses.replace(recipe.training[0], epochs=DIGITS_EPOCHS, seed=seed)
            network = trained(recipe, of_digits(base)[name], folder)
            scales = [head.format.scale for head in network.boundaries()[1]]
            logits = network.logits(test.images)
            sums = [
                np.exp((z - z.max(axis=1, keepdims=True)) * s) @ members for z, s in zip(logits, scales, strict=True)
            ]
            by_label.append([100 * float((group[z.argmax(axis=1)] == truth).mean()) for z in logits])
            by_sum.append([100 * float((total.argmax(axis=1) == truth).mean()) for total in sums])
        found[f"{name}: of the label"], found[f"{name}: by sums"] = np.array(by_label), np.array(by_sum)
    return found


def personalisation(folder: Path) -> dict[str, Figures]:
    """Accuracy on the user's test images, before and after."""
    recipe = hw.load_recipe("personalised")
    everybody, own = recipe.training
    teachers = {
        "personalised, the last exit as teacher": Personalised("last"),
        "personalised with labels": Personalised("labels"),
    }
    rows: dict[str, list[list[float]]] = {"before": [], **{name: [] for name in teachers}}
    data = recipe.data()
    for seed in range(1, DIGITS_SEEDS + 1):
        before = trained(recipe, (dataclasses.replace(everybody, seed=seed),), folder)
        rows["before"].append(accuracy(before, data.test))
        for name, strategy in teachers.items():
            network = copy.deepcopy(before)
            hw.train(network, data, dataclasses.replace(own, strategy=strategy, seed=seed))
            rows[name].append(accuracy(network, data.test))
        print(recipe.name, seed, *(f"{values[-1][0]:.2f}" for values in rows.values()), flush=True)
    return {name: np.array(values) for name, values in rows.items()}


def table(found: dict[str, Figures]) -> str:
    """Mean and range over seeds, in percent."""
    exits = next(iter(found.values())).shape[1]
    text = "| | " + " | ".join(f"exit {k}" for k in range(exits)) + " |\n|---|" + "---:|" * exits + "\n"
    for name, figures in found.items():
        cells = [f"{column.mean():.2f} ({column.min():.2f} to {column.max():.2f})" for column in figures.T]
        text += f"| {name} | " + " | ".join(cells) + " |\n"
    return text


def differences(found: dict[str, Figures]) -> str:
    """Percentage points against heads-only, seed by seed."""
    base = found[TWO_STAGE]
    exits = base.shape[1]
    text = "| | " + " | ".join(f"exit {k}" for k in range(exits)) + " |\n|---|" + "---:|" * exits + "\n"
    for name, figures in found.items():
        if name in ("joint", LATER, "self-distillation from the last exit"):
            columns = (figures - base).T
            cells = [f"{column.mean():+.2f} ({column.min():+.2f} to {column.max():+.2f})" for column in columns]
            text += f"| {name} | " + " | ".join(cells) + " |\n"
    return text


def digits_part(folder: Path) -> str:
    """The document's part on digits."""
    found = accuracies(hw.load_recipe("digits"), DIGITS_EPOCHS, DIGITS_SEEDS, folder)
    attack = TEST_ATTACK
    return f"""## Digits

{DIGITS_EPOCHS} epochs in total, {DIGITS_SEEDS} seeds, three exits, 400 test images (one image is 0.25 points).

{table(found)}
Differences to `last exit, then heads only`, in percentage points:

{differences(found)}
Some strategies have other aims than accuracy on clean images. The next table shows the accuracy under attack. Each
network is attacked separately, with {attack.steps} steps of projected gradient ascent; each pixel changes by at most
{attack.epsilon} of 17 codes, and the form of the attack is `{attack.form}`.

{table(under_attack(folder))}
The next table shows how often the coarse class is right (loops, straight strokes, open curves). "of the label" takes
the coarse class of the predicted label, as hardware does. "by sums" takes the coarse class with the largest sum of
probabilities.

{table(coarse_accuracy(folder))}
The last table is about the images of one user. They are made from the digits (`models/personalised_digits.py`), and 200
of them are used for training.

{table(personalisation(folder))}"""


def fashion_part(epochs: int, seeds: int, folder: Path) -> str:
    """The document's part on Fashion-MNIST."""
    found = accuracies(hw.load_recipe("blenet_fashion"), epochs, seeds, folder)
    return f"""## Fashion-MNIST, B-LeNet

{epochs} epochs in total, {seeds} seeds, two exits, 10,000 test images. The first exit's only later exit is the last, so
both forms of self-distillation are the same training.

{table(found)}
Differences to `last exit, then heads only`, in percentage points:

{differences(found)}"""


def document(parts: Sequence[str], arguments: str) -> str:
    """The document, with the command that repeats it."""
    body = "\n".join(parts)
    return f"""# Training strategies, side by side

    HWCODESIGN_DATA=… python -m benchmarks.training_strategies{arguments} --write docs/training.md

The tables show the accuracy of each exit on the test split, in percent: the mean over seeds, and in brackets the lowest
and the highest value. All networks are quantised, start from the same weights for the same seed, and train for the same
number of epochs in total. A strategy with several phases divides the epochs equally among them. Learning rate, batch
size and shifts are those of the recipes. They were tuned for joint training only. No exit policy is used here.

{body}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=Path("build"), help="where trainings are kept")
    parser.add_argument("--only", choices=("digits", "fashion"), help="one data set instead of both")
    parser.add_argument("--epochs", type=int, default=12, help="on Fashion-MNIST")
    parser.add_argument("--seeds", type=int, default=3, help="on Fashion-MNIST")
    parser.add_argument("--write", type=Path, help="document to write the tables to")
    options = parser.parse_args()
    folder = options.build / "training_strategies"
    parts, arguments = [], f" --only {options.only}" if options.only else ""
    if options.only != "fashion":
        parts.append(digits_part(folder))
    if options.only != "digits":
        parts.append(fashion_part(options.epochs, options.seeds, folder))
        arguments += f" --epochs {options.epochs} --seeds {options.seeds}"
    text = document(parts, arguments)
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
