"""This module describes a register as a driver sees it: a name, an offset and fields. `register_map` holds the
registers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hwcodesign.errors import SettingsError


class Count(Enum):
    """The count says how many registers have one name; they are 4 bytes apart."""

    ONE = "one"
    EXITS = "one per exit"
    BUFFERS = "one per conditional buffer, at least one"

    def of(self, exits: int) -> int:
        """Returns the number of registers in an accelerator with so many exits."""
        return {Count.ONE: 1, Count.EXITS: exits, Count.BUFFERS: max(1, exits - 1)}[self]


@dataclass(frozen=True)
class Field:
    """A field is a group of bits of a register.

    Attributes:
        name: name in its register.
        low, width: lowest bit and number of bits.
        access: "r", "w" (reads as 0) or "rw".
        reset: value after reset, or the constant; 0 where hardware gives it.
        description: one or two sentences.
    """

    name: str
    low: int
    width: int
    access: str
    reset: int
    description: str

    @property
    def mask(self) -> int:
        """Returns the mask of its bits, in place."""
        return ((1 << self.width) - 1) << self.low

    def extract(self, word: int) -> int:
        """Returns its value in a register's word, unsigned."""
        return (word & self.mask) >> self.low

    def insert(self, value: int, word: int = 0) -> int:
        """Returns a register's word with this field set; a negative value is in two's complement.

        Raises:
            SettingsError: the value does not fit.
        """
        if not -(1 << (self.width - 1)) <= value < 1 << self.width:
            raise SettingsError(f"{value} does not fit the {self.width} bits of register field {self.name}")
        return (word & ~self.mask) | ((value << self.low) & self.mask)


@dataclass(frozen=True)
class Register:
    """This is one 32-bit register, or an array of them.

    Attributes:
        name: name, in upper case.
        offset: offset of the (first) register, in bytes.
        count: number of registers.
        fields: fields, the lowest first.
        description: one or two sentences.
    """

    name: str
    offset: int
    count: Count
    fields: tuple[Field, ...]
    description: str

    def address(self, index: int = 0) -> int:
        """Returns the offset of one register of an array."""
        return self.offset + 4 * index

    def field(self, name: str) -> Field:
        """Returns the field of this name, or raises KeyError if there is none."""
        for field in self.fields:
            if field.name == name:
                return field
        raise KeyError(f"register {self.name} has no field {name!r}, but {', '.join(f.name for f in self.fields)}")
