"""Bits of a network as a part of the search: it is trained again with each, and designs of all are compared."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

from brevitas.nn.quant_layer import QuantWeightBiasInputOutputLayer

from hwcodesign import Quantisation, Recipe, load_recipe
from hwcodesign.design import load
from hwcodesign.errors import RecipeError, SettingsError
from hwcodesign.kernels.weighted import WeightedKernel
from hwcodesign.networks.layers import Precision
from hwcodesign.search.retraining import Bits, bits_of
from tests.command_line import environment_of
from tests.tiny_recipe import NETWORK_AND_DATA
from tests.warm_cli import WARM

RECIPE = f"""{NETWORK_AND_DATA}
RECIPE = hw.Recipe(
    name="tiny",
    network=network,
    precision=P,
    data=data,
    training=(hw.TrainingSettings(epochs=2, batch_size=32, learning_rate=0.01, seed=1, threads=1),),
    policy=hw.PolicyRequest(criterion="margin", budget=0.9),
)
"""
SEARCH = ("--criteria", "margin,none", "--drop", "0.1", "--trials", "1")
pytestmark = pytest.mark.usefixtures("warm")


def explored(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return WARM[0].run(folder, ("explore", "tiny.py", *arguments), environment_of(folder, {}))


def bits_of_weights(recipe: Recipe) -> set[int]:
    layers = [layer for layer in recipe.build().modules() if isinstance(layer, QuantWeightBiasInputOutputLayer)]
    return {int(layer.quant_weight().bit_width) for layer in layers}


def test_a_network_that_is_made_quantised_has_the_bits_of_the_recipe() -> None:
    recipe = load_recipe("digits")
    narrow = recipe.with_bits(2, 3)
    assert (narrow.name, narrow.precision) == ("digits_w2a3", Precision(2, 3))
    assert bits_of_weights(narrow) == {2}
    assert bits_of_weights(recipe) == {4}


def test_a_network_that_is_quantised_later_keeps_what_is_not_asked_for() -> None:
    recipe = load_recipe("resnet8_cifar_w4a4")
    narrow = recipe.with_bits(3, 5)
    assert narrow.name == "resnet8_cifar_w4a4_w3a5"
    assert narrow.quantisation is not None
    assert recipe.quantisation is not None
    assert narrow.quantisation.precision == Precision(3, 5, bias=16, logits=16)
    assert narrow.quantisation.training == recipe.quantisation.training
    named = dataclasses.replace(recipe.quantisation, layers={"heads.0": Precision(8, 8)})
    kept = dataclasses.replace(recipe, quantisation=named).with_bits(3, 5).quantisation
    assert kept is not None
    assert kept.layers == named.layers


def test_a_recipe_without_bits_is_refused_with_a_way_out() -> None:
    recipe = dataclasses.replace(load_recipe("digits"), precision=None)
    with pytest.raises(RecipeError, match=r"recipe digits does not say the bits .* give precision=layers\.Precision"):
        recipe.with_bits(4, 4)
    with pytest.raises(SettingsError, match=r"weights=9 bits is not in 2\.\.8"):
        load_recipe("digits").with_bits(9, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": None}, r"called with nothing \(missing a required argument: 'precision'\)"),
        ({"network": lambda: None}, r"called with the precision \(too many positional arguments\): let it take a"),
    ],
)
def test_a_function_that_takes_no_precision_or_needs_one_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        dataclasses.replace(load_recipe("digits"), **changes).build()


def test_precision_and_quantisation_are_refused_together() -> None:
    with pytest.raises(RecipeError, match=r"as quantisation=hwcodesign\.Quantisation\(precision="):
        dataclasses.replace(load_recipe("digits"), quantisation=Quantisation())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4", "retrain='4': '4' is not bits of weights x bits of activations, such as 4x5"),
        ("4x5,", "retrain='4x5,': '' is not bits"),
        ("4x-5", "'4x-5' is not bits"),
        ("4x5,3x3,4x5", "names the same bits twice"),
    ],
)
def test_what_are_no_bits_is_refused(text: str, message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        bits_of(text)
    assert message in str(refused.value)


def test_bits_are_read_as_they_are_written() -> None:
    found = bits_of("4x5, 2x8")
    assert found == (Bits(4, 5), Bits(2, 8))
    assert [one.text for one in found] == ["4x5", "2x8"]


def test_each_bits_are_trained_and_searched_and_a_design_of_them_is_compiled(tmp_path: Path) -> None:
    """Each has a folder of its own; the recipe's training stays as it is."""
    (tmp_path / "tiny.py").write_text(RECIPE)
    done = explored(tmp_path, *SEARCH, "--retrain", "3x3,2x4", "--json")
    assert done.returncode == 0, done.stderr
    first, second = json.loads(done.stdout)["searches"]
    assert [first["network"], second["network"]] == ["tiny_w3a3", "tiny_w2a4"]
    table = explored(tmp_path, *SEARCH, "--retrain", "3x3,2x4", "--quiet").stdout
    rates = {
        name: max(design["images_per_second"] for design in found["designs"])
        for name, found in (("3x3", first), ("2x4", second))
    }
    fastest = max(rates, key=lambda name: rates[name])
    assert f"explore tiny.py --retrain {fastest} --board pynq-z2 --build" in table
    assert table.count("compiles the best") == 1
    number = str(second["best"][0])
    for bits, message in (
        ("3x3,2x4", "--build compiles a design of one network: name its bits, as in --retrain 3x3"),
        ("4x4", "4x4 holds no finished training: run hwcodesign explore tiny.py --retrain 4x4 first"),
    ):
        assert message in explored(tmp_path, "--retrain", bits, "--build", number).stderr.splitlines()[-1]
    done = explored(tmp_path, "--retrain", "2x4", "--build", number)
    assert done.returncode == 0, done.stderr
    built = load(tmp_path / "build/tiny/2x4/explore/pynq-z2" / f"design{number}")
    assert built.accelerator.name == f"tiny_w2a4_{number}"
    kernels = [kernel for segment in built.accelerator.segments for kernel in segment.kernels]
    assert {kernel.weight_format.width for kernel in kernels if isinstance(kernel, WeightedKernel)} == {2}
    assert not (tmp_path / "build/tiny/training").exists()
