`default_nettype none

// Two-dimensional convolution on a stream of pixels: window_buffer, then mac_array with a vector a window. Padding is
// part of it; a depthwise convolution is a setting; a one-dimensional one is an image of height 1. A window takes
// (lanes / Simd) * (Outputs / Pe) cycles, with KernelHeight * KernelWidth * Channels lanes (depthwise: taps for lanes).
// Its result is valid 4 + clog2(Simd) cycles after the last of them (Constant: 3 + clog2(Simd * ((WeightWidth + 1) /
// 2))). Which pixels a window waits for, and when a row's place is free: see window_buffer.
module conv2d
  import hwc_pkg::*;
#(
  // The image and its windows
  parameter window_t Window = '{
      height: 32'd5,
      width: 32'd5,
      channels: 32'd1,
      kernel_height: 32'd3,
      kernel_width: 32'd3,
      stride_y: 32'd1,
      stride_x: 32'd1,
      pad_top: 32'd0,
      pad_left: 32'd0,
      out_height: 32'd3,
      out_width: 32'd3
  },
  // Elements of an output pixel
  parameter int unsigned Outputs = 1,
  // Multiply-accumulates of a window: how they are spread over cycles, and how they are built
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
  // 1: output o = channel * (Outputs / Channels) + m reads only its channel
  parameter bit Depthwise = 1'b0,
  // ROM image, one word a fold; not for Constant
  parameter string WeightsFile = "",
  // The only word of that image; for Constant
  parameter logic [Mac.pe-1:0][Mac.simd-1:0][Mac.weight_width-1:0] Weights = '0,
  // Of each output, at AccFraction
  parameter logic [Outputs-1:0][Mac.acc_width-1:0] Bias = '0
) (
  input wire logic clk_i,
  input wire logic rst_ni,

  // Pixels in raster order
  input  wire logic                                     in_valid_i,
  output logic                                          in_ready_o,
  input  wire logic [Window.channels-1:0][In.width-1:0] in_data_i,

  // Pixels in raster order
  output logic                                      out_valid_o,
  input  wire logic                                 out_ready_i,
  output logic      [Outputs-1:0][Result.width-1:0] out_data_o
);

  localparam int unsigned InWidth = unsigned'(int'(In.width));
  localparam int unsigned Lanes = Window.kernel_height * Window.kernel_width * Window.channels;

  logic window_valid, window_ready;
  logic [Lanes-1:0][InWidth-1:0] window;

  window_buffer #(
    .Window(Window),
    .ElementWidth(InWidth)
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
    .Mac(Mac),
    .In(In),
    .Result(Result),
    .Depthwise(Depthwise),
    .Channels(Depthwise ? Window.channels : 1),
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
