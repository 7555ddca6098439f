"""Puts the trained network of a recipe among those that come with the package, with what is to be known of it.

HWCODESIGN_DATA=… python -m benchmarks.publish resnet8_cifar_w4a4 --machine "one core of …"

It reads what `hwcodesign train RECIPE` left in build/RECIPE, and writes RECIPE.safetensors and .json into
models/checkpoints; with --float RECIPE_float.safetensors and .json, of the network before its quantisation.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import hwcodesign as hw
from hwcodesign.data import Split
from hwcodesign.networks.floating import float_logits
from hwcodesign.pipeline import QUANTISED, TRAINING, Run, read_network
from hwcodesign.training.checkpoint import CHECKPOINT, load_trained
from hwcodesign.training.published import published_weights, save_weights


def accuracy(network: hw.MultiExitNetwork, split: Split) -> list[float]:
    """The fraction of right answers at each exit, in the numbers with which the network trains."""
    found = float_logits(network, split.images)
    return [round(float((z.argmax(axis=1) == split.labels).mean()), 4) for z in found]


def history(folder: Path) -> list[dict[str, Any]]:
    """The epochs of a checkpoint; none where nothing was trained."""
    path = folder / CHECKPOINT
    return list(json.loads(path.read_text())["history"]) if path.exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe")
    parser.add_argument("--out", type=Path, help="folder of the run; build/RECIPE by default")
    parser.add_argument("--machine", required=True, help="what it was trained on")
    parser.add_argument("--float", action="store_true", help="the network in floating point, before its quantisation")
    arguments = parser.parse_args()
    recipe = hw.load_recipe(arguments.recipe)
    run = Run(recipe, arguments.out or Path("build") / recipe.name)
    name, data = recipe.name, recipe.data()
    epochs = history(run.folder / TRAINING)
    if arguments.float:
        network, name, what = recipe.build(), f"{name}_float", "floating point"
        assert load_trained(run.folder / TRAINING, network), "there is no finished training"
    else:
        network = read_network(run)
        trained_on = history(run.folder / QUANTISED)
        epochs += trained_on
        assert recipe.quantisation is not None
        bits = recipe.quantisation.precision
        what = f"{bits.weights} bits of weights, {bits.activations} of activations, "
        what += f"trained on for {len(trained_on)} epochs" if trained_on else "quantised after the training"
    facts = {
        "recipe": recipe.name,
        "what": what,
        "data": data.name,
        "command": f"hwcodesign train {recipe.name}",
        "seed": recipe.training[0].seed,
        "machine": arguments.machine,
        "epochs": len(epochs),
        "hours": round(sum(epoch["seconds"] for epoch in epochs) / 3600, 2),
        "test_accuracy": accuracy(network, data.test),
        "fitting_accuracy": accuracy(network, data.fitting),
    }
    save_weights(published_weights(name), network, facts)
    print(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main()
