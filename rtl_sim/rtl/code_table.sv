`default_nettype none

// This module looks up each element of a stream in a table of results, one for each code that an element may have. It
// takes a beat in each cycle; the latency is one cycle. The module stalls as a whole: while a result waits, in_ready_o
// follows out_ready_i in the same cycle.
module code_table #(
  // Number of elements of a beat
  parameter int unsigned Lanes = 1,
  // Bits of an input element
  parameter int unsigned CodeWidth = 8,
  // Bits of an output element
  parameter int unsigned EntryWidth = 8,
  // File with the table: one hexadecimal result a line, 2**CodeWidth lines, in the order of the codes' bits as unsigned
  // numbers
  parameter string File = ""
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Input beats
  input  wire logic                            in_valid_i,
  output logic                                 in_ready_o,
  input  wire logic [Lanes-1:0][CodeWidth-1:0] in_data_i,

  // Output beats
  output logic                                  out_valid_o,
  input  wire logic                             out_ready_i,
  output logic      [Lanes-1:0][EntryWidth-1:0] out_data_o
);

  if (Lanes < 1 || CodeWidth < 1 || EntryWidth < 1) begin : gen_check_sizes
    $error(
        "code_table %m: Lanes=%0d, CodeWidth=%0d and EntryWidth=%0d must be at least 1", Lanes, CodeWidth, EntryWidth
    );
  end

  logic enable;

  assign enable = !out_valid_o || out_ready_i;
  assign in_ready_o = enable;

  for (genvar lane = 0; lane < Lanes; lane++) begin : gen_lane
    rom #(
      .Depth(2 ** CodeWidth),
      .Width(EntryWidth),
      .File(File)
    ) u_rom (
      .clk_i,
      .enable_i(enable),
      .address_i(in_data_i[lane]),
      .data_o(out_data_o[lane])
    );
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) out_valid_o <= 1'b0;
    else if (enable) out_valid_o <= in_valid_i;
  end

endmodule

`default_nettype wire
