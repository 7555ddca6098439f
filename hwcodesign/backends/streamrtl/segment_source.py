"""The SystemVerilog of a segment: a module that instantiates its kernels and wires them, nothing else."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from hwcodesign.backends.streamrtl.netlist import Block, Netlist
from hwcodesign.kernels.kernel import Stream
from hwcodesign.kernels.rtl import Instance, parameter_lines

_INDENT = "    "
#: Beats that a stream_register holds.
_REGISTER = 2


@dataclass(frozen=True)
class Source:
    """Generated files of one module.

    Attributes:
        module: name of the module.
        texts: file name to content: SystemVerilog and ROM images.
    """

    module: str
    texts: dict[str, str]


def segment_source(placed: Netlist, prefix: str) -> Source:
    """Write a segment.

    Args:
        placed: the segment's netlist.
        prefix: of the module and its files, so that several accelerators fit into one design.
    """
    segment = placed.segment
    module = f"{prefix}_{segment.name}"
    texts: dict[str, str] = {}
    lines = [
        *module_opening(placed, module, f"{segment.macs:,} multiply-accumulates a sample."),
        *_net("in", placed, segment.input_format.width, placed.input_stream),
        "  assign in_valid   = in_valid_i;",
        "  assign in_data    = in_data_i;",
        "  assign in_ready_o = in_ready;",
        "",
    ]
    for block in placed.blocks:
        lines += _block(block, placed, f"{module}_", texts)
    driver = placed.output
    lines += [
        f"  assign out_valid_o = {driver}_valid;",
        f"  assign out_data_o  = {driver}_data;",
        f"  assign {driver}_ready = out_ready_i;",
        "",
        "endmodule",
        "",
        "`default_nettype wire",
    ]
    return Source(module, {**texts, f"{module}.sv": "\n".join(lines) + "\n"})


def module_opening(placed: Netlist, module: str, about: str) -> list[str]:
    """What every module in a segment's place begins with: header comment, RomFolder and ports.

    Args:
        about: end of the comment, whole sentences.
    """
    segment = placed.segment
    words = f"{segment.name}: {_shape(segment.input_shape)} {segment.input_format} to "
    words += f"{_shape(segment.output_shape)} {segment.output_format}, {about}"
    return [
        "`default_nettype none",
        "",
        *(f"// {line}" for line in textwrap.wrap(words, 110)),
        f"module {module} #(",
        "    // Folder of the ROM images, with a slash at its end",
        "    /* verilator lint_off UNUSEDPARAM */  // where there are none",
        '    parameter string RomFolder = "roms/"',
        "    /* verilator lint_on UNUSEDPARAM */",
        ") (",
        "    input  wire logic clk_i,",
        "    input  wire logic rst_ni,",
        "",
        f"    // {_stream_text(placed.input_stream)} of {segment.input_format}",
        "    input  wire logic in_valid_i,",
        "    output      logic in_ready_o,",
        f"    input  wire logic {_range(placed.input_stream, segment.input_format.width)} in_data_i,",
        "",
        f"    // {_stream_text(placed.output_stream)} of {segment.output_format}",
        "    output      logic out_valid_o,",
        "    input  wire logic out_ready_i,",
        f"    output      logic {_range(placed.output_stream, segment.output_format.width)} out_data_o",
        ");",
        "",
    ]


def _block(block: Block, placed: Netlist, prefix: str, texts: dict[str, str]) -> list[str]:
    """Comment, nets and instance of one block; its ROM images and generated modules are added to `texts`."""
    lines = []
    kernel = block.kernel
    if kernel is not None:
        text = f"{kernel.name}: {kernel.kind}, {' and '.join(map(_shape, kernel.input_shapes))} to "
        lines += [f"  // {text}{_shape(kernel.output_shape)} of {kernel.result}"]
    lines += _net(block.name, placed, block.width, block.output)
    lines += _opening(block, prefix, texts)
    ports = ("in",) if len(block.sources) == 1 else ("a", "b")
    for port, source in zip(ports, block.sources, strict=True):
        net = _read_net(source, block.name, placed)
        lines.append(f"    .{port}_valid_i({net}_valid), .{port}_ready_o({net}_ready), .{port}_data_i({source}_data),")
    own = block.name
    last = f"    .out_valid_o({own}_valid), .out_ready_i({own}_ready), .out_data_o({own}_data)"
    if block.queue > _REGISTER:
        last += ",\n    /* verilator lint_off PINCONNECTEMPTY */ .level_o() /* verilator lint_on PINCONNECTEMPTY */"
    return [*lines, last, "  );", ""]


def _opening(block: Block, prefix: str, texts: dict[str, str]) -> list[str]:
    """An instance up to its clock and reset."""
    instance = _instance(block)
    texts.update(block.layer.texts if block.layer is not None else {})
    parameters = parameter_lines(instance.parameters)
    for rom in instance.roms:
        file = f"{prefix}{block.name}_{rom.name}.hex"
        texts[f"roms/{file}"] = rom.text
        parameters[-1] += ","
        parameters.append(f'.{rom.parameter}({{RomFolder, "{file}"}})')
    if not parameters:
        return [f"  {instance.module} u_{block.name} (", "    .clk_i, .rst_ni,"]
    inside = [f"{_INDENT}{line}" for line in parameters]
    return [f"  {instance.module} #(", *inside, f"  ) u_{block.name} (", "    .clk_i, .rst_ni,"]


def _instance(block: Block) -> Instance:
    if block.layer is not None:
        assert block.layer.instance is not None  # kernels that are wires alone have no block
        return block.layer.instance
    if block.queue == _REGISTER:
        return Instance("stream_register", (("Width", block.output.lanes * block.width),))
    if block.queue:
        return Instance("stream_fifo", (("Width", block.output.lanes * block.width), ("Depth", block.queue)))
    source = block.streams[0]
    return Instance(
        "stream_resize",
        (
            ("InLanes", source.lanes),
            ("OutLanes", block.output.lanes),
            ("ElementWidth", block.width),
            ("Elements", source.lanes * source.beats),
        ),
    )


def _net(name: str, placed: Netlist, width: int, stream: Stream) -> list[str]:
    """Declaration of a net and, where several blocks read it, of its fork."""
    readers = placed.readers.get(name, ())
    lines = [f"  logic {name}_valid, {name}_ready;", f"  logic {_range(stream, width)} {name}_data;"]
    if len(readers) <= 1:
        return lines
    for reader in readers:
        lines.append(f"  logic {name}_to_{reader}_valid, {name}_to_{reader}_ready;")
    valids = ", ".join(f"{name}_to_{reader}_valid" for reader in reversed(readers))
    readies = ", ".join(f"{name}_to_{reader}_ready" for reader in reversed(readers))
    return [
        *lines,
        f"  stream_fork #(.Width({stream.lanes * width}), .Outputs({len(readers)})) u_{name}_fork (",
        "    .clk_i, .rst_ni,",
        f"    .in_valid_i({name}_valid), .in_ready_o({name}_ready), .in_data_i({name}_data),",
        f"    .out_valid_o({{{valids}}}), .out_ready_i({{{readies}}}),",
        "    /* verilator lint_off PINCONNECTEMPTY */ .out_data_o() /* verilator lint_on PINCONNECTEMPTY */",
        "  );",
    ]


def _read_net(source: str, reader: str, placed: Netlist) -> str:
    """Prefix of the handshake signals by which a block reads a net."""
    return source if len(placed.readers[source]) == 1 else f"{source}_to_{reader}"


def _range(stream: Stream, width: int) -> str:
    return f"[{stream.lanes - 1}:0][{width - 1}:0]"


def _stream_text(stream: Stream) -> str:
    beats = "one beat" if stream.beats == 1 else f"{stream.beats} beats"
    return f"{beats} a sample, {stream.lanes} element{'s' if stream.lanes > 1 else ''} a beat"


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
