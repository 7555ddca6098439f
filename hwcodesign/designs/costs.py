"""This module defines the cost of an exit: multiply-accumulates, or any other cost that adds up over stages and
heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True)
class ExitCosts:
    """The exit costs hold the costs of a multi-exit network's parts.

    Leaving at exit k has cost stages 0..k and heads 0..k. The full cost is that of all stages
    and the last head alone: the network as it would be without early exits.

    Attributes:
        stages, heads: one cost each per exit, in any one unit.
    """

    stages: tuple[int, ...]
    heads: tuple[int, ...]

    @property
    def at_exit(self) -> tuple[int, ...]:
        """Returns c_k, the cost of leaving at each exit, first exit first."""
        return tuple(accumulate(stage + head for stage, head in zip(self.stages, self.heads, strict=True)))

    @property
    def full(self) -> int:
        """Returns the full cost C."""
        return sum(self.stages) + self.heads[-1]

    @property
    def fractions(self) -> tuple[float, ...]:
        """Returns c_k / C for each exit."""
        return tuple(cost / self.full for cost in self.at_exit)

    @property
    def single(self) -> tuple[int, ...]:
        """Returns the cost of a network that has exit k alone: stages 0..k and head k."""
        return tuple(stage + head for stage, head in zip(accumulate(self.stages), self.heads, strict=True))
