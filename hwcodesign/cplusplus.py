"""C++ constants and tables as plain values, and their text: what a generated config of a kernel in hls/ holds."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

#: Columns of a table's entries.
_COLUMNS = 100


@dataclass(frozen=True)
class Constant:
    """A static constant of a struct; `type` is "int" or "unsigned", `comment` says what it means."""

    type: str
    name: str
    value: int
    comment: str

    @property
    def lines(self) -> list[str]:
        """Returns its definition, inside its struct."""
        return [f"    static const {self.type} {self.name} = {self.value}; // {self.comment}"]


@dataclass(frozen=True)
class Table:
    """A table is a static function of a struct that reads an entry, in synthesis a read-only memory.

    Attributes:
        name, index: of the function, and of its argument.
        entries: at least one.
        comment: says what an entry is.
        entry: type of an entry, "unsigned" or "int".
        length: number of entries as C++ has it, where a constant says it; the number itself unless given.
    """

    name: str
    index: str
    entries: Sequence[int]
    comment: str
    entry: str = "unsigned"
    length: str = ""

    @property
    def lines(self) -> list[str]:
        """Returns its definition, inside its struct."""
        values = textwrap.wrap(", ".join(map(str, self.entries)), _COLUMNS)
        return [
            f"    // {self.comment}",
            f"    static {self.entry} {self.name}(unsigned {self.index}) {{",
            "        #pragma HLS INLINE",
            f"        static const {self.entry} rom[{self.length or len(self.entries)}] = {{",
            *(f"            {line}" for line in values[:-1]),
            f"            {values[-1]}}};",
            "        #pragma HLS BIND_STORAGE variable=rom type=rom_np",
            f"        return rom[{self.index}];",
            "    }",
        ]


@dataclass(frozen=True)
class Struct:
    """A struct holds constants and tables; a config refers to it by `name`; `comment` may be empty."""

    name: str
    members: tuple[Constant | Table, ...]
    comment: str = ""

    def text(self, prefix: str) -> str:
        """Returns its definition as `<prefix>_<name>`, between empty lines."""
        lines = ["", *([f"// {self.comment}"] if self.comment else []), f"struct {prefix}_{self.name} {{"]
        for i, member in enumerate(self.members):
            lines += ["", *member.lines] if i and isinstance(member, Table) else member.lines
        return "\n".join([*lines, "};", ""])


@dataclass(frozen=True)
class Config:
    """What a kernel's config has of its own.

    Attributes:
        constants: in the config itself.
        structs: defined beside it, to which it has a typedef by their names.
    """

    constants: tuple[Constant, ...] = ()
    structs: tuple[Struct, ...] = ()
