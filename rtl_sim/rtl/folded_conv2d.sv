`default_nettype none

// This module is a two-dimensional convolution for images with many channels: a window_reader, and a mac_array that
// adds up a window word by word, for Mac.pe outputs at a time. It has neither registers for windows nor multiplexers
// that choose from them. Padding is included, and groups of channels are a setting.
//
// A window takes kernel_height * kernel_width * (channels / Groups / Mac.simd) * (Outputs / Mac.pe) cycles; its results
// leave in beats of Mac.pe elements, each 5 + clog2(Mac.simd) cycles after the last word that it needs was given by the
// window_reader, which says what a window waits for.
module folded_conv2d
  import hwc_pkg::*;
#(
  // The image and its windows
  parameter window_t Window = SmallWindow,
  // Number of elements of an output pixel
  parameter int unsigned Outputs = 1,
  // Multiply-accumulates of a cycle: simd inputs of each of pe outputs. Both divide the channels of a group: simd those
  // of the input, pe those of the output. Depthwise, simd is 1, and pe divides the channels. Not Constant
  parameter mac_t Mac = OneProduct,
  // Format of the input elements
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Format of the output elements, with the modes of the cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Number of groups: output o reads only the Window.channels / Groups channels of group o / (Outputs / Groups)
  parameter int unsigned Groups = 1,
  // 1: as many groups as channels and outputs, of which Mac.pe are computed at a time; a word then has a channel of each
  parameter bit Depthwise = 1'b0,
  // File with the image of the weight ROM, one word a cycle of a window, as mac_array reads it
  parameter string WeightsFile = "",
  // Bias of each output, with Mac.acc_fraction bits after the binary point
  parameter logic [Outputs-1:0][Mac.acc_width-1:0] Bias = '0,
  // Bits by which the sums of products of each output are shifted left, beyond Mac.product_shift
  parameter logic [Outputs-1:0][ShiftBits-1:0] Shift = '0,
  // Number of elements of an input beat; follows from the above
  localparam int unsigned Lanes = Depthwise ? Mac.pe : Mac.simd
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Input pixels in raster order, the lowest channels of a pixel first
  input  wire logic                           in_valid_i,
  output logic                                in_ready_o,
  input  wire logic [Lanes-1:0][In.width-1:0] in_data_i,

  // Output pixels in raster order, the lowest channels of a pixel first
  output logic                                     out_valid_o,
  input  wire logic                                out_ready_i,
  output logic      [Mac.pe-1:0][Result.width-1:0] out_data_o
);

  localparam int unsigned InWidth = unsigned'(int'(In.width));
  localparam int unsigned Taps = Window.kernel_height * Window.kernel_width;
  localparam int unsigned Spans = Depthwise ? Window.channels / Mac.pe : Groups;
  localparam int unsigned Words = Window.channels / Lanes / Spans;
  localparam int unsigned Turns = Outputs / Mac.pe;

  if (Window.channels % (Lanes * Spans) != 0 || Outputs % (Mac.pe * Spans) != 0) begin : gen_check_folds
    $error(
        "folded_conv2d %m: Mac.simd=%0d or Mac.pe=%0d do not divide the %0d channels and %0d outputs of %0d groups",
        Mac.simd,
        Mac.pe,
        Window.channels,
        Outputs,
        Groups
    );
  end
  if (Depthwise && (Mac.simd != 1 || Groups != Window.channels || Outputs != Groups)) begin : gen_check_depthwise
    $error(
        "folded_conv2d %m: Depthwise=1 needs Mac.simd=1, not %0d, and as many outputs (%0d) and channels (%0d) as %0d",
        Mac.simd,
        Outputs,
        Window.channels,
        Groups
    );
  end

  logic word_valid, word_ready;
  logic [Lanes-1:0][InWidth-1:0] word;

  window_reader #(
    .Window(Window),
    .Lanes(Lanes),
    .Spans(Spans),
    .Repeats(Turns / Spans),
    .ElementWidth(InWidth)
  ) u_window_reader (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .in_data_i,
    .out_valid_o(word_valid),
    .out_ready_i(word_ready),
    .out_data_o(word)
  );

  mac_array #(
    .Lanes(Lanes),
    .Beats(Taps * Words),
    .Outputs(Mac.pe),
    .Turns(Turns),
    .Mac(Mac),
    .In(In),
    .Result(Result),
    .Depthwise(Depthwise),
    .Channels(Depthwise ? Lanes : 1),
    .WeightsFile(WeightsFile),
    .Bias(Bias),
    .Shift(Shift)
  ) u_mac_array (
    .clk_i,
    .rst_ni,
    .in_valid_i(word_valid),
    .in_ready_o(word_ready),
    .in_data_i(word),
    .out_valid_o,
    .out_ready_i,
    .out_data_o
  );

endmodule

`default_nettype wire
