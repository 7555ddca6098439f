"""This module describes the outputs of a network's heads, which a policy decides on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwcodesign.errors import PolicyError
from hwcodesign.fixedpoint import FixedPoint


@dataclass(frozen=True)
class Heads:
    """The heads are described by the formats of their outputs, for all exits.

    Attributes:
        formats: format of each exit's logits, first exit first.
        classes: number of logits of each head.
        temperatures: temperature of each exit; logits are divided by it before a softmax.
        gated: whether heads give a gate value behind the logits.
    """

    formats: tuple[FixedPoint, ...]
    classes: int
    temperatures: tuple[float, ...]
    gated: bool = False

    @classmethod
    def of(
        cls, formats: Sequence[FixedPoint], classes: int, temperature: float | Sequence[float] = 1.0, *, gated: bool
    ) -> Heads:
        """Makes heads at one temperature, or with one temperature for each.

        Raises:
            PolicyError: a temperature is not a positive number, there are not as many as exits, or there is only one
                class.
        """
        exits = len(formats)
        found = tuple(temperature) if isinstance(temperature, Sequence) else (temperature,) * exits
        if len(found) != exits:
            raise PolicyError(f"{len(found)} temperatures for {exits} exits: give one number, or one per exit")
        for value in found:
            if not 0 < value < float("inf"):
                raise PolicyError(f"temperature {value!r} is not a positive number")
        if classes < 2:
            raise PolicyError(f"{classes} class is not a choice: a head must give two logits or more")
        return cls(tuple(formats), classes, found, gated)

    @property
    def exits(self) -> int:
        """Returns the number of exits."""
        return len(self.formats)

    @property
    def steps(self) -> tuple[float, ...]:
        """Returns the nats per logit step of each exit, divided by its temperature."""
        return tuple(fmt.scale / heat for fmt, heat in zip(self.formats, self.temperatures, strict=True))
