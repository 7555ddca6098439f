"""Weights that are passed on: they come back to the bit, and files that do not belong together are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import hwcodesign as hw
from hwcodesign import pipeline
from hwcodesign.errors import CheckpointError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.storage.installed import shared_folder
from hwcodesign.training import untrained
from hwcodesign.training.checkpoint import CHECKPOINT
from hwcodesign.training.published import published_weights, read_weights, save_weights
from tests.test_training import Build, state_bytes

SHIPPED = sorted((shared_folder("models") / "checkpoints").glob("*.safetensors"))
#: What must be told of weights.
FACTS = {"recipe", "data", "command", "seed", "machine", "test_accuracy", "sha256", "network"}


def saved(folder: Path, network: MultiExitNetwork) -> Path:
    path = folder / "mine.safetensors"
    save_weights(path, network, {"data": "digits", "seed": 1})
    return path


def test_weights_come_back_to_the_bit_with_what_is_known_of_them(small_network: Build, tmp_path: Path) -> None:
    network, other = small_network(1), small_network(2)
    path = saved(tmp_path, network)
    facts = read_weights(path, other.train())
    assert state_bytes(other) == state_bytes(network)
    assert not other.training
    assert (facts["data"], facts["seed"], facts["network"]) == ("digits", 1, network.digest())


def test_weights_of_a_quantised_network_come_back_to_the_bit(tmp_path: Path) -> None:
    recipe = hw.load_recipe("jet_mlp")
    network, images = recipe.build(), recipe.data().training.images[:64]
    assert isinstance(network, hw.FloatNetwork)
    assert recipe.quantisation is not None
    first = hw.quantise(network, calibration=images)
    second = untrained(network, recipe.quantisation)
    read_weights(saved(tmp_path, first), second)
    for codes, others in zip(first.logits(images), second.logits(images), strict=True):
        assert np.array_equal(codes, others)


def test_files_that_are_missing_damaged_or_of_another_network_are_refused(small_network: Build, tmp_path: Path) -> None:
    network = small_network(1)
    before = state_bytes(network)
    path = saved(tmp_path, small_network(2))
    facts = path.with_suffix(".json")
    whole, told = path.read_bytes(), facts.read_text()
    for content, description, message in (
        (None, told, "cannot be read"),
        (whole, None, "cannot be read: it cannot be read"),
        (whole, "{", "cannot be read"),
        (whole, "[]", "is not the file that mine.json describes"),
        (whole[:-1], told, "is not the file that mine.json describes"),
        (whole, json.dumps(json.loads(told) | {"sha256": "0" * 64}), "is not the file that mine.json describes"),
    ):
        for file, data in ((path, content), (facts, None if description is None else description.encode())):
            file.unlink(missing_ok=True)
            if data is not None:
                file.write_bytes(data)
        with pytest.raises(CheckpointError, match=message):
            read_weights(path, network)
    assert state_bytes(network) == before
    with pytest.raises(CheckpointError, match="the checkpoint is of another network"):
        read_weights(saved(tmp_path, small_network(2)), hw.load_recipe("jet_mlp").build())


def test_a_file_that_is_no_safetensors_is_refused(small_network: Build, tmp_path: Path) -> None:
    from hwcodesign.storage.files import sha256

    path = tmp_path / "mine.safetensors"
    path.write_bytes(b"nothing")
    path.with_suffix(".json").write_text(json.dumps({"sha256": sha256(b"nothing")}))
    with pytest.raises(CheckpointError, match=r"mine.safetensors, with the .json beside it, cannot be read"):
        read_weights(path, small_network(1))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_weights_that_are_shipped_are_those_of_their_recipe(path: Path) -> None:
    facts = json.loads(path.with_suffix(".json").read_text())
    assert set(facts) >= FACTS
    assert published_weights(path.stem) == path
    assert path.stat().st_size <= 2 * 2**20
    recipe = hw.load_recipe(facts["recipe"])
    if path.stem.endswith("_float"):
        network = recipe.build()
        read_weights(path, network)
    else:
        network = recipe.published()
    assert facts["network"] == network.digest()
    assert len(facts["test_accuracy"]) == network.exits


def test_published_weights_stand_in_the_place_of_a_training(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recipe = hw.load_recipe("jet_mlp")
    network = recipe.build()
    assert isinstance(network, hw.FloatNetwork)
    shipped = hw.quantise(network, calibration=recipe.data().training.images[:64])
    path = saved(tmp_path, shipped)
    monkeypatch.setattr("hwcodesign.recipes.published_weights", lambda name: path if name == "jet_mlp" else None)
    run = pipeline.Run(recipe, tmp_path / "run")
    assert pipeline.take_published(run).digest() == shipped.digest()
    assert pipeline.read_network(run).digest() == shipped.digest()
    nothing: Any = None  # no data is read: nothing is trained
    assert pipeline.trained_network(run, nothing).digest() == shipped.digest()
    pipeline.take_published(run)
    checkpoint = run.folder / pipeline.QUANTISED / CHECKPOINT
    checkpoint.write_text(checkpoint.read_text().replace('"published"', '"of somebody"'))
    with pytest.raises(
        CheckpointError, match="quantised holds a training: remove it, or name another folder with --out"
    ):
        pipeline.take_published(run)


def test_a_recipe_whose_weights_are_not_shipped_says_so() -> None:
    with pytest.raises(CheckpointError, match=r"jet_mlp.safetensors, with the .json beside it, cannot be read"):
        hw.load_recipe("jet_mlp").published()


def test_resnet8_is_shipped_in_floating_point_and_quantised() -> None:
    assert [path.stem for path in SHIPPED] == ["resnet8_cifar", "resnet8_cifar_float", "resnet8_cifar_w4a4"]
