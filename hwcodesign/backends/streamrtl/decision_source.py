"""This module writes the SystemVerilog of one exit's decision: exit_decision with its score unit, only instances and
wires.
"""

from __future__ import annotations

from hwcodesign.backends.streamrtl.segment_source import ROM_FOLDER, Source
from hwcodesign.hardware.layout import (
    Port,
    input_stream,
    instance_lines,
    module_lines,
    output_stream,
    range_of,
)
from hwcodesign.kernels.decision import Decision
from hwcodesign.systemverilog import literal, parameter_lines, with_constants

_CLOCK = (".clk_i", ".rst_ni")


def info_bits(earlier: int) -> str:
    """Returns the bits of what travels with a sample: a sample_t, and above it a past_t for each of `earlier` exits."""
    return f"{earlier}*$bits(past_t)+$bits(sample_t)" if earlier else "$bits(sample_t)"


def decision_source(decision: Decision, module: str) -> Source:
    """Writes the module of one exit's decision, and the images of its score unit's tables.

    Its parameter RomFolder is the folder of the images. Its ports are those of exit_decision, without those to the
    score unit.
    """
    earlier = decision.exit_index if decision.unit.past else 0
    later = decision.exit_index + 1 if decision.unit.past else 0
    lines = [
        "`default_nettype none",
        "",
        f"// Decides at exit {decision.exit_index}: exit_decision beside its score unit, {decision.unit.module}.",
        *module_lines(
            module,
            ROM_FOLDER,
            _ports(decision, info_bits(earlier), info_bits(later)),
            imports=("hwc_pkg",),
        ),
        *_nets(decision),
        *([f"  logic [{info_bits(earlier)}-1:0] passed_data;", ""] if decision.unit.past else []),
        *_score_unit(decision, module),
        *_decision(decision),
        "endmodule",
        "",
        "`default_nettype wire",
    ]
    roms = {f"roms/{module}_{rom.name}.hex": rom.text for rom in decision.unit.roms}
    return Source(module, {f"{module}.sv": "\n".join(lines) + "\n", **roms})


def _ports(decision: Decision, info: str, next_info: str) -> tuple[tuple[str, tuple[Port, ...]], ...]:
    outputs = decision.classes + int(decision.gated)
    logits = (range_of(outputs), range_of(decision.logits.width))

    def stream(name: str, data: tuple[str, ...], *, output: bool) -> tuple[Port, Port, Port]:
        own, other = ("o", "i") if output else ("i", "o")
        return (
            Port(f"{name}_valid_{own}", output),
            Port(f"{name}_ready_{other}", not output),
            Port(f"{name}_data_{own}", output, data),
        )

    return (
        ("", (Port("clk_i", False), Port("rst_ni", False))),
        ("", (Port("threshold_i", False, ("1:0", "31:0")), Port("anytime_i", False, ("1:0",)))),
        ("", stream("logits", logits, output=False)),
        ("", stream("sample", (f"{info}-1:0",), output=False)),
        ("", stream("record", ("$bits(record_t)-1:0",), output=True)),
        ("", (Port("release_valid_o", True), Port("release_ready_i", False), Port("release_keep_o", True))),
        ("", stream("next", (f"{next_info}-1:0",), output=True)),
    )


def _nets(decision: Decision) -> list[str]:
    """What goes between the score unit and the decision."""
    width = range_of(decision.logits.width)
    return [
        "  // Between both",
        "  logic en, start, scored;",
        f"  logic [{range_of(decision.per_cycle)}][{width}] lanes;",
        f"  logic [{width}] top, second, gate;",
        "  logic [15:0] label;",
        "  logic [7:0] agreements;",
        "  logic signed [31:0] score;",
        *(["  logic passed_valid, passed_ready;"] if decision.unit.past else []),
        "",
    ]


def _score_unit(decision: Decision, module: str) -> list[str]:
    constants, instance = with_constants(decision.score_instance, "score")
    parameters = parameter_lines(instance.parameters)
    for rom in instance.roms:
        parameters[-1] += ","
        parameters.append(f".{rom.parameter}({{RomFolder, {literal(f'{module}_{rom.name}.hex')}}})")
    connections = [
        *_CLOCK,
        *(".en_i(en)", ".start_i(start)", ".lanes_i(lanes)", ".top_i(top)", ".second_i(second)", ".gate_i(gate)"),
        *(".label_i(label)", ".agreements_i(agreements)"),
    ]
    if decision.unit.past:
        connections += [".sample_valid_i", ".sample_ready_o", ".sample_data_i", *output_stream("passed", "passed")]
    connections += [".valid_o(scored)", ".score_o(score)"]
    return [*constants, *instance_lines(instance.module, "u_score", connections, parameters), ""]


def _decision(decision: Decision) -> list[str]:
    constants, instance = with_constants(decision.instance, "decision")
    sample = [".sample_valid_i", ".sample_ready_o", ".sample_data_i"]
    connections = [
        *_CLOCK,
        *(".threshold_i", ".anytime_i"),
        *(".score_en_o(en)", ".score_start_o(start)", ".score_lanes_o(lanes)", ".score_top_o(top)"),
        *(".score_second_o(second)", ".score_gate_o(gate)", ".score_label_o(label)", ".score_agreements_o(agreements)"),
        *(".score_valid_i(scored)", ".score_i(score)"),
        *(".logits_valid_i", ".logits_ready_o", ".logits_data_i"),
        *(input_stream("sample", "passed") if decision.unit.past else sample),
        *(".record_valid_o", ".record_ready_i", ".record_data_o"),
        *(".release_valid_o", ".release_ready_i", ".release_keep_o"),
        *(".next_valid_o", ".next_ready_i", ".next_data_o"),
    ]
    parameters = parameter_lines(instance.parameters)
    return [*constants, *instance_lines(instance.module, "u_decision", connections, parameters), ""]


def score_unit_source(decision: Decision, module: str) -> Source:
    """Writes the score unit of a decision in a module without parameters, for proofs; results of earlier exits are
    zero.
    """
    lanes = (range_of(decision.per_cycle), range_of(decision.logits.width))
    codes = ("top", "second", "gate")
    ports = (
        *(Port(f"{name}_i", False) for name in ("clk", "en", "start")),
        Port("rst_ni", False),
        Port("lanes_i", False, lanes),
        *(Port(f"{name}_i", False, lanes[1:]) for name in codes),
        Port("label_i", False, ("15:0",)),
        Port("agreements_i", False, ("7:0",)),
        Port("valid_o", True),
        Port("score_o", True, ("31:0",)),
    )
    bits = info_bits(decision.exit_index)
    past = [
        "  wire sample_valid_i = 1'b0;",
        f"  wire [{bits}-1:0] sample_data_i = '0;",
        "  logic sample_ready_o;",
        f"  logic [{bits}-1:0] passed_data;",
        "  assign passed_ready = 1'b1;",
    ]
    lines = [
        *module_lines(module, (), (("", ports),), imports=("hwc_pkg",)),
        '  localparam string RomFolder = "";',
        *_nets(decision),
        *(past if decision.unit.past else []),
        *(f"  assign {name} = {name}_i;" for name in ("en", "start", "lanes", *codes, "label", "agreements")),
        "  assign valid_o = scored;",
        "  assign score_o = score;",
        *_score_unit(decision, module),
        "endmodule",
    ]
    roms = {f"{module}_{rom.name}.hex": rom.text for rom in decision.unit.roms}
    return Source(module, {f"{module}.sv": "\n".join(lines) + "\n", **roms})
