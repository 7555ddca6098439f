"""This module quantises a network that was trained in floating point, and trains the quantised one on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from hwcodesign.data import Dataset
from hwcodesign.errors import SettingsError
from hwcodesign.networks.float_network import FloatNetwork
from hwcodesign.networks.layers import Precision
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.networks.quantising.quantise import EIGHT_BITS, quantise
from hwcodesign.storage.files import claimed_folder, sha256_json
from hwcodesign.training.checkpoint import Progress, load_trained, save_checkpoint
from hwcodesign.training.trainer import TrainingSettings, train


@dataclass(frozen=True)
class Quantisation:
    """The quantisation says how an integer network is made of a float one, behind its training.

    Attributes:
        precision: bits of all weights, activations, biases and logits.
        images: number of images of the training split on which ranges are observed.
        layers: other precisions by the name of a layer or of a module.
        training: phases in which the quantised network is trained on; none by default.

    Raises:
        SettingsError: there are no images.
    """

    precision: Precision = EIGHT_BITS
    images: int = 512
    layers: Mapping[str, Precision] = field(default_factory=dict)
    training: tuple[TrainingSettings, ...] = ()

    def __post_init__(self) -> None:
        if self.images < 1:
            raise SettingsError(f"images={self.images}: ranges are observed on one image or more")

    def to_json(self) -> dict[str, Any]:
        """Returns all settings but those of the training."""
        layers = {name: dataclasses.asdict(precision) for name, precision in sorted(self.layers.items())}
        return {"precision": dataclasses.asdict(self.precision), "images": self.images, "layers": layers}


def quantised(
    network: FloatNetwork, data: Dataset, asked: Quantisation, *, folder: Path | str, device: str = "cpu"
) -> MultiExitNetwork:
    """Quantises a trained network, trains it on if that is asked for, and keeps it as a checkpoint.

    Args:
        network: as its training left it; it stays as it is.
        data: data set; only its training split is used.
        asked: what to do.
        folder: folder of the checkpoint; an interrupted training continues.
        device: see `train`.

    Raises:
        NetworkError, SettingsError, ImagesError: as `quantise` and `train`.
        CheckpointError: the folder holds a checkpoint of another network.
    """
    made = quantise(
        network,
        asked.precision,
        calibration=data.training.images[: asked.images],
        layers=asked.layers,
    )
    origin = sha256_json({"network": network.digest(), "quantisation": asked.to_json()})
    if asked.training:
        train(made, data, *asked.training, checkpoint=folder, device=device, origin=origin)
    else:
        with claimed_folder(Path(folder)):
            save_checkpoint(Path(folder), made, None, None, Progress(0, 0), origin, complete=True)
    return made


def read_quantised(network: FloatNetwork, asked: Quantisation, folder: Path | str) -> MultiExitNetwork | None:
    """Returns the network that `quantised` has kept, or None where there is none.

    Args:
        network: of the same structure, with any weights.

    Raises:
        CheckpointError: the checkpoint is damaged, or of another network.
    """
    made = untrained(network, asked)
    return made if load_trained(Path(folder), made) else None


def untrained(network: FloatNetwork, asked: Quantisation) -> MultiExitNetwork:
    """Returns the quantised network of a float one that is not trained: what it will be, but for its numbers."""
    blank = np.zeros((1, *network.input_shape), np.uint8)
    return quantise(network, asked.precision, calibration=blank, layers=asked.layers)
