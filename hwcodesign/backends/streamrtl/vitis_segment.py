"""This module puts the IP that Vitis HLS exports for a segment in the place of the segment's RTL.

`compile` writes a Vitis project for every segment beside the RTL. Built and exported, its top function becomes a
Verilog module. The module written here has the name and ports of the RTL segment and holds that IP behind a
`vitis_adapter`:

    hardware = Hardware.of(design.accelerator)
    ports = exported_ports(design.folder / "vitis" / "stage0")
    source = vitis_segment_source(hardware.netlists[0], design.accelerator.name, "stage0", *ports)
    write_accelerator(hardware, folder, {"stage0": source})

The IP's own sources come into the Vivado project with the exported IP. For simulation they can stand in the same
`Source`, beside the text of `source`.

What is assumed of the IP, and where it is documented. No IP that Vitis HLS made has been connected to any of this; the
tests use a stand-in that is written after the documents.

* Ports: `ap_clk`; `ap_rst_n`, active low and synchronous wherever there are AXI ports (UG1399, "Controlling
  Initialization and Reset Behavior"); `ap_start`, `ap_done`, `ap_idle`, `ap_ready`, which are ap_ctrl_hs, the default
  of the Vivado IP flow (UG1399, "Block-Level Control Protocols"); `<argument>_TDATA`, `_TVALID`, `_TREADY` with the
  names of the C++ arguments. Vitis puts `_r` behind an argument that is named like a word of the HDL, as `input`;
  hls4ml's are called `global_in` and `layer<n>_out`. Further outputs are left open. Vivado HLS, whose ports are one
  per element, is not supported.
* Layout: `nnet::array<T, N>` is a struct, and structs on AXI ports are one vector with the first element lowest,
  padded and never packed (UG1399, "Structs in the Interface"). An element takes its width rounded up to a power of two
  (UG1391, "Data Layout for Arbitrary Precision Types"), at least a byte: hls4ml projects that others built have 64 bits
  for 4 elements of 12 bits, and 320 for 10 of 22. A port has 4096 bits at most (UG1399, "AXI4-Stream Interfaces").
* Control: while `ap_start` is high, the next transaction, which is a sample, begins as soon as the IP is ready for it
  (UG1399, "Block-Level Control Protocols"). It is tied to 1.

How the IP must be built, which hls4ml's `build_prj.tcl` does not say:

* `config_compile -pipeline_style flp`: a stalled pipeline (stp) can keep back results until further input comes
  (UG1448, "Pipeline Styles"). An accelerator needs all outputs of a sample without further input, because the next
  sample may wait for the decision on this one.
* `config_rtl -reset state`: hls4ml's line buffers count pixels in static variables, which the default (control) does
  not reset (UG1399, "Controlling Initialization and Reset Behavior"). A soft reset inside a sample would otherwise
  shift all samples after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hwcodesign.backends.streamrtl.segment_source import Source, module_opening, resize
from hwcodesign.errors import DesignError, SettingsError
from hwcodesign.hardware.layout import input_stream, instance_lines, left_open, output_stream, range_of
from hwcodesign.hardware.netlist import Netlist, Port
from hwcodesign.hardware.stream import Stream, whole_pixels
from hwcodesign.systemverilog import Instance, parameter_lines

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_AXIS = re.compile(r"#pragma HLS INTERFACE axis port=([\w, ]+)")


def element_bits(width: int) -> int:
    """Returns the bits that an element takes on an AXI4-Stream port of Vitis HLS: a power of two, at least a byte."""
    return max(8, 1 << (width - 1).bit_length())


def exported_ports(project: Path) -> tuple[str, str]:
    """Returns the names of the input and the output of a segment's top function.

    Args:
        project: project that hls4ml's Vitis backend wrote, named like the segment: `<design>/vitis/stage0`.

    Raises:
        DesignError: there is no such project, or its top function has not exactly two streams.
    """
    source = project / "firmware" / f"{project.name}.cpp"
    try:
        found = _AXIS.search(source.read_text())
    except OSError as error:
        raise DesignError(f"{project} is no Vitis project of a segment: {error}") from None
    names = [name.strip() for name in found[1].split(",")] if found else []
    if len(names) != 2:
        raise DesignError(
            f"{source}: a segment has one input and one output stream, this has {', '.join(names) or 'none'}"
        )
    return names[0], names[1]


def vitis_segment_source(
    placed: Netlist,
    prefix: str,
    ip_module: str,
    input_port: str,
    output_port: str,
    *,
    input_element_bits: int | None = None,
    output_element_bits: int | None = None,
) -> Source:
    """Writes the module that takes the segment's place.

    Args:
        placed: the segment; its formats and shapes are those of the IP's streams.
        prefix: prefix of the module, the accelerator's name.
        ip_module: module of the IP: the top function's name in exported Verilog, or its name in a Vivado project.
        input_port, output_port: names of its streams, in front of _TDATA.
        input_element_bits, output_element_bits: distance of neighbouring elements in TDATA; by default what Vitis HLS
            documents, `element_bits` of the format's width; the width itself if the IP packs elements.

    Raises:
        SettingsError: a name is no identifier or is taken, or places are narrower than elements.
        DesignError: the segment has several inputs or outputs.
    """
    segment = placed.segment
    if len(placed.inputs) > 1 or len(placed.outputs) > 1:
        raise DesignError(
            f"{segment.name} has {len(placed.inputs)} inputs and {len(placed.outputs)} outputs, and vitis_adapter "
            "joins one of each to an IP: leave this segment as RTL"
        )
    module = f"{prefix}_{segment.name}"
    for name in (ip_module, input_port, output_port):
        if not _IDENTIFIER.fullmatch(name):
            raise SettingsError(f"{name!r} cannot be the name of an IP's module or port")
    if ip_module == module:
        raise SettingsError(f"{module!r} is the module around the IP: the IP's own must have another name")
    parameters = adapter_parameters(placed, input_element_bits, output_element_bits)
    streams, resizing = _whole_pixels(placed)
    lines = [
        *module_opening(placed, module, f"as the IP {ip_module} that Vitis HLS exports."),
        *resizing,
        *_adapter_lines(parameters, streams),
        *_ip_lines(ip_module, input_port, output_port),
        "endmodule",
        "",
        "`default_nettype wire",
    ]
    return Source(module, {f"{module}.sv": "\n".join(lines) + "\n"})


def _whole_pixels(placed: Netlist) -> tuple[list[str], list[str]]:
    """Returns how an adapter's streams are connected, and what makes beats to the whole pixels of an IP before it."""
    (into,), (out,) = placed.inputs, placed.outputs
    (read,), (written,) = whole_pixels(placed.segment.inputs), whole_pixels(placed.segment.results)
    lines: list[str] = []
    from_port, to_port = (".in_valid_i", ".in_ready_o", ".in_data_i"), (".out_valid_o", ".out_ready_i", ".out_data_o")
    before, behind = list(from_port), list(to_port)
    if into.stream != read:
        before = input_stream("in", "in_pixel")
        lines += _resize(
            "in_pixel",
            into,
            read,
            [*from_port, *output_stream("out", "in_pixel")],
            resize(into.stream, read, into.format.width),
        )
    if out.stream != written:
        behind = output_stream("out", "out_pixel")
        lines += _resize(
            "out_pixel",
            out,
            written,
            [*input_stream("in", "out_pixel"), *to_port],
            resize(written, out.stream, out.format.width),
        )
    return [*before, *behind], lines


def _resize(net: str, port: Port, pixels: Stream, connections: Sequence[str], instance: Instance) -> list[str]:
    """Nets of whole pixels, and the instance of stream_resize."""
    clocked = [".clk_i", ".rst_ni", *connections]
    return [
        f"  logic {net}_valid, {net}_ready;",
        f"  logic [{range_of(pixels.lanes)}][{range_of(port.format.width)}] {net}_data;",
        *instance_lines(instance.module, f"u_{net}", clocked, parameter_lines(instance.parameters)),
        "",
    ]


def _adapter_lines(parameters: Sequence[tuple[str, int]], streams: Sequence[str]) -> list[str]:
    """The adapter and the nets between it and the IP.

    Args:
        streams: connections of its own streams.
    """
    in_bits, out_bits = data_bits(parameters)
    return [
        f"  logic [{in_bits - 1}:0] ip_in_tdata;",
        f"  logic [{out_bits - 1}:0] ip_out_tdata;",
        "  logic ip_in_tvalid, ip_in_tready, ip_out_tvalid, ip_out_tready;",
        "",
        *instance_lines(
            "vitis_adapter",
            "u_adapter",
            [
                *streams[:3],
                *(".ip_in_tvalid_o(ip_in_tvalid)", ".ip_in_tready_i(ip_in_tready)", ".ip_in_tdata_o(ip_in_tdata)"),
                *(".ip_out_tvalid_i(ip_out_tvalid)", ".ip_out_tready_o(ip_out_tready)"),
                ".ip_out_tdata_i(ip_out_tdata)",
                *streams[3:],
            ],
            parameter_lines(parameters),
        ),
        "",
    ]


def _ip_lines(ip_module: str, input_port: str, output_port: str) -> list[str]:
    connections = [
        *(".ap_clk(clk_i)", ".ap_rst_n(rst_ni)"),
        "// Sample after sample, by itself",
        ".ap_start(1'b1)",
        *left_open("ap_done", "ap_idle", "ap_ready"),
        *(
            f".{port}_T{signal.upper()}({net}_t{signal})"
            for port, net in ((input_port, "ip_in"), (output_port, "ip_out"))
            for signal in ("data", "valid", "ready")
        ),
    ]
    return [*instance_lines(ip_module, "u_ip", connections), ""]


def adapter_parameters(
    placed: Netlist, input_element_bits: int | None = None, output_element_bits: int | None = None
) -> tuple[tuple[str, int], ...]:
    """Returns the parameters of the segment's `vitis_adapter`.

    Raises:
        SettingsError: places are narrower than elements.
    """
    segment = placed.segment
    source, target = placed.inputs[0].format, placed.outputs[0].format
    places = input_element_bits or element_bits(source.width), output_element_bits or element_bits(target.width)
    for fmt, bits in zip((source, target), places, strict=True):
        if bits < fmt.width:
            raise SettingsError(f"{segment.name}: places of {bits} bits do not hold elements of {fmt}")
    return (
        ("InLanes", segment.inputs[0].shape[-1]),
        ("InWidth", source.width),
        ("InSigned", source.signed),
        ("InElementBits", places[0]),
        ("OutLanes", segment.results[0].shape[-1]),
        ("OutWidth", target.width),
        ("OutElementBits", places[1]),
    )


def data_bits(parameters: Sequence[tuple[str, int]]) -> tuple[int, int]:
    """Returns the bits of TDATA on the input and the output port, whole bytes.

    Args:
        parameters: parameters of the segment's `vitis_adapter`.
    """
    values = dict(parameters)
    into, out = (-(-values[f"{side}Lanes"] * values[f"{side}ElementBits"] // 8) * 8 for side in ("In", "Out"))
    return into, out
