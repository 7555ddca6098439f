"""A checkpoint is a safetensors file with everything that training needs, and a JSON file that points to it.

The tensors are written first. The JSON file names them and their hash, and moves into place last. A process that is
killed at any time leaves either the previous checkpoint or the new one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from brevitas.core.scaling import ParameterFromRuntimeStatsScaling
from safetensors.torch import load_file, save
from torch import Tensor, nn

from hwcodesign.errors import CheckpointError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.storage.files import sha256, sha256_file, write_bytes, write_json

CHECKPOINT = "training.json"
_VERSION = 1
#: In the place of the settings' fingerprint, of weights that came with the package.
_PUBLISHED = "published"


@dataclass(frozen=True)
class Progress:
    """The progress says how far training has come.

    Attributes:
        phase, epoch: next epoch to run, and its phase.
        history: one entry per finished epoch.
    """

    phase: int
    epoch: int
    history: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint holds what was restored in addition to the network.

    Attributes:
        progress: how far training had come.
        moments: the optimiser's state by parameter index.
        learned: parameters of the strategy.
        complete: whether training was complete.
        tensors: name of the file that it was restored from.
    """

    progress: Progress
    moments: dict[int, dict[str, Tensor]]
    learned: dict[str, Tensor]
    complete: bool
    tensors: str


def save_checkpoint(
    folder: Path,
    network: MultiExitNetwork,
    optimizer: torch.optim.Optimizer | None,
    learned: nn.ParameterDict | None,
    progress: Progress,
    fingerprint: str,
    *,
    complete: bool,
) -> None:
    """Writes a checkpoint atomically; older tensors in the folder are removed afterwards."""
    tensors = {f"network.{name}": tensor for name, tensor in network_state(network).items()}
    if optimizer is not None:
        for index, state in optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{key}": torch.as_tensor(value) for key, value in state.items()}
    if learned is not None:
        tensors |= {f"learned.{name}": tensor for name, tensor in learned.items()}
    data = save({name: tensor.detach().contiguous() for name, tensor in tensors.items()})
    name = f"phase{progress.phase}-epoch{progress.epoch:04d}.safetensors"
    write_bytes(folder / name, data)
    write_json(
        folder / CHECKPOINT,
        {
            "checkpoint_version": _VERSION,
            "fingerprint": fingerprint,
            "complete": complete,
            "phase": progress.phase,
            "epoch": progress.epoch,
            "tensors": name,
            "tensors_sha256": sha256(data),
            "history": list(progress.history),
        },
    )
    remove_others(folder, name)


def save_published(folder: Path, network: MultiExitNetwork) -> None:
    """Writes weights that came with the package, as a training that is complete."""
    save_checkpoint(folder, network, None, None, Progress(0, 0), _PUBLISHED, complete=True)


def is_published(folder: Path) -> bool:
    """Returns whether a folder has a checkpoint that `save_published` wrote; one that cannot be read is none."""
    try:
        return bool(json.loads((folder / CHECKPOINT).read_text())["fingerprint"] == _PUBLISHED)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def remove_others(folder: Path, name: str) -> None:
    """Removes the tensors of earlier epochs."""
    for old in folder.glob("phase*.safetensors"):
        if old.name != name:
            old.unlink()


def load_checkpoint(folder: Path, network: MultiExitNetwork, fingerprint: str) -> Checkpoint | None:
    """Restores a network in place.

    Returns:
        All else that training needs; None where there is no checkpoint.

    Raises:
        CheckpointError: the checkpoint is truncated or altered, or has other settings, another network or other data.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return None
    advice = f"remove {folder} to train from the start"
    try:
        data = json.loads(path.read_text())
        name, digest, recorded = data["tensors"], data["tensors_sha256"], data["fingerprint"]
        if data["checkpoint_version"] != _VERSION:
            raise CheckpointError(
                f"{path} has checkpoint version {data['checkpoint_version']}, not {_VERSION}; {advice}"
            )
        progress = Progress(data["phase"], data["epoch"], tuple(data["history"]))
        complete = bool(data["complete"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path} is not a checkpoint ({error!r}); {advice}") from None
    if recorded != fingerprint:
        raise CheckpointError(f"{path} was made with another network, data set or training settings; {advice}")
    tensors_path = folder / Path(name).name
    if not tensors_path.exists() or sha256_file(tensors_path) != digest:
        raise CheckpointError(f"{tensors_path} is missing, truncated or altered; {advice}")
    tensors = load_file(tensors_path)
    moments: dict[int, dict[str, Tensor]] = {}
    for name, tensor in _below(tensors, "optimizer").items():
        index, key = name.split(".", 1)
        moments.setdefault(int(index), {})[key] = tensor
    restore_network(network, _below(tensors, "network"))
    return Checkpoint(progress, moments, _below(tensors, "learned"), complete, tensors_path.name)


def _below(tensors: dict[str, Tensor], kind: str) -> dict[str, Tensor]:
    """Returns the entries of one kind, without the kind in their names."""
    start = f"{kind}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def load_trained(folder: Path, network: MultiExitNetwork) -> bool:
    """Restores a network from a finished training, whatever its settings were.

    Returns:
        Whether there was one.

    Raises:
        CheckpointError: the checkpoint is damaged, or of another network.
    """
    path = folder / CHECKPOINT
    if not path.exists():
        return False
    try:
        recorded = str(json.loads(path.read_text())["fingerprint"])
    except (ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f"{path} is not a checkpoint ({error!r}); remove {folder} to train from the start"
        ) from None
    loaded = load_checkpoint(folder, network, recorded)
    network.eval()
    return loaded is not None and loaded.complete


def network_state(network: MultiExitNetwork) -> dict[str, Tensor]:
    """Returns all parameters, buffers, and the counters of activation ranges that are still being observed.

    Brevitas leaves the observed buffer and its counter out of `state_dict`. A network restored from `state_dict` in the
    middle of the observation would therefore continue differently from one that was never stopped.
    """
    state = dict(network.named_parameters()) | dict(network.named_buffers())
    for name, module in network.named_modules():
        if isinstance(module, ParameterFromRuntimeStatsScaling):
            state[f"{name}.counter"] = torch.tensor(module.counter)
    return state


def restore_network(network: MultiExitNetwork, state: dict[str, Tensor]) -> None:
    """Restores what `network_state` returned.

    Raises:
        CheckpointError: names or shapes are those of another network.
    """
    own = network_state(network)
    wrong = sorted(set(own) ^ set(state)) or [name for name in own if own[name].shape != state[name].shape]
    if wrong:
        raise CheckpointError(f"the checkpoint is of another network: {wrong[0]} differs")
    modules = dict(network.named_modules())
    with torch.no_grad():
        for name, tensor in own.items():
            owner, _, leaf = name.rpartition(".")
            if leaf == "counter" and isinstance(modules[owner], ParameterFromRuntimeStatsScaling):
                modules[owner].counter = int(state[name])
            else:
                tensor.copy_(state[name])
