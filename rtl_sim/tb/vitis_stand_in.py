"""The stand-in for a Vitis IP, around the RTL of the very segment that it replaces."""

from __future__ import annotations

from pathlib import Path

from hwcodesign.backends.streamrtl.segment_source import Source, segment_source
from hwcodesign.backends.streamrtl.vitis_segment import adapter_parameters, data_bits
from hwcodesign.hardware.netlist import Netlist
from hwcodesign.storage.installed import shared_folder
from hwcodesign.systemverilog import parameter_lines


def stand_in_source(
    placed: Netlist,
    module: str,
    input_port: str,
    output_port: str,
    roms: Path,
    *,
    element_bits: tuple[int | None, int | None] = (None, None),
    overlap: bool = True,
) -> Source:
    """A module with the ports of an exported IP, and what it instantiates.

    Args:
        placed: the segment inside.
        module: name of the IP.
        input_port, output_port: names of its streams.
        roms: folder in which the source's images, of its subfolder roms/, will lie.
        element_bits: places on the input and the output port; Vitis' by default.
        overlap: samples overlap in the IP.
    """
    inner, control = segment_source(placed, f"{module}_inner"), f"{module}_control"
    layout = adapter_parameters(placed, *element_bits)
    beats = (("InBeats", placed.inputs[0].stream.beats), ("OutBeats", placed.outputs[0].stream.beats))
    lines = [
        *_opening(module, input_port, output_port, data_bits(layout)),
        "  logic in_valid, in_ready, out_valid, out_ready;",
        f"  logic [{placed.inputs[0].stream.lanes - 1}:0][{placed.inputs[0].format.width - 1}:0] in_data;",
        f"  logic [{placed.outputs[0].stream.lanes - 1}:0][{placed.outputs[0].format.width - 1}:0] out_data;",
        f"  {control} #(",
        *(f"    {line}" for line in parameter_lines((*beats, *layout, ("Overlap", overlap)))),
        "  ) u_control (",
        "    .ap_clk, .ap_rst_n, .ap_start, .ap_done, .ap_idle, .ap_ready,",
        *(f"    .in_T{s}({input_port}_T{s}), .out_T{s}({output_port}_T{s})," for s in ("VALID", "READY", "DATA")),
        "    .seg_in_valid_o(in_valid), .seg_in_ready_i(in_ready), .seg_in_data_o(in_data),",
        "    .seg_out_valid_i(out_valid), .seg_out_ready_o(out_ready), .seg_out_data_i(out_data)",
        "  );",
        f'  {inner.module} #(.RomFolder("{roms}/roms/")) u_segment (',
        "    .clk_i(ap_clk), .rst_ni(ap_rst_n),",
        "    .in_valid_i(in_valid), .in_ready_o(in_ready), .in_data_i(in_data),",
        "    .out_valid_o(out_valid), .out_ready_i(out_ready), .out_data_o(out_data)",
        "  );",
        "endmodule",
    ]
    # as Vitis does, every module of an IP carries the IP's name, so that several IPs fit into one design
    text = (shared_folder("rtl_sim") / "tb" / "vitis_stand_in.sv").read_text().replace("vitis_stand_in", control)
    texts = {f"{control}.sv": text, f"{module}.sv": "\n".join(lines) + "\n", **inner.texts}
    return Source(module, texts)


def _opening(module: str, input_port: str, output_port: str, bits: tuple[int, int]) -> list[str]:
    return [
        f"module {module} (",
        "  input wire ap_clk, input wire ap_rst_n,",
        "  input wire ap_start, output logic ap_done, output logic ap_idle, output logic ap_ready,",
        f"  input wire [{bits[0] - 1}:0] {input_port}_TDATA,",
        f"  input wire {input_port}_TVALID, output logic {input_port}_TREADY,",
        f"  output logic [{bits[1] - 1}:0] {output_port}_TDATA,",
        f"  output logic {output_port}_TVALID, input wire {output_port}_TREADY",
        ");",
    ]
