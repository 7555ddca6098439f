"""This module builds a design that was found, simulates and synthesises it, and puts what was predicted beside that."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate
from hwcodesign.compilation import compile
from hwcodesign.design import Design, load
from hwcodesign.designs.stored import load_criterion
from hwcodesign.exploration.queues import cycles_per_image, most_of
from hwcodesign.images import encode_images
from hwcodesign.interface.modes import exit_control
from hwcodesign.interface.records import final_records
from hwcodesign.networks.leaving_out import with_early_exits
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.search.evaluation import Evaluated, Figures
from hwcodesign.simulation.measurement import measure_exits
from hwcodesign.synthesis.accelerator import accelerator_resources
from hwcodesign.verification.comparison import compare_records, require_equal

#: Resources that are compared, in the order of tables.
RESOURCES = ("lut", "ff", "dsp", "bram18")


@dataclass(frozen=True)
class Pair:
    """A pair is a figure as it was predicted and as it was measured."""

    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """Returns by how much the prediction is above what was measured, as a fraction of that."""
        return 0.0 if self.predicted == self.measured else self.predicted / self.measured - 1


@dataclass(frozen=True)
class Verified:
    """This is what became of a design.

    Attributes:
        hash: its configuration hash.
        images: number of images that were simulated, in their order.
        accuracy: predicted by the fitting split, and that of these images.
        exit_rate: the same of the fraction that leaves at each exit.
        cycles_per_image: predicted for the exits of these images, and simulated.
        latency: cycles of an image alone, by exit.
        interval: cycles from image to image if all leave at an exit, by exit.
        stream_mean, stream_p99: cycles of these images in their order, from the first word to the record: the mean, and
            what 99 % have at most.
        resources: estimated, and as Yosys finds them; nothing if it was not synthesised.
    """

    hash: str
    images: int
    accuracy: Pair
    exit_rate: tuple[Pair, ...]
    cycles_per_image: Pair
    latency: tuple[Pair, ...]
    interval: tuple[Pair, ...]
    stream_mean: Pair
    stream_p99: Pair
    resources: dict[str, Pair]

    def to_json(self) -> dict[str, Any]:
        """Returns plain data."""
        return asdict(self)


def built(network: MultiExitNetwork, found: Evaluated, board: str, folder: Path, name: str) -> Design:
    """Compiles a design that was found.

    Args:
        network: the trained network, with all exits.
        board: the board's name, or the file that describes it.
        folder: of the design.
        name: of its accelerator.

    Raises:
        NetworkError, SettingsError, UnsupportedLayerError, FormatError: as `compile`.
    """
    own, oversize = with_early_exits(network, found.point.early_exits), found.figures.share > 1
    return compile(own, found.policy, board=board, fit=found.point.fit, oversize=oversize, out=folder, name=name)


def verified_in(
    folder: Path, found: Figures, images: NDArray[Any], labels: NDArray[Any], synthesis: float | None
) -> Verified:
    """Loads the design in a folder, also in a process that knows nothing yet, and verifies it as `verified`."""
    load_criterion(folder)
    return verified(load(folder), found, images, labels, synthesis)


def verified(
    design: Design, found: Figures, images: NDArray[Any], labels: NDArray[Any], synthesis: float | None
) -> Verified:
    """Simulates and synthesises a design.

    Args:
        design: the compiled design.
        found: what was predicted.
        images, labels: that are simulated, in their order.
        synthesis: time limit of Yosys in seconds; None leaves it out.

    Raises:
        MismatchError: the simulation gives other answers than software.
        SimulationError, ToolError: simulation or synthesis fails.
    """
    accelerator = design.accelerator
    codes = encode_images(images, accelerator.input_format, accelerator.input_shape)
    run = design.rtl.run(codes, exit_control(design.policy), batch=len(codes))
    expected = design.run(images)
    records = final_records(run.records)
    require_equal([compare_records("rtl", records, expected, "software", "records")])
    hardware = Hardware.of(accelerator)
    taken = expected["exit"]
    predicted, waiting = predicted_stream(hardware, taken)
    latencies = records["cycles"].astype(np.int64)
    exits = measure_exits(design.rtl, design.manifest["cycles"], codes)
    rates = np.bincount(taken, minlength=accelerator.exits) / len(taken)
    resources: dict[str, Pair] = {}
    if synthesis is not None:
        estimate = AcceleratorEstimate.of(hardware).total.on(design.board.capacity).rounded()
        synthesised = accelerator_resources(design, synthesis).found
        resources = {name: Pair(getattr(estimate, name), getattr(synthesised, name)) for name in RESOURCES}
    return Verified(
        accelerator.configuration_hash,
        len(codes),
        Pair(found.accuracy, float((expected["label"] == labels).mean())),
        tuple(Pair(*pair) for pair in zip(found.exit_rate, rates.tolist(), strict=True)),
        Pair(predicted, run.cycles / len(codes)),
        tuple(Pair(*exit_.latency) for exit_ in exits),
        tuple(Pair(*exit_.interval) for exit_ in exits),
        Pair(float(waiting.mean()), float(latencies.mean())),
        Pair(most_of(waiting), most_of(latencies)),
        resources,
    )


def predicted_stream(hardware: Hardware, taken: NDArray[np.int64]) -> tuple[float, NDArray[np.float64]]:
    """Returns the cycles per sample that are predicted for a run of samples alone, and each one's latency in it.

    Args:
        hardware: the hardware.
        taken: (N,) exits at which the samples leave.
    """
    depth = hardware.accelerator.buffer_samples
    cycles = cycles_per_image(hardware.reading_stages, taken, depth, hardware.latencies)
    return cycles, hardware.waiting_latencies(taken)
