`default_nettype none

// This module computes the maximum or the average of each window of an image with many channels: a window_reader, and a
// global_pool over the pixels of a window. It has neither registers for windows nor an adder or comparison for each of
// their pixels. Padding is zeros, which count.
//
// A window takes kernel_height * kernel_width cycles for each beat of its result, which is valid three cycles after the
// last word that it needs was given by the window_reader, five for an average. The window_reader says what a window
// waits for. A register stands behind its RAM, whose words come late in a cycle; it stalls with the global_pool.
module folded_pool2d
  import hwc_pkg::*;
#(
  // The image and its windows
  parameter window_t Window = SmallWindow,
  // Number of channels in a beat; divides the channels
  parameter int unsigned Lanes = 1,
  // 0: maximum, 1: average
  parameter bit Average = 1'b0,
  // Averages only: how a sum is divided by the number of pixels of a window
  parameter division_t Division = DivideByOne,
  // Format of the input elements
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Format of the output elements, with the modes of the cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap}
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Input pixels in raster order, the lowest channels of a pixel first
  input  wire logic                           in_valid_i,
  output logic                                in_ready_o,
  input  wire logic [Lanes-1:0][In.width-1:0] in_data_i,

  // Output pixels in raster order, the lowest channels of a pixel first
  output logic                                    out_valid_o,
  input  wire logic                               out_ready_i,
  output logic      [Lanes-1:0][Result.width-1:0] out_data_o
);

  localparam int unsigned InWidth = unsigned'(int'(In.width));

  if (Lanes < 1 || Window.channels % Lanes != 0) begin : gen_check_lanes
    $error("folded_pool2d %m: Lanes=%0d must be at least 1 and divide the %0d channels", Lanes, Window.channels);
  end

  logic word_valid, word_ready, word_valid_q;
  logic [Lanes-1:0][InWidth-1:0] word, word_q;

  window_reader #(
    .Window(Window),
    .Lanes(Lanes),
    .Spans(Window.channels / Lanes),
    .Repeats(1),
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

  always_ff @(posedge clk_i) begin
    if (word_ready) word_q <= word;
    if (!rst_ni) word_valid_q <= 1'b0;
    else if (word_ready) word_valid_q <= word_valid;
  end

  global_pool #(
    .Pixels(Window.kernel_height * Window.kernel_width),
    .Lanes(Lanes),
    .Average(Average),
    .Division(Division),
    .In(In),
    .Result(Result)
  ) u_global_pool (
    .clk_i,
    .rst_ni,
    .in_valid_i(word_valid_q),
    .in_ready_o(word_ready),
    .in_data_i(word_q),
    .out_valid_o,
    .out_ready_i,
    .out_data_o
  );

endmodule

`default_nettype wire
