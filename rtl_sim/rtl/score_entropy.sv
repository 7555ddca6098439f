`default_nettype none

// Score: the softmax's entropy, negated, in nats and units of 2**-Fraction: -(ln S + W / S), S the sum of the
// exponentials exp(-x) and W that of x exp(-x), x the distance in nats from the largest logit.
//
// S = 2**(Fraction + e) (1 + m / 2**MantissaBits + ...): logarithm and reciprocal are looked up at m.
// Latency: `valid_o` rises Folds + clog2(PerCycle) + 11 enabled cycles after `start_i`,
// Folds = ceil(Classes / PerCycle).
module score_entropy #(
  // Classes of a sample
  parameter int unsigned Classes = 10,
  // Bits of a code; codes are unsigned
  parameter int unsigned CodeWidth = 8,
  // Classes a cycle
  parameter int unsigned PerCycle = 1,
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
  parameter int unsigned Shift = 0
) (
  input  wire logic                               clk_i,
  input  wire logic                               rst_ni,
  // Clock enable of the whole pipeline
  input  wire logic                               en_i,

  // A sample begins: its first fold is at lanes_i, its two largest codes hold until its last fold
  input  wire logic                               start_i,
  input  wire logic [PerCycle-1:0][CodeWidth-1:0] lanes_i,
  input  wire logic [CodeWidth-1:0]               top_i,
  input  wire logic [CodeWidth-1:0]               second_i,
  // Agreements of the sample whose score is offered
  input  wire logic [7:0]                         agreements_i,

  output      logic                               valid_o,
  output      logic signed [31:0]                 score_o
);

  wire logic unused = &{1'b0, second_i, agreements_i};

  localparam int unsigned Growth = $clog2(Classes + 1) - 1;     // largest e
  localparam int unsigned ExponentBits = $clog2(Growth + 1);
  localparam int unsigned SumWidth = Fraction + 1 + Growth;
  // x exp(-x) is at most 1 / e < 189 / 512, and 0 for the largest logit; one more for its rounding
  localparam longint unsigned LargestWeight = (64'd189 << Fraction) / 512 + 1;
  localparam int unsigned WeightWidth = $clog2(LargestWeight + 1);
  localparam int unsigned WeightedWidth = $clog2(64'(Classes - 1) * LargestWeight + 1);
  localparam int unsigned ProductWidth = Fraction + 1 + WeightedWidth;

  if (Fraction == 0 || SumWidth > 31) begin : gen_check_fraction
    $error("score_entropy %m: the sum of Classes=%0d exponentials at Fraction=%0d must stay below 2**31",
           Classes, Fraction);
  end
  if (MantissaBits < 1 || MantissaBits > Fraction) begin : gen_check_mantissa
    $error("score_entropy %m: MantissaBits=%0d is not in 1 to Fraction=%0d", MantissaBits, Fraction);
  end

  logic summed, unused_summed;
  logic [SumWidth-1:0] total;
  logic [WeightedWidth-1:0] weighted;
  table_sum #(
    .Classes(Classes), .CodeWidth(CodeWidth), .PerCycle(PerCycle),
    .File(ExponentialFile), .Length(Length), .EntryWidth(Fraction + 1), .Shift(Shift), .SumWidth(SumWidth)
  ) i_exponentials (
    .clk_i, .rst_ni, .en_i, .start_i, .lanes_i, .top_i, .valid_o(summed), .sum_o(total)
  );
  table_sum #(
    .Classes(Classes), .CodeWidth(CodeWidth), .PerCycle(PerCycle),
    .File(WeightedFile), .Length(Length), .EntryWidth(WeightWidth), .Shift(Shift), .SumWidth(WeightedWidth)
  ) i_weighted (
    .clk_i, .rst_ni, .en_i, .start_i, .lanes_i, .top_i, .valid_o(unused_summed), .sum_o(weighted)
  );

  logic [Fraction-1:0] logarithm_rom [2**MantissaBits];
  logic [Fraction:0] reciprocal_rom [2**MantissaBits];
  initial $readmemh(LogarithmFile, logarithm_rom);
  initial $readmemh(ReciprocalFile, reciprocal_rom);

  // e: position above Fraction of the leading one, which the largest logit alone puts there
  logic [ExponentBits-1:0] exponent;
  always_comb begin
    exponent = '0;
    for (int unsigned b = 1; b <= Growth; b++) begin
      if (total[Fraction+b]) begin
        exponent = ExponentBits'(b);
      end
    end
  end

  // e ln 2
  function automatic logic [31:0] exponent_nats(input logic [ExponentBits-1:0] e);
    exponent_nats = '0;
    for (int unsigned b = 0; b < ExponentBits; b++) begin
      if (e[b]) begin
        exponent_nats += 32'(Ln2 << b);
      end
    end
  endfunction

  logic [6:1] valid_q;
  logic [ExponentBits-1:0] exponent_1_q, exponent_2_q, exponent_3_q, exponent_4_q, exponent_5_q;
  logic [SumWidth-1:0] total_1_q;
  logic [WeightedWidth-1:0] weighted_1_q, weighted_2_q, weighted_3_q, weighted_4_q;
  logic [MantissaBits-1:0] mantissa_2_q;
  logic [Fraction-1:0] logarithm_3_q, logarithm_4_q;
  logic [Fraction:0] reciprocal_3_q, reciprocal_4_q;
  logic [31:0] nats_3_q, nats_4_q;
  logic [ProductWidth-1:0] product_5_q;
  logic [31:0] minus_5_q, minus_6_q, expected_6_q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      exponent_1_q   <= exponent;
      total_1_q      <= total;
      weighted_1_q   <= weighted;

      exponent_2_q   <= exponent_1_q;
      mantissa_2_q   <= MantissaBits'(total_1_q >> exponent_1_q >> (Fraction - MantissaBits));
      weighted_2_q   <= weighted_1_q;

      // a block RAM's output, and the register that it is slow without
      exponent_3_q   <= exponent_2_q;
      nats_3_q       <= exponent_nats(exponent_2_q);
      logarithm_3_q  <= logarithm_rom[mantissa_2_q];
      reciprocal_3_q <= reciprocal_rom[mantissa_2_q];
      weighted_3_q   <= weighted_2_q;

      exponent_4_q   <= exponent_3_q;
      nats_4_q       <= nats_3_q;
      logarithm_4_q  <= logarithm_3_q;
      reciprocal_4_q <= reciprocal_3_q;
      weighted_4_q   <= weighted_3_q;

      exponent_5_q   <= exponent_4_q;
      minus_5_q      <= -nats_4_q - 32'(logarithm_4_q);
      product_5_q    <= ProductWidth'(reciprocal_4_q) * ProductWidth'(weighted_4_q);

      minus_6_q      <= minus_5_q;
      expected_6_q   <= 32'(product_5_q >> Fraction >> exponent_5_q);

      score_o        <= minus_6_q - expected_6_q;
    end
    if (!rst_ni) begin
      valid_q <= '0;
      valid_o <= 1'b0;
    end else if (en_i) begin
      valid_q <= {valid_q[5:1], summed};
      valid_o <= valid_q[6];
    end
  end

endmodule

`default_nettype wire
