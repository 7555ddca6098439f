"""Clocks of units after place and route on an ECP5 and a Nexus, each unit alone.

    python -m benchmarks.unit_clocks --write docs/clocks.md

Units are those of `unit_points`, of the sizes that small networks have; the first that is drawn of each kind. Decision
units have a page of their own (docs/decision_units.md).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.sections import write_section
from benchmarks.unit_measurements import TOP, top_source
from benchmarks.unit_points import KINDS, Drawn, drawn
from hwcodesign.errors import ToolError
from hwcodesign.simulation.cocotb_runner import library_sources
from hwcodesign.storage.cache import scratch_folder
from hwcodesign.synthesis.lattice import DEVICES, Device
from hwcodesign.synthesis.routing import PostRoute, fmax

#: What has another page, or is no unit.
_LEFT_OUT = ("accelerator", "decision", "distributed")
#: Of the section of the document.
HEADING = "## Units"
_UNIT, _TOGETHER = "u_unit", 2
_LIMIT = 3600.0
#: What errors say, and how a table says it.
_REASONS = {"no path between registers": "no path between registers", "Failed to route arc": "not routed"}
KINDS_SHOWN = tuple(kind for kind in KINDS if not kind.startswith(_LEFT_OUT))


def routed(one: Drawn, device: Device) -> PostRoute | str:
    """What routing gives for one unit, or why it gives nothing."""
    texts = {f"{TOP}.sv": top_source({_UNIT: one})}
    texts |= {name: text for name, text in one.texts.items() if name.endswith(".sv")}
    roms = {name: text for name, text in one.texts.items() if not name.endswith(".sv")}
    roms |= {f"{_UNIT}_{rom.name}.hex": rom.text for rom in one.instance.roms}
    with scratch_folder() as folder:
        for name, text in texts.items():
            (folder / name).write_text(text)
        files = [*library_sources(), *(folder / name for name in texts)]
        try:
            return fmax(files, TOP, roms=roms, device=device, limit=_LIMIT)
        except ToolError as error:
            for reason, text in _REASONS.items():
                if reason in str(error):
                    return text
            raise


def _path(found: PostRoute | str) -> str:
    if isinstance(found, str):
        return found
    ends = (found.critical_path[0], found.critical_path[-1])
    return " to ".join(f"`{end.partition(' ns ')[2].removeprefix(f'{_UNIT}.')}`" for end in ends)


def row(kind: str) -> str:
    """The row of a kind in the table."""
    one = drawn(kind, 0)
    found = [routed(one, device) for device in DEVICES.values()]
    clocks = " | ".join(each if isinstance(each, str) else f"{each.fmax_mhz:.0f} MHz" for each in found)
    lut = "" if isinstance(found[0], str) else f"{found[0].lut:,}"
    return f"| {kind} | `{one.instance.module}` | {lut} | {clocks} | {_path(found[0])} |"


def document(rows: list[str]) -> str:
    """The section of the document."""
    return f"""{HEADING}

    python -m benchmarks.unit_clocks --write docs/clocks.md

Each unit alone, of the size that small networks have (the first that `benchmarks/unit_points.py` draws of its kind).
LUTs are of four inputs, of the ECP5. The path is that of the ECP5. Decision units have
[a page of their own](decision_units.md).

| unit | module | LUT | ECP5 | Nexus | critical path |
|---|---|---:|---:|---:|---|
""" + "".join(f"{line}\n" for line in rows)


def rows() -> Iterator[str]:
    """The rows of all kinds; two units are routed at a time."""
    with ThreadPoolExecutor(_TOGETHER) as pool:
        yield from pool.map(row, KINDS_SHOWN)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="document whose last section is the table")
    options = parser.parse_args()
    made = []
    for line in rows():
        print(line, flush=True)
        made.append(line)
    if options.write:
        write_section(options.write, document(made))


if __name__ == "__main__":
    main()
