`default_nettype none

// This module makes an image larger by whole factors: each pixel is given RowFactor by ColumnFactor times, or once, in
// the top left corner of as many pixels of which the others are zero.
//
// A step gives one output pixel, in raster order, which is valid one cycle later. Where pixels are repeated, those of a
// row are stored while the row is given for the first time, and the rows below it are given from the memory; a pixel is
// accepted when it is given for the last time in its first row. Where zeros are inserted, nothing is stored, and a
// pixel is accepted when it is given. The interval is the number of output pixels. The module stalls as a whole while a
// result waits; in_ready_o depends on out_ready_i, never on in_valid_i.
module upsample2d
  import hwc_pkg::*;
#(
  // Number of rows and columns of the input image, and of elements of its pixels
  parameter int unsigned Height = 2,
  parameter int unsigned Width = 3,
  parameter int unsigned Channels = 1,
  // Rows and columns of the output for each of the input
  parameter int unsigned RowFactor = 2,
  parameter int unsigned ColumnFactor = 2,
  // Number of rows and columns of the output. Of the last row and column of the input it may have fewer copies
  parameter int unsigned OutHeight = 4,
  parameter int unsigned OutWidth = 6,
  // 0: pixels are repeated, 1: zeros are inserted
  parameter bit Zeros = 1'b0,
  // Bits of an element
  parameter int unsigned ElementWidth = 8
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Input pixels in raster order
  input  wire logic                                  in_valid_i,
  output logic                                       in_ready_o,
  input  wire logic [Channels-1:0][ElementWidth-1:0] in_data_i,

  // Output pixels in raster order
  output logic                                       out_valid_o,
  input  wire logic                                  out_ready_i,
  output logic      [Channels-1:0][ElementWidth-1:0] out_data_o
);

  localparam int unsigned RowBits = index_bits(Height);
  localparam int unsigned ColumnBits = index_bits(Width);
  localparam int unsigned DownBits = index_bits(RowFactor);
  localparam int unsigned AcrossBits = index_bits(ColumnFactor);
  // Copies of the last row and column
  localparam int unsigned LastDown = OutHeight - (Height - 1) * RowFactor;
  localparam int unsigned LastAcross = OutWidth - (Width - 1) * ColumnFactor;

  if (LastDown == 0 || LastDown > RowFactor || LastAcross == 0 || LastAcross > ColumnFactor) begin : gen_check_size
    $error("upsample2d %m: OutHeight=%0d and OutWidth=%0d do not follow from the input", OutHeight, OutWidth);
  end

  // Pixel of the input, and copy of it, down and across
  logic [RowBits-1:0] row_q;
  logic [ColumnBits-1:0] column_q;
  logic [DownBits-1:0] down_q;
  logic [AcrossBits-1:0] across_q;
  logic enable, step, shown, last_row, last_column, across_end, row_end, down_end;

  assign last_row = row_q == RowBits'(Height - 1);
  assign last_column = column_q == ColumnBits'(Width - 1);
  assign across_end = across_q == (last_column ? AcrossBits'(LastAcross - 1) : AcrossBits'(ColumnFactor - 1));
  assign row_end = across_end && last_column;
  assign down_end = down_q == (last_row ? DownBits'(LastDown - 1) : DownBits'(RowFactor - 1));

  // In this step, an input pixel is given itself
  assign shown = down_q == '0 && (!Zeros || across_q == '0);
  assign enable = !out_valid_o || out_ready_i;
  assign step = enable && (in_valid_i || !shown);
  assign in_ready_o = enable && shown && (Zeros || across_end);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      row_q <= '0;
      column_q <= '0;
      down_q <= '0;
      across_q <= '0;
    end else if (step) begin
      across_q <= across_end ? '0 : across_q + 1'b1;
      if (across_end) column_q <= last_column ? '0 : column_q + 1'b1;
      if (row_end) down_q <= down_end ? '0 : down_q + 1'b1;
      if (row_end && down_end) row_q <= last_row ? '0 : row_q + 1'b1;
    end
  end

  logic [Channels-1:0][ElementWidth-1:0] below;

  if (Zeros || RowFactor == 1) begin : gen_zeros
    assign below = '0;
  end else begin : gen_memory
    logic [Channels-1:0][ElementWidth-1:0] row_memory_q[Width];
    assign below = row_memory_q[column_q];
    always_ff @(posedge clk_i) if (step && shown) row_memory_q[column_q] <= in_data_i;
  end

  always_ff @(posedge clk_i) begin
    if (enable) out_data_o <= shown ? in_data_i : below;
    if (!rst_ni) out_valid_o <= 1'b0;
    else if (enable) out_valid_o <= step;
  end

endmodule

`default_nettype wire
