"""This module writes the SystemVerilog of a segment: a module that only instantiates its kernels and wires them."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from hwcodesign.hardware.layout import (
    Port,
    input_stream,
    instance_lines,
    left_open,
    module_lines,
    output_stream,
    range_of,
    stream_ports,
)
from hwcodesign.hardware.netlist import Block, Netlist
from hwcodesign.hardware.stream import Stream
from hwcodesign.kernels import TensorType
from hwcodesign.systemverilog import Instance, concatenated, parameter_lines, with_constants

#: The parameter of a module that may have ROM images.
ROM_FOLDER = (
    "// Folder of the ROM images, with a slash at its end",
    "/* verilator lint_off UNUSEDPARAM */  // where there are none",
    'parameter string RomFolder = "roms/"',
    "/* verilator lint_on UNUSEDPARAM */",
)
#: Beats that a stream_register holds.
_REGISTER = 2


@dataclass(frozen=True)
class Source:
    """A source holds the generated files of one module.

    Attributes:
        module: name of the module.
        texts: file name to content: SystemVerilog and ROM images.
    """

    module: str
    texts: dict[str, str]


def segment_source(placed: Netlist, prefix: str) -> Source:
    """Writes a segment.

    Args:
        placed: the segment's netlist.
        prefix: prefix of the module and its files, so that several accelerators fit into one design.
    """
    segment = placed.segment
    module = f"{prefix}_{segment.name}"
    texts: dict[str, str] = {}
    lines = [
        *module_opening(placed, module, f"{segment.macs:,} multiply-accumulates a sample."),
    ]
    for port in placed.inputs:
        lines += [
            *_net(port.net, placed, port.format.width, port.stream),
            f"  assign {port.net}_valid = {port.name}_valid_i;",
            f"  assign {port.net}_data = {port.name}_data_i;",
            f"  assign {port.name}_ready_o = {port.net}_ready;",
            "",
        ]
    for block in placed.blocks:
        lines += _block(block, placed, f"{module}_", texts)
    for port in placed.outputs:
        handshake = _read_net(port.net, port.name, placed)
        lines += [
            f"  assign {port.name}_valid_o = {handshake}_valid;",
            f"  assign {port.name}_data_o = {port.net}_data;",
            f"  assign {handshake}_ready = {port.name}_ready_i;",
            "",
        ]
    lines += ["endmodule", "", "`default_nettype wire"]
    return Source(module, {**texts, f"{module}.sv": "\n".join(lines) + "\n"})


def module_opening(placed: Netlist, module: str, about: str) -> list[str]:
    """Returns how every module in a segment's place begins: header comment, RomFolder and ports.

    Args:
        placed: the segment's netlist.
        module: name of the module.
        about: end of the comment, whole sentences.
    """
    segment = placed.segment
    words = f"{segment.name}: {_tensors(segment.inputs)} to {_tensors(segment.results)}, {about}"
    return [
        "`default_nettype none",
        "",
        *(f"// {line}" for line in textwrap.wrap(words, 110)),
        *module_lines(
            module,
            ROM_FOLDER,
            (
                ("", (Port("clk_i", False), Port("rst_ni", False))),
                *(
                    (
                        f"{_stream_text(port.stream)} of {port.format}",
                        stream_ports(port.name, port.stream.lanes, port.format.width, output=output),
                    )
                    for ports, output in ((placed.inputs, False), (placed.outputs, True))
                    for port in ports
                ),
            ),
            imports=("hwc_pkg",),
        ),
    ]


def _block(block: Block, placed: Netlist, prefix: str, texts: dict[str, str]) -> list[str]:
    """Comment, nets and instance of one block; its ROM images and generated modules are added to `texts`."""
    lines = []
    if block.unit is not None:
        kernel = block.unit.kernel
        text = f"{kernel.name}: {kernel.kind}, {' and '.join(map(_shape, kernel.input_shapes))} to "
        lines += [f"  // {text}{_shape(kernel.output_shape)} of {kernel.result}"]
    lines += _net(block.name, placed, block.width, block.output)
    connections = [".clk_i", ".rst_ni"]
    ports = ("in",) if len(block.sources) == 1 else ("a", "b")
    for port, source in zip(ports, block.sources, strict=True):
        connections += input_stream(port, _read_net(source, block.name, placed), source)
    connections += output_stream("out", block.name)
    if block.queue > _REGISTER:
        connections += left_open("level_o")
    constants, instance = with_constants(_instance(block), block.name)
    parameters = _parameters(instance, block, prefix, texts)
    return [*lines, *constants, *instance_lines(instance.module, f"u_{block.name}", connections, parameters), ""]


def _parameters(instance: Instance, block: Block, prefix: str, texts: dict[str, str]) -> list[str]:
    texts.update(block.unit.texts if block.unit is not None else {})
    parameters = parameter_lines(instance.parameters)
    for rom in instance.roms:
        file = f"{prefix}{block.name}_{rom.name}.hex"
        texts[f"roms/{file}"] = rom.text
        parameters[-1] += ","
        parameters.append(f'.{rom.parameter}({{RomFolder, "{file}"}})')
    return parameters


def _instance(block: Block) -> Instance:
    if block.unit is not None:
        return block.unit.instance
    if block.queue == _REGISTER:
        module = "stream_late_register" if block.comes_late else "stream_register"
        return Instance(module, (("Width", block.output.lanes * block.width),))
    if block.queue:
        return Instance("stream_fifo", (("Width", block.output.lanes * block.width), ("Depth", block.queue)))
    return resize(block.streams[0], block.output, block.width)


def resize(source: Stream, output: Stream, width: int) -> Instance:
    """Returns the instance that makes beats of other beats.

    Args:
        source, output: the stream that it reads, and the one that it writes.
        width: bits of an element.
    """
    sizes = (("InLanes", source.lanes), ("OutLanes", output.lanes), ("ElementWidth", width))
    return Instance("stream_resize", (*sizes, ("Elements", source.lanes * source.beats)))


def _net(name: str, placed: Netlist, width: int, stream: Stream) -> list[str]:
    """Declaration of a net and, where several blocks read it, of its fork."""
    readers = placed.readers.get(name, ())
    lines = [
        f"  logic {name}_valid, {name}_ready;",
        f"  logic [{range_of(stream.lanes)}][{range_of(width)}] {name}_data;",
    ]
    if len(readers) <= 1:
        return lines
    for reader in readers:
        lines.append(f"  logic {name}_to_{reader}_valid, {name}_to_{reader}_ready;")
    connections = [
        *(".clk_i", ".rst_ni"),
        *input_stream("in", name),
        concatenated(".out_valid_o(", [f"{name}_to_{reader}_valid" for reader in reversed(readers)], ")"),
        concatenated(".out_ready_i(", [f"{name}_to_{reader}_ready" for reader in reversed(readers)], ")"),
        *left_open("out_data_o"),
    ]
    sizes = parameter_lines([("Width", stream.lanes * width), ("Outputs", len(readers))])
    return [*lines, *instance_lines("stream_fork", f"u_{name}_fork", connections, sizes)]


def _read_net(source: str, reader: str, placed: Netlist) -> str:
    """Prefix of the handshake signals by which a block reads a net."""
    return source if len(placed.readers[source]) == 1 else f"{source}_to_{reader}"


def _stream_text(stream: Stream) -> str:
    beats = "one beat" if stream.beats == 1 else f"{stream.beats} beats"
    return f"{beats} a sample, {stream.lanes} element{'s' if stream.lanes > 1 else ''} a beat"


def _tensors(tensors: Sequence[TensorType]) -> str:
    return " and ".join(f"{_shape(tensor.shape)} {tensor.format}" for tensor in tensors)


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
