`default_nettype none

// This module is the stream shell around a generated module of adders that computes the sums of one layer: out =
// cast(sums of in). It replaces a mac_array of one fold. It accepts a beat in every cycle in which nothing stalls. The
// latency is SumDepth + 2 cycles: one for the register of the operands, SumDepth for the sums, one for the cast. While
// a result waits, the pipeline stalls as a whole, and the adders with it by `enable_o`. in_ready_o depends on
// out_ready_i, never on in_valid_i.
module distributed_array
  import hwc_pkg::*;
#(
  // Number of elements of an input beat
  parameter int unsigned Lanes = 1,
  // Number of elements of a result
  parameter int unsigned Outputs = 1,
  // Format of the input elements, of which only the width matters
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Bits of the sums, in two's complement
  parameter int unsigned SumWidth = 16,
  // Bits of the sums after the binary point
  parameter int SumFraction = 0,
  // Latency of the adders from operands to sums, in enabled cycles, at least 1
  parameter int unsigned SumDepth = 1,
  // Format of the result, with the modes of its cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap}
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Input beats
  input  wire logic                           in_valid_i,
  output logic                                in_ready_o,
  input  wire logic [Lanes-1:0][In.width-1:0] in_data_i,

  // To and from the adders: in each cycle with enable_o they accept operands, and every register of them moves on
  output logic                                  enable_o,
  output logic      [  Lanes-1:0][In.width-1:0] operands_o,
  input  wire logic [Outputs-1:0][SumWidth-1:0] sums_i,

  // Output beats
  output logic                                      out_valid_o,
  input  wire logic                                 out_ready_i,
  output logic      [Outputs-1:0][Result.width-1:0] out_data_o
);

  if (SumDepth < 1) begin : gen_check_depth
    $error("distributed_array %m: SumDepth=%0d must be at least 1", SumDepth);
  end

  // Whether there is a vector in the operands' register, and in each register of the adders
  logic [SumDepth:0] valid_q;
  logic [Outputs-1:0][Result.width-1:0] results;

  assign enable_o = !out_valid_o || out_ready_i;
  assign in_ready_o = enable_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= '0;
      out_valid_o <= 1'b0;
    end else if (enable_o) begin
      valid_q <= (SumDepth + 1)'({valid_q, in_valid_i});
      out_valid_o <= valid_q[SumDepth];
    end
    if (enable_o) begin
      operands_o <= in_data_i;
      out_data_o <= results;
    end
  end

  for (genvar o = 0; o < Outputs; o++) begin : gen_cast
    requantise #(
      .InWidth(SumWidth),
      .InFraction(SumFraction),
      .InSigned(1'b1),
      .Out(Result)
    ) u_requantise (
      .code_i(sums_i[o]),
      .code_o(results[o])
    );
  end

endmodule

`default_nettype wire
