"""This module holds the rule by which an ONNX file with exits decides, which becomes an exit policy."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from hwcodesign.errors import PolicyError
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import ExitPolicy, FittedOn, Threshold


@dataclass(frozen=True)
class ExitRule:
    """An exit rule is what the `If` nodes of an ONNX file compare.

    Attributes:
        criterion: "max_softmax" or "margin".
        thresholds: thresholds in the criterion's unit, one per exit but the last; None never leaves.
        temperatures: number by which the logits of each of these exits are divided before the softmax.
    """

    criterion: str
    thresholds: tuple[Threshold, ...]
    temperatures: tuple[float, ...]

    def policy(self, network: MultiExitNetwork) -> ExitPolicy:
        """Makes the exit policy that decides so on the integers of a quantised network.

        A sample leaves where its confidence is at least the threshold, also where the file says "greater".

        Args:
            network: quantised, with one exit more than there are thresholds.

        Raises:
            NetworkError: the network computes in floating point.
            PolicyError: it has another number of exits, or a threshold is out of range.
        """
        formats = [head.format for head in network.boundaries()[1]]
        if len(formats) != len(self.thresholds) + 1:
            raise PolicyError(
                f"{len(self.thresholds)} thresholds for {len(formats)} exits: this rule is of a network with "
                f"{len(self.thresholds) + 1} exits"
            )
        made = ExitPolicy.build(
            self.criterion,
            formats,
            network.classes,
            self.thresholds,
            temperature=(*self.temperatures, 1.0),
            gated=network.gates,
        )
        return dataclasses.replace(made, fitted_on=FittedOn("given", network_sha256=network.digest()))


def one_rule(parts: Sequence[tuple[str, Threshold, float]]) -> ExitRule | None:
    """Returns the rule of all exits from criterion, threshold and temperature of each; None if criteria differ."""
    if not parts or len({criterion for criterion, _, _ in parts}) != 1:
        return None
    return ExitRule(parts[0][0], tuple(part[1] for part in parts), tuple(part[2] for part in parts))
