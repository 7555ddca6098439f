"""This module names the bits at which a network is trained again, so that its designs can be compared."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hwcodesign.errors import SettingsError

_BITS = re.compile(r"(\d{1,2})x(\d{1,2})")


@dataclass(frozen=True)
class Bits:
    """Bits are those of the weights and activations of a network, but for layers with bits of their own."""

    weights: int
    activations: int

    @property
    def text(self) -> str:
        """Returns the bits as `bits_of` reads them, for example "4x5"."""
        return f"{self.weights}x{self.activations}"


def bits_of(text: str) -> tuple[Bits, ...]:
    """Reads bits of weights and of activations, for example "4x5,3x4".

    Raises:
        SettingsError: it is no such list, or names the same bits twice.
    """
    found = []
    for part in text.split(","):
        match = _BITS.fullmatch(part.strip())
        if match is None:
            raise SettingsError(f"retrain={text!r}: {part!r} is not bits of weights x bits of activations, such as 4x5")
        found.append(Bits(int(match[1]), int(match[2])))
    if len(set(found)) < len(found):
        raise SettingsError(f"retrain={text!r} names the same bits twice")
    return tuple(found)
