`default_nettype none

// This module is a two-dimensional convolution on a stream of pixels: a window_buffer, and a mac_array whose vectors
// are the windows. Padding is included. Groups of channels are a setting, and a one-dimensional convolution is an image
// of height 1. A dilated convolution has zeros between the taps of its window.
//
// A window takes (lanes / Mac.simd) * (Outputs / Mac.pe) cycles, where lanes is kernel_height * kernel_width * channels
// / Groups. Its result is valid 5 + clog2(Mac.simd) cycles after the last of them; with Constant multipliers, 3 +
// clog2(Mac.simd * ((Mac.weight_width + 1) / 2)) cycles.
// window_buffer says which pixels a window waits for, and when the place of a row is free again. Where beats are several
// pixels, it gives several windows, and each of these has a mac_array of its own. All of them work in step.
module conv2d
  import hwc_pkg::*;
#(
  // The image and its windows
  parameter window_t Window = SmallWindow,
  // Number of elements of an output pixel
  parameter int unsigned Outputs = 1,
  // Multiply-accumulates of a window. With several groups, simd counts elements of a window in one group
  parameter mac_t Mac = OneProduct,
  // Format of the input elements
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Format of the output elements, with the modes of the cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Number of groups: output o reads only the Window.channels / Groups channels of group o / (Outputs / Groups). As many
  // groups as channels are a depthwise convolution
  parameter int unsigned Groups = 1,
  // File with the image of the weight ROM, one word a fold, as mac_array reads it; not for Constant multipliers
  parameter string WeightsFile = "",
  // The only word of that image, for Constant multipliers
  parameter logic [Mac.pe-1:0][Mac.simd-1:0][Mac.weight_width-1:0] Weights = '0,
  // Bias of each output, with Mac.acc_fraction bits after the binary point
  parameter logic [Outputs-1:0][Mac.acc_width-1:0] Bias = '0,
  // Bits by which the sums of products of each output are shifted left, beyond Mac.product_shift
  parameter logic [Outputs-1:0][ShiftBits-1:0] Shift = '0,
  // Pixels of an input beat, as of window_buffer
  parameter int unsigned Pixels = 1,
  // Pixels of an output beat
  localparam int unsigned Together = windows_together(Pixels, Window.stride_x)
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Input pixels in raster order
  input  wire logic                                            in_valid_i,
  output logic                                                 in_ready_o,
  input  wire logic [Pixels*Window.channels-1:0][In.width-1:0] in_data_i,

  // Output pixels in raster order
  output logic                                               out_valid_o,
  input  wire logic                                          out_ready_i,
  output logic      [Together*Outputs-1:0][Result.width-1:0] out_data_o
);

  localparam int unsigned InWidth = unsigned'(int'(In.width));
  localparam int unsigned Taps = Window.kernel_height * Window.kernel_width;
  localparam int unsigned Lanes = Taps * Window.channels;
  localparam int unsigned Depth = Window.channels / Groups;

  if (Window.channels % Groups != 0) begin : gen_check_groups
    $error("conv2d %m: Window.channels=%0d is not a multiple of Groups=%0d", Window.channels, Groups);
  end

  logic window_valid;
  logic [Together-1:0] window_ready, result_valid;
  logic [Together-1:0][Taps-1:0][Groups-1:0][Depth-1:0][InWidth-1:0] windows;

  window_buffer #(
    .Window(Window),
    .ElementWidth(InWidth),
    .Pixels(Pixels)
  ) u_window_buffer (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .in_data_i,
    .out_valid_o(window_valid),
    .out_ready_i(window_ready[0]),
    .out_data_o(windows)
  );

  for (genvar w = 0; w < Together; w++) begin : gen_window
    logic [Taps-1:0][Depth-1:0][Groups-1:0][InWidth-1:0] grouped;

    // Groups innermost, as mac_array has the channels of a depthwise layer
    for (genvar tap = 0; tap < Taps; tap++) begin : gen_tap
      for (genvar channel = 0; channel < Depth; channel++) begin : gen_channel
        for (genvar group = 0; group < Groups; group++) begin : gen_group
          assign grouped[tap][channel][group] = windows[w][tap][group][channel];
        end
      end
    end

    mac_array #(
      .Lanes(Lanes),
      .Beats(1),
      .Outputs(Outputs),
      .Mac(Mac),
      .In(In),
      .Result(Result),
      .Depthwise(Groups > 1),
      .Channels(Groups),
      .WeightsFile(WeightsFile),
      .Weights(Weights),
      .Bias(Bias),
      .Shift(Shift)
    ) u_mac_array (
      .clk_i,
      .rst_ni,
      .in_valid_i(window_valid),
      .in_ready_o(window_ready[w]),
      .in_data_i(grouped),
      .out_valid_o(result_valid[w]),
      .out_ready_i,
      .out_data_o(out_data_o[w*Outputs+:Outputs])
    );
  end

  assign out_valid_o = result_valid[0];

  if (Together > 1) begin : gen_in_step
    wire unused_others = ^{window_ready, result_valid};

`ifndef SYNTHESIS
    always_ff @(posedge clk_i) begin
      if (rst_ni) begin
        // All windows of a beat are taken together, and so are their results given.
        assert (window_ready == {Together{window_ready[0]}} && result_valid == {Together{result_valid[0]}})
        else $error("the windows of a beat are no longer in step (%m)");
      end
    end
`endif
  end

endmodule

`default_nettype wire
