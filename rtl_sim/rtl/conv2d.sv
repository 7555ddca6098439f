`default_nettype none

// Two-dimensional convolution on a stream of pixels: window_buffer, then mac_array with a vector a window. Padding is
// part of it; a depthwise convolution is a setting; a one-dimensional one is an image of height 1. A window takes
// (lanes / Simd) * (Outputs / Pe) cycles, with KernelHeight * KernelWidth * Channels lanes (depthwise: taps for lanes).
// Its result is valid 4 + clog2(Simd) cycles after the last of them (Constant: 3 + clog2(Simd * ((WeightWidth + 1) /
// 2))). Which pixels a window waits for, and when a row's place is free: see window_buffer.
module conv2d
  import hwc_pkg::*;
#(
  // Rows and columns of the image
  parameter int unsigned Height = 5,
  parameter int unsigned Width = 5,
  // Elements of a pixel
  parameter int unsigned Channels = 1,
  // Rows and columns of a window
  parameter int unsigned KernelHeight = 3,
  parameter int unsigned KernelWidth = 3,
  // Pixels between neighbouring windows, down and across
  parameter int unsigned StrideY = 1,
  parameter int unsigned StrideX = 1,
  // Zero rows above the image and zero columns left of it; those below and right follow from the output's size
  parameter int unsigned PadTop = 0,
  parameter int unsigned PadLeft = 0,
  // Rows and columns of the output
  parameter int unsigned OutHeight = 3,
  parameter int unsigned OutWidth = 3,
  // Elements of an output pixel
  parameter int unsigned Outputs = 1,
  // Lanes of a window multiplied in a cycle, for each output; divides their number. Depthwise: taps
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
  // How products are made; Constant only where a window takes one fold
  parameter multiplier_e Multiplier = Lut,
  // 1: output o = channel * (Outputs / Channels) + m reads only its channel
  parameter bit Depthwise = 1'b0,
  // ROM image, one word a fold; not for Constant
  parameter string WeightsFile = "",
  // The only word of that image; for Constant
  parameter logic [Pe-1:0][Simd-1:0][WeightWidth-1:0] Weights = '0,
  // Of each output, at AccFraction
  parameter logic [Outputs-1:0][AccWidth-1:0] Bias = '0
) (
  input wire logic clk_i,
  input wire logic rst_ni,

  // Pixels in raster order
  input  wire logic                              in_valid_i,
  output logic                                   in_ready_o,
  input  wire logic [Channels-1:0][In.width-1:0] in_data_i,

  // Pixels in raster order
  output logic                                      out_valid_o,
  input  wire logic                                 out_ready_i,
  output logic      [Outputs-1:0][Result.width-1:0] out_data_o
);

  localparam int unsigned InWidth = unsigned'(int'(In.width));
  localparam int unsigned Lanes = KernelHeight * KernelWidth * Channels;

  logic window_valid, window_ready;
  logic [Lanes-1:0][InWidth-1:0] window;

  window_buffer #(
    .Height(Height),
    .Width(Width),
    .Lanes(Channels),
    .ElementWidth(InWidth),
    .KernelHeight(KernelHeight),
    .KernelWidth(KernelWidth),
    .StrideY(StrideY),
    .StrideX(StrideX),
    .PadTop(PadTop),
    .PadLeft(PadLeft),
    .OutHeight(OutHeight),
    .OutWidth(OutWidth)
  ) u_window_buffer (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .in_data_i,
    .out_valid_o(window_valid),
    .out_ready_i(window_ready),
    .out_data_o(window)
  );

  mac_array #(
    .Lanes(Lanes),
    .Beats(1),
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
    .Depthwise(Depthwise),
    .Channels(Depthwise ? Channels : 1),
    .WeightsFile(WeightsFile),
    .Weights(Weights),
    .Bias(Bias)
  ) u_mac_array (
    .clk_i,
    .rst_ni,
    .in_valid_i(window_valid),
    .in_ready_o(window_ready),
    .in_data_i(window),
    .out_valid_o,
    .out_ready_i,
    .out_data_o
  );

endmodule

`default_nettype wire
