"""This module writes the SystemVerilog of a whole accelerator: segments and exit logic, only instances and wires."""

from __future__ import annotations

from collections.abc import Sequence

from hwcodesign.backends.streamrtl.exit_source import CLOCK, LEVEL_BITS, data_type, exit_lines, info_type
from hwcodesign.backends.streamrtl.register_block import RegisterBlock
from hwcodesign.backends.streamrtl.segment_source import Source
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.channels import channels
from hwcodesign.hardware.layout import (
    Port,
    input_stream,
    instance_lines,
    module_lines,
    output_stream,
    range_of,
)
from hwcodesign.interface.registers import Count
from hwcodesign.kernels.tensor import suffix
from hwcodesign.systemverilog import concatenated, parameter_lines


def accelerator_source(
    accelerator: Accelerator,
    info_depths: Sequence[int],
    head_queues: Sequence[Sequence[int]],
    registers: RegisterBlock,
) -> Source:
    """Writes the top module, named like the accelerator.

    Args:
        accelerator: the accelerator.
        info_depths: samples whose ids wait beside each stage and its head.
        head_queues: for each head that reads several tensors, beats of the FIFO before each of them; else nothing.
        registers: their block, for as many exits.
    """
    name = accelerator.name
    lines = ["`default_nettype none", "", *_header(accelerator), *_ports(name), *_declarations(accelerator)]
    lines += _control(accelerator, registers)
    lines += _input(accelerator)
    for k in range(accelerator.exits):
        lines += exit_lines(accelerator, info_depths[k], head_queues[k], k)
    lines += _output(accelerator)
    lines += ["endmodule", "", "`default_nettype wire"]
    return Source(name, {f"{name}.sv": "\n".join(lines) + "\n"})


def _header(accelerator: Accelerator) -> list[str]:
    policy = accelerator.policy
    image = accelerator.stages[0].inputs[0]
    return [
        f"// Accelerator {accelerator.name}: {accelerator.exits} exits, {'x'.join(map(str, image.shape))} pixels of "
        f"{image.format},",
        f"// {policy.classes} classes, exits by {policy.criterion_name}.",
        "//",
        "// Input: 64-bit words on s_axis, a sample in whole words, TLAST on the last word of a batch.",
        "// Output: records of 16 bytes on m_axis, as samples finish. Registers: AXI4-Lite on s_axil.",
    ]


def _ports(name: str) -> list[str]:
    return module_lines(
        name,
        ["// Folder of the ROM images, with a slash at its end", 'parameter string RomFolder = "roms/"'],
        (("", (Port("aclk", False), Port("aresetn", False))), *BUS_PORTS),
        imports=("hwc_pkg",),
    )


def _bus(prefix: str, signals: Sequence[tuple[str, int]]) -> tuple[Port, ...]:
    """Ports of a bus, of which the accelerator drives those with a dash in front."""
    return tuple(
        Port(f"{prefix}_{name.lstrip('-')}", name[0] == "-", (range_of(bits),) if bits > 1 else ())
        for name, bits in signals
    )


#: What every accelerator has behind its clock and reset.
BUS_PORTS = (
    ("Images", _bus("s_axis", (("tvalid", 1), ("-tready", 1), ("tdata", 64), ("tlast", 1)))),
    ("Exit records", _bus("m_axis", (("-tvalid", 1), ("tready", 1), ("-tdata", 64), ("-tkeep", 8), ("-tlast", 1)))),
    (
        "Registers",
        _bus(
            "s_axil",
            (
                *(("awvalid", 1), ("-awready", 1), ("awaddr", 12), ("awprot", 3)),
                *(("wvalid", 1), ("-wready", 1), ("wdata", 32), ("wstrb", 4)),
                *(("-bvalid", 1), ("bready", 1), ("-bresp", 2)),
                *(("arvalid", 1), ("-arready", 1), ("araddr", 12), ("arprot", 3)),
                *(("-rvalid", 1), ("rready", 1), ("-rdata", 32), ("-rresp", 2)),
            ),
        ),
    ),
)


def _declarations(accelerator: Accelerator) -> list[str]:
    """Declarations, in data order."""
    lines = ["  // Streams, in data order"]
    types = _types(accelerator)
    for channel in channels(accelerator):
        lines.append(f"  logic {channel.name}_valid, {channel.name}_ready;  // {channel.text}")
        lines.append(f"  {types[channel.name]} {channel.name}_data;")
    return [*lines, ""]


def _types(accelerator: Accelerator) -> dict[str, str]:
    found = {"records": "record_t"}
    for k, (stage, head) in enumerate(zip(accelerator.stages, accelerator.heads, strict=True)):
        for i, (tensor, stream) in enumerate(zip(stage.inputs, accelerator.given(2 * k), strict=True)):
            found[f"stage{k}_in{suffix(i)}"] = data_type(tensor, stream)
        for i, (tensor, stream) in enumerate(zip(stage.results, accelerator.taken(2 * k), strict=True)):
            for net in (f"stage{k}_out", f"head{k}_in", f"buffer{k}_in"):
                found[f"{net}{suffix(i)}"] = data_type(tensor, stream)
        found[f"logits{k}"] = data_type(head.results[0], *accelerator.taken(2 * k + 1))
        found[f"record{k}"] = "record_t"
        found[f"release{k}"] = "logic"
        found[f"info{k}"] = info_type(accelerator, k)
        found[f"next{k}"] = info_type(accelerator, k + 1)
    return found


def _control(accelerator: Accelerator, registers: RegisterBlock) -> list[str]:
    exits, buffers = accelerator.exits, Count.BUFFERS.of(accelerator.exits)
    return [
        "  // Registers, soft reset, batches, threshold banks, counters",
        "  logic core_rst_n;",
        f"  logic [{exits - 1}:0][1:0][31:0] thresholds;  // [exit][bank]",
        "  logic [1:0] anytime;  // [bank]",
        "  logic active_bank, start_allowed, sample_started, batch_ended, batch_last, record_taken, input_error;",
        "  logic [31:0] now, accepted;",
        f"  logic [{buffers - 1}:0][{LEVEL_BITS - 1}:0] levels;",
        f"  {registers.hwif_in_type} hwif_in;",
        f"  {registers.hwif_out_type} hwif_out;",
        "",
        *_register_block(registers),
        "",
        *_control_block(exits, registers),
        "",
        "  // What this accelerator is",
        f"  assign hwif_in.HASH_HIGH.hash.next = 32'h{accelerator.configuration_hash[:8]};",
        f"  assign hwif_in.HASH_LOW.hash.next = 32'h{accelerator.configuration_hash[8:16]};",
        f"  assign hwif_in.SIZES.classes.next = 16'd{accelerator.policy.classes};",
        "  assign hwif_in.STATUS.error.next = input_error;",
        "  assign hwif_in.STATUS.active_bank.next = active_bank;",
        *(["  assign levels = '0;  // of no buffer"] if exits == 1 else []),
        "",
    ]


def _register_block(registers: RegisterBlock) -> list[str]:
    ports = (f".{port}" for port in _AXIL_PORTS)
    connections = [".clk(aclk)", ".rst_n(aresetn)", *ports, ".hwif_in", ".hwif_out"]
    return instance_lines(registers.module_name, "u_registers", connections)


def _control_block(exits: int, registers: RegisterBlock) -> list[str]:
    connections = [
        *(".clk_i(aclk)", ".rst_ni(aresetn)", ".core_rst_no(core_rst_n)"),
        *(_connection(port, expression) for port, expression in registers.control_ports),
        ".active_bank_o(active_bank)",
        *(".s_axis_tvalid_i(s_axis_tvalid)", ".s_axis_tready_i(s_axis_tready)"),
        *(".sample_started_i(sample_started)", ".batch_ended_i(batch_ended)", ".accepted_i(accepted)"),
        *(".start_allowed_o(start_allowed)", ".now_o(now)"),
        *(".m_axis_tvalid_i(m_axis_tvalid)", ".m_axis_tready_i(m_axis_tready)"),
        *(".record_taken_i(record_taken)", ".record_i(records_data)", ".batch_last_o(batch_last)"),
        *(".thresholds_o(thresholds)", ".anytime_o(anytime)", ".levels_i(levels)"),
    ]
    return instance_lines("accelerator_control", "u_control", connections, parameter_lines([("Exits", exits)]))


def _connection(port: str, expression: str) -> str:
    if not expression.startswith("{"):
        return f".{port}({expression})"
    return concatenated(f".{port}(", expression[1:-1].split(", "), ")")


_AXIL_PORTS = tuple(
    f"s_axil_{channel}{signal}"
    for channel, signals in (
        ("aw", ("ready", "valid", "addr", "prot")),
        ("w", ("ready", "valid", "data", "strb")),
        ("b", ("ready", "valid", "resp")),
        ("ar", ("ready", "valid", "addr", "prot")),
        ("r", ("ready", "valid", "data", "resp")),
    )
    for signal in signals
)


def _input(accelerator: Accelerator) -> list[str]:
    (source,) = accelerator.stages[0].inputs
    connections = [
        *CLOCK,
        *(".s_axis_tvalid", ".s_axis_tready", ".s_axis_tdata", ".s_axis_tlast"),
        *output_stream("out", "stage0_in"),
        *output_stream("info", "info0"),
        *(".now_i(now)", ".bank_i(active_bank)", ".start_allowed_i(start_allowed)"),
        *(".sample_started_o(sample_started)", ".batch_ended_o(batch_ended)"),
        *(".accepted_o(accepted)", ".error_o(input_error)"),
    ]
    sizes = [
        ("Channels", source.shape[-1]),
        ("ElementWidth", source.format.width),
        ("Pixels", source.beats),
        *([("PixelsPerBeat", accelerator.image_pixels)] if accelerator.image_pixels > 1 else []),
    ]
    unpack = instance_lines("word_unpack", "u_unpack", connections, parameter_lines(sizes))
    return ["  // Words to pixels", *unpack, ""]


def _output(accelerator: Accelerator) -> list[str]:
    exits = range(accelerator.exits - 1, -1, -1)
    merge = [
        *(*CLOCK, ".now_i(now)"),
        concatenated(".in_valid_i(", [f"record{k}_valid" for k in exits], ")"),
        concatenated(".in_ready_o(", [f"record{k}_ready" for k in exits], ")"),
        ".in_data_i(offered)",
        *output_stream("out", "records"),
    ]
    pack = [
        *CLOCK,
        ".records_per_packet_i(hwif_out.RECORDS_PER_PACKET.count.value)",
        ".batch_last_i(batch_last)",
        *input_stream("in", "records"),
        ".taken_o(record_taken)",
        *(".m_axis_tvalid", ".m_axis_tready", ".m_axis_tdata", ".m_axis_tkeep", ".m_axis_tlast"),
    ]
    return [
        "  // Records of all exits into words",
        f"  record_t [{accelerator.exits - 1}:0] offered;",
        *(f"  assign offered[{k}] = record{k}_data;" for k in reversed(exits)),
        "",
        *instance_lines("record_merge", "u_merge", merge, parameter_lines([("Exits", accelerator.exits)])),
        "",
        *instance_lines("record_pack", "u_pack", pack),
        "",
    ]
