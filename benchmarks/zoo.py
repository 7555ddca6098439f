"""What the networks of the zoo cost, and what ResNet-8's exits answer in floating point, with 8 bits and with 4.

HWCODESIGN_DATA=… python -m benchmarks.zoo --write docs/zoo.md

How recipes train, and what was compared, is taken from what `benchmarks.zoo_networks` has kept.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

import hwcodesign as hw
from benchmarks import zoo_networks
from hwcodesign import layers
from hwcodesign.data import Dataset
from hwcodesign.errors import PolicyError
from hwcodesign.fitting.outputs import fit_to_outputs
from hwcodesign.fitting.search import OperatingPoint, evaluate
from hwcodesign.networks.floating import float_logits
from hwcodesign.policies import ExitStatistics
from hwcodesign.recipe_files import recipe_names
from hwcodesign.storage.files import write_text
from hwcodesign.training import untrained
from hwcodesign.training.published import published_weights, read_weights

POLICIES = ("max_softmax", "entropy", "margin", "patience")
BUDGETS = (0.6, 0.75, 0.9)
#: Recipes that have a page of their own, by other names and bits.
_RESNET = "resnet8_cifar"
_FOUR_BITS = layers.Precision(4, 4, bias=16, logits=16)


# --- the networks ---


def float_recipes() -> Iterator[tuple[hw.Recipe, hw.FloatNetwork]]:
    """All recipes that train in floating point, each network once."""
    seen: set[Any] = set()
    for name in recipe_names():
        recipe = hw.load_recipe(name)
        network = recipe.build()
        shapes = tuple(parameter.shape for parameter in network.parameters())
        if isinstance(network, hw.FloatNetwork) and shapes not in seen:
            seen.add(shapes)
            yield recipe, network


def network_rows() -> list[str]:
    rows = []
    for recipe, network in float_recipes():
        assert recipe.quantisation is not None
        costs, quantised = network.costs(), untrained(network, recipe.quantisation).costs()
        parameters = sum(parameter.numel() for parameter in network.parameters())
        fractions, cut = (", ".join(f"{part:.2f}" for part in each.fractions) for each in (costs, quantised))
        shape = "x".join(map(str, network.input_shape))
        operations = f"{sum(costs.stages) + costs.heads[-1]:,}"
        rows.append(
            f"| `{recipe.name}` | {shape} | {network.exits} | {parameters:,} | {operations} | {fractions} | {cut} | "
            f"{sum(phase.epochs for phase in recipe.training)} |"
        )
    return rows


def training_rows() -> list[str]:
    """What is known of the training of recipes without published weights, the quickest first."""
    rows = []
    for name in zoo_networks.zoo():
        recipe = zoo_networks.on_one_thread(hw.load_recipe(name))
        if published_weights(name).exists():
            continue
        folder = zoo_networks.KEPT / name
        paced, found = zoo_networks.kept_pace(recipe, folder), zoo_networks.kept_training(recipe, folder)
        expected = "-" if paced is None else f"{paced:.1f}"
        told = (
            "- | - | - |"
            if found is None
            else f"{found.minutes:.1f} | {percent(found.floating, 1)} | {percent(found.integers, 1)} |"
        )
        rows.append(f"| `{name}` | {sum(phase.epochs for phase in recipe.training)} | {expected} | {told}")
    return rows


def agreement_rows() -> list[str]:
    """What has been compared of each recipe."""
    rows = []
    for name in zoo_networks.zoo():
        kept = zoo_networks.kept_agreement(zoo_networks.KEPT / name)
        if kept is None:
            rows.append(f"| `{name}` | - | - | - | - | - | - |")
            continue
        found, _ = kept
        rows.append(
            f"| `{name}` | {found.weights} | {found.software} | {found.csim} | {found.values:,} "
            f"| {found.building:.1f} | {found.running:.1f} |"
        )
    return rows


# --- ResNet-8 ---


@dataclass(frozen=True)
class Answers:
    """Integer or real logits of all exits on two splits, and where the integers lie."""

    name: str
    fitting: list[NDArray[Any]]
    test: list[NDArray[Any]]
    formats: tuple[hw.FixedPoint, ...] = ()
    costs: tuple[float, ...] = ()


def in_integers(name: str, network: hw.MultiExitNetwork, data: Dataset) -> Answers:
    formats = tuple(boundary.format for boundary in network.boundaries()[1])
    logits = [network.logits(split.images) for split in (data.fitting, data.test)]
    return Answers(name, *logits, formats, network.costs().fractions)


def answers(data: Dataset) -> Iterator[Answers]:
    """Of the network in floating point, quantised with 8 and with 4 bits, and with 4 bits trained on."""
    recipe = hw.load_recipe(_RESNET)
    network = recipe.build()
    assert isinstance(network, hw.FloatNetwork)
    assert recipe.quantisation is not None
    read_weights(published_weights(f"{_RESNET}_float"), network)
    yield Answers("floating point", *(float_logits(network, split.images) for split in (data.fitting, data.test)))
    yield in_integers("8 bits, quantised after the training", recipe.published(), data)
    images = data.training.images[: recipe.quantisation.images]
    yield in_integers(
        "4 bits, quantised after the training", hw.quantise(network, _FOUR_BITS, calibration=images), data
    )
    trained_on = hw.load_recipe(f"{_RESNET}_w4a4")
    if published_weights(trained_on.name).exists():
        yield in_integers("4 bits, trained on", trained_on.published(), data)


def points(found: Answers, data: Dataset) -> Iterator[tuple[str, float, OperatingPoint | None]]:
    """Each policy at each budget on the test split; None where it has no thresholds that meet the budget."""
    for criterion in POLICIES:
        for budget in BUDGETS:
            request = hw.PolicyRequest(criterion=criterion, budget=budget)
            try:
                policy = fit_to_outputs(found.fitting, data.fitting.labels, found.formats, found.costs, request)
            except PolicyError:
                yield criterion, budget, None
                continue
            statistics = ExitStatistics.of(policy, found.test, data.test.labels, found.costs)
            yield criterion, budget, evaluate(statistics, policy.threshold_codes[:-1])


def percent(values: Sequence[float], digits: int = 2) -> str:
    return " / ".join(f"{100 * value:.{digits}f}" for value in values)


def page(data: Dataset) -> str:
    accuracies, policies = [], []
    for found in answers(data):
        print(found.name, flush=True)
        exits = [float((z.argmax(axis=1) == data.test.labels).mean()) for z in found.test]
        accuracies.append(f"| {found.name} | {percent(exits)} |")
        for criterion, budget, point in points(found, data) if found.formats else ():
            result = (
                "| - | - | - |"
                if point is None
                else f"| {percent([point.accuracy])} | {point.cost:.3f} | {percent(point.exit_rate, 1)} |"
            )
            policies.append(f"| {found.name} | `{criterion}` | {budget} {result}")
    return _PAGE.format(
        networks="\n".join(network_rows()),
        training="\n".join(training_rows()),
        agreement="\n".join(agreement_rows()),
        accuracies="\n".join(accuracies),
        policies="\n".join(policies),
        test=len(data.test),
        fitting=len(data.fitting),
    )


_PAGE = """# The zoo

    HWCODESIGN_DATA=… python -m benchmarks.zoo --write docs/zoo.md

Recipes in `models/` whose networks train in floating point and are then quantised. Their sizes are constants at the top
of each file, and small, as are the epochs: meant for two cores. The file also names the sizes of the publication.
[eenet_table.md](eenet_table.md) compares four exit policies on ResNet, DenseNet and MSDNet, three seeds of each.

MACs are multiply-accumulates of all stages and the last head; costs of exits are fractions of these, with the heads in
front. Quantising cuts a network anew: each stage is then left with what its exit needs, and the rest is computed behind
it. That makes the early exits of MSDNet cheaper.

| recipe | input | exits | parameters | MACs | cost of each exit, floating point | quantised | epochs |
|---|---|---|---:|---:|---|---|---:|
{networks}

## How they train

    HWCODESIGN_DATA=… python -m benchmarks.zoo_networks pace training

Recipes as they come, one seed. Minutes are of processor time on one thread; those expected follow from the median time
of a step. Accuracy is that of each exit on all test images, in floating point, and after the quantisation to 8 bits.
Dashes: not measured.

| recipe | epochs | minutes expected | minutes | floating point, % | 8 bits, % |
|---|---:|---:|---:|---:|---:|
{training}

`dscnn_kws` and `jet_mlp` have random inputs, since no such data are at hand: their accuracy says nothing. ResNet-8 has
been trained for an hour, and has a section of its own below.

## Software and C++ against Brevitas

    HWCODESIGN_DATA=… python -m benchmarks.zoo_networks agreement

Each network is compiled at its full size. Software and the generated C++ then compute test images, and every value
between stages, every logit and every record is held to Brevitas in float64, in `==`. All that is listed was equal.
Weights are random where a recipe had not been trained. 200 images are compared, or at least 8 where the C++ would need
more than ten minutes. Integers are those that the C++ computed; minutes are of processor time, of g++ and of the
comparison. Dashes: not measured.

| recipe | weights | images in software | images in C++ | integers | minutes of g++ | minutes of C++ |
|---|---|---:|---:|---:|---:|---:|
{agreement}

## ResNet-8 on CIFAR-10 (JPEG)

These are the weights in `models/checkpoints`; the JSON file beside each says how it was made, and
`hw.load_recipe("resnet8_cifar").published()` reads them. All results are on
{test:,} test images, of one seed. JPEG has changed the pixels, so they are not results on CIFAR-10.

| numbers | accuracy of each exit, % |
|---|---|
{accuracies}

Thresholds are fitted on {fitting:,} other images to an average cost, as a fraction of the cost of the last exit without
the heads in front. A line of dashes means that a policy has no thresholds that meet the budget.

| numbers | policy | budget | accuracy, % | cost | exit rates, % |
|---|---|---:|---:|---:|---|
{policies}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, help="document to write")
    parser.add_argument("--images", type=int, help="images of each split, to try it out")
    arguments = parser.parse_args()
    data = hw.load_recipe(_RESNET).data()
    if arguments.images:
        data = dataclasses.replace(
            data, fitting=data.fitting.take(arguments.images), test=data.test.take(arguments.images)
        )
    text = page(data)
    if arguments.write:
        write_text(arguments.write, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
