`default_nettype none

// This module is a linear layer on a stream: a mac_array whose vector is one sample. The elements of a sample come in
// Beats beats of Lanes elements; its result is one beat. The interval is Beats * (Lanes / Mac.simd) * (Outputs /
// Mac.pe) cycles. The result is valid 5 + clog2(Mac.simd) cycles after the last of them; with Constant multipliers, 3 +
// clog2(Mac.simd * ((Mac.weight_width + 1) / 2)) cycles.
module dense
  import hwc_pkg::*;
#(
  // Number of elements of an input beat
  parameter int unsigned Lanes = 1,
  // Number of input beats of a sample
  parameter int unsigned Beats = 1,
  // Number of elements of a result
  parameter int unsigned Outputs = 1,
  // Multiply-accumulates of a sample
  parameter mac_t Mac = OneProduct,
  // Format of the input elements
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Format of the output elements, with the modes of the cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // File with the image of the weight ROM, one word a fold, as mac_array reads it; not for Constant multipliers
  parameter string WeightsFile = "",
  // The only word of that image, for Constant multipliers
  parameter logic [Mac.pe-1:0][Mac.simd-1:0][Mac.weight_width-1:0] Weights = '0,
  // Bias of each output, with Mac.acc_fraction bits after the binary point
  parameter logic [Outputs-1:0][Mac.acc_width-1:0] Bias = '0,
  // Bits by which the sums of products of each output are shifted left, beyond Mac.product_shift
  parameter logic [Outputs-1:0][ShiftBits-1:0] Shift = '0
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Input beats
  input  wire logic                           in_valid_i,
  output logic                                in_ready_o,
  input  wire logic [Lanes-1:0][In.width-1:0] in_data_i,

  // Output beats
  output logic                                      out_valid_o,
  input  wire logic                                 out_ready_i,
  output logic      [Outputs-1:0][Result.width-1:0] out_data_o
);

  mac_array #(
    .Lanes(Lanes),
    .Beats(Beats),
    .Outputs(Outputs),
    .Mac(Mac),
    .In(In),
    .Result(Result),
    .WeightsFile(WeightsFile),
    .Weights(Weights),
    .Bias(Bias),
    .Shift(Shift)
  ) u_mac_array (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .in_data_i,
    .out_valid_o,
    .out_ready_i,
    .out_data_o
  );

endmodule

`default_nettype wire
