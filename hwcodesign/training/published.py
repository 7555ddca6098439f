"""This module keeps trained weights in two files that can be passed on: tensors, and what is to be known of them.

`models/checkpoints` has those of recipes whose training takes long.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save

from hwcodesign.errors import CheckpointError, FieldError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.storage.fields import read_json
from hwcodesign.storage.files import sha256, write_bytes, write_json
from hwcodesign.storage.installed import shared_folder
from hwcodesign.training.checkpoint import network_state, restore_network


def published_weights(name: str) -> Path:
    """Returns the file of weights that come with the package under a name, whether it exists or not."""
    return shared_folder("models") / "checkpoints" / f"{name}.safetensors"


def save_weights(path: Path, network: MultiExitNetwork, facts: dict[str, Any]) -> None:
    """Writes a network's weights, and beside them a JSON file.

    Args:
        path: a .safetensors file; the JSON file has its name.
        network: trained network.
        facts: what is to be known: data, command, seed, machine, accuracy of each exit.
    """
    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in network_state(network).items()})
    write_bytes(path, data)
    write_json(path.with_suffix(".json"), {**facts, "sha256": sha256(data), "network": network.digest()})


def read_weights(path: Path, network: MultiExitNetwork) -> dict[str, Any]:
    """Restores a network's weights in place, and leaves it in evaluation mode.

    Args:
        path: what `save_weights` wrote.
        network: of the same structure.

    Returns:
        What is to be known of them.

    Raises:
        CheckpointError: a file is missing or damaged, or the weights are those of another network.
    """
    try:
        facts = read_json(path.with_suffix(".json"))
        data = path.read_bytes()
        if not isinstance(facts, dict) or facts.get("sha256") != sha256(data):
            raise CheckpointError(f"{path} is not the file that {path.with_suffix('.json').name} describes")
        state = load(data)
    except (OSError, FieldError, SafetensorError) as error:
        raise CheckpointError(f"{path}, with the .json beside it, cannot be read: {error}") from None
    restore_network(network, state)
    network.eval()
    return facts
