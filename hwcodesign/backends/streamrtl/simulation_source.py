"""This module writes what simulation adds to an accelerator: a wrapper with probes, and a header for the drive loop.

The wrapper reads the accelerator's own nets by name, so that the hardware contains nothing for simulation.
"""

from __future__ import annotations

from collections.abc import Sequence

from hwcodesign.backends.streamrtl.accelerator_source import BUS_PORTS
from hwcodesign.backends.streamrtl.exit_source import LEVEL_BITS
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.channels import channels
from hwcodesign.hardware.layout import Port, module_lines, range_of
from hwcodesign.images import lane_bits
from hwcodesign.interface import register_map as registers
from hwcodesign.simulation.activity import LEVEL_MACRO
from hwcodesign.simulation.probes import Probe, counters, probes, wrapper_name


def wrapper_source(accelerator: Accelerator) -> str:
    """Returns the SystemVerilog of the wrapper."""
    streams = channels(accelerator)
    groups: list[tuple[str, Sequence[Port]]] = [("", (Port("aclk", False), Port("aresetn", False))), *BUS_PORTS]
    for probe in probes(accelerator):
        groups.append(
            ("", (Port(f"{probe.net}_fires_o", True), Port(f"{probe.net}_data_o", True, (range_of(_bits(probe)),))))
        )
    each = (range_of(len(streams)),)
    groups.append(
        ("One bit a stream, in data order", [Port(f"streams_{what}_o", True, each) for what in ("valid", "ready")])
    )
    levels = range_of((accelerator.exits - 1) * LEVEL_BITS)
    if accelerator.exits > 1:
        groups.append(("Levels of the buffers, in data order", [Port("levels_o", True, (levels,))]))
    lines = [
        "`default_nettype none",
        "",
        f"// {accelerator.name} with its streams brought out; for simulation only.",
        *module_lines(wrapper_name(accelerator), ['parameter string RomFolder = "roms/"'], groups),
        f"  {accelerator.name} #(.RomFolder(RomFolder)) u_dut (.*);",
        "",
    ]
    for probe in probes(accelerator):
        lines.append(f"  assign {probe.net}_fires_o = u_dut.{probe.net}_valid && u_dut.{probe.net}_ready;")
        lines.append(f"  assign {probe.net}_data_o = u_dut.{probe.net}_data;")
    for i, stream in enumerate(streams):
        lines.append(f"  assign streams_valid_o[{i}] = u_dut.{stream.name}_valid;")
        lines.append(f"  assign streams_ready_o[{i}] = u_dut.{stream.name}_ready;")
    if accelerator.exits > 1:
        lines.append("  assign levels_o = u_dut.levels;")
    return "\n".join([*lines, "", "endmodule", "", "`default_nettype wire"]) + "\n"


def _bits(probe: Probe) -> int:
    return probe.stream.lanes * probe.tensor.format.width


def drive_header(accelerator: Accelerator, drain: int) -> str:
    """Returns what model.h says of an accelerator: registers, probes, names of streams.

    Args:
        drain: cycles without a beat after which no segment gives anything any more; 0: nothing comes after the records.
    """
    streams = channels(accelerator)
    names = ", ".join(f'"{stream.name} ({stream.text})"' for stream in streams)
    addresses = counters(accelerator.exits)
    lanes = 64 // lane_bits(accelerator.input_format)
    elements = accelerator.stages[0].inputs[0].elements
    commit, snapshot = (registers.CONTROL.field(name) for name in ("commit", "snapshot"))
    lines = [
        f"static const unsigned n_exits = {accelerator.exits};",
        f"static const int64_t drain_cycles = {drain};",
        f"static const int64_t words_per_sample = {-(-elements // lanes)};",
        f"static const uint32_t reg_threshold = {registers.THRESHOLD.offset}, reg_threshold_stride = 4;",
        f"static const uint32_t reg_mode = {registers.MODE.offset};",
        f"static const uint32_t reg_records_per_packet = {registers.RECORDS_PER_PACKET.offset};",
        f"static const uint32_t reg_control = {registers.CONTROL.offset};",
        f"static const uint32_t control_commit = {commit.mask}, control_snapshot = {snapshot.mask};",
        f"static const unsigned n_counters = {len(addresses)};",
        f"static const uint32_t counter_addresses[] = {{{', '.join(str(address) for _, address in addresses)}}};",
        f"static const unsigned n_streams = {len(streams)};",
        f"static const char *const stream_names[] = {{{names}}};",
        f"static const unsigned n_probes = {len(probes(accelerator))};",
        "template <class F> inline void for_each_probe(const Model &m, F &f) {",
    ]
    for i, probe in enumerate(probes(accelerator)):
        fmt = probe.tensor.format
        lines.append(
            f"    f({i}, m.{probe.net}_fires_o, m.{probe.net}_data_o, "
            f"{probe.stream.lanes}, {fmt.width}, {str(fmt.signed).lower()});"
        )
    shown = f"hwc::field((m).levels_o, (k) * {LEVEL_BITS}, {LEVEL_BITS})" if accelerator.exits > 1 else "0"
    return "\n".join([*lines, "}", f"#define {LEVEL_MACRO}(m, k) {shown}"]) + "\n"
