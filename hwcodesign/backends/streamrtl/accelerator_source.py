"""The SystemVerilog of a whole accelerator: segments and exit control between its buses, instances and wires only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hwcodesign.accelerator import Accelerator, beats_of
from hwcodesign.backends.streamrtl.registers import RegisterBlock
from hwcodesign.backends.streamrtl.segment_source import Source
from hwcodesign.kernels.decision import Decision
from hwcodesign.kernels.kernel import Stream
from hwcodesign.kernels.rtl import literal, parameter_lines

#: Bits of a buffer's level as the registers show it.
_LEVEL_BITS = 16


@dataclass(frozen=True)
class Channel:
    """A stream between two blocks of the accelerator, for probes and reports.

    Attributes:
        name: prefix of its signals `_valid`, `_ready` and `_data`.
        text: what it carries.
    """

    name: str
    text: str


def channels(accelerator: Accelerator) -> tuple[Channel, ...]:
    """Every stream of the accelerator's top, in data order."""
    found = [Channel("stage0_in", "pixels into stage0"), Channel("info0", "ids of samples in stage0 and head0")]
    for k in range(accelerator.exits):
        last = k == accelerator.exits - 1
        found.append(Channel(f"stage{k}_out", f"stage{k} to " + (f"head{k}" if last else "its fork")))
        if not last:
            found.append(Channel(f"head{k}_in", f"fork to head{k}"))
            found.append(Channel(f"buffer{k}_in", f"fork to buffer{k}"))
        found.append(Channel(f"logits{k}", f"head{k} to decision{k}"))
        found.append(Channel(f"record{k}", f"records of exit {k}"))
        if not last:
            found.append(Channel(f"release{k}", f"decision{k} to buffer{k}"))
            found.append(Channel(f"next{k}", f"ids of samples that go on from exit {k}"))
            found.append(Channel(f"stage{k + 1}_in", f"buffer{k} to stage{k + 1}"))
            found.append(Channel(f"info{k + 1}", f"ids of samples in stage{k + 1} and head{k + 1}"))
    return (*found, Channel("records", "records after the merge"))


def accelerator_source(
    accelerator: Accelerator,
    info_depths: Sequence[int],
    decisions: Sequence[Decision],
    registers: RegisterBlock,
) -> Source:
    """Write the top module, named like the accelerator.

    Args:
        info_depths: samples whose ids wait beside each stage and its head.
        decisions: one per exit.
        registers: their block, for as many exits.
    """
    name = accelerator.name
    roms: dict[str, str] = {}
    lines = ["`default_nettype none", "", *_header(accelerator), *_ports(name), *_nets(accelerator)]
    lines += _control(accelerator, registers)
    lines += _input(accelerator)
    for k in range(accelerator.exits):
        lines += _level(accelerator, info_depths[k], decisions[k], k, roms)
    lines += _output(accelerator)
    lines += ["endmodule", "", "`default_nettype wire"]
    return Source(name, {f"{name}.sv": "\n".join(lines) + "\n", **roms})


def _header(accelerator: Accelerator) -> list[str]:
    policy = accelerator.policy
    channels_, height, width = accelerator.input_shape
    return [
        f"// Accelerator {accelerator.name}: {accelerator.exits} exits, {height}x{width}x{channels_} pixels of "
        f"{accelerator.input_format},",
        f"// {policy.classes} classes, exits by {policy.criterion_name}.",
        "//",
        "// Input: 64-bit words on s_axis, a sample in whole words, TLAST on the last word of a batch.",
        "// Output: records of 16 bytes on m_axis, as samples finish. Registers: AXI4-Lite on s_axil.",
    ]


def _ports(name: str) -> list[str]:
    return [
        f"module {name} import hwc_pkg::*; #(",
        "    // Folder of the ROM images, with a slash at its end",
        '    parameter string RomFolder = "roms/"',
        ") (",
        "    input  wire logic        aclk,",
        "    input  wire logic        aresetn,",
        "",
        "    // Images",
        "    input  wire logic        s_axis_tvalid,",
        "    output      logic        s_axis_tready,",
        "    input  wire logic [63:0] s_axis_tdata,",
        "    input  wire logic        s_axis_tlast,",
        "",
        "    // Exit records",
        "    output      logic        m_axis_tvalid,",
        "    input  wire logic        m_axis_tready,",
        "    output      logic [63:0] m_axis_tdata,",
        "    output      logic [7:0]  m_axis_tkeep,",
        "    output      logic        m_axis_tlast,",
        "",
        "    // Registers",
        "    input  wire logic        s_axil_awvalid,",
        "    output      logic        s_axil_awready,",
        "    input  wire logic [11:0] s_axil_awaddr,",
        "    input  wire logic [2:0]  s_axil_awprot,",
        "    input  wire logic        s_axil_wvalid,",
        "    output      logic        s_axil_wready,",
        "    input  wire logic [31:0] s_axil_wdata,",
        "    input  wire logic [3:0]  s_axil_wstrb,",
        "    output      logic        s_axil_bvalid,",
        "    input  wire logic        s_axil_bready,",
        "    output      logic [1:0]  s_axil_bresp,",
        "    input  wire logic        s_axil_arvalid,",
        "    output      logic        s_axil_arready,",
        "    input  wire logic [11:0] s_axil_araddr,",
        "    input  wire logic [2:0]  s_axil_arprot,",
        "    output      logic        s_axil_rvalid,",
        "    input  wire logic        s_axil_rready,",
        "    output      logic [31:0] s_axil_rdata,",
        "    output      logic [1:0]  s_axil_rresp",
        ");",
        "",
    ]


def _nets(accelerator: Accelerator) -> list[str]:
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
        feature = f"logic {vector(Stream.of(stage.output_shape), stage.output_format.width)}"
        found[f"stage{k}_in"] = f"logic {vector(Stream.of(stage.input_shape), stage.input_format.width)}"
        for net in (f"stage{k}_out", f"head{k}_in", f"buffer{k}_in"):
            found[net] = feature
        found[f"logits{k}"] = f"logic {vector(Stream.of(head.output_shape), head.output_format.width)}"
        found[f"record{k}"] = "record_t"
        found[f"release{k}"] = "logic"
        found[f"info{k}"] = info_type(accelerator, k)
        found[f"next{k}"] = info_type(accelerator, k + 1)
    return found


def info_type(accelerator: Accelerator, k: int) -> str:
    """What travels with a sample to exit k: a sample_t, above which a learned criterion has a past_t for each exit."""
    past = k if accelerator.policy.criterion.learned else 0
    return f"logic [{past}*$bits(past_t)+$bits(sample_t)-1:0]" if past else "sample_t"


def vector(stream: Stream, width: int) -> str:
    """Packed dimensions of a stream's data."""
    return f"[{stream.lanes - 1}:0][{width - 1}:0]"


def _control(accelerator: Accelerator, registers: RegisterBlock) -> list[str]:
    exits = accelerator.exits
    return [
        "  // Registers, soft reset, batches, threshold banks, counters",
        "  logic core_rst_n;",
        f"  logic [{exits - 1}:0][1:0][31:0] thresholds;  // [exit][bank]",
        "  logic [1:0] anytime;  // [bank]",
        "  logic active_bank, start_allowed, sample_started, batch_ended, batch_last, record_taken, input_error;",
        "  logic [31:0] now, accepted;",
        f"  logic [{exits - 2}:0][{_LEVEL_BITS - 1}:0] levels;",
        f"  {registers.hwif_in_type} hwif_in;",
        f"  {registers.hwif_out_type} hwif_out;",
        "",
        f"  {registers.module_name} u_registers (",
        "    .clk(aclk), .rst_n(aresetn),",
        *(f"    .{port}," for port in _AXIL_PORTS),
        "    .hwif_in, .hwif_out",
        "  );",
        "",
        f"  accelerator_control #(.Exits({exits})) u_control (",
        "    .clk_i(aclk), .rst_ni(aresetn), .core_rst_no(core_rst_n),",
        *(f"    .{port}({net})," for port, net in registers.control_ports),
        "    .active_bank_o(active_bank),",
        "    .s_axis_tvalid_i(s_axis_tvalid), .s_axis_tready_i(s_axis_tready),",
        "    .sample_started_i(sample_started), .batch_ended_i(batch_ended), .accepted_i(accepted),",
        "    .start_allowed_o(start_allowed), .now_o(now),",
        "    .m_axis_tvalid_i(m_axis_tvalid), .m_axis_tready_i(m_axis_tready),",
        "    .record_taken_i(record_taken), .record_i(records_data), .batch_last_o(batch_last),",
        "    .thresholds_o(thresholds), .anytime_o(anytime), .levels_i(levels)",
        "  );",
        "",
        "  // What this accelerator is",
        f"  assign hwif_in.HASH_HIGH.hash.next     = 32'h{accelerator.configuration_hash[:8]};",
        f"  assign hwif_in.HASH_LOW.hash.next      = 32'h{accelerator.configuration_hash[8:16]};",
        f"  assign hwif_in.SIZES.classes.next      = 16'd{accelerator.policy.classes};",
        "  assign hwif_in.STATUS.error.next       = input_error;",
        "  assign hwif_in.STATUS.active_bank.next = active_bank;",
        "",
    ]


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
    stage = accelerator.stages[0]
    return [
        "  // Words to pixels",
        "  word_unpack #(",
        f"    .Channels({stage.input_shape[-1]}), .ElementWidth({stage.input_format.width}), "
        f".Pixels({beats_of(stage.input_shape)})",
        "  ) u_unpack (",
        "    .clk_i(aclk), .rst_ni(core_rst_n),",
        "    .s_axis_tvalid, .s_axis_tready, .s_axis_tdata, .s_axis_tlast,",
        "    .out_valid_o(stage0_in_valid), .out_ready_i(stage0_in_ready), .out_data_o(stage0_in_data),",
        "    .info_valid_o(info0_valid), .info_ready_i(info0_ready), .info_data_o(info0_data),",
        "    .now_i(now), .bank_i(active_bank), .start_allowed_i(start_allowed),",
        "    .sample_started_o(sample_started), .batch_ended_o(batch_ended),",
        "    .accepted_o(accepted), .error_o(input_error)",
        "  );",
        "",
    ]


def _level(accelerator: Accelerator, info_depth: int, decision: Decision, k: int, roms: dict[str, str]) -> list[str]:
    """Stage, fork, head, decision and buffer of one exit."""
    last = k == accelerator.exits - 1
    stage = accelerator.stages[k]
    lines = [f"  // Exit {k}", *_segment(accelerator, f"stage{k}", f"stage{k}_in", f"stage{k}_out")]
    width = Stream.of(stage.output_shape).lanes * stage.output_format.width
    if last:
        lines += _segment(accelerator, f"head{k}", f"stage{k}_out", f"logits{k}")
    else:
        lines += _fork(k, width)
        lines += _segment(accelerator, f"head{k}", f"head{k}_in", f"logits{k}")
    lines += _info(accelerator, k, info_depth)
    lines += _decision(accelerator, decision, k, roms)
    if not last:
        lines += _buffer(accelerator, k, width)
    return lines


def _segment(accelerator: Accelerator, segment: str, source: str, target: str) -> list[str]:
    return [
        f"  {accelerator.name}_{segment} #(.RomFolder(RomFolder)) u_{segment} (",
        "    .clk_i(aclk), .rst_ni(core_rst_n),",
        f"    .in_valid_i({source}_valid), .in_ready_o({source}_ready), .in_data_i({source}_data),",
        f"    .out_valid_o({target}_valid), .out_ready_i({target}_ready), .out_data_o({target}_data)",
        "  );",
        "",
    ]


def _fork(k: int, width: int) -> list[str]:
    return [
        f"  stream_fork #(.Width({width}), .Outputs(2)) u_fork{k} (",
        "    .clk_i(aclk), .rst_ni(core_rst_n),",
        f"    .in_valid_i(stage{k}_out_valid), .in_ready_o(stage{k}_out_ready), .in_data_i(stage{k}_out_data),",
        f"    .out_valid_o({{buffer{k}_in_valid, head{k}_in_valid}}),",
        f"    .out_ready_i({{buffer{k}_in_ready, head{k}_in_ready}}),",
        f"    .out_data_o(head{k}_in_data)",
        "  );",
        f"  assign buffer{k}_in_data = head{k}_in_data;",
        "",
    ]


def _info(accelerator: Accelerator, k: int, depth: int) -> list[str]:
    """The FIFO beside stage and head, behind the net `info{k}`."""
    return [
        f"  logic waiting{k}_valid, waiting{k}_ready;",
        f"  {info_type(accelerator, k)} waiting{k}_data;",
        f"  stream_fifo #(.Width($bits(waiting{k}_data)), .Depth({depth})) u_info{k} (",
        "    .clk_i(aclk), .rst_ni(core_rst_n),",
        f"    .in_valid_i(info{k}_valid), .in_ready_o(info{k}_ready), .in_data_i(info{k}_data),",
        f"    .out_valid_o(waiting{k}_valid), .out_ready_i(waiting{k}_ready), .out_data_o(waiting{k}_data),",
        "    /* verilator lint_off PINCONNECTEMPTY */ .level_o() /* verilator lint_on PINCONNECTEMPTY */",
        "  );",
        "",
    ]


def _decision(accelerator: Accelerator, decision: Decision, k: int, roms: dict[str, str]) -> list[str]:
    last = k == accelerator.exits - 1
    instance = decision.instance
    parameters = parameter_lines(instance.parameters)
    for rom in instance.roms:
        file = f"{accelerator.name}_decision{k}_{rom.name}.hex"
        roms[f"roms/{file}"] = rom.text
        parameters[-1] += ","
        parameters.append(f"    .{rom.parameter}({{RomFolder, {literal(file)}}})".strip())
    lines = [f"  {instance.module} #(", *(f"    {line}" for line in parameters), f"  ) u_decision{k} ("]
    lines += [
        "    .clk_i(aclk), .rst_ni(core_rst_n),",
        f"    .threshold_i(thresholds[{k}]), .anytime_i(anytime),",
        f"    .logits_valid_i(logits{k}_valid), .logits_ready_o(logits{k}_ready), .logits_data_i(logits{k}_data),",
        f"    .sample_valid_i(waiting{k}_valid), .sample_ready_o(waiting{k}_ready), .sample_data_i(waiting{k}_data),",
        f"    .record_valid_o(record{k}_valid), .record_ready_i(record{k}_ready), .record_data_o(record{k}_data),",
    ]
    if last:
        return [
            *lines,
            "    /* verilator lint_off PINCONNECTEMPTY */  // nothing goes on from here",
            "    .release_valid_o(), .release_ready_i(1'b1), .release_keep_o(),",
            "    .next_valid_o(), .next_ready_i(1'b1), .next_data_o()",
            "    /* verilator lint_on PINCONNECTEMPTY */",
            "  );",
            "",
        ]
    return [
        *lines,
        f"    .release_valid_o(release{k}_valid), .release_ready_i(release{k}_ready),",
        f"    .release_keep_o(release{k}_data),",
        f"    .next_valid_o(next{k}_valid), .next_ready_i(next{k}_ready), .next_data_o(next{k}_data)",
        "  );",
        f"  assign info{k + 1}_valid = next{k}_valid;",
        f"  assign info{k + 1}_data  = next{k}_data;",
        f"  assign next{k}_ready = info{k + 1}_ready;",
        "",
    ]


def _buffer(accelerator: Accelerator, k: int, width: int) -> list[str]:
    depth = accelerator.buffer_beats(k)
    level = max(1, depth.bit_length())
    waiting = accelerator.waiting_decisions
    release = f"release{k}"
    lines = [f"  // {accelerator.buffer_samples} samples"]
    if waiting:
        release = f"decided{k}"
        lines += [
            f"  logic decided{k}_valid, decided{k}_ready, decided{k}_data;",
            f"  stream_fifo #(.Width(1), .Depth({waiting})) u_decided{k} (",
            "    .clk_i(aclk), .rst_ni(core_rst_n),",
            f"    .in_valid_i(release{k}_valid), .in_ready_o(release{k}_ready), .in_data_i(release{k}_data),",
            f"    .out_valid_o(decided{k}_valid), .out_ready_i(decided{k}_ready), .out_data_o(decided{k}_data),",
            "    /* verilator lint_off PINCONNECTEMPTY */ .level_o() /* verilator lint_on PINCONNECTEMPTY */",
            "  );",
        ]
    return [
        *lines,
        f"  logic [{level - 1}:0] level{k};",
        f"  assign levels[{k}] = {_LEVEL_BITS}'(level{k});",
        "  conditional_buffer #(",
        f"    .Width({width}), .Beats({accelerator.least_buffer_beats(k)}), .Depth({depth})",
        f"  ) u_buffer{k} (",
        "    .clk_i(aclk), .rst_ni(core_rst_n),",
        f"    .in_valid_i(buffer{k}_in_valid), .in_ready_o(buffer{k}_in_ready), .in_data_i(buffer{k}_in_data),",
        f"    .release_valid_i({release}_valid), .release_ready_o({release}_ready), .release_keep_i({release}_data),",
        f"    .out_valid_o(stage{k + 1}_in_valid), .out_ready_i(stage{k + 1}_in_ready), "
        f".out_data_o(stage{k + 1}_in_data),",
        f"    .level_o(level{k})",
        "  );",
        "",
    ]


def _output(accelerator: Accelerator) -> list[str]:
    exits = range(accelerator.exits - 1, -1, -1)
    return [
        "  // Records of all exits into words",
        f"  record_t [{accelerator.exits - 1}:0] offered;",
        *(f"  assign offered[{k}] = record{k}_data;" for k in reversed(exits)),
        "",
        f"  record_merge #(.Exits({accelerator.exits})) u_merge (",
        "    .clk_i(aclk), .rst_ni(core_rst_n), .now_i(now),",
        f"    .in_valid_i({{{', '.join(f'record{k}_valid' for k in exits)}}}),",
        f"    .in_ready_o({{{', '.join(f'record{k}_ready' for k in exits)}}}),",
        "    .in_data_i(offered),",
        "    .out_valid_o(records_valid), .out_ready_i(records_ready), .out_data_o(records_data)",
        "  );",
        "",
        "  record_pack u_pack (",
        "    .clk_i(aclk), .rst_ni(core_rst_n),",
        "    .records_per_packet_i(hwif_out.RECORDS_PER_PACKET.count.value), .batch_last_i(batch_last),",
        "    .in_valid_i(records_valid), .in_ready_o(records_ready), .in_data_i(records_data),",
        "    .taken_o(record_taken),",
        "    .m_axis_tvalid, .m_axis_tready, .m_axis_tdata, .m_axis_tkeep, .m_axis_tlast",
        "  );",
        "",
    ]
