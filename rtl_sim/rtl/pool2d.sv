`default_nettype none

// This module computes the maximum or the average of every window of an image, channel by channel, and casts it to the
// format of the result. It is a window_buffer, a tree of comparators or adders, and registers. The throughput is a
// window a cycle. The latency from a window to its result is one cycle, and four for an average: registers of the sum,
// its magnitude, the quotient and the result. window_buffer says which pixels a window waits for, and when the place of a row is free
// again. Padding counts as pixels of value zero, or a maximum ignores it. An average is divided by the number that its
// row and column of windows have in common. Where beats are several pixels, all windows that window_buffer gives of them
// have a tree each. Behind the window_buffer, the module stalls as a whole.
module pool2d
  import hwc_pkg::*;
#(
  // The image and its windows
  parameter window_t Window = '{
      height: 32'd4,
      width: 32'd4,
      channels: 32'd1,
      kernel_height: 32'd2,
      kernel_width: 32'd2,
      stride_y: 32'd2,
      stride_x: 32'd2,
      pad_top: 32'd0,
      pad_left: 32'd0,
      out_height: 32'd2,
      out_width: 32'd2
  },
  // 0: maximum, 1: average
  parameter bit Average = 1'b0,
  // Maxima only: whether padding is ignored, instead of being zeros
  parameter bit IgnoresPadding = 1'b0,
  // Averages only: how a sum is divided by the number of a window's pixels that count. If windows have different
  // numbers: the classes of all rows and columns of windows, and which division a class of rows and one of columns have
  parameter int unsigned Divisions = 1,
  parameter division_t [Divisions-1:0] Division = {Divisions{DivideByOne}},
  parameter int unsigned RowClasses = 1,
  parameter int unsigned ColumnClasses = 1,
  parameter logic [Window.out_height-1:0][index_bits(RowClasses)-1:0] RowClass = '0,
  parameter logic [Window.out_width-1:0][index_bits(ColumnClasses)-1:0] ColumnClass = '0,
  parameter logic [RowClasses-1:0][ColumnClasses-1:0][index_bits(Divisions)-1:0] Chosen = '0,
  // Format of the input elements
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Format of the output elements, with the modes of the cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
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
  output logic                                                       out_valid_o,
  input  wire logic                                                  out_ready_i,
  output logic      [Together*Window.channels-1:0][Result.width-1:0] out_data_o
);

  localparam int unsigned InWidth = unsigned'(int'(In.width));
  localparam int unsigned ResultWidth = unsigned'(int'(Result.width));
  localparam int unsigned Taps = Window.kernel_height * Window.kernel_width;

  // With the sign bit inverted, signed codes have the order of unsigned numbers, and zero bits are the least code
  localparam logic [InWidth-1:0] Order = InWidth'(In.is_signed && !Average) << (InWidth - 1);
  localparam logic [InWidth-1:0] Before = IgnoresPadding ? Order : '0;

  logic window_valid, enable, result_valid;
  logic [Pixels*Window.channels-1:0][InWidth-1:0] pixels;
  logic [Together-1:0][Taps-1:0][Window.channels-1:0][InWidth-1:0] windows;
  logic [Together*Window.channels-1:0][ResultWidth-1:0] result;

  window_buffer #(
    .Window(Window),
    .ElementWidth(InWidth),
    .Pixels(Pixels)
  ) u_window_buffer (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .in_data_i(pixels),
    .out_valid_o(window_valid),
    .out_ready_i(enable),
    .out_data_o(windows)
  );

  assign pixels = in_data_i ^ {(Pixels * Window.channels) {Before}};
  assign enable = !out_valid_o || out_ready_i;

  if (Average) begin : gen_average
    localparam int unsigned SumWidth = InWidth + 1 + unsigned'($clog2(Taps));
    logic [2:0] valid_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) valid_q <= '0;
      else if (enable) valid_q <= {valid_q[1:0], window_valid};
    end
    assign result_valid = valid_q[2];

    localparam int unsigned ChoiceBits = index_bits(Divisions);
    logic [Together-1:0][ChoiceBits-1:0] choice_q;

    if (Divisions > 1) begin : gen_choice
      localparam int unsigned RowBits = index_bits(Window.out_height);
      localparam int unsigned OutBeats = Window.out_width / Together;
      localparam int unsigned ColumnBits = index_bits(OutBeats);
      localparam logic [OutBeats-1:0][Together-1:0][index_bits(ColumnClasses)-1:0] OfBeat = ColumnClass;
      logic [RowBits-1:0] row_q;
      logic [ColumnBits-1:0] column_q;
      logic row_end;

      assign row_end = column_q == ColumnBits'(OutBeats - 1);

      always_ff @(posedge clk_i) begin
        if (!rst_ni) begin
          row_q <= '0;
          column_q <= '0;
        end else if (enable && window_valid) begin
          column_q <= row_end ? '0 : column_q + 1'b1;
          if (row_end) row_q <= row_q == RowBits'(Window.out_height - 1) ? '0 : row_q + 1'b1;
        end
        for (int w = 0; w < int'(Together); w++) begin
          if (enable) choice_q[w] <= Chosen[RowClass[row_q]][OfBeat[column_q][w]];
        end
      end
    end else begin : gen_one
      assign choice_q = '0;
    end

    for (genvar lane = 0; lane < Together * Window.channels; lane++) begin : gen_lane
      localparam int unsigned W = lane / Window.channels;
      localparam int unsigned C = lane % Window.channels;
      logic [Taps-1:0][SumWidth-1:0] sums;
      logic [SumWidth-1:0] sum_q;

      // A tree: each level adds elements that are `reach` apart
      always_comb begin
        for (int tap = 0; tap < int'(Taps); tap++) begin
          sums[tap] = SumWidth'(signed'({In.is_signed & windows[W][tap][C][InWidth-1], windows[W][tap][C]}));
        end
        for (int reach = 1; reach < int'(Taps); reach = 2 * reach) begin
          for (int tap = 0; tap + reach < int'(Taps); tap = tap + 2 * reach) sums[tap] = sums[tap] + sums[tap+reach];
        end
      end

      always_ff @(posedge clk_i) if (enable) sum_q <= sums[0];

      average #(
        .SumWidth(SumWidth),
        .SumFraction(int'(In.fraction)),
        .Signed(In.is_signed),
        .Divisions(Divisions),
        .Division(Division),
        .Result(Result)
      ) u_average (
        .clk_i,
        .enable_i(enable),
        .sum_i(sum_q),
        .choice_i(choice_q[W]),
        .result_o(result[lane])
      );
    end
  end else begin : gen_maximum
    assign result_valid = window_valid;

    for (genvar lane = 0; lane < Together * Window.channels; lane++) begin : gen_lane
      localparam int unsigned W = lane / Window.channels;
      localparam int unsigned C = lane % Window.channels;
      logic [Taps-1:0][InWidth-1:0] most;

      // A tree: each level compares elements that are `reach` apart. It computes only while there is a window, which
      // makes simulation faster.
      always_comb begin
        most = 'x;
        if (window_valid) begin
          for (int tap = 0; tap < int'(Taps); tap++) most[tap] = windows[W][tap][C] ^ Order ^ Before;
          for (int reach = 1; reach < int'(Taps); reach = 2 * reach) begin
            for (int tap = 0; tap + reach < int'(Taps); tap = tap + 2 * reach) begin
              if (most[tap+reach] > most[tap]) most[tap] = most[tap+reach];
            end
          end
        end
      end

      requantise #(
        .InWidth(InWidth),
        .InFraction(int'(In.fraction)),
        .InSigned(In.is_signed),
        .Out(Result)
      ) u_cast (
        .code_i(most[0] ^ Order),
        .code_o(result[lane])
      );
    end
  end

  always_ff @(posedge clk_i) begin
    if (enable) out_data_o <= result;
    if (!rst_ni) out_valid_o <= 1'b0;
    else if (enable) out_valid_o <= result_valid;
  end

endmodule

`default_nettype wire
