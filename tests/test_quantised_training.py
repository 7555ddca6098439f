"""Recipes that train in floating point: quantised behind it, trained on, kept, and read again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import hwcodesign as hw
from hwcodesign import layers, pipeline
from hwcodesign.data import Dataset
from hwcodesign.errors import CheckpointError, RecipeError, SettingsError
from hwcodesign.recipes import Recipe
from hwcodesign.training import read_quantised

FEW = layers.Precision(3, 3, bias=8, logits=8)
STEPS = hw.TrainingSettings(epochs=2, batch_size=100, learning_rate=0.01, seed=4, threads=1)


@pytest.fixture
def recipe(digits_data: Dataset) -> Recipe:
    def network() -> hw.FloatNetwork:
        stages = [
            nn.Sequential(nn.Conv2d(1, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU()),
            nn.Sequential(nn.Conv2d(4, 4, 3), nn.ReLU()),
        ]
        heads = [nn.Sequential(nn.Flatten(), nn.Linear(size, 10)) for size in (36, 4)]
        return hw.FloatNetwork(stages, heads, digits_data.input_format, (1, 8, 8))

    return Recipe(
        name="small",
        network=network,
        data=lambda: digits_data,
        training=(STEPS,),
        policy=hw.PolicyRequest(thresholds=(0.5,)),
        quantisation=hw.Quantisation(FEW, images=100, training=(STEPS,)),
    )


def test_a_run_trains_quantises_and_trains_on_and_later_steps_read_that(
    recipe: Recipe, digits_data: Dataset, tmp_path: Path
) -> None:
    run = pipeline.Run(recipe, tmp_path)
    pipeline.check_before_training(run, recipe.build())
    network = pipeline.trained_network(run, digits_data)
    assert not isinstance(network, hw.FloatNetwork)
    assert pipeline.read_network(run).digest() == network.digest()
    policy = pipeline.fitted_policy(run, network, digits_data)
    design = pipeline.compiled_design(run, network, policy)
    images = digits_data.test.images[:40]
    assert all(map(np.array_equal, design.logits(images), network.logits(images)))


def test_a_run_again_continues_where_each_training_was(recipe: Recipe, digits_data: Dataset, tmp_path: Path) -> None:
    first = pipeline.trained_network(pipeline.Run(recipe, tmp_path), digits_data)
    assert pipeline.trained_network(pipeline.Run(recipe, tmp_path), digits_data).digest() == first.digest()


def test_runs_with_other_bits_share_the_training_of_the_float_network(
    recipe: Recipe, digits_data: Dataset, tmp_path: Path
) -> None:
    pipeline.trained_network(pipeline.Run(recipe, tmp_path), digits_data)
    other = pipeline.Run(recipe.with_bits(5, 5), tmp_path / "5x5", trained_in=tmp_path)
    network = pipeline.trained_network(other, digits_data)
    assert not (tmp_path / "5x5" / pipeline.TRAINING).exists()
    assert pipeline.read_network(other).digest() == network.digest()


def test_without_a_training_behind_it_the_quantised_network_is_kept_too(
    recipe: Recipe, digits_data: Dataset, tmp_path: Path
) -> None:
    plain = dataclasses.replace(recipe, quantisation=hw.Quantisation(FEW, images=100))
    run = pipeline.Run(plain, tmp_path)
    network = pipeline.trained_network(run, digits_data)
    assert pipeline.read_network(run).digest() == network.digest()


def test_a_checkpoint_of_another_precision_is_refused(recipe: Recipe, digits_data: Dataset, tmp_path: Path) -> None:
    pipeline.trained_network(pipeline.Run(recipe, tmp_path), digits_data)
    assert recipe.quantisation is not None
    other = dataclasses.replace(recipe.quantisation, precision=layers.Precision(5, 5, 8, 8))
    changed = dataclasses.replace(recipe, quantisation=other)
    with pytest.raises(CheckpointError, match="another network, data set or training settings"):
        pipeline.trained_network(pipeline.Run(changed, tmp_path), digits_data)


def test_what_was_never_trained_is_not_read(recipe: Recipe, tmp_path: Path) -> None:
    network = recipe.build()
    assert isinstance(network, hw.FloatNetwork)
    assert recipe.quantisation is not None
    assert read_quantised(network, recipe.quantisation, tmp_path) is None
    with pytest.raises(CheckpointError, match="quantised holds no finished training: run hwcodesign train small first"):
        pipeline.read_network(pipeline.Run(recipe, tmp_path))


def test_a_recipe_says_how_a_float_network_is_quantised_and_no_other(recipe: Recipe) -> None:
    silent = dataclasses.replace(recipe, quantisation=None)
    with pytest.raises(RecipeError, match=r"computes in floating point, so say how it is quantised"):
        silent.build()
    digits = hw.load_recipe("digits")
    integers = dataclasses.replace(digits, network=digits.new_network, precision=None, quantisation=hw.Quantisation())
    with pytest.raises(RecipeError, match=r"nothing is left for quantisation=… to do"):
        integers.build()


def test_ranges_need_images() -> None:
    with pytest.raises(SettingsError, match="images=0: ranges are observed on one image or more"):
        hw.Quantisation(images=0)


def test_the_initial_weights_are_those_of_the_seed(recipe: Recipe) -> None:
    first, second = recipe.build().state_dict(), recipe.build().state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
