"""This module trains all exits, with a seed, and resumes an interrupted training."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from hwcodesign.data import Dataset, Split
from hwcodesign.errors import ImagesError, SettingsError, TrainingError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.progress import Task, task
from hwcodesign.storage.files import claimed_folder, sha256_json
from hwcodesign.training.augmentation import cropped, shifted
from hwcodesign.training.checkpoint import (
    Checkpoint,
    Progress,
    load_checkpoint,
    network_state,
    remove_others,
    save_checkpoint,
)
from hwcodesign.training.device import device_named, placed
from hwcodesign.training.strategies import Batch, Strategy, strategy_named
from hwcodesign.training.strategies.strategy import Weights

#: Share of the steps over which the learning rate rises.
_WARM_UP = 0.25


@dataclass(frozen=True)
class TrainingSettings:
    """The training settings describe one phase of training.

    Attributes:
        strategy: says which modules learn, and from what loss: a name ("joint", "heads_only", ...; all are in
            `hwcodesign.training.STRATEGIES`), or a strategy with its own settings, for example
            `Distilled(temperature=2.0)`.
        epochs: passes over the training split.
        batch_size: samples per step; the last, smaller batch of an epoch is left out.
        learning_rate: peak learning rate of Adam, which rises to it and falls to zero along a cosine.
        exit_weights: weights of the exits' losses, one per exit; all 1 by default.
        shift: largest random shift of a batch, in pixels, in each direction.
        crop: the same for each image on its own.
        flip: whether half of the images, at random, are mirrored left to right.
        seed: seed of everything random.
        threads: number of threads of torch; torch's own choice by default. A small network trains fastest on one
            thread, especially on a busy machine. It is one of the settings that make training repeat exactly.

    Raises:
        SettingsError: a value is out of range.
    """

    strategy: str | Strategy = "joint"
    epochs: int = 10
    batch_size: int = 128
    learning_rate: float = 0.01
    exit_weights: tuple[float, ...] | None = None
    shift: int = 0
    crop: int = 0
    flip: bool = False
    seed: int = 0
    threads: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.strategy, str):
            strategy_named(self.strategy)
        elif not isinstance(self.strategy, Strategy):
            raise SettingsError(
                f"strategy={self.strategy!r} is neither a strategy's name nor a strategy, as in Distilled(alpha=0.3)"
            )
        weights = self.exit_weights
        if weights is not None and not self.chosen.weighted:
            raise SettingsError(f"{type(self.chosen).__name__} has weights of its own: leave out exit_weights")
        if weights is not None and not (all(0 <= w < math.inf for w in weights) and any(weights)):
            raise SettingsError(f"exit_weights={weights}: none may be negative, and at least one must be positive")
        if self.threads is not None and self.threads < 1:
            raise SettingsError(f"threads={self.threads} is not a positive whole number")
        if self.epochs < 1 or self.batch_size < 1 or min(self.shift, self.crop) < 0 or not self.learning_rate > 0:
            raise SettingsError(
                f"epochs={self.epochs}, batch_size={self.batch_size}, learning_rate={self.learning_rate}, "
                f"shift={self.shift}, crop={self.crop}: the first three must be positive, the others not negative"
            )

    @property
    def chosen(self) -> Strategy:
        """Returns the strategy itself."""
        return strategy_named(self.strategy) if isinstance(self.strategy, str) else self.strategy

    def weights(self, exits: int) -> Weights:
        """Returns the weights of the exits' losses."""
        return (1.0,) * exits if self.exit_weights is None else self.exit_weights

    def to_json(self) -> dict[str, Any]:
        """Returns all settings for a checkpoint's fingerprint."""
        return {**dataclasses.asdict(self), "strategy": self.chosen.to_json()}


class Observer(Protocol):
    """An observer is told of the start of every epoch and of every step."""

    def epoch(self, number: int, epochs: int, steps: int) -> None:
        """Is called at the start of an epoch."""

    def step(self, loss: float, accuracy: Sequence[float]) -> None:
        """Is called after a step."""


class _Silent:
    def epoch(self, number: int, epochs: int, steps: int) -> None:
        pass

    def step(self, loss: float, accuracy: Sequence[float]) -> None:
        pass


def train(
    network: MultiExitNetwork,
    data: Dataset,
    *phases: TrainingSettings,
    strategy: str | Strategy | None = None,
    checkpoint: Path | str | None = None,
    observer: Observer | None = None,
    device: str = "cpu",
    origin: str | None = None,
    **settings: Any,
) -> list[dict[str, Any]]:
    """Trains a network in place.

    Args:
        network: network in any state; a checkpoint of the same run continues from where it was.
        data: data set; only its training split is used (with `Personalised`, its user's images).
        phases: settings of one or more phases, run one after the other.
        strategy, settings: instead of `phases`, fields of a single `TrainingSettings`.
        checkpoint: folder to write a checkpoint to after every epoch, and to resume from.
        observer: observer of the progress.
        device: device that computes, by torch's name: "cpu", "cuda", "cuda:1". Afterwards the network is in the CPU's
            memory. A checkpoint continues on any device; only on the same device does training repeat exactly.
        origin: hash of what the network was made of, where its weights do not follow from the seed alone.

    Returns:
        One entry per epoch: phase, epoch, loss, accuracy per exit on the training batches, seconds, and what a
        strategy learned for itself.

    Raises:
        SettingsError: phases and fields both given, a device that is not there, a weight too many, a batch larger than
            the training split, or a strategy's settings that do not fit the network or the data.
        NetworkError: the network was read from a QONNX file, and is frozen.
        CheckpointError: the folder holds a checkpoint of another run, or a damaged one.
        TrainingError: the loss is not finite; the checkpoint is that of the epoch before.
        BusyError: another process trains into the folder.
    """
    if phases and (strategy is not None or settings):
        raise SettingsError("give phases, or the fields of one phase, not both")
    if not phases:
        phases = (TrainingSettings(strategy=strategy or "joint", **settings),)
    network.check_trainable()
    _check(network, data, phases)
    place, seen_by = device_named(device), observer or _Silent()
    if checkpoint is None:
        return _trained(network, data, phases, None, seen_by, place, origin)
    with claimed_folder(Path(checkpoint)):
        return _trained(network, data, phases, Path(checkpoint), seen_by, place, origin)


def _trained(
    network: MultiExitNetwork,
    data: Dataset,
    phases: Sequence[TrainingSettings],
    folder: Path | None,
    observer: Observer,
    device: torch.device,
    origin: str | None,
) -> list[dict[str, Any]]:
    fingerprint = _fingerprint(network, data, phases, origin)
    restored = None if folder is None else load_checkpoint(folder, network, fingerprint)
    progress = Progress(0, 0) if restored is None else restored.progress
    if folder is not None and restored is not None:
        remove_others(folder, restored.tensors)  # left where saving was killed before its end
    if restored is not None and restored.complete:
        network.eval()
        return list(progress.history)
    before = torch.get_num_threads()
    try:
        with (
            task(_described(data, phases, progress), _steps_left(data, phases, progress), "steps") as reported,
            placed(network, device),
        ):
            run = _Run(network, data, folder, fingerprint, observer, reported, device)
            for phase in range(progress.phase, len(phases)):
                torch.set_num_threads(phases[phase].threads or before)
                progress = run.phase(phase, phases[phase], progress, restored)
                restored = None
                progress = Progress(phase + 1, 0, progress.history)
    finally:
        torch.set_num_threads(before)
    network.eval()
    if folder is not None:
        save_checkpoint(folder, network, None, None, progress, fingerprint, complete=True)
    return list(progress.history)


def _check(network: MultiExitNetwork, data: Dataset, phases: Sequence[TrainingSettings]) -> None:
    if data.input_format != network.input_format or data.training.images.shape[1:] != network.input_shape:
        raise ImagesError(
            f"{data.name} has images {data.training.images.shape[1:]} of {data.input_format}, "
            f"the network takes {network.input_shape} of {network.input_format}"
        )
    for settings in phases:
        strategy = settings.chosen
        if settings.exit_weights is not None and len(settings.exit_weights) != network.exits:
            raise SettingsError(
                f"{len(settings.exit_weights)} exit_weights for {network.exits} exits: give one per exit"
            )
        strategy.check(network, settings.weights(network.exits))
        if len(network.input_shape) != 3 and (settings.shift or settings.crop or settings.flip):
            raise SettingsError(
                f"shift, crop and flip move images (C, H, W), and {data.name} has samples {network.input_shape}: "
                "leave them out"
            )
        split = strategy.split(data)
        if split.images.shape[1:] != network.input_shape:
            raise ImagesError(f"{data.name} has personal images {split.images.shape[1:]}, not {network.input_shape}")
        if settings.batch_size > len(split):
            raise SettingsError(f"batch_size={settings.batch_size} is more than the {len(split)} training images")


def _described(data: Dataset, phases: Sequence[TrainingSettings], progress: Progress) -> str:
    """Returns what the training is called while it runs: also where it resumes."""
    text = f"training on {len(data.training)} images"
    if not progress.history:
        return text
    phase, epoch = progress.phase, progress.epoch
    if epoch == phases[phase].epochs:  # the next phase begins
        phase, epoch = phase + 1, 0
    if phase == len(phases):
        return f"{text}: all epochs are done"
    behind = f", phase {phase + 1}" if len(phases) > 1 else ""
    return f"{text}, resuming at epoch {epoch + 1} of {phases[phase].epochs}{behind}"


def _steps_left(data: Dataset, phases: Sequence[TrainingSettings], progress: Progress) -> int:
    """Returns the number of steps of all phases that have not ended."""
    steps = [settings.epochs * (len(settings.chosen.split(data)) // settings.batch_size) for settings in phases]
    left = sum(steps[progress.phase :])
    if progress.epoch:
        left -= progress.epoch * steps[progress.phase] // phases[progress.phase].epochs
    return left


def _fingerprint(
    network: MultiExitNetwork, data: Dataset, phases: Sequence[TrainingSettings], origin: str | None
) -> str:
    """Returns a hash of all that determines the result: structure, input, data and settings. The initial weights follow
    from the seed, or from the network's origin.
    """
    shapes = {name: list(tensor.shape) for name, tensor in network_state(network).items()}
    return sha256_json(
        {
            "shapes": shapes,
            "network": repr(network.stages) + repr(network.heads),
            "input": [network.input_format.to_json(), list(network.input_shape)],
            **({"gates": True} if network.gates else {}),
            "data": data.training.digest(),
            "phases": [settings.to_json() for settings in phases],
            # named where there are any alone, so that they are no part of what other data sets are known by
            **({} if data.personal is None else {"personal": data.personal.digest()}),
            **({} if origin is None else {"origin": origin}),
        }
    )


@dataclass(frozen=True)
class _Phase:
    """This holds what does not change during a phase."""

    index: int
    settings: TrainingSettings
    strategy: Strategy
    split: Split
    trained: list[nn.Module]
    weights: Weights
    learned: nn.ParameterDict
    costs: tuple[float, ...]
    optimizer: torch.optim.Optimizer

    @property
    def steps(self) -> int:
        """Returns the number of steps of an epoch."""
        return len(self.split) // self.settings.batch_size


@dataclass
class _Run:
    """This holds what does not change during all epochs."""

    network: MultiExitNetwork
    data: Dataset
    folder: Path | None
    fingerprint: str
    observer: Observer
    reported: Task
    device: torch.device

    def phase(
        self, index: int, settings: TrainingSettings, progress: Progress, restored: Checkpoint | None
    ) -> Progress:
        """Trains from `progress` to the end of one phase; writes a checkpoint after each epoch."""
        phase = self._prepared(index, settings, restored)
        history = list(progress.history)
        with _frozen_but(self.network, phase.trained):
            for epoch in range(progress.epoch, settings.epochs):
                history.append(self._epoch(phase, epoch))
                progress = Progress(index, epoch + 1, tuple(history))
                if self.folder is not None:
                    save_checkpoint(
                        self.folder,
                        self.network,
                        phase.optimizer,
                        phase.learned,
                        progress,
                        self.fingerprint,
                        complete=False,
                    )
        return progress

    def _prepared(self, index: int, settings: TrainingSettings, restored: Checkpoint | None) -> _Phase:
        strategy, weights = settings.chosen, settings.weights(self.network.exits)
        trained, learned = strategy.trained(self.network), strategy.learned(self.network, weights).to(self.device)
        parameters = [parameter for module in (*trained, learned) for parameter in module.parameters()]
        optimizer = torch.optim.Adam(parameters, settings.learning_rate)
        if restored is not None and restored.moments:
            optimizer.load_state_dict({**optimizer.state_dict(), "state": restored.moments})
            learned.load_state_dict(restored.learned)
        split = strategy.split(self.data)
        return _Phase(
            index, settings, strategy, split, trained, weights, learned, strategy.costs(self.network), optimizer
        )

    def _epoch(self, phase: _Phase, epoch: int) -> dict[str, Any]:
        """Runs one pass over the split; returns its entry in the history."""
        start = time.perf_counter()
        settings, steps = phase.settings, phase.steps
        self.observer.epoch(epoch, settings.epochs, steps)
        _set_modes(self.network, phase.trained)
        torch.manual_seed(_epoch_seed(settings.seed, phase.index, epoch))
        total, right = 0.0, torch.zeros(self.network.exits)
        for step, (x, y) in enumerate(self._batches(phase)):
            for group in phase.optimizer.param_groups:
                group["lr"] = settings.learning_rate * _rate(epoch * steps + step, settings.epochs * steps)
            loss, logits = phase.strategy.loss(Batch(self.network, x, y, phase.weights, phase.learned, phase.costs))
            phase.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own
            phase.optimizer.step()
            total += self._finite(float(loss.detach()), epoch, step, settings)
            right += torch.tensor([float((z.argmax(dim=1) == y).float().mean()) for z in logits])
            accuracy = (right / (step + 1)).tolist()
            self.observer.step(total / (step + 1), accuracy)
            figures = "  ".join(f"exit {k} {fraction:.1%}" for k, fraction in enumerate(accuracy))
            self.reported.advance(
                note=f"epoch {epoch + 1} of {settings.epochs}  loss {total / (step + 1):.3f}  {figures}"
            )
        learned = {name: tensor.tolist() for name, tensor in phase.learned.items()}
        return {
            "phase": phase.index,
            "epoch": epoch,
            "loss": total / steps,
            "accuracy": (right / steps).tolist(),
            "seconds": time.perf_counter() - start,
            **({"learned": learned} if learned else {}),
        }

    @staticmethod
    def _finite(loss: float, epoch: int, step: int, settings: TrainingSettings) -> float:
        """Raises an error if the loss is not finite."""
        if not math.isfinite(loss):
            raise TrainingError(
                f"the loss is {loss} at step {step + 1} of epoch {epoch + 1}: training diverged; "
                f"lower learning_rate={settings.learning_rate:g}, or look for values that are not finite in the images"
            )
        return loss

    def _batches(self, phase: _Phase) -> Iterator[tuple[Tensor, Tensor]]:
        scale, settings, split = self.network.input_format.scale, phase.settings, phase.split
        order = torch.randperm(len(split)).numpy()
        for start in range(0, len(order) - settings.batch_size + 1, settings.batch_size):
            part = order[start : start + settings.batch_size]
            x = torch.from_numpy(split.images[part].astype("float32")) * scale
            x = cropped(shifted(x, settings.shift), settings.crop, flip=settings.flip)
            yield x.to(self.device), torch.from_numpy(split.labels[part]).to(self.device)


@contextmanager
def _frozen_but(network: nn.Module, trained: Sequence[nn.Module]) -> Iterator[None]:
    """Stops computing gradients, within the block, of what does not learn, to save time."""
    learning = {id(parameter) for module in trained for parameter in module.parameters()}
    frozen = [p for p in network.parameters() if p.requires_grad and id(p) not in learning]
    for parameter in frozen:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_()


def _set_modes(network: nn.Module, trained: Sequence[nn.Module]) -> None:
    """Sets training mode for what learns; what is frozen must not even observe ranges."""
    network.eval()
    for module in trained:
        module.train()


def _epoch_seed(seed: int, phase: int, epoch: int) -> int:
    """Returns one seed per epoch, so that a resumed run needs no state of a generator."""
    return (seed * 1_000_003 + phase * 10_007 + epoch) % 2**63


def _rate(step: int, steps: int) -> float:
    """Returns the fraction of the peak learning rate at a step: a rise, then half a cosine to zero."""
    rise = max(1.0, _WARM_UP * steps)
    if step < rise:
        return (step + 1) / (rise + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1.0, steps - rise)))
