`default_nettype none

// This module computes the maximum or the average of each channel over a whole image, and casts it to the format of the
// result. It accepts a beat in each cycle. A pixel comes in Turns beats, and so does the result: each of its beats is
// valid two cycles after the beat of the last pixel with the same channels was accepted, four for an average. Images
// follow one another without a gap, so the interval is Pixels * Turns cycles. The module stalls as a whole: while a
// result waits, in_ready_o follows out_ready_i in the same cycle.
module global_pool
  import hwc_pkg::*;
#(
  // Number of pixels of an image
  parameter int unsigned Pixels = 4,
  // Number of channels in a beat
  parameter int unsigned Lanes = 1,
  // Number of beats of a pixel
  parameter int unsigned Turns = 1,
  // 0: maximum, 1: average
  parameter bit Average = 1'b0,
  // Averages only: how a sum is divided by Pixels
  parameter division_t Division = DivideByOne,
  // Format of the input elements
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Format of the output elements, with the modes of the cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap}
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Pixels of an image, in any order, the lowest channels of a pixel first
  input  wire logic                           in_valid_i,
  output logic                                in_ready_o,
  input  wire logic [Lanes-1:0][In.width-1:0] in_data_i,

  // One pixel for each image, the lowest channels first
  output logic                                    out_valid_o,
  input  wire logic                               out_ready_i,
  output logic      [Lanes-1:0][Result.width-1:0] out_data_o
);

  if (Pixels < 1 || Lanes < 1 || Turns < 1) begin : gen_check_sizes
    $error("global_pool %m: Pixels=%0d, Lanes=%0d and Turns=%0d must be at least 1", Pixels, Lanes, Turns);
  end

  localparam int unsigned InWidth = unsigned'(int'(In.width));
  localparam int unsigned ResultWidth = unsigned'(int'(Result.width));
  localparam int unsigned PixelBits = index_bits(Pixels);
  localparam int unsigned TurnBits = index_bits(Turns);

  logic enable, first, last, done_q, result_valid;
  logic turn_end;
  logic [PixelBits-1:0] pixel_q;
  logic [TurnBits-1:0] turn_q;
  logic [Lanes-1:0][ResultWidth-1:0] result;

  assign enable = !out_valid_o || out_ready_i;
  assign in_ready_o = enable;
  assign first = pixel_q == '0;
  assign last = pixel_q == PixelBits'(Pixels - 1);
  assign turn_end = turn_q == TurnBits'(Turns - 1);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      pixel_q <= '0;
      turn_q <= '0;
      done_q <= 1'b0;
    end else if (enable) begin
      if (in_valid_i) turn_q <= turn_end ? '0 : turn_q + 1'b1;
      if (in_valid_i && turn_end) pixel_q <= last ? '0 : pixel_q + 1'b1;
      done_q <= in_valid_i && last;
    end
  end

  if (Average) begin : gen_average
    localparam int unsigned SumWidth = InWidth + 1 + unsigned'($clog2(Pixels));
    logic [1:0] divided_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) divided_q <= '0;
      else if (enable) divided_q <= {divided_q[0], done_q};
    end
    assign result_valid = divided_q[1];

    for (genvar c = 0; c < Lanes; c++) begin : gen_lane
      logic [SumWidth-1:0] element;
      // The sums so far of the channels of each turn: those of the turn that came last are lowest
      logic [Turns-1:0][SumWidth-1:0] sums_q;

      assign element = SumWidth'(signed'({In.is_signed & in_data_i[c][InWidth-1], in_data_i[c]}));

      always_ff @(posedge clk_i)
        if (enable && in_valid_i)
          sums_q <= (Turns * SumWidth)'({sums_q, first ? element : sums_q[Turns-1] + element});

      average #(
        .SumWidth(SumWidth),
        .SumFraction(int'(In.fraction)),
        .Signed(In.is_signed),
        .Division(Division),
        .Result(Result)
      ) u_average (
        .clk_i,
        .enable_i(enable),
        .sum_i(sums_q[0]),
        .choice_i(1'b0),
        .result_o(result[c])
      );
    end
  end else begin : gen_maximum
    assign result_valid = done_q;

    for (genvar c = 0; c < Lanes; c++) begin : gen_lane
      // With the sign bit inverted, signed codes have the order of unsigned numbers
      localparam logic [InWidth-1:0] Order = InWidth'(In.is_signed) << (InWidth - 1);
      logic [InWidth-1:0] element, most;
      // The maxima so far of the channels of each turn: those of the turn that came last are lowest
      logic [Turns-1:0][InWidth-1:0] most_q;

      assign element = in_data_i[c] ^ Order;
      assign most = first || element > most_q[Turns-1] ? element : most_q[Turns-1];

      always_ff @(posedge clk_i) if (enable && in_valid_i) most_q <= (Turns * InWidth)'({most_q, most});

      requantise #(
        .InWidth(InWidth),
        .InFraction(int'(In.fraction)),
        .InSigned(In.is_signed),
        .Out(Result)
      ) u_cast (
        .code_i(most_q[0] ^ Order),
        .code_o(result[c])
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
