"""EENet's table: its networks have the exits and budgets that it names, and what was measured is kept."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

from benchmarks.eenet_networks import FULL, POLICIES, SETTINGS, SMALL, Found, Network, Point, Setting, build, measured
from benchmarks.eenet_table import cell, document, spread
from hwcodesign.data import Dataset
from hwcodesign.data.random_inputs import random_inputs

#: The smallest of the small setting's networks.
TINY = Network("MSDNet", "msdnet_cifar", {"EXITS": 3, "FIRST": (2, 2), "GROWTH": (2, 2)}, (0.9,))


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
def test_the_networks_have_three_four_and_five_exits_and_budgets_between_the_first_and_the_last(
    setting: Setting,
) -> None:
    networks = [build(network, setting.training) for network in setting.networks]
    assert [network.exits for network in networks] == [3, 4, 5]
    for network, made in zip(setting.networks, networks, strict=True):
        fractions = made.costs().fractions
        assert all(fractions[0] < budget < fractions[-1] for budget in network.budgets)
        assert list(network.budgets) == sorted(network.budgets, reverse=True)


def test_densenet_121_has_121_layers() -> None:
    layers = {network.name: network.sizes for network in (*SMALL.networks, *FULL.networks)}
    for name in ("DenseNet-47", "DenseNet-121"):
        blocks = layers[name]["LAYERS"]
        assert name == f"DenseNet-{2 * sum(blocks) + len(blocks) - 1 + 2}"


TINY_SETTING = Setting("small", (TINY,), 40, dataclasses.replace(SMALL.training, epochs=1, batch_size=20))


@pytest.fixture(scope="module")
def split() -> Dataset:
    network = build(TINY, SMALL.training)
    whole = random_inputs("stand-in", network.input_format, network.input_shape, network.classes)
    return dataclasses.replace(whole, training=whole.training.take(40))


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("eenet_table")


@pytest.fixture(scope="module")
def found(split: Dataset, kept: Path) -> Found:
    return measured(TINY_SETTING, TINY, 1, split, kept=kept)


def test_all_policies_are_held_to_all_budgets(found: Found) -> None:
    asked = [(point.policy, point.budget) for point in found.points if point.agreements is None]
    assert asked == [(policy, 0.9) for policy in POLICIES]


def test_eenet_is_asked_for_what_patience_costs(found: Found) -> None:
    patience, eenet = (point for point in found.points if point.agreements == 1)
    assert (patience.policy, patience.budget, eenet.policy) == ("patience", None, "eenet")
    assert eenet.budget is not None
    assert found.costs[1] <= eenet.budget <= found.costs[2]


def test_what_was_measured_is_kept_and_other_budgets_are_measured_again(
    found: Found, split: Dataset, kept: Path
) -> None:
    (path,) = kept.glob("*/found.json")
    text = path.read_text()
    path.write_text(text.replace(f'"macs": {found.macs}', '"macs": 1'))
    assert measured(TINY_SETTING, TINY, 1, split, kept=kept) == dataclasses.replace(found, macs=1)
    cheaper = dataclasses.replace(TINY, budgets=(0.8,))
    again = measured(TINY_SETTING, cheaper, 1, split, kept=kept)
    assert (again.macs, again.points[0].budget) == (found.macs, 0.8)


def test_the_page_tells_its_setting_and_the_command(found: Found, split: Dataset) -> None:
    text = document(TINY_SETTING, split, {TINY.name: [found, dataclasses.replace(found, seed=2)]})
    assert "--setting small --write docs/eenet_table.md" in text
    assert "**small** setting: 1 epochs on 40 training images" in text
    assert "Each network is trained with 2 seeds" in text
    assert text.count("| `eenet` |") == 1


def test_a_cell_is_the_mean_and_the_deviation_over_seeds() -> None:
    points = [Point("entropy", 0.5, accuracy, cost) for accuracy, cost in ((0.5, 0.4), (0.6, 0.5), (0.7, 0.6))]
    assert cell(points) == "60.00 ± 10.00 | 0.500 ± 0.100"
    assert spread([0.25]) == "25.00 ± 0.00"


def test_a_budget_that_one_seed_cannot_meet_has_dashes() -> None:
    assert cell([Point("patience", 0.5, 0.5, 0.4), Point("patience", 0.5)]) == "- | -"
