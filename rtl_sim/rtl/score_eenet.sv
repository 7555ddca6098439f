`default_nettype none

// This module computes the score of EENet, which says how likely the answer is right. It is a linear function of the
// softmax y, of its largest probability and its entropy, of the votes of all exits up to this one, and of the scores of
// earlier exits (arXiv 2301.07099).
//
// Let S be the sum of the exponentials exp(-x) and W that of x exp(-x), where x is the distance of a logit from the
// largest one in nats. Let e be the exponent, R' the reciprocal and L' the logarithm of S as of sum_log_reciprocal:
//   dot   = sum of ClassWeights[c] exp(-x of class c) + top_weight 2**fraction + nats_weight W
//   own   = ((dot R' >>> fraction + e) + nats_weight L') >>> drop
//   score = own + Votes[n - 1] + weighted sum of the scores of earlier exits (past_scores),
// where n is the number of exits that chose the class which most exits chose. Whoever makes the weights makes sure that
// scores fit 32 bits.
//
// Latency: `valid_o` rises Folds + clog2(PerCycle) + 18 enabled cycles after `start_i`, where
// Folds = ceil(Classes / PerCycle). The last sum is combinational, from label_i and from what travels with the sample.
module score_eenet
  import hwc_pkg::*;
#(
  // Number of classes
  parameter int unsigned Classes = 10,
  // Bits of a code; codes are unsigned
  parameter int unsigned CodeWidth = 8,
  // Number of classes processed in a cycle
  parameter int unsigned PerCycle = 1,
  // Number of exits before this one
  parameter int unsigned ExitIndex = 0,
  // Files with the tables exp(-x) and x exp(-x), one hexadecimal entry a line, and the form of these tables
  parameter string ExponentialFile = "",
  parameter string WeightedFile = "",
  parameter exponential_t Exponential = '{length: 32'd2, fraction: 32'd16, shift: 32'd0},
  // Files with the tables ln(1 + x) and 1 / (1 + x), one hexadecimal entry a line, and the form of these tables
  parameter string LogarithmFile = "",
  parameter string ReciprocalFile = "",
  parameter logarithm_t Logarithm = '{mantissa_bits: 32'd10, ln2: 32'd45426},
  // Weights that do not belong to one class or one exit
  parameter eenet_t Weights = '{top_weight: 32'sd0, nats_weight: 32'sd0, drop: 32'd0, earlier_fraction: 32'd0},
  // Signed weight of the probability of each class, the first class lowest
  parameter logic [Classes-1:0][17:0] ClassWeights = '0,
  // Signed term of the score for 1, 2, ... votes, in units of the score, that for 1 vote lowest
  parameter logic [ExitIndex:0][31:0] Votes = '0,
  // Signed weights of the scores of earlier exits, the first exit lowest; the highest weight is not used
  parameter logic [ExitIndex:0][17:0] EarlierWeights = '0,
  localparam int unsigned SampleBits = ExitIndex * $bits(past_t) + $bits(sample_t)
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

  // What travels with a sample, a sample_t and above it a past_t for each earlier exit; and the same on its way to the
  // decision, where it waits for the score
  input  wire logic                  sample_valid_i,
  output logic                       sample_ready_o,
  input  wire logic [SampleBits-1:0] sample_data_i,
  output logic                       passed_valid_o,
  input  wire logic                  passed_ready_i,
  output logic      [SampleBits-1:0] passed_data_o,

  // The score
  output logic               valid_o,
  output logic signed [31:0] score_o
);

  wire unused = &{1'b0, second_i, gate_i, agreements_i};

  localparam int unsigned Fraction = Exponential.fraction;
  localparam int unsigned Exits = ExitIndex + 1;
  localparam int unsigned Folds = (Classes + PerCycle - 1) / PerCycle;
  localparam int unsigned FoldBits = index_bits(Folds);
  localparam int unsigned Lookup = 4;  // enabled cycles of table_lookup
  localparam int unsigned Growth = $clog2(Classes + 1) - 1;  // largest e
  localparam int unsigned ExponentBits = $clog2(Growth + 1);
  localparam int unsigned SumWidth = Fraction + 1 + Growth;
  // x exp(-x) is at most 1 / e < 189 / 512, and 0 for the largest logit; one more for its rounding
  localparam longint unsigned LargestWeight = (64'd189 << Fraction) / 512 + 1;
  localparam int unsigned WeightWidth = $clog2(LargestWeight + 1);
  localparam int unsigned WeightedWidth = $clog2(64'(Classes - 1) * LargestWeight + 1);
  // signed: 2**17 (2**Fraction (Classes + 1) + W), and W is below 2**Fraction Classes
  localparam int unsigned DotWidth = 17 + Fraction + $clog2(Classes + 1) + 2;
  localparam int unsigned ProductWidth = DotWidth + Fraction + 2;
  localparam int unsigned NatsWidth = Fraction + 6;  // signed, of the logarithm of S in nats, at most ln 65536 < 16

  if (Weights.top_weight < -(2 ** 17) || Weights.top_weight >= 2 ** 17 ||
      Weights.nats_weight < -(2 ** 17) || Weights.nats_weight >= 2 ** 17) begin : gen_check_weights
    $error(
        "score_eenet %m: Weights.top_weight=%0d or Weights.nats_weight=%0d has more than 18 bits",
        Weights.top_weight,
        Weights.nats_weight
    );
  end
  if (Weights.drop > 31) begin : gen_check_drop
    $error("score_eenet %m: Weights.drop=%0d is above 31", Weights.drop);
  end

  // exponentials, summed as they are and by their classes' weights, the latter 4 cycles later
  logic [Lookup+4:1] start_q;  // bit d: d registers after the lanes
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      start_q <= '0;
    end else if (en_i) begin
      start_q <= {start_q[Lookup+3:1], start_i};
    end
  end

  logic [FoldBits-1:0] fold_q;  // that follows the one at the lookups' outputs
  wire [FoldBits-1:0] fold = start_q[Lookup] ? '0 : fold_q;
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      fold_q <= fold + 1'b1;
    end
  end

  logic [PerCycle-1:0][SumWidth-1:0] exponentials;
  logic [PerCycle-1:0][DotWidth-1:0] products;

  for (genvar j = 0; j < PerCycle; j++) begin : gen_lane
    logic [Fraction:0] entry, entry_q;
    logic signed [17:0] weight, weight_q;
    table_lookup #(
      .CodeWidth(CodeWidth),
      .File(ExponentialFile),
      .Length(Exponential.length),
      .EntryWidth(Fraction + 1),
      .Shift(Exponential.shift)
    ) u_lookup (
      .clk_i,
      .en_i,
      .top_i,
      .code_i(lanes_i[j]),
      .entry_o(entry)
    );
    assign exponentials[j] = SumWidth'(entry);

    always_comb begin
      int unsigned of_class;
      weight = '0;
      for (int unsigned i = 0; i < Folds; i++) begin
        of_class = i * PerCycle + j < Classes ? i * PerCycle + j : 0;
        if (fold == FoldBits'(i) && i * PerCycle + j < Classes) begin
          weight = ClassWeights[of_class];
        end
      end
    end
    always_ff @(posedge clk_i) begin
      if (en_i) begin
        entry_q <= entry;
        weight_q <= weight;
      end
    end
    logic signed [Fraction+19:0] product;
    wide_product #(
      .AWidth(Fraction + 2),
      .BWidth(18)
    ) u_product (
      .clk_i,
      .en_i,
      .a_i({1'b0, entry_q}),
      .b_i(weight_q),
      .product_o(product)
    );
    assign products[j] = DotWidth'(product);
  end

  logic summed, unused_dotted, unused_summed;
  logic [SumWidth-1:0] total;
  logic [DotWidth-1:0] dot;
  logic [WeightedWidth-1:0] weighted;
  fold_sum #(
    .Classes(Classes),
    .PerCycle(PerCycle),
    .Width(SumWidth)
  ) u_total (
    .clk_i,
    .rst_ni,
    .en_i,
    .start_i(start_q[Lookup]),
    .values_i(exponentials),
    .valid_o(summed),
    .sum_o(total)
  );
  fold_sum #(
    .Classes(Classes),
    .PerCycle(PerCycle),
    .Width(DotWidth)
  ) u_dot (
    .clk_i,
    .rst_ni,
    .en_i,
    .start_i(start_q[Lookup+4]),
    .values_i(products),
    .valid_o(unused_dotted),
    .sum_o(dot)
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
  logic signed [NatsWidth-1:0] nats_9;
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

  localparam logic signed [DotWidth-1:0] TopTerm = DotWidth'(64'(Weights.top_weight) << Fraction);

  logic signed [WeightedWidth+18:0] weighted_3_q;
  wide_product #(
    .AWidth(WeightedWidth + 1),
    .BWidth(18)
  ) u_weighted_product (
    .clk_i,
    .en_i,
    .a_i({1'b0, weighted}),
    .b_i(18'(Weights.nats_weight)),
    .product_o(weighted_3_q)
  );

  logic signed [DotWidth-1:0] terms_4_q;
  logic [9:5][DotWidth-1:0] dot_q;  // waits for the reciprocal

  logic signed [ProductWidth-1:0] product_12_q;
  wide_product #(
    .AWidth(DotWidth),
    .BWidth(Fraction + 2)
  ) u_product (
    .clk_i,
    .en_i,
    .a_i(dot_q[9]),
    .b_i({1'b0, reciprocal_9}),
    .product_o(product_12_q)
  );
  logic signed [NatsWidth+17:0] nats_12_q;
  wire unused_sign = &{1'b0, nats_12_q};  // where DotWidth is less, its copies
  wide_product #(
    .AWidth(NatsWidth),
    .BWidth(18)
  ) u_nats_product (
    .clk_i,
    .en_i,
    .a_i(nats_9),
    .b_i(18'(Weights.nats_weight)),
    .product_o(nats_12_q)
  );

  logic [13:1] valid_q;
  logic [12:10][ExponentBits-1:0] exponent_q;  // waits for the products
  logic signed [DotWidth-1:0] quotient_13_q, nats_13_q;
  logic signed [31:0] own_q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      terms_4_q <= DotWidth'(weighted_3_q) + TopTerm;
      dot_q <= {dot_q[8:5], signed'(dot) + terms_4_q};

      exponent_q <= {exponent_q[11:10], exponent_9};
      quotient_13_q <= DotWidth'(product_12_q >>> Fraction >>> exponent_q[12]);
      nats_13_q <= DotWidth'(nats_12_q);

      own_q <= 32'((quotient_13_q + nats_13_q) >>> Weights.drop);
    end
    if (!rst_ni) begin
      valid_q <= '0;
      valid_o <= 1'b0;
    end else if (en_i) begin
      valid_q <= {valid_q[12:1], summed};
      valid_o <= valid_q[13];
    end
  end

  // of earlier exits: what their scores add to this one's, and the classes they chose, with this exit's class above
  logic signed [31:0] past_sum;
  logic [ExitIndex:0][15:0] labels;
  assign labels[ExitIndex] = label_i;
  if (ExitIndex == 0) begin : gen_no_past
    assign past_sum = '0;
    assign passed_valid_o = sample_valid_i;
    assign sample_ready_o = passed_ready_i;
    assign passed_data_o = sample_data_i;
    wire unused_weights = &{1'b0, EarlierWeights, Weights.earlier_fraction};
  end else begin : gen_past
    past_scores #(
      .Earlier(ExitIndex),
      .Weights(EarlierWeights[ExitIndex-1:0]),
      .WeightFraction(Weights.earlier_fraction)
    ) u_past (
      .clk_i,
      .rst_ni,
      .in_valid_i(sample_valid_i),
      .in_ready_o(sample_ready_o),
      .in_data_i(sample_data_i),
      .out_valid_o(passed_valid_o),
      .out_ready_i(passed_ready_i),
      .out_data_o(passed_data_o),
      .sum_o(past_sum)
    );
    wire past_t [ExitIndex-1:0] past = passed_data_o[SampleBits-1:$bits(sample_t)];
    for (genvar k = 0; k < ExitIndex; k++) begin : gen_label
      assign labels[k] = past[k].label;
    end
  end

  // the term for the votes of the class that has most of them
  logic signed [31:0] vote;
  always_comb begin
    int unsigned most, count;
    most = 1;
    for (int unsigned a = 0; a < Exits; a++) begin
      count = 0;
      for (int unsigned b = 0; b < Exits; b++) begin
        count += 32'(labels[a] == labels[b]);
      end
      if (count > most) begin
        most = count;
      end
    end
    vote = signed'(Votes[0]);
    for (int unsigned n = 2; n <= Exits; n++) begin
      if (most == n) begin
        vote = signed'(Votes[n-1]);
      end
    end
  end

  assign score_o = own_q + vote + past_sum;

endmodule

`default_nettype wire
