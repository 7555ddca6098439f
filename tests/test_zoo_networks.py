"""What the zoo's page is made of: trainings are measured once for their settings, and published networks are used."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import hwcodesign as hw
from benchmarks.zoo_networks import kept_pace, kept_training, network_of, on_one_thread, pace, trained, zoo


def perceptron(epochs: int) -> hw.Recipe:
    recipe = on_one_thread(hw.load_recipe("jet_mlp"))
    return dataclasses.replace(recipe, training=(dataclasses.replace(recipe.training[0], epochs=epochs),))


def test_the_cheapest_network_comes_first_and_the_dearest_last() -> None:
    assert (zoo()[0], zoo()[-1]) == ("jet_mlp", "resnet_cifar")


def test_a_training_is_measured_once_for_its_settings(tmp_path: Path) -> None:
    recipe = perceptron(2)
    found = trained(recipe, recipe.data(), tmp_path)
    assert (found.epochs, len(found.floating), len(found.integers)) == (2, 3, 3)
    assert found.minutes > 0
    assert kept_training(recipe, tmp_path) == found
    assert trained(recipe, recipe.data(), tmp_path) == found
    assert kept_training(perceptron(3), tmp_path) is None


def test_the_time_of_a_training_is_expected_for_all_its_epochs(tmp_path: Path) -> None:
    recipe = perceptron(2)
    assert kept_pace(recipe, tmp_path) is None
    assert pace(recipe, recipe.data(), tmp_path) == kept_pace(recipe, tmp_path)
    assert kept_pace(perceptron(3), tmp_path) is None


def test_a_network_is_the_published_one_else_the_trained_one_else_one_of_random_weights(tmp_path: Path) -> None:
    recipe = perceptron(1)
    data = recipe.data()
    blank, weights = network_of(recipe, data, tmp_path)
    assert weights == "random"
    trained(recipe, data, tmp_path)
    learned, weights = network_of(recipe, data, tmp_path)
    assert weights == "trained"
    assert learned.digest() != blank.digest()
    published = on_one_thread(hw.load_recipe("resnet8_cifar"))
    network, weights = network_of(published, data, tmp_path)
    assert (network.digest(), weights) == (published.published().digest(), "published")
