"""This module counts what a design occupies on an AMD device, from the cells of a netlist that Yosys mapped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hwcodesign.errors import ToolError

#: LUTs that a memory primitive occupies (UG474, "Distributed RAM" and "Shift registers"; UG574 for UltraScale+).
_MEMORY_LUTS = {
    "SRL16E": 1,
    "SRLC16E": 1,
    "SRLC32E": 1,
    "RAM32X1S": 1,
    "RAM64X1S": 1,
    "RAM128X1S": 2,
    "RAM256X1S": 4,
    "RAM512X1S": 8,
    "RAM32X1D": 2,
    "RAM64X1D": 2,
    "RAM128X1D": 4,
    "RAM256X1D": 8,
    "RAM32M": 4,
    "RAM64M": 4,
    "RAM32M16": 8,
    "RAM64M8": 8,
    "RAM32X16DR8": 8,
    "RAM64X8SW": 8,
}
#: RAMB18 halves.
_BLOCK_RAMS = {"RAMB18E1": 1, "RAMB18E2": 1, "RAMB36E1": 2, "RAMB36E2": 2}
_ULTRA_RAMS = frozenset({"URAM288"})
_FLIP_FLOPS = frozenset({"FDRE", "FDSE", "FDCE", "FDPE", "FDRE_1", "FDSE_1", "FDCE_1", "FDPE_1"})
_LUTS = frozenset({"LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "INV"})
_CARRIES = frozenset({"CARRY4", "CARRY8"})
_DSPS = frozenset({"DSP48E1", "DSP48E2"})
#: Part of the slices that hold the LUTs, or of no cost.
_FREE = frozenset({"MUXF5", "MUXF6", "MUXF7", "MUXF8", "MUXF9", "VCC", "GND", "BUFG", "IBUF", "OBUF", "$scopeinfo"})


@dataclass(frozen=True)
class SynthesisedResources:
    """The resources are occupied primitives, as Yosys maps them; they are not Vivado's figures.

    Attributes:
        lut: all LUTs, including those used as memory; Yosys does not pack two small ones into one.
        ff: flip-flops.
        dsp: DSP48 blocks.
        bram18: RAMB18 blocks; a RAMB36 counts as two.
        uram: URAM288 blocks.
        lutram: those of `lut` that are distributed RAM or shift registers.
        carry: carry chain elements of four bits, on UltraScale+ too.
        module: name of the module, where these are the figures of an instance.
        modules: by instance path from the top ("top.u_conv.u_mac_array"), each with what is below it; empty unless
            asked for.
    """

    lut: int = 0
    ff: int = 0
    dsp: int = 0
    bram18: int = 0
    lutram: int = 0
    carry: int = 0
    module: str = ""
    uram: int = 0
    modules: Mapping[str, SynthesisedResources] = field(default_factory=dict)

    @property
    def logic_lut(self) -> int:
        """Returns the LUTs that compute."""
        return self.lut - self.lutram

    def __add__(self, other: SynthesisedResources) -> SynthesisedResources:
        """Returns the sum of both, which belongs to no module."""
        return SynthesisedResources(
            self.lut + other.lut,
            self.ff + other.ff,
            self.dsp + other.dsp,
            self.bram18 + other.bram18,
            self.lutram + other.lutram,
            self.carry + other.carry,
            uram=self.uram + other.uram,
        )

    def to_json(self) -> dict[str, Any]:
        """Returns plain data."""
        names = ("lut", "ff", "dsp", "bram18", "uram", "lutram", "carry", "module")
        figures = {name: getattr(self, name) for name in names}
        return {**figures, "modules": {path: part.to_json() for path, part in self.modules.items()}}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> SynthesisedResources:
        """Reads what `to_json` wrote."""
        return cls(**{**data, "modules": {path: cls.from_json(part) for path, part in data["modules"].items()}})


def count(cells: Mapping[str, int]) -> SynthesisedResources:
    """Returns the resources of cells, by type.

    Raises:
        ToolError: the cost of a type is not known, for example of a latch, and would be missing from the figures.
    """
    total = SynthesisedResources()
    for name, number in cells.items():
        if name in _MEMORY_LUTS:
            luts = _MEMORY_LUTS[name] * number
            total += SynthesisedResources(lut=luts, lutram=luts)
        elif name in _BLOCK_RAMS:
            total += SynthesisedResources(bram18=_BLOCK_RAMS[name] * number)
        elif name in _ULTRA_RAMS:
            total += SynthesisedResources(uram=number)
        elif name in _LUTS:
            total += SynthesisedResources(lut=number)
        elif name in _FLIP_FLOPS:
            total += SynthesisedResources(ff=number)
        elif name in _CARRIES:
            total += SynthesisedResources(carry=number)
        elif name in _DSPS:
            total += SynthesisedResources(dsp=number)
        elif name not in _FREE:
            raise ToolError(f"the netlist has {number} cells of type {name}, whose cost is not known")
    return total


def from_cells(contents: Mapping[str, Mapping[str, int]], top: str, by_module: bool) -> SynthesisedResources:
    """Returns the resources of a design by the cells of each of its modules.

    Args:
        contents: by module, its cells by type, submodules among them; a module below the top is named
            `module$path.of.instance` and has one instance.
        by_module: fill `modules`.
    """
    below: dict[str, SynthesisedResources] = {}
    whole = _collect(top, contents, below)
    if not by_module:
        return whole
    return replace(whole, module=top, modules=dict(sorted(below.items())))


def _collect(
    name: str, contents: Mapping[str, Mapping[str, int]], below: dict[str, SynthesisedResources]
) -> SynthesisedResources:
    """Returns the resources of a module with all below it; its submodules' are added to `below`."""
    total = count({kind: number for kind, number in contents[name].items() if kind not in contents})
    for kind, number in contents[name].items():
        if kind not in contents:
            continue
        module, _, path = kind.partition("$")
        part = _collect(kind, contents, below)
        for _ in range(number):
            total += part
        below[path or kind] = replace(part, module=module)
    return total
