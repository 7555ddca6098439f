"""Module by module on all cores against one run of Yosys: processor time, and where the figures differ.

    python -m benchmarks.synthesis build/digits/design

One run is what a design takes without being cut; its LUTs depend on the order of names in all of it. Prints a table.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from hwcodesign.simulation.project import read_project
from hwcodesign.simulation.rtl import FOLDER
from hwcodesign.synthesis import SynthesisedResources
from hwcodesign.synthesis.figures import synthesise_modules
from hwcodesign.synthesis.pieces import Setting, Store
from hwcodesign.synthesis.resources import from_cells
from hwcodesign.synthesis.yosys import Family, Sources, cells_of, mapping
from hwcodesign.tools.yowasp import TimeLimit

#: Seconds; a loaded machine takes its time.
LIMIT = 6 * 3600.0


def one_run(design: Sources, family: Family) -> SynthesisedResources:
    """Figures of all instances, by one run of Yosys on the whole design."""
    with design.copied() as folder:
        script = [design.read_command(keep_hierarchy=True), *mapping(family, design.top, fast=False)]
        return from_cells(cells_of(script, folder, TimeLimit(LIMIT)), design.top, by_module=True)


def in_pieces(design: Sources, family: Family) -> SynthesisedResources:
    """The same by processes of their own, nothing taken from earlier runs."""
    return synthesise_modules(design, [Setting(family)], TimeLimit(LIMIT), Store(lasts=False))[0]


def timed(
    run: Callable[[Sources, Family], SynthesisedResources], design: Sources, family: Family
) -> SynthesisedResources:
    """Figures, after a line of the table."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    found = run(design, family)
    after, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic() - start
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    how = "one run" if run is one_run else "in pieces"
    print(f"| {family} | {how} | {used:.0f} s | {wall:.0f} s | {found.lut:,} | {found.ff:,} |", flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("design", type=Path, help="folder of a compiled design")
    parser.add_argument("--family", choices=get_args(Family), action="append", help="both by default")
    options = parser.parse_args()
    project = read_project(options.design / FOLDER)
    design = Sources(project.sources, project.top, roms=project.rom_texts)
    print("| family | | processor | wall | LUT | FF |\n|---|---|---:|---:|---:|---:|")
    for family in options.family or get_args(Family):
        together, apart = timed(one_run, design, family), timed(in_pieces, design, family)
        for path, part in together.modules.items():
            if part != apart.modules[path]:
                print(f"{family} {path}: {part.lut} LUT in one run, {apart.modules[path].lut} in pieces")


if __name__ == "__main__":
    main()
