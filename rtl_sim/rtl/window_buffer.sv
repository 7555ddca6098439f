`default_nettype none

// This module cuts images into the windows of a kernel, zero padding included. It keeps kernel_height rows: row r of
// all rows ever accepted is in RAM r mod kernel_height, and the rows of the next image follow without a gap.
//
// A pass makes one row of windows. In each step, it reads one column of kernel_height beats, from left to right, and
// it ends at the last column of the last window. A step waits until the lowest beat of its column that is inside the
// image was accepted in an earlier cycle, and until the column in front of it moves into the window, for which that
// waits until the window before it leaves. A column moves in the cycle after its step at the earliest, and its window
// is offered in the next cycle, so that the throughput is one window a cycle if nothing waits and the stride is one.
//
// A beat is a pixel, or several that lie side by side. In the place of a window, as many of these are then given as
// begin within a beat: Pixels / stride_x of them, and one where the stride is wider than a beat.
//
// The place of a row is free again once no later pass needs the row and the running pass has read the column.
// in_ready_o depends on registers only. Once the last pixel of an image is accepted, all windows of that image come
// without further input. No window is offered before the first pixel of its image is accepted.
module window_buffer
  import hwc_pkg::*;
#(
  // The image and its windows
  parameter window_t Window = SmallWindow,
  // Bits of an element
  parameter int unsigned ElementWidth = 8,
  // Pixels of an input beat, which lie in one row: divides Window.width, and is a divisor or a multiple of
  // Window.stride_x
  parameter int unsigned Pixels = 1,
  // Windows of an output beat, which lie in one row: divides Window.out_width
  localparam int unsigned Together = windows_together(Pixels, Window.stride_x),
  // Bits of a pixel
  localparam int unsigned PixelWidth = Window.channels * ElementWidth
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Pixels of images in raster order; in a beat, the first pixel is lowest
  input  wire logic                                                in_valid_i,
  output logic                                                     in_ready_o,
  input  wire logic [Pixels*Window.channels-1:0][ElementWidth-1:0] in_data_i,

  // Windows in raster order; in a beat, the first window is lowest, and in a window, the first pixel
  output logic                                                                                        out_valid_o,
  input  wire logic                                                                                   out_ready_i,
  output logic      [Together-1:0][Window.kernel_height-1:0][Window.kernel_width-1:0][PixelWidth-1:0] out_data_o
);

  if (Window.height < 1 || Window.width < 1 || Window.channels < 1 || Window.kernel_height < 1 ||
      Window.kernel_width < 1 || Window.stride_y < 1 || Window.stride_x < 1 || Window.out_height < 1 ||
      Window.out_width < 1 || ElementWidth < 1) begin : gen_check_sizes
    $error("window_buffer %m: ElementWidth and all of Window but pad_top and pad_left must be at least 1");
  end
  if (Window.pad_left >= Window.kernel_width) begin : gen_check_pad
    $error(
        "window_buffer %m: Window.pad_left=%0d is not below Window.kernel_width=%0d",
        Window.pad_left,
        Window.kernel_width
    );
  end

  if (Pixels < 1 || Window.width % Pixels != 0) begin : gen_check_pixels
    $error("window_buffer %m: Window.width=%0d is not a multiple of Pixels=%0d", Window.width, Pixels);
  end else if (Pixels % Window.stride_x != 0 && Window.stride_x % Pixels != 0) begin : gen_check_stride
    $error(
        "window_buffer %m: Pixels=%0d is neither a divisor nor a multiple of Window.stride_x=%0d",
        Pixels,
        Window.stride_x
    );
  end else if (Window.out_width % Together != 0) begin : gen_check_out_width
    $error(
        "window_buffer %m: Window.out_width=%0d is not a multiple of the %0d windows of Pixels=%0d",
        Window.out_width,
        Together,
        Pixels
    );
  end

  localparam int unsigned Height = Window.height;
  // Beats of a row
  localparam int unsigned Width = Window.width / Pixels;
  localparam int unsigned KernelHeight = Window.kernel_height;
  localparam int unsigned KernelWidth = Window.kernel_width;
  localparam int unsigned OutHeight = Window.out_height;
  localparam int unsigned StrideX = Window.stride_x;
  localparam int unsigned BeatWidth = Pixels * PixelWidth;
  // Steps from windows to the next ones, and steps of a pass before its first windows
  localparam int unsigned Every = StrideX > Pixels ? StrideX / Pixels : 1;
  localparam int unsigned Lead = ((Together - 1) * StrideX + KernelWidth - 1 - Window.pad_left) / Pixels;
  // Columns that a pass reads, each of beats
  localparam int unsigned Columns = (Window.out_width / Together - 1) * Every + Lead + 1;
  // Pixels of a row that are held: those of the first windows, and all others of the beat with the last one of these
  localparam int unsigned Held = (Lead + 1) * Pixels + Window.pad_left;
  localparam int unsigned ColumnBits = index_bits(Columns > Width ? Columns : Width);
  localparam int unsigned AddressBits = index_bits(Width);
  localparam int unsigned PassBits = index_bits(OutHeight);
  localparam int unsigned LeadBits = index_bits((Lead > Every - 1 ? Lead : Every - 1) + 1);

  // First row of the image that a pass needs, its base; pass OutHeight is the first pass of the next image
  function automatic int base(input int pass);
    int row;
    row = pass * int'(Window.stride_y) - int'(Window.pad_top);
    return row > int'(Height) || pass == int'(OutHeight) ? int'(Height) : row < 0 ? 0 : row;
  endfunction

  function automatic int unsigned largest_advance();
    int unsigned largest;
    largest = 0;
    for (int p = 0; p < int'(OutHeight); p++) begin
      if (unsigned'(base(p + 1) - base(p)) > largest) largest = unsigned'(base(p + 1) - base(p));
    end
    return largest;
  endfunction

  // Rows are counted from the base of the pass: the row being written is from -1 - largest_advance() to
  // KernelHeight + largest_advance()
  localparam int unsigned RowBits = unsigned'($clog2(KernelHeight + largest_advance() + 2)) + 1;

  typedef struct packed {
    logic [RowBits-1:0]        advance;  // rows from its base to that of the following pass
    logic signed [RowBits-1:0] last;     // the last row of the image that it reads, from its base
    logic [KernelHeight-1:0]   present;  // which rows of its windows lie in the image
  } pass_t;

  function automatic pass_t [OutHeight-1:0] all_passes();
    for (int p = 0; p < int'(OutHeight); p++) begin
      int first, last;
      first = p * int'(Window.stride_y) - int'(Window.pad_top);
      last = first + int'(KernelHeight) - 1;
      last = last < 0 ? 0 : last > int'(Height) - 1 ? int'(Height) - 1 : last;
      all_passes[p].advance = RowBits'(base(p + 1) - base(p));
      all_passes[p].last = RowBits'(last - base(p));
      for (int k = 0; k < int'(KernelHeight); k++) begin
        all_passes[p].present[k] = first + k >= 0 && first + k < int'(Height);
      end
    end
  endfunction

  localparam pass_t [OutHeight-1:0] Passes = all_passes();

  // The RAM, one bit each, of the row that is `by` rows below the row of the given RAM
  function automatic logic [KernelHeight-1:0] turn(input logic [KernelHeight-1:0] ram, input int by);
    for (int k = 0; k < int'(KernelHeight); k++) begin
      turn[((k+by)%int'(KernelHeight)+int'(KernelHeight))%int'(KernelHeight)] = ram[k];
    end
  endfunction

  // Place of the next beat to write: row, from the base of the pass; column; RAM
  logic signed [RowBits-1:0] row_q;
  // The row after this cycle, from the base of the pass, and from that of the following one
  logic signed [RowBits-1:0] row_here, row_next;
  logic [ColumnBits-1:0] write_column_q;
  logic [KernelHeight-1:0] write_ram_q;
  // Place of the next column to read: pass; column; RAM of the first row; steps before the next windows
  logic [PassBits-1:0] pass_q, next_pass;
  pass_t of_pass_q;  // what is known of pass_q, in registers: rows are compared with it early in a cycle
  logic [ColumnBits-1:0] column_q;
  logic [KernelHeight-1:0] first_ram_q;
  logic [LeadBits-1:0] lead_q;
  // A column that was read: whether there is one, whether it is its pass's first, whether windows end with it
  logic read_valid_q, read_first_q, read_last_q;
  // Windows are offered
  logic valid_q;

  logic write, row_end, step, move, shift, pass_end, last_pass, there;

  assign in_ready_o = row_q < signed'(RowBits'(KernelHeight)) ||
      (row_q < signed'(RowBits'(KernelHeight) + of_pass_q.advance) && write_column_q < column_q);
  assign write = in_valid_i && in_ready_o;
  assign row_end = write && write_column_q == ColumnBits'(Width - 1);

  assign there = row_q > of_pass_q.last || (row_q == of_pass_q.last && write_column_q > column_q);
  if (Columns > Width) begin : gen_right_padding
    logic inside_columns;
    assign inside_columns = column_q < ColumnBits'(Width);
    assign step = (there || !inside_columns) && (!read_valid_q || move);
  end else begin : gen_no_right_padding
    assign step = there && (!read_valid_q || move);
  end
  assign move = !valid_q || out_ready_i;
  assign shift = read_valid_q && move;
  assign pass_end = step && column_q == ColumnBits'(Columns - 1);
  assign last_pass = pass_q == PassBits'(OutHeight - 1);
  assign next_pass = last_pass ? '0 : pass_q + 1'b1;

  // Whether a pass ends is known late in a cycle, from out_ready_i: both sums are made before it
  assign row_here = row_q + signed'(RowBits'(row_end));
  assign row_next = row_here - signed'(of_pass_q.advance);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      row_q <= '0;
      write_column_q <= '0;
      write_ram_q <= KernelHeight'(1);
      pass_q <= '0;
      of_pass_q <= Passes[0];
      column_q <= '0;
      first_ram_q <= turn(KernelHeight'(1), -int'(Window.pad_top));
      lead_q <= LeadBits'(Lead);
      read_valid_q <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      row_q <= pass_end ? row_next : row_here;
      if (write) write_column_q <= row_end ? '0 : write_column_q + 1'b1;
      if (row_end) write_ram_q <= turn(write_ram_q, 1);
      if (step) begin
        column_q <= pass_end ? '0 : column_q + 1'b1;
        lead_q <= pass_end ? LeadBits'(Lead) : lead_q == '0 ? LeadBits'(Every - 1) : lead_q - 1'b1;
      end
      if (pass_end) begin
        pass_q <= next_pass;
        of_pass_q <= Passes[next_pass];
        // by constants only, so that synthesis makes no divider
        if (last_pass) first_ram_q <= turn(first_ram_q, int'(Height) - int'((OutHeight - 1) * Window.stride_y));
        else first_ram_q <= turn(first_ram_q, int'(Window.stride_y));
      end
      if (step || move) read_valid_q <= step;
      if (move) valid_q <= read_valid_q && read_last_q;
    end
    if (step) begin
      read_first_q <= column_q == '0;
      read_last_q <= lead_q == '0;
    end
  end

  // Row RAMs, each with a registered read
  logic [KernelHeight-1:0][BeatWidth-1:0] read_q;

  for (genvar k = 0; k < KernelHeight; k++) begin : gen_ram
    logic [BeatWidth-1:0] mem[Width];

    always_ff @(posedge clk_i) begin
      if (write && write_ram_q[k]) mem[write_column_q[AddressBits-1:0]] <= in_data_i;
      if (step) read_q[k] <= mem[column_q[AddressBits-1:0]];
    end
  end

  // Which RAM's output each row of the window takes; none where the beat lies outside the image
  logic [KernelHeight-1:0][KernelHeight-1:0] select_d, select_q;

  for (genvar y = 0; y < KernelHeight; y++) begin : gen_select
    if (Columns > Width) begin : gen_right_padding
      assign select_d[y] = turn(first_ram_q, y) & {KernelHeight{of_pass_q.present[y] && column_q < ColumnBits'(Width)}};
    end else begin : gen_no_right_padding
      assign select_d[y] = turn(first_ram_q, y) & {KernelHeight{of_pass_q.present[y]}};
    end
  end

  always_ff @(posedge clk_i) if (step) select_q <= select_d;

  logic [KernelHeight-1:0][Pixels-1:0][PixelWidth-1:0] newest;

  always_comb begin
    newest = '0;
    for (int y = 0; y < int'(KernelHeight); y++) begin
      for (int k = 0; k < int'(KernelHeight); k++) newest[y] |= read_q[k] & {BeatWidth{select_q[y][k]}};
    end
  end

  for (genvar y = 0; y < KernelHeight; y++) begin : gen_row
    logic [Held-1:0][PixelWidth-1:0] columns_q;

    if (Held > Pixels) begin : gen_columns
      logic [Held-Pixels-1:0][PixelWidth-1:0] older;

      // At the start of a pass, all pixels on the left are zeros
      assign older = read_first_q ? '0 : columns_q[Held-1:Pixels];
      always_ff @(posedge clk_i) if (shift) columns_q <= {newest[y], older};
    end else begin : gen_column
      always_ff @(posedge clk_i) if (shift) columns_q <= newest[y];
      wire unused_first = read_first_q;
    end

    for (genvar w = 0; w < Together; w++) begin : gen_window
      assign out_data_o[w][y] = columns_q[w*StrideX+:KernelWidth];
    end
    // Where windows lie apart, nobody reads the pixels between them
    wire unused_columns = ^columns_q;
  end

  assign out_valid_o = valid_q;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // The row being written stays within the bounds that RowBits is made for.
      assert (row_q >= -signed'(RowBits'(largest_advance())) - 1 &&
              row_q <= signed'(RowBits'(KernelHeight + largest_advance())))
      else $error("a row of the image was lost (%m)");
    end
  end
`endif

endmodule

`default_nettype wire
