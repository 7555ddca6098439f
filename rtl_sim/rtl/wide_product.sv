`default_nettype none

// This module multiplies two signed integers that are wider than one multiplier of a DSP block. It multiplies limbs of
// 17 bits, which fit the 18 signed bits of the smallest of these multipliers, and adds up the products, first those of
// each limb of b_i. The latency is 3 enabled cycles; a pair is accepted in every enabled cycle.
module wide_product #(
  // Bits of a_i and of b_i
  parameter int unsigned AWidth = 42,
  parameter int unsigned BWidth = 21,
  // Bits of the product; follows from the above
  localparam int unsigned Width = AWidth + BWidth
) (
  // Clock
  input wire logic clk_i,
  // Clock enable of the whole pipeline
  input wire logic en_i,

  // Both factors
  input wire logic signed [AWidth-1:0] a_i,
  input wire logic signed [BWidth-1:0] b_i,

  // The product of the factors of 3 enabled cycles before
  output logic signed [Width-1:0] product_o
);

  localparam int unsigned Limb = 17;
  localparam int unsigned ALimbs = (AWidth - 1 + Limb - 1) / Limb;
  localparam int unsigned BLimbs = (BWidth - 1 + Limb - 1) / Limb;

  if (AWidth < 2 || BWidth < 2) begin : gen_check_widths
    $error("wide_product %m: AWidth=%0d or BWidth=%0d is below 2", AWidth, BWidth);
  end

  // one bit more than all limbs have, for the sign, which also fills the highest limb
  wire signed [ALimbs*Limb:0] a = (ALimbs * Limb + 1)'(a_i);
  wire signed [BLimbs*Limb:0] b = (BLimbs * Limb + 1)'(b_i);

  logic signed [Width-1:0] row_q[BLimbs];  // a_i times one limb of b_i, in its place

  for (genvar j = 0; j < BLimbs; j++) begin : gen_row
    wire signed [Limb:0] b_limb = {j == BLimbs - 1 && b[BLimbs*Limb], b[j*Limb+:Limb]};

    logic signed [Width-1:0] placed[ALimbs];
    for (genvar i = 0; i < ALimbs; i++) begin : gen_limb
      wire signed [Limb:0] a_limb = {i == ALimbs - 1 && a[ALimbs*Limb], a[i*Limb+:Limb]};

      logic signed [2*Limb+1:0] product_q;
      always_ff @(posedge clk_i) begin
        if (en_i) begin
          product_q <= (2 * Limb + 2)'(a_limb) * (2 * Limb + 2)'(b_limb);
        end
      end
      assign placed[i] = Width'(product_q) <<< (i + j) * Limb;
      wire unused_sign = &{1'b0, product_q};  // where Width is less, its copies
    end

    logic signed [Width-1:0] row;
    always_comb begin
      row = '0;
      for (int unsigned i = 0; i < ALimbs; i++) begin
        row += placed[i];
      end
    end
    always_ff @(posedge clk_i) begin
      if (en_i) begin
        row_q[j] <= row;
      end
    end
  end

  logic signed [Width-1:0] sum;
  always_comb begin
    sum = '0;
    for (int unsigned j = 0; j < BLimbs; j++) begin
      sum += row_q[j];
    end
  end
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      product_o <= sum;
    end
  end

endmodule

`default_nettype wire
