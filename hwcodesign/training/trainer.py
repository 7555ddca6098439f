"""Seeded, resumable training of all exits."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwcodesign.data import Dataset, Split
from hwcodesign.errors import ImagesError, SettingsError
from hwcodesign.files import sha256_json
from hwcodesign.network import MultiExitNetwork
from hwcodesign.training.checkpoint import Progress, load_checkpoint, network_state, save_checkpoint
from hwcodesign.training.gates import GateTraining, gate_strategy, require_gates
from hwcodesign.training.strategies import Strategy, strategy_named

#: Share of the steps over which the learning rate rises.
_WARM_UP = 0.25


@dataclass(frozen=True)
class TrainingSettings:
    """One phase of training.

    Attributes:
        strategy: "joint" or "heads_only"; or how gates are trained, for example `JointGates()`.
        epochs: passes over the training split.
        batch_size: samples a step; the last, smaller batch of an epoch is left out.
        learning_rate: peak of Adam's, which rises to it and falls to zero along a cosine.
        exit_weights: of the loss, one per exit; all 1 by default.
        shift: largest random shift of a batch, in pixels, each way.
        seed: of everything random.
        threads: torch computes on; torch's own choice by default. A small network trains fastest on one, and by far
            where other work is on the machine. It is part of what makes training repeat exactly.

    Raises:
        SettingsError: a value out of its range.
    """

    strategy: str | GateTraining = "joint"
    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 0.01
    exit_weights: tuple[float, ...] | None = None
    shift: int = 0
    seed: int = 0
    threads: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.strategy, str):
            strategy_named(self.strategy)
        elif self.exit_weights is not None:
            raise SettingsError(f"{type(self.strategy).__name__} has weights of its own: leave out exit_weights")
        if self.threads is not None and self.threads < 1:
            raise SettingsError(f"threads={self.threads} is not a positive whole number")
        if self.epochs < 1 or self.batch_size < 1 or self.shift < 0 or not self.learning_rate > 0:
            raise SettingsError(
                f"epochs={self.epochs}, batch_size={self.batch_size}, learning_rate={self.learning_rate}, "
                f"shift={self.shift}: the first three must be positive, the last not negative"
            )


class Observer(Protocol):
    """Who watches training: told of every epoch's start and every step."""

    def epoch(self, number: int, epochs: int, steps: int) -> None: ...

    def step(self, loss: float, accuracy: Sequence[float]) -> None: ...


class _Silent:
    def epoch(self, number: int, epochs: int, steps: int) -> None:
        pass

    def step(self, loss: float, accuracy: Sequence[float]) -> None:
        pass


def train(
    network: MultiExitNetwork,
    data: Dataset,
    *phases: TrainingSettings,
    strategy: str | GateTraining | None = None,
    checkpoint: Path | str | None = None,
    observer: Observer | None = None,
    **settings: Any,
) -> list[dict[str, Any]]:
    """Train a network in place.

    Args:
        network: any state; a checkpoint of the same run continues from where it was.
        data: its training split is learned from, nothing else is touched.
        phases: settings of one or more phases, run one after the other.
        strategy, settings: instead of `phases`, fields of a single `TrainingSettings`.
        checkpoint: folder to write a checkpoint to after every epoch, and to resume from.
        observer: told of progress.

    Returns:
        One entry per epoch: phase, epoch, loss, accuracy per exit on the training batches, seconds.

    Raises:
        SettingsError: phases and fields both given, a weight too many, or a batch larger than the training split.
        CheckpointError: the folder holds a checkpoint of another run, or a damaged one.
    """
    if phases and (strategy is not None or settings):
        raise SettingsError("give phases, or the fields of one phase, not both")
    if not phases:
        phases = (TrainingSettings(strategy=strategy or "joint", **settings),)
    _check(network, data, phases)
    folder = None if checkpoint is None else Path(checkpoint)
    fingerprint = _fingerprint(network, data.training, phases)
    restored = None if folder is None else load_checkpoint(folder, network, fingerprint)
    progress, moments, complete = restored or (Progress(0, 0), {}, False)
    if complete:
        network.eval()
        return list(progress.history)
    run = _Run(network, data.training, folder, fingerprint, observer or _Silent())
    before = torch.get_num_threads()
    try:
        for phase in range(progress.phase, len(phases)):
            torch.set_num_threads(phases[phase].threads or before)
            progress = run.phase(phase, phases[phase], progress, moments)
            moments = {}
            progress = Progress(phase + 1, 0, progress.history)
    finally:
        torch.set_num_threads(before)
    network.eval()
    if folder is not None:
        save_checkpoint(folder, network, None, progress, fingerprint, complete=True)
    return list(progress.history)


def _check(network: MultiExitNetwork, data: Dataset, phases: Sequence[TrainingSettings]) -> None:
    split = data.training
    if split.images.shape[1:] != network.input_shape or data.input_format != network.input_format:
        raise ImagesError(
            f"{data.name} has images {split.images.shape[1:]} of {data.input_format}, "
            f"the network takes {network.input_shape} of {network.input_format}"
        )
    for settings in phases:
        if not isinstance(settings.strategy, str):
            require_gates(settings.strategy, network)
        if settings.exit_weights is not None and len(settings.exit_weights) != network.exits:
            raise SettingsError(
                f"{len(settings.exit_weights)} exit_weights for {network.exits} exits: give one per exit"
            )
        if settings.batch_size > len(split):
            raise SettingsError(f"batch_size={settings.batch_size} is more than the {len(split)} training images")


def _fingerprint(network: MultiExitNetwork, split: Split, phases: Sequence[TrainingSettings]) -> str:
    """Of what determines the result: structure, input, data and settings (the initial weights follow from the seed)."""
    shapes = {name: list(tensor.shape) for name, tensor in network_state(network).items()}
    return sha256_json(
        {
            "shapes": shapes,
            "network": repr(network.stages) + repr(network.heads),
            "input": [network.input_format.to_json(), list(network.input_shape)],
            **({"gates": True} if network.gates else {}),
            "data": split.digest(),
            "phases": [_phase_json(settings) for settings in phases],
        }
    )


def _phase_json(settings: TrainingSettings) -> dict[str, Any]:
    data = dataclasses.asdict(settings)
    if not isinstance(settings.strategy, str):  # two ways may have the same settings
        data["strategy"] = [type(settings.strategy).__name__, data["strategy"]]
    return data


def _strategy(settings: TrainingSettings, network: MultiExitNetwork) -> Strategy:
    chosen = settings.strategy
    return strategy_named(chosen) if isinstance(chosen, str) else gate_strategy(chosen, network)


@dataclass
class _Run:
    """What stays the same through all epochs."""

    network: MultiExitNetwork
    split: Split
    folder: Path | None
    fingerprint: str
    observer: Observer

    def phase(
        self, index: int, settings: TrainingSettings, progress: Progress, moments: dict[int, dict[str, Tensor]]
    ) -> Progress:
        """Train from `progress` to the end of one phase; writes a checkpoint after each epoch."""
        strategy = _strategy(settings, self.network)
        trained = strategy.trained(self.network)
        parameters = [parameter for module in trained for parameter in module.parameters()]
        optimizer = torch.optim.Adam(parameters, settings.learning_rate)
        if moments:
            optimizer.load_state_dict({**optimizer.state_dict(), "state": moments})
        steps = len(self.split) // settings.batch_size
        history = list(progress.history)
        for epoch in range(progress.epoch, settings.epochs):
            start = time.perf_counter()
            self.observer.epoch(epoch, settings.epochs, steps)
            _set_modes(self.network, trained)
            torch.manual_seed(_epoch_seed(settings.seed, index, epoch))
            total, right = 0.0, torch.zeros(self.network.exits)
            for step, (x, y) in enumerate(self._batches(settings)):
                for group in optimizer.param_groups:
                    group["lr"] = settings.learning_rate * _rate(epoch * steps + step, settings.epochs * steps)
                outputs = self.network.head_outputs(x)
                logits = [self.network.class_logits(z) for z in outputs]
                loss = strategy.loss(outputs if strategy.reads_gates else logits, y, settings.exit_weights)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]  # torch's own
                optimizer.step()
                total += float(loss.detach())
                right += torch.tensor([float((z.argmax(dim=1) == y).float().mean()) for z in logits])
                self.observer.step(total / (step + 1), (right / (step + 1)).tolist())
            history.append(
                {
                    "phase": index,
                    "epoch": epoch,
                    "loss": total / steps,
                    "accuracy": (right / steps).tolist(),
                    "seconds": time.perf_counter() - start,
                }
            )
            progress = Progress(index, epoch + 1, tuple(history))
            if self.folder is not None:
                save_checkpoint(self.folder, self.network, optimizer, progress, self.fingerprint, complete=False)
        return progress

    def _batches(self, settings: TrainingSettings) -> Iterator[tuple[Tensor, Tensor]]:
        scale = self.network.input_format.scale
        order = torch.randperm(len(self.split)).numpy()
        for start in range(0, len(order) - settings.batch_size + 1, settings.batch_size):
            part = order[start : start + settings.batch_size]
            x = torch.from_numpy(self.split.images[part].astype("float32")) * scale
            yield _shifted(x, settings.shift), torch.from_numpy(self.split.labels[part])


def _set_modes(network: nn.Module, trained: Sequence[nn.Module]) -> None:
    """Training mode for what learns; what is frozen must not even observe ranges."""
    network.eval()
    for module in trained:
        module.train()


def _shifted(x: Tensor, shift: int) -> Tensor:
    """The batch, moved by up to `shift` pixels each way, blank where nothing moved in."""
    if shift == 0:
        return x
    down, right = torch.randint(0, 2 * shift + 1, (2,)).tolist()
    height, width = x.shape[2:]
    return F.pad(x, (shift, shift, shift, shift))[:, :, down : down + height, right : right + width]


def _epoch_seed(seed: int, phase: int, epoch: int) -> int:
    """One seed per epoch, so that a resumed run needs no generator's state."""
    return (seed * 1_000_003 + phase * 10_007 + epoch) % 2**63


def _rate(step: int, steps: int) -> float:
    """Share of the peak learning rate at a step: a rise, then half a cosine to zero."""
    rise = max(1.0, _WARM_UP * steps)
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1.0, steps - rise)))
