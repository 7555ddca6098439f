`default_nettype none

// Maximum of every window of an image, channel by channel, cast to the result's format: window_buffer, a tree of
// comparisons, one register. A window a cycle; its result is valid in the cycle after the window. Which pixels a window
// waits for, and when a row's place is free: see window_buffer. Padding counts as pixels of value zero.
module pool2d
  import hwc_pkg::*;
#(
    // Rows and columns of the image
    parameter int unsigned Height = 4,
    parameter int unsigned Width = 4,
    // Elements of a pixel
    parameter int unsigned Channels = 1,
    // Rows and columns of a window
    parameter int unsigned KernelHeight = 2,
    parameter int unsigned KernelWidth = 2,
    // Pixels between neighbouring windows, down and across
    parameter int unsigned StrideY = 2,
    parameter int unsigned StrideX = 2,
    // Zero rows above the image and zero columns left of it; those below and right follow from the output's size
    parameter int unsigned PadTop = 0,
    parameter int unsigned PadLeft = 0,
    // Rows and columns of the output
    parameter int unsigned OutHeight = 2,
    parameter int unsigned OutWidth = 2,
    // Format of the elements
    parameter format_t In = '{
        is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap
    },
    // Format of the result, with the modes of its cast
    parameter format_t Result = '{
        is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap
    }
) (
    input wire logic clk_i,
    input wire logic rst_ni,

    // Pixels in raster order
    input  wire logic                                  in_valid_i,
    output logic                                       in_ready_o,
    input  wire logic [Channels-1:0][In.width-1:0] in_data_i,

    // Pixels in raster order
    output logic                                       out_valid_o,
    input  wire logic                                  out_ready_i,
    output logic      [Channels-1:0][Result.width-1:0] out_data_o
);

  localparam int unsigned InWidth = unsigned'(int'(In.width));
  localparam int unsigned ResultWidth = unsigned'(int'(Result.width));
  localparam int unsigned Taps = KernelHeight * KernelWidth;

  logic window_valid, enable;
  logic [Taps-1:0][Channels-1:0][InWidth-1:0] window;
  logic [Channels-1:0][InWidth-1:0] most;
  logic [Channels-1:0][ResultWidth-1:0] result;

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
  ) i_window_buffer (
      .clk_i,
      .rst_ni,
      .in_valid_i,
      .in_ready_o,
      .in_data_i,
      .out_valid_o(window_valid),
      .out_ready_i(enable),
      .out_data_o(window)
  );

  assign enable = !out_valid_o || out_ready_i;

  // Order of codes as that of unsigned numbers: signed ones with their sign inverted
  function automatic logic [InWidth-1:0] rank(input logic [InWidth-1:0] code);
    rank = code;
    rank[InWidth-1] = code[InWidth-1] ^ In.is_signed;
  endfunction

  for (genvar c = 0; c < Channels; c++) begin : gen_channel
    always_comb begin
      most[c] = window[0][c];
      for (int unsigned tap = 1; tap < Taps; tap++) begin
        if (rank(window[tap][c]) > rank(most[c])) most[c] = window[tap][c];
      end
    end
    requantise #(
        .InWidth(InWidth),
        .InFraction(int'(In.fraction)),
        .InSigned(In.is_signed),
        .Out(Result)
    ) i_cast (
        .code_i(most[c]),
        .code_o(result[c])
    );
  end

  always_ff @(posedge clk_i) begin
    if (enable) out_data_o <= result;
    if (!rst_ni) out_valid_o <= 1'b0;
    else if (enable) out_valid_o <= window_valid;
  end

endmodule

`default_nettype wire
