`default_nettype none

// This module computes the entropy of the softmax, negated: score = -(ln S + W / S), in nats and units of 2**-fraction.
// S is the sum of the exponentials exp(-x) and W that of x exp(-x), where x is the distance of a logit from the largest
// one in nats. The logarithm and the reciprocal of S are those of sum_log_reciprocal.
//
// Latency: `valid_o` rises Folds + clog2(PerCycle) + 18 enabled cycles after `start_i`, where
// Folds = ceil(Classes / PerCycle).
module score_entropy
  import hwc_pkg::*;
#(
  // Number of classes
  parameter int unsigned Classes = 10,
  // Bits of a code; codes are unsigned
  parameter int unsigned CodeWidth = 8,
  // Number of classes processed in a cycle
  parameter int unsigned PerCycle = 1,
  // Files with the tables exp(-x) and x exp(-x), one hexadecimal entry a line, and the form of these tables
  parameter string ExponentialFile = "",
  parameter string WeightedFile = "",
  parameter exponential_t Exponential = '{length: 32'd2, fraction: 32'd16, shift: 32'd0},
  // Files with the tables ln(1 + x) and 1 / (1 + x), one hexadecimal entry a line, and the form of these tables
  parameter string LogarithmFile = "",
  parameter string ReciprocalFile = "",
  parameter logarithm_t Logarithm = '{mantissa_bits: 32'd10, ln2: 32'd45426}
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,
  // Clock enable of the whole pipeline
  input wire logic en_i,

  // A sample starts: its first fold is at lanes_i, its gate at gate_i; its largest and second largest code are at top_i
  // and second_i until its last fold
  input wire logic                                start_i,
  input wire logic [ PerCycle-1:0][CodeWidth-1:0] lanes_i,
  input wire logic [CodeWidth-1:0]                top_i,
  input wire logic [CodeWidth-1:0]                second_i,
  input wire logic [CodeWidth-1:0]                gate_i,
  // Class and agreements of the sample whose score is at score_o
  input wire logic [         15:0]                label_i,
  input wire logic [          7:0]                agreements_i,

  // The score
  output logic               valid_o,
  output logic signed [31:0] score_o
);

  wire unused = &{1'b0, second_i, gate_i, label_i, agreements_i};

  localparam int unsigned Fraction = Exponential.fraction;
  localparam int unsigned Growth = $clog2(Classes + 1) - 1;  // largest e
  localparam int unsigned ExponentBits = $clog2(Growth + 1);
  localparam int unsigned SumWidth = Fraction + 1 + Growth;
  // x exp(-x) is at most 1 / e < 189 / 512, and 0 for the largest logit; one more for its rounding
  localparam longint unsigned LargestWeight = (64'd189 << Fraction) / 512 + 1;
  localparam int unsigned WeightWidth = $clog2(LargestWeight + 1);
  localparam int unsigned WeightedWidth = $clog2(64'(Classes - 1) * LargestWeight + 1);
  localparam int unsigned ProductWidth = WeightedWidth + 1 + Fraction + 2;

  logic summed, unused_summed;
  logic [SumWidth-1:0] total;
  logic [WeightedWidth-1:0] weighted;
  table_sum #(
    .Classes(Classes),
    .CodeWidth(CodeWidth),
    .PerCycle(PerCycle),
    .File(ExponentialFile),
    .Length(Exponential.length),
    .EntryWidth(Fraction + 1),
    .Shift(Exponential.shift),
    .SumWidth(SumWidth)
  ) u_exponentials (
    .clk_i,
    .rst_ni,
    .en_i,
    .start_i,
    .lanes_i,
    .top_i,
    .valid_o(summed),
    .sum_o(total)
  );
  table_sum #(
    .Classes(Classes),
    .CodeWidth(CodeWidth),
    .PerCycle(PerCycle),
    .File(WeightedFile),
    .Length(Exponential.length),
    .EntryWidth(WeightWidth),
    .Shift(Exponential.shift),
    .SumWidth(WeightedWidth)
  ) u_weighted (
    .clk_i,
    .rst_ni,
    .en_i,
    .start_i,
    .lanes_i,
    .top_i,
    .valid_o(unused_summed),
    .sum_o(weighted)
  );

  logic [ExponentBits-1:0] exponent_9;
  logic [Fraction:0] reciprocal_9;
  logic signed [Fraction+5:0] nats_9;
  sum_log_reciprocal #(
    .Classes(Classes),
    .LogarithmFile(LogarithmFile),
    .ReciprocalFile(ReciprocalFile),
    .Logarithm(Logarithm),
    .Fraction(Fraction)
  ) u_parts (
    .clk_i,
    .en_i,
    .total_i(total),
    .exponent_o(exponent_9),
    .reciprocal_o(reciprocal_9),
    .nats_o(nats_9)
  );

  logic [9:1][WeightedWidth-1:0] weighted_q;  // waits for the reciprocal
  logic signed [ProductWidth-1:0] product_12_q;
  wide_product #(
    .AWidth(WeightedWidth + 1),
    .BWidth(Fraction + 2)
  ) u_product (
    .clk_i,
    .en_i,
    .a_i({1'b0, weighted_q[9]}),
    .b_i({1'b0, reciprocal_9}),
    .product_o(product_12_q)
  );

  logic [13:1] valid_q;
  logic [12:10][ExponentBits-1:0] exponent_q;
  logic [13:10][31:0] minus_q;
  logic signed [31:0] expected_13_q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      weighted_q <= {weighted_q[8:1], weighted};

      // wait for the product
      exponent_q <= {exponent_q[11:10], exponent_9};
      minus_q <= {minus_q[12:10], -32'(nats_9)};

      expected_13_q <= 32'(product_12_q >>> Fraction >>> exponent_q[12]);

      score_o <= signed'(minus_q[13]) - expected_13_q;
    end
    if (!rst_ni) begin
      valid_q <= '0;
      valid_o <= 1'b0;
    end else if (en_i) begin
      valid_q <= {valid_q[12:1], summed};
      valid_o <= valid_q[13];
    end
  end

endmodule

`default_nettype wire
