"""What a training strategy is, and the registry of all of them."""

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
    """What the loss of one step is computed from.

    Attributes:
        network: in the modes of this step: what learns is in training mode, all else in evaluation mode.
        images: (N, C, H, W) float32 values on the input format's grid.
        labels: (N,) int64 classes.
        weights: of the exits' losses, first exit first.
        learned: the strategy's own parameters.
        costs: what `Strategy.costs` gave for the phase.
    """

    network: MultiExitNetwork
    images: Tensor
    labels: Tensor
    weights: Weights
    learned: nn.ParameterDict
    costs: tuple[float, ...] = ()


@dataclass(frozen=True)
class Strategy:
    """Base of the training strategies; a subclass is one file, a frozen dataclass of settings and a `register` line.

    Attributes:
        name: as users spell it.
        weighted: whether it has a use for weights of the exits.
    """

    name: ClassVar[str]
    weighted: ClassVar[bool] = True

    def check(self, network: MultiExitNetwork, weights: Weights) -> None:
        """Refuse a network, or weights, that the settings do not fit; called before anything is trained.

        Raises:
            SettingsError: naming the setting and what it would have to be.
        """

    def split(self, data: Dataset) -> Split:
        """What is learned from."""
        return data.training

    def trained(self, network: MultiExitNetwork) -> list[nn.Module]:
        """Modules whose parameters learn; all others are frozen, in evaluation mode."""
        return [network]

    def learned(self, network: MultiExitNetwork, weights: Weights) -> nn.ParameterDict:  # noqa: ARG002  # few have any
        """The strategy's own parameters at the phase's start; they learn beside the network's."""
        return nn.ParameterDict()

    def costs(self, network: MultiExitNetwork) -> tuple[float, ...]:  # noqa: ARG002  # few ask
        """Of leaving at each exit, as shares of the full cost, where the loss reads them."""
        return ()

    def loss(self, batch: Batch) -> tuple[Tensor, list[Tensor]]:
        """The loss, a scalar, and all exits' logits (K tensors (N, classes)) on the batch's images as given."""
        raise NotImplementedError

    def to_json(self) -> Any:
        """Name and settings, as they go into a checkpoint's fingerprint; the name alone where there are no settings."""
        settings = dataclasses.asdict(self)
        return {"name": self.name, **settings} if settings else self.name


STRATEGIES: dict[str, type[Strategy]] = {}
_S = TypeVar("_S", bound=Strategy)


def register(strategy: type[_S]) -> type[_S]:
    """Class decorator: make a strategy known by its name."""
    STRATEGIES[strategy.name] = strategy
    return strategy


def strategy_named(name: str) -> Strategy:
    """A strategy with its default settings.

    Raises:
        SettingsError: no such strategy, which lists those there are; or one that has no defaults.
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
