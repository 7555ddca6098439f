`default_nettype none

// This module casts every element of a stream to another format, and applies a rectifier, max(x, 0), before that if
// Rectify is set. It takes a beat in each cycle; the latency is one cycle. The module stalls as a whole: while a result
// waits, in_ready_o follows out_ready_i in the same cycle.
module activation
  import hwc_pkg::*;
#(
  // Number of elements of a beat
  parameter int unsigned Lanes = 1,
  // 1: negative elements become zero
  parameter bit Rectify = 1'b0,
  // Format of the input elements
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Format of the output elements, with the modes of the cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap}
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Input beats
  input  wire logic                           in_valid_i,
  output logic                                in_ready_o,
  input  wire logic [Lanes-1:0][In.width-1:0] in_data_i,

  // Output beats
  output logic                                    out_valid_o,
  input  wire logic                               out_ready_i,
  output logic      [Lanes-1:0][Result.width-1:0] out_data_o
);

  localparam int unsigned InWidth = unsigned'(int'(In.width));
  localparam int unsigned ResultWidth = unsigned'(int'(Result.width));

  logic enable;
  logic [Lanes-1:0][InWidth-1:0] rectified;
  logic [Lanes-1:0][ResultWidth-1:0] result;

  assign enable = !out_valid_o || out_ready_i;
  assign in_ready_o = enable;

  for (genvar lane = 0; lane < Lanes; lane++) begin : gen_lane
    assign rectified[lane] = Rectify && In.is_signed && in_data_i[lane][InWidth-1] ? '0 : in_data_i[lane];
    requantise #(
      .InWidth(InWidth),
      .InFraction(int'(In.fraction)),
      .InSigned(In.is_signed),
      .Out(Result)
    ) u_cast (
      .code_i(rectified[lane]),
      .code_o(result[lane])
    );
  end

  always_ff @(posedge clk_i) begin
    if (enable) out_data_o <= result;
    if (!rst_ni) out_valid_o <= 1'b0;
    else if (enable) out_valid_o <= in_valid_i;
  end

endmodule

`default_nettype wire
