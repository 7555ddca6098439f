`default_nettype none

// This module gives the elements of an image in another order of its axes.
//
// One image is read while the next is written, each in its own half of a memory with one pixel a word. A step reads one
// element, or one pixel if the channels stay the last axis. Reading starts in the cycle after the last pixel of an
// image was accepted. An output beat is valid two cycles after its last step, so that the interval is the number of
// pixels or the number of steps of an image, whichever is larger. Reading stalls as a whole while an output beat waits;
// in_ready_o depends on registers only.
module transpose
  import hwc_pkg::*;
#(
  // Number of rows and columns of the input image, and of elements of its pixels
  parameter int unsigned Height = 2,
  parameter int unsigned Width = 3,
  parameter int unsigned Channels = 4,
  // Which axis of the input (0: rows, 1: columns, 2: channels) becomes rows, columns and channels of the output
  parameter int unsigned AxisOfRows = 1,
  parameter int unsigned AxisOfColumns = 0,
  parameter int unsigned AxisOfChannels = 2,
  // Bits of an element
  parameter int unsigned ElementWidth = 8,
  // Number of elements of an output pixel; follows from the above
  localparam int unsigned OutChannels = AxisOfChannels == 0 ? Height : AxisOfChannels == 1 ? Width : Channels
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Input pixels in raster order
  input  wire logic                                  in_valid_i,
  output logic                                       in_ready_o,
  input  wire logic [Channels-1:0][ElementWidth-1:0] in_data_i,

  // Output pixels in raster order
  output logic                                          out_valid_o,
  input  wire logic                                     out_ready_i,
  output logic      [OutChannels-1:0][ElementWidth-1:0] out_data_o
);

  if (AxisOfRows > 2 || AxisOfColumns > 2 || AxisOfChannels > 2 || AxisOfRows == AxisOfColumns ||
      AxisOfRows == AxisOfChannels || AxisOfColumns == AxisOfChannels) begin : gen_check_axes
    $error(
        "transpose %m: axes %0d, %0d, %0d are not a permutation of 0, 1, 2", AxisOfRows, AxisOfColumns, AxisOfChannels
    );
  end

  localparam int unsigned Pixels = Height * Width;
  localparam bit Whole = AxisOfChannels == 2;
  // What a step reads, how many steps make an output beat, and how many of them lie in a pixel of the input
  localparam int unsigned UnitWidth = Whole ? Channels * ElementWidth : ElementWidth;
  localparam int unsigned Units = Whole ? 1 : OutChannels;
  localparam int unsigned UnitsIn = Whole ? 1 : Channels;

  // Length of an axis of the input, and how far apart its neighbours are: in pixels, and within one
  function automatic int unsigned length(input int unsigned axis);
    return axis == 0 ? Height : axis == 1 ? Width : UnitsIn;
  endfunction
  function automatic int unsigned pixel_stride(input int unsigned axis);
    return axis == 0 ? Width : axis == 1 ? 1 : 0;
  endfunction
  function automatic int unsigned unit_stride(input int unsigned axis);
    return axis == 2 ? 1 : 0;
  endfunction

  localparam int unsigned Rows = length(AxisOfRows);
  localparam int unsigned Columns = length(AxisOfColumns);
  localparam int unsigned RowBits = index_bits(Rows);
  localparam int unsigned ColumnBits = index_bits(Columns);
  localparam int unsigned PixelBits = index_bits(Pixels);
  localparam int unsigned UnitBits = index_bits(UnitsIn);
  localparam int unsigned OutUnitBits = index_bits(Units);

  // Images that have been written and not yet read
  logic [1:0] full_q;
  logic enable, write, write_end, step, step_end;

  assign enable = !out_valid_o || out_ready_i;
  assign in_ready_o = !full_q[1];
  assign write = in_valid_i && in_ready_o;
  assign step = enable && full_q != '0;

  // Writer: pixel, half of the memory
  logic [PixelBits-1:0] write_pixel_q;
  logic write_half_q;

  assign write_end = write && write_pixel_q == PixelBits'(Pixels - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      full_q <= '0;
      write_pixel_q <= '0;
      write_half_q <= 1'b0;
    end else begin
      full_q <= full_q + 2'(write_end) - 2'(step_end);
      if (write) write_pixel_q <= write_end ? '0 : write_pixel_q + 1'b1;
      write_half_q <= write_half_q ^ write_end;
    end
  end

  // Reader: place in the output, and where that lies in the input
  logic [RowBits-1:0] row_q;
  logic [ColumnBits-1:0] column_q;
  logic [OutUnitBits-1:0] unit_q;
  logic [PixelBits-1:0] pixel_q;
  logic [UnitBits-1:0] lane_q;
  logic read_half_q, row_end, column_end, unit_end;

  assign unit_end = unit_q == OutUnitBits'(Units - 1);
  assign column_end = unit_end && column_q == ColumnBits'(Columns - 1);
  assign row_end = column_end && row_q == RowBits'(Rows - 1);
  assign step_end = step && row_end;

  // From one step to the next the innermost axis that does not end goes on by one, and those inside it go back
  localparam int unsigned Within = Whole ? 0 : AxisOfChannels;
  localparam int PixelUnit = Whole ? 0 : int'(pixel_stride(Within));
  localparam int LaneUnit = Whole ? 0 : int'(unit_stride(Within));
  localparam int PixelColumn = int'(pixel_stride(AxisOfColumns)) - int'(Units - 1) * PixelUnit;
  localparam int LaneColumn = int'(unit_stride(AxisOfColumns)) - int'(Units - 1) * LaneUnit;
  // From a row's first step to its last
  localparam int PixelsAcross = int'(Columns - 1) * int'(pixel_stride(AxisOfColumns)) + int'(Units - 1) * PixelUnit;
  localparam int LanesAcross = int'(Columns - 1) * int'(unit_stride(AxisOfColumns)) + int'(Units - 1) * LaneUnit;
  localparam int PixelRow = int'(pixel_stride(AxisOfRows)) - PixelsAcross;
  localparam int LaneRow = int'(unit_stride(AxisOfRows)) - LanesAcross;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      row_q <= '0;
      column_q <= '0;
      unit_q <= '0;
      pixel_q <= '0;
      lane_q <= '0;
      read_half_q <= 1'b0;
    end else if (step) begin
      unit_q <= unit_end ? '0 : unit_q + 1'b1;
      if (unit_end) column_q <= column_end ? '0 : column_q + 1'b1;
      if (column_end) row_q <= row_end ? '0 : row_q + 1'b1;
      pixel_q <= row_end ? '0 : pixel_q + PixelBits'(column_end ? PixelRow : unit_end ? PixelColumn : PixelUnit);
      lane_q <= row_end ? '0 : lane_q + UnitBits'(column_end ? LaneRow : unit_end ? LaneColumn : LaneUnit);
      read_half_q <= read_half_q ^ row_end;
    end
  end

  // Memory with a registered read, then the choice of a lane, then the output beat
  logic [UnitsIn-1:0][UnitWidth-1:0] mem[2*Pixels];
  logic [UnitsIn-1:0][UnitWidth-1:0] read_q;
  logic [UnitBits-1:0] read_lane_q;
  logic read_valid_q, read_last_q;

  localparam int unsigned AddressBits = index_bits(2 * Pixels);
  logic [AddressBits-1:0] write_address, read_address;
  assign write_address = AddressBits'(write_pixel_q) + (write_half_q ? AddressBits'(Pixels) : '0);
  assign read_address = AddressBits'(pixel_q) + (read_half_q ? AddressBits'(Pixels) : '0);

  always_ff @(posedge clk_i) begin
    if (write) mem[write_address] <= in_data_i;
    if (enable) begin
      read_q <= mem[read_address];
      read_lane_q <= lane_q;
      read_last_q <= unit_end;
      if (read_valid_q) out_data_o <= (Units * UnitWidth)'({read_q[read_lane_q], out_data_o} >> UnitWidth);
    end
    if (!rst_ni) begin
      read_valid_q <= 1'b0;
      out_valid_o <= 1'b0;
    end else if (enable) begin
      read_valid_q <= step;
      out_valid_o <= read_valid_q && read_last_q;
    end
  end

endmodule

`default_nettype wire
