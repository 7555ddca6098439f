`default_nettype none

// Linear layer on a stream: mac_array, whose vector is one sample. Its elements come in Beats beats of Lanes; a
// sample's result is one beat. Interval Beats * (Lanes / Simd) * (Outputs / Pe) cycles, and valid 4 + clog2(Simd)
// cycles after the last fold (Constant: 3 + clog2(Simd * ((WeightWidth + 1) / 2))). Parameters are mac_array's.
module dense
  import hwc_pkg::*;
#(
  // Elements of an input beat
  parameter int unsigned Lanes = 1,
  // Input beats of a sample
  parameter int unsigned Beats = 1,
  // Elements of a result
  parameter int unsigned Outputs = 1,
  // Lanes multiplied in a cycle, for each output; divides Lanes
  parameter int unsigned Simd = 1,
  // Outputs added to in a cycle; divides Outputs
  parameter int unsigned Pe = 1,
  // Format of the elements
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Bits of a weight, sign included
  parameter int unsigned WeightWidth = 4,
  // Bits of the sums; holds every final sum
  parameter int unsigned AccWidth = 16,
  // Bits by which products are shifted left to the accumulator's fraction
  parameter int unsigned ProductShift = 0,
  // Bits of the accumulator after the binary point
  parameter int AccFraction = 0,
  // Format of the result, with the modes of its cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // How products are made; Constant only where a sample takes one fold
  parameter multiplier_e Multiplier = Lut,
  // ROM image, one word a fold; not for Constant
  parameter string WeightsFile = "",
  // The only word of that image; for Constant
  parameter logic [Pe-1:0][Simd-1:0][WeightWidth-1:0] Weights = '0,
  // Of each output, at AccFraction
  parameter logic [Outputs-1:0][AccWidth-1:0] Bias = '0
) (
  input wire logic clk_i,
  input wire logic rst_ni,

  input  wire logic                           in_valid_i,
  output logic                                in_ready_o,
  input  wire logic [Lanes-1:0][In.width-1:0] in_data_i,

  output logic                                      out_valid_o,
  input  wire logic                                 out_ready_i,
  output logic      [Outputs-1:0][Result.width-1:0] out_data_o
);

  mac_array #(
    .Lanes(Lanes),
    .Beats(Beats),
    .Outputs(Outputs),
    .Simd(Simd),
    .Pe(Pe),
    .In(In),
    .WeightWidth(WeightWidth),
    .AccWidth(AccWidth),
    .ProductShift(ProductShift),
    .AccFraction(AccFraction),
    .Result(Result),
    .Multiplier(Multiplier),
    .WeightsFile(WeightsFile),
    .Weights(Weights),
    .Bias(Bias)
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
