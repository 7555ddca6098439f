`default_nettype none

// Score of EENet: how likely the answer is right, a linear function of the softmax y, of its largest probability and
// its entropy, of the votes of the exits up to this one, and of the scores of those before it (arXiv 2301.07099).
//
// With S the sum of the exponentials exp(-x) and W that of x exp(-x), x the distance in nats from the largest logit,
// and e, reciprocal R' and logarithm L' of S those of sum_log_reciprocal:
//   dot   = sum of ClassWeights[c] exp(-x of class c) + TopWeight 2**Fraction + NatsWeight W
//   own   = ((dot R' >>> Fraction + e) + NatsWeight L') >>> Drop
//   score = own + Votes[n - 1] + past_sum_i, n the exits that chose the class which most of them chose.
// Whoever makes the weights sees to it that scores fit 32 bits.
// Latency: `valid_o` rises Folds + clog2(PerCycle) + 18 enabled cycles after `start_i`,
// Folds = ceil(Classes / PerCycle). The last sum is combinational, from labels_i and past_sum_i.
module score_eenet #(
  // Classes of a sample
  parameter int unsigned Classes = 10,
  // Bits of a code; codes are unsigned
  parameter int unsigned CodeWidth = 8,
  // Classes a cycle
  parameter int unsigned PerCycle = 1,
  // Exits up to this one
  parameter int unsigned Exits = 1,
  // Hex images of the tables round(2**Fraction exp(-u d)) and round(2**Fraction u d exp(-u d)), u nats a step,
  // d = index << Shift; their entries
  parameter string ExponentialFile = "",
  parameter string WeightedFile = "",
  parameter int unsigned Length = 2,
  // Hex images of the tables round(2**Fraction ln(1 + x)) and round(2**Fraction / (1 + x)), x = (m + 1/2) /
  // 2**MantissaBits
  parameter string LogarithmFile = "",
  parameter string ReciprocalFile = "",
  parameter int unsigned MantissaBits = 10,
  // round(2**Fraction ln 2)
  parameter int unsigned Ln2 = 45426,
  // Bits after the point of all tables' entries
  parameter int unsigned Fraction = 16,
  // Low bits of a distance that the index leaves out
  parameter int unsigned Shift = 0,
  // Signed weights: of each class' probability, of the largest one, of the entropy in nats; of 18 bits
  parameter logic [Classes-1:0][17:0] ClassWeights = '0,
  parameter int TopWeight = 0,
  parameter int NatsWeight = 0,
  // Signed term for 1, 2, ... votes
  parameter logic [Exits-1:0][31:0] Votes = '0,
  // Low bits of weight times table entry that the score leaves out
  parameter int unsigned Drop = 0
) (
  input wire logic clk_i,
  input wire logic rst_ni,
  // Clock enable of the whole pipeline
  input wire logic en_i,

  // A sample begins: its first fold is at lanes_i, its two largest codes hold until its last fold
  input wire logic                                       start_i,
  input wire logic        [ PerCycle-1:0][CodeWidth-1:0] lanes_i,
  input wire logic        [CodeWidth-1:0]                top_i,
  input wire logic        [CodeWidth-1:0]                second_i,
  // Of the sample whose score is offered: agreements, classes that the exits chose (this one's last), and what the
  // score takes from those of the exits before
  input wire logic        [          7:0]                agreements_i,
  input wire logic        [    Exits-1:0][         15:0] labels_i,
  input wire logic signed [         31:0]                past_sum_i,

  output logic               valid_o,
  output logic signed [31:0] score_o
);

  import hwc_pkg::index_bits;

  wire unused = &{1'b0, second_i, agreements_i};

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

  if (TopWeight < -(2 ** 17) || TopWeight >= 2 ** 17 ||
      NatsWeight < -(2 ** 17) || NatsWeight >= 2 ** 17) begin : gen_check_weights
    $error("score_eenet %m: TopWeight=%0d or NatsWeight=%0d has more than 18 bits", TopWeight, NatsWeight);
  end
  if (Drop > 31) begin : gen_check_drop
    $error("score_eenet %m: Drop=%0d is above 31", Drop);
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
      .Length(Length),
      .EntryWidth(Fraction + 1),
      .Shift(Shift)
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
    .Length(Length),
    .EntryWidth(WeightWidth),
    .Shift(Shift),
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
    .MantissaBits(MantissaBits),
    .Ln2(Ln2),
    .Fraction(Fraction)
  ) u_parts (
    .clk_i,
    .en_i,
    .total_i(total),
    .exponent_o(exponent_9),
    .reciprocal_o(reciprocal_9),
    .nats_o(nats_9)
  );

  localparam logic signed [DotWidth-1:0] TopTerm = DotWidth'(64'(TopWeight) << Fraction);

  logic signed [WeightedWidth+18:0] weighted_3_q;
  wide_product #(
    .AWidth(WeightedWidth + 1),
    .BWidth(18)
  ) u_weighted_product (
    .clk_i,
    .en_i,
    .a_i({1'b0, weighted}),
    .b_i(18'(NatsWeight)),
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
    .b_i(18'(NatsWeight)),
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

      own_q <= 32'((quotient_13_q + nats_13_q) >>> Drop);
    end
    if (!rst_ni) begin
      valid_q <= '0;
      valid_o <= 1'b0;
    end else if (en_i) begin
      valid_q <= {valid_q[12:1], summed};
      valid_o <= valid_q[13];
    end
  end

  // the term of the most votes that a class has
  logic signed [31:0] vote;
  always_comb begin
    int unsigned most, count;
    most = 1;
    for (int unsigned a = 0; a < Exits; a++) begin
      count = 0;
      for (int unsigned b = 0; b < Exits; b++) begin
        count += 32'(labels_i[a] == labels_i[b]);
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

  assign score_o = own_q + vote + past_sum_i;

endmodule

`default_nettype wire
