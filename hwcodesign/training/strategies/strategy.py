"""This module defines a training strategy, and the registry of all of them."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from torch import Tensor, nn

from hwcodesign.choices import not_known
from hwcodesign.data import Dataset, Split
from hwcodesign.errors import SettingsError
from hwcodesign.networks.network import MultiExitNetwork

#: Of the loss, one per exit.
Weights = tuple[float, ...]


@dataclass(frozen=True)
class Batch:
    """A batch holds what the loss of one step is computed from.

    Attributes:
        network: network in the modes of this step: modules that learn are in training mode, all others in evaluation
            mode.
        images: (N, C, H, W) float32 values on the input format's grid.
        labels: (N,) int64 classes.
        weights: weights of the exits' losses, first exit first.
        learned: parameters of the strategy.
        costs: result of `Strategy.costs` for the phase.
    """

    network: MultiExitNetwork
    images: Tensor
    labels: Tensor
    weights: Weights
    learned: nn.ParameterDict
    costs: tuple[float, ...] = ()


@dataclass(frozen=True)
class Strategy:
    """This is the base class of the training strategies. A subclass is one file: a frozen dataclass of settings and a
    `register` line.

    Attributes:
        name: name, as users write it.
        weighted: whether it uses weights of the exits.
    """

    name: ClassVar[str]
    weighted: ClassVar[bool] = True

    def check(self, network: MultiExitNetwork, weights: Weights) -> None:
        """Raises an error if a network, or weights, do not fit the settings; called before anything is trained.

        Raises:
            SettingsError: it names the setting and its allowed values.
        """

    def split(self, data: Dataset) -> Split:
        """Returns the split to learn from."""
        return data.training

    def trained(self, network: MultiExitNetwork) -> list[nn.Module]:
        """Returns the modules whose parameters learn; all others are frozen, in evaluation mode."""
        return [network]

    def learned(self, network: MultiExitNetwork, weights: Weights) -> nn.ParameterDict:  # noqa: ARG002  # few have any
        """Returns the strategy's own parameters at the start of the phase; they learn together with the network's."""
        return nn.ParameterDict()

    def costs(self, network: MultiExitNetwork) -> tuple[float, ...]:  # noqa: ARG002  # few ask
        """Returns the costs of leaving at each exit, as fractions of the full cost, if the loss uses them."""
        return ()

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """Returns the loss, a scalar, and all exits' logits (K tensors (N, classes)) on the batch's images as given."""
        raise NotImplementedError

    def to_json(self) -> Any:
        """Returns name and settings for a checkpoint's fingerprint; the name alone if there are no settings."""
        settings = dataclasses.asdict(self)
        return {"name": self.name, **settings} if settings else self.name


STRATEGIES: dict[str, type[Strategy]] = {}
_S = TypeVar("_S", bound=Strategy)


def register(strategy: type[_S]) -> type[_S]:
    """Decorates a class of a strategy, and registers it by its name."""
    STRATEGIES[strategy.name] = strategy
    return strategy


def strategy_named(name: str) -> Strategy:
    """Returns a strategy with its default settings.

    Raises:
        SettingsError: there is no such strategy (the message lists the known ones), or it has no default settings.
    """
    try:
        strategy = STRATEGIES[name]
    except KeyError:
        raise SettingsError(not_known(f"training strategy {name!r}", name, sorted(STRATEGIES))) from None
    needed = [
        field.name
        for field in dataclasses.fields(strategy)
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]
    if needed:
        made = f"hwcodesign.training.{strategy.__name__}({', '.join(f'{field}=…' for field in needed)})"
        raise SettingsError(f"strategy {name!r} has no default for {', '.join(needed)}: give strategy={made}")
    return strategy()
