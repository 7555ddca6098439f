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
  // Multiply-accumulates of a sample: how they are spread over cycles, and how they are built
  parameter mac_t Mac = '{
      simd: 32'd1,
      pe: 32'd1,
      weight_width: 32'd4,
      acc_width: 32'd16,
      acc_fraction: 32'sd0,
      product_shift: 32'd0,
      multiplier: Lut
  },
  // Format of the elements
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Format of the result, with the modes of its cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // ROM image, one word a fold; not for Constant
  parameter string WeightsFile = "",
  // The only word of that image; for Constant
  parameter logic [Mac.pe-1:0][Mac.simd-1:0][Mac.weight_width-1:0] Weights = '0,
  // Of each output, at AccFraction
  parameter logic [Outputs-1:0][Mac.acc_width-1:0] Bias = '0
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
    .Mac(Mac),
    .In(In),
    .Result(Result),
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
