`default_nettype none

// This module puts the elements of two streams side by side, those of `a` in the low lanes, and casts each to the
// format of the result. One beat of each input makes one output beat, which is valid in the next cycle; an input that
// is valid first waits for the other. The module stalls as a whole while its result waits.
module concatenate
  import hwc_pkg::*;
#(
  // Number of elements of a beat of inputs a and b
  parameter int unsigned LanesA = 1,
  parameter int unsigned LanesB = 1,
  // Formats of the elements of inputs a and b
  parameter format_t InA = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  parameter format_t InB = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Format of the result, with the modes of its casts
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap}
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Beats of input a
  input  wire logic                             a_valid_i,
  output logic                                  a_ready_o,
  input  wire logic [LanesA-1:0][InA.width-1:0] a_data_i,

  // Beats of input b
  input  wire logic                             b_valid_i,
  output logic                                  b_ready_o,
  input  wire logic [LanesB-1:0][InB.width-1:0] b_data_i,

  // Output beats
  output logic                                            out_valid_o,
  input  wire logic                                       out_ready_i,
  output logic      [LanesA+LanesB-1:0][Result.width-1:0] out_data_o
);

  logic enable;
  logic [LanesA+LanesB-1:0][Result.width-1:0] result;

  assign enable = !out_valid_o || out_ready_i;
  assign a_ready_o = enable && b_valid_i;
  assign b_ready_o = enable && a_valid_i;

  for (genvar lane = 0; lane < LanesA; lane++) begin : gen_a
    requantise #(
      .InWidth(unsigned'(int'(InA.width))),
      .InFraction(int'(InA.fraction)),
      .InSigned(InA.is_signed),
      .Out(Result)
    ) u_cast (
      .code_i(a_data_i[lane]),
      .code_o(result[lane])
    );
  end

  for (genvar lane = 0; lane < LanesB; lane++) begin : gen_b
    requantise #(
      .InWidth(unsigned'(int'(InB.width))),
      .InFraction(int'(InB.fraction)),
      .InSigned(InB.is_signed),
      .Out(Result)
    ) u_cast (
      .code_i(b_data_i[lane]),
      .code_o(result[LanesA+lane])
    );
  end

  always_ff @(posedge clk_i) begin
    if (enable) out_data_o <= result;
    if (!rst_ni) out_valid_o <= 1'b0;
    else if (enable) out_valid_o <= a_valid_i && b_valid_i;
  end

endmodule

`default_nettype wire
