`default_nettype none

// This module adds two streams element by element. A sum is exact at the finer of the two fractions, and is then cast.
// One beat of each input makes one output beat, which is valid in the next cycle; an input that is valid first waits
// for the other. The module stalls as a whole while its result waits.
module add
  import hwc_pkg::*;
#(
  // Number of elements of a beat
  parameter int unsigned Lanes = 1,
  // Formats of the elements of inputs a and b
  parameter format_t InA = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  parameter format_t InB = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Format of the sum, with the modes of its cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap}
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Beats of input a
  input  wire logic                            a_valid_i,
  output logic                                 a_ready_o,
  input  wire logic [Lanes-1:0][InA.width-1:0] a_data_i,

  // Beats of input b
  input  wire logic                            b_valid_i,
  output logic                                 b_ready_o,
  input  wire logic [Lanes-1:0][InB.width-1:0] b_data_i,

  // Output beats
  output logic                                    out_valid_o,
  input  wire logic                               out_ready_i,
  output logic      [Lanes-1:0][Result.width-1:0] out_data_o
);

  localparam int WidthA = int'(InA.width);
  localparam int WidthB = int'(InB.width);
  localparam int FractionA = int'(InA.fraction);
  localparam int FractionB = int'(InB.fraction);
  localparam int Fraction = FractionA > FractionB ? FractionA : FractionB;
  localparam int unsigned ShiftA = unsigned'(Fraction - FractionA);
  localparam int unsigned ShiftB = unsigned'(Fraction - FractionB);
  // Of both summands in two's complement, aligned; their sum takes a bit more
  localparam int unsigned AlignedA = unsigned'(WidthA) + ShiftA + 1;
  localparam int unsigned AlignedB = unsigned'(WidthB) + ShiftB + 1;
  localparam int unsigned SumWidth = (AlignedA > AlignedB ? AlignedA : AlignedB) + 1;
  localparam int unsigned ResultWidth = unsigned'(int'(Result.width));

  logic enable, both;
  logic [Lanes-1:0][ResultWidth-1:0] result;

  assign enable = !out_valid_o || out_ready_i;
  assign both = a_valid_i && b_valid_i;
  assign a_ready_o = enable && b_valid_i;
  assign b_ready_o = enable && a_valid_i;

  for (genvar lane = 0; lane < Lanes; lane++) begin : gen_lane
    logic signed [SumWidth-1:0] a, b;
    assign a = SumWidth'(signed'({InA.is_signed && a_data_i[lane][WidthA-1], a_data_i[lane]})) <<< ShiftA;
    assign b = SumWidth'(signed'({InB.is_signed && b_data_i[lane][WidthB-1], b_data_i[lane]})) <<< ShiftB;
    requantise #(
      .InWidth(SumWidth),
      .InFraction(Fraction),
      .InSigned(1'b1),
      .Out(Result)
    ) u_cast (
      .code_i(a + b),
      .code_o(result[lane])
    );
  end

  always_ff @(posedge clk_i) begin
    if (enable) out_data_o <= result;
    if (!rst_ni) out_valid_o <= 1'b0;
    else if (enable) out_valid_o <= both;
  end

endmodule

`default_nettype wire
