`default_nettype none

// This module reads the windows of a kernel from a RAM, one word after another, zero padding included. A word holds
// Lanes channels of a pixel. The RAM is a ring of whole rows; the rows of the next image follow without a gap.
//
// A pixel's words are divided into Spans equal parts. For each window, in raster order, it gives: for each span, Repeats
// times: for each row of the window, for each column, for each word of the span: the word. Words outside the image are
// zeros.
//
// A pass gives one row of windows, a word a cycle. It begins in the cycle after the lowest row that it needs, and that
// is inside the image, was accepted as a whole; a word is offered one cycle after it was read. The place of a row is
// free again in the cycle after the last pass that needs it, and the RAM has room for stride_y rows more than a window,
// so that the rows of the next pass come while this one is given. in_ready_o depends on registers only. Once the last
// word of an image is accepted, all its windows come without further input.
module window_reader
  import hwc_pkg::*;
#(
  // The image and its windows
  parameter window_t Window = SmallWindow,
  // Number of elements of a word
  parameter int unsigned Lanes = 1,
  // Number of parts of a pixel; divides its number of words
  parameter int unsigned Spans = 1,
  // How often each span of a window is given
  parameter int unsigned Repeats = 1,
  // Bits of an element
  parameter int unsigned ElementWidth = 8
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Words of images: pixels in raster order, the lowest channels of a pixel first
  input  wire logic                               in_valid_i,
  output logic                                    in_ready_o,
  input  wire logic [Lanes-1:0][ElementWidth-1:0] in_data_i,

  // Words of windows
  output logic                                    out_valid_o,
  input  wire logic                               out_ready_i,
  output logic      [Lanes-1:0][ElementWidth-1:0] out_data_o
);

  if (Window.height < 1 || Window.width < 1 || Window.kernel_height < 1 || Window.kernel_width < 1 ||
      Window.stride_y < 1 || Window.stride_x < 1 || Window.out_height < 1 || Window.out_width < 1 || Lanes < 1 ||
      Spans < 1 || Repeats < 1 || ElementWidth < 1) begin : gen_check_sizes
    $error("window_reader %m: Lanes, Spans, Repeats, ElementWidth and the sizes in Window must be at least 1");
  end
  if (Window.channels % (Lanes * Spans) != 0) begin : gen_check_lanes
    $error(
        "window_reader %m: Window.channels=%0d is not a multiple of Lanes=%0d times Spans=%0d",
        Window.channels,
        Lanes,
        Spans
    );
  end

  localparam int Height = int'(Window.height);
  localparam int Width = int'(Window.width);
  localparam int KernelHeight = int'(Window.kernel_height);
  localparam int KernelWidth = int'(Window.kernel_width);
  localparam int StrideY = int'(Window.stride_y);
  localparam int StrideX = int'(Window.stride_x);
  localparam int PadTop = int'(Window.pad_top);
  localparam int PadLeft = int'(Window.pad_left);
  localparam int OutHeight = int'(Window.out_height);
  localparam int OutWidth = int'(Window.out_width);

  // Words of a pixel, of a span, of a row; rows and words of the RAM
  localparam int PixelWords = int'(Window.channels / Lanes);
  localparam int SpanWords = PixelWords / int'(Spans);
  localparam int RowWords = Width * PixelWords;
  localparam int Rows = KernelHeight + StrideY;
  localparam int Depth = Rows * RowWords;

  // The first row of the windows of the last pass, and how far all passes go beyond the image
  localparam int LastTop = (OutHeight - 1) * StrideY - PadTop;
  localparam int MostTop = LastTop > Height ? LastTop : Height;
  localparam int MostColumn = (OutWidth - 1) * StrideX + KernelWidth > Width ?
      (OutWidth - 1) * StrideX + KernelWidth : Width;

  localparam int unsigned RowBits = index_bits(unsigned'(MostTop + PadTop + KernelHeight + 1)) + 1;
  localparam int unsigned ColumnBits = index_bits(unsigned'(MostColumn + PadLeft + 1)) + 1;
  localparam int unsigned AddressBits = index_bits(unsigned'(Depth));
  localparam int unsigned OffsetBits = index_bits(unsigned'((MostColumn + PadLeft + 1) * PixelWords)) + 1;

  typedef logic signed [RowBits-1:0] row_t;
  typedef logic signed [ColumnBits-1:0] column_t;
  typedef logic signed [OffsetBits-1:0] offset_t;
  typedef logic [AddressBits-1:0] line_t;

  // Of the windows of a pass: the first row inside the image that they need, and the row behind the last one. The pass
  // behind the last one is the first of the next image, whose rows follow those of this one.
  function automatic int clamped(input int row, input int most);
    return row < 0 ? 0 : row > most ? most : row;
  endfunction

  function automatic int first_row(input int pass);
    return pass == OutHeight ? Height : clamped(pass * StrideY - PadTop, Height);
  endfunction

  function automatic int rows_end(input int pass);
    int row;
    row = pass == OutHeight ? -PadTop : pass * StrideY - PadTop;
    return (pass == OutHeight ? Height : 0) + clamped(row + KernelHeight - 1, Height - 1) + 1;
  endfunction

  // The most rows that a pass leaves behind, or needs beyond those of the pass before
  function automatic int most_rows();
    most_rows = rows_end(0);
    for (int pass = 0; pass < OutHeight; pass++) begin
      if (first_row(pass + 1) - first_row(pass) > most_rows) most_rows = first_row(pass + 1) - first_row(pass);
      if (rows_end(pass + 1) - rows_end(pass) > most_rows) most_rows = rows_end(pass + 1) - rows_end(pass);
    end
  endfunction

  localparam int unsigned CountBits = index_bits(unsigned'(Rows + most_rows() + 1)) + 1;

  typedef logic signed [CountBits-1:0] count_t;

  // Of each pass: how many rows its end makes free, and how many more rows the next pass needs
  function automatic count_t [OutHeight-1:0] freed_rows();
    for (int pass = 0; pass < OutHeight; pass++) freed_rows[pass] = count_t'(first_row(pass + 1) - first_row(pass));
  endfunction

  function automatic count_t [OutHeight-1:0] further_rows();
    for (int pass = 0; pass < OutHeight; pass++) further_rows[pass] = count_t'(rows_end(pass + 1) - rows_end(pass));
  endfunction

  localparam count_t [OutHeight-1:0] Freed = freed_rows();
  localparam count_t [OutHeight-1:0] Further = further_rows();

  // Where in the RAM a row lies that is `rows` below its first one; and how far it is from there to the RAM's end
  function automatic line_t line_of(input int rows);
    return line_t'((((rows % Rows) + Rows) % Rows) * RowWords);
  endfunction

  function automatic line_t to_end(input int rows);
    return line_t'(Depth - int'(line_of(rows)));
  endfunction

  // Where in the RAM a row lies that is further down than the row at `line`
  function automatic line_t below(input line_t line, input line_t down, input line_t up);
    return line >= up ? line - up : line + down;
  endfunction

  // Rows from the last pass of an image to the first one of the next image
  localparam int ToNext = Height - (OutHeight - 1) * StrideY;

  // Writer: rows for which there is room, less one; place in the row; address
  count_t room_q;
  logic [index_bits(unsigned'(RowWords))-1:0] place_q;
  logic [AddressBits-1:0] write_address_q;

  // Reader: rows accepted beyond those that the pass needs, negative while some are missing; the first row of the
  // windows, and where it lies in the RAM
  count_t ahead_q;
  row_t top_q, top_d;
  line_t top_line_q, top_line_d;
  // The word that is read next: its row and column in the image; where its row lies; its place in that row
  row_t y_q;
  column_t x_q, window_x_q;
  line_t line_q;
  offset_t offset_q;
  // How many of the loops' steps are done
  logic [index_bits(unsigned'(SpanWords))-1:0] word_q;
  logic [index_bits(unsigned'(KernelWidth))-1:0] kernel_x_q;
  logic [index_bits(unsigned'(KernelHeight))-1:0] kernel_y_q;
  logic [index_bits(Repeats)-1:0] repeat_q;
  logic [index_bits(Spans)-1:0] span_q;
  logic [index_bits(unsigned'(OutWidth))-1:0] window_q;
  logic [index_bits(unsigned'(OutHeight))-1:0] pass_q;
  logic valid_q;

  logic write, row_end, step;
  logic word_end, kernel_x_end, kernel_y_end, repeat_end, span_end, window_end, last_pass;

  assign in_ready_o = room_q >= 0;
  assign write = in_valid_i && in_ready_o;
  assign row_end = write && place_q == $bits(place_q)'(RowWords - 1);

  assign step = ahead_q >= 0 && (!valid_q || out_ready_i);
  // Whether a step ends a loop, and so all loops inside it. This is known from registers, whether or not there is a
  // step: what waits for a consumer or for rows comes late.
  assign word_end = word_q == $bits(word_q)'(SpanWords - 1);
  assign kernel_x_end = word_end && kernel_x_q == $bits(kernel_x_q)'(KernelWidth - 1);
  assign kernel_y_end = kernel_x_end && kernel_y_q == $bits(kernel_y_q)'(KernelHeight - 1);
  assign repeat_end = kernel_y_end && repeat_q == $bits(repeat_q)'(Repeats - 1);
  assign span_end = repeat_end && span_q == $bits(span_q)'(Spans - 1);
  assign window_end = span_end && window_q == $bits(window_q)'(OutWidth - 1);
  assign last_pass = pass_q == $bits(pass_q)'(OutHeight - 1);

  // What comes with the next pass is known all along, whether or not this one ends in this cycle
  assign top_d = last_pass ? row_t'(-PadTop) : top_q + row_t'(StrideY);
  assign top_line_d = below(
      top_line_q, last_pass ? line_of(ToNext) : line_of(StrideY), last_pass ? to_end(ToNext) : to_end(StrideY)
  );

  count_t freed, further;
  assign freed = Freed[pass_q];
  assign further = Further[pass_q];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      room_q <= count_t'(Rows - 1);
      ahead_q <= count_t'(-rows_end(0));
      place_q <= '0;
      write_address_q <= '0;
    end else begin
      room_q <= (step && window_end ? room_q + freed : room_q) - count_t'({1'b0, row_end});
      ahead_q <= (step && window_end ? ahead_q - further : ahead_q) + count_t'({1'b0, row_end});
      if (write) begin
        place_q <= row_end ? '0 : place_q + 1'b1;
        write_address_q <= write_address_q == AddressBits'(Depth - 1) ? '0 : write_address_q + 1'b1;
      end
    end
  end

  // From one word to the next the innermost loop that does not end goes on, and those inside it begin again
  localparam int Within = SpanWords - 1;
  localparam int Across = (KernelWidth - 1) * PixelWords + Within;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      top_q <= row_t'(-PadTop);
      top_line_q <= line_of(-PadTop);
      word_q <= '0;
      kernel_x_q <= '0;
      kernel_y_q <= '0;
      repeat_q <= '0;
      span_q <= '0;
      window_q <= '0;
      pass_q <= '0;
      y_q <= row_t'(-PadTop);
      line_q <= line_of(-PadTop);
      x_q <= column_t'(-PadLeft);
      window_x_q <= column_t'(-PadLeft);
      offset_q <= offset_t'(-PadLeft * PixelWords);
    end else if (step) begin
      word_q <= word_end ? '0 : word_q + 1'b1;
      if (word_end) kernel_x_q <= kernel_x_end ? '0 : kernel_x_q + 1'b1;
      if (kernel_x_end) kernel_y_q <= kernel_y_end ? '0 : kernel_y_q + 1'b1;
      if (kernel_y_end) repeat_q <= repeat_end ? '0 : repeat_q + 1'b1;
      if (repeat_end) span_q <= span_end ? '0 : span_q + 1'b1;
      if (span_end) window_q <= window_end ? '0 : window_q + 1'b1;
      if (window_end) pass_q <= last_pass ? '0 : pass_q + 1'b1;

      if (window_end) begin
        top_q <= top_d;
        top_line_q <= top_line_d;
        y_q <= top_d;
        line_q <= top_line_d;
      end else if (kernel_y_end) begin
        y_q <= top_q;
        line_q <= top_line_q;
      end else if (kernel_x_end) begin
        y_q <= y_q + 1'b1;
        line_q <= below(line_q, line_of(1), to_end(1));
      end

      if (span_end) begin
        x_q <= window_end ? column_t'(-PadLeft) : window_x_q + column_t'(StrideX);
        window_x_q <= window_end ? column_t'(-PadLeft) : window_x_q + column_t'(StrideX);
      end else if (word_end) begin
        x_q <= kernel_x_end ? window_x_q : x_q + 1'b1;
      end

      if (window_end) offset_q <= offset_t'(-PadLeft * PixelWords);
      else if (span_end) offset_q <= offset_q + offset_t'(StrideX * PixelWords - KernelWidth * PixelWords + 1);
      else if (repeat_end) offset_q <= offset_q + offset_t'(SpanWords - Across);
      else if (kernel_x_end) offset_q <= offset_q - offset_t'(Across);
      else if (word_end) offset_q <= offset_q + offset_t'(PixelWords - Within);
      else offset_q <= offset_q + 1'b1;
    end
  end

  // The RAM, with a registered read
  logic [Lanes-1:0][ElementWidth-1:0] mem[Depth];
  logic [Lanes-1:0][ElementWidth-1:0] read_q;
  logic [AddressBits-1:0] read_address;
  logic present, present_q;

  assign read_address = line_q + AddressBits'(unsigned'(offset_q));
  assign present = y_q >= 0 && y_q < row_t'(Height) && x_q >= 0 && x_q < column_t'(Width);

  always_ff @(posedge clk_i) begin
    if (write) mem[write_address_q] <= in_data_i;
    if (step) read_q <= mem[read_address];
    if (step) present_q <= present;
    if (!rst_ni) valid_q <= 1'b0;
    else if (step || out_ready_i) valid_q <= step;
  end

  assign out_valid_o = valid_q;
  assign out_data_o = present_q ? read_q : '0;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // No row is written over before the last pass that needs it.
      assert (room_q >= -1)
      else $error("a row of the image was lost (%m)");
      // Both counts are of the same rows.
      assert (int'(room_q) + 1 + int'(ahead_q) == Rows - rows_end(int'(pass_q)) + first_row(int'(pass_q)))
      else $error("rows that are free and rows that are ahead do not agree (%m)");
      // The word that is read lies in the RAM.
      assert (!step || !present || int'(line_q) + int'(offset_q) < Depth)
      else $error("a word outside the memory was read (%m)");
    end
  end
`endif

endmodule

`default_nettype wire
