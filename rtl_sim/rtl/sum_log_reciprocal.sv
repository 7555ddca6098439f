`default_nettype none

// This module computes the logarithm and the reciprocal of a sum S of exponentials, S = 2**(Fraction + e) (1 + m /
// 2**mantissa_bits + ...).
//
// It looks both up at m, and interpolates with what is left of S / 2**e, so that sums that differ by little give
// different results. With r this rest, measured from the middle of its cell of the tables, R the entry of the table
// 1 / (1 + x) and L that of ln(1 + x):
//   reciprocal_o = R - (R (R r) >>> 2 Fraction)             of S / 2**(Fraction + e), in units of 2**-Fraction
//   nats_o       = e ln 2 + L + (R r >>> Fraction)          ln(S / 2**Fraction), in units of 2**-Fraction
// The latency is 9 enabled cycles; a sum is accepted in every enabled cycle.
module sum_log_reciprocal
  import hwc_pkg::*;
#(
  // Number of classes whose exponentials were summed
  parameter int unsigned Classes = 10,
  // Files with the tables ln(1 + x) and 1 / (1 + x), one hexadecimal entry a line, and the form of these tables
  parameter string LogarithmFile = "",
  parameter string ReciprocalFile = "",
  parameter logarithm_t Logarithm = '{mantissa_bits: 32'd10, ln2: 32'd45426},
  // Bits of the tables' entries, and of the exponentials, after the binary point
  parameter int unsigned Fraction = 16,
  // Of the ports: the largest e, the bits of e, and those of the sum; they follow from the others
  localparam int unsigned Growth = $clog2(Classes + 1) - 1,
  localparam int unsigned ExponentBits = $clog2(Growth + 1),
  localparam int unsigned SumWidth = Fraction + 1 + Growth
) (
  // Clock
  input wire logic clk_i,
  // Clock enable of the whole pipeline
  input wire logic en_i,

  // The sum S, at least 2**Fraction, because the exponential of the largest logit is 1
  input wire logic [SumWidth-1:0] total_i,

  // The exponent e, and the reciprocal
  output logic        [ExponentBits-1:0] exponent_o,
  output logic        [      Fraction:0] reciprocal_o,
  // The logarithm in nats, which is at most ln 65536 < 16
  output logic signed [    Fraction+5:0] nats_o
);

  localparam int unsigned MantissaBits = Logarithm.mantissa_bits;
  localparam int unsigned NatsWidth = Fraction + 6;
  localparam int unsigned Skipped = Fraction - MantissaBits;  // low bits that the tables' index leaves out
  localparam int unsigned SlopeWidth = Fraction + Skipped + 3;
  localparam int unsigned CurveWidth = SlopeWidth + Fraction + 2;

  if (Fraction == 0 || SumWidth > 31) begin : gen_check_fraction
    $error(
        "sum_log_reciprocal %m: the sum of Classes=%0d exponentials at Fraction=%0d must stay below 2**31",
        Classes,
        Fraction
    );
  end
  if (MantissaBits < 1 || MantissaBits >= Fraction) begin : gen_check_mantissa
    $error("sum_log_reciprocal %m: Logarithm.mantissa_bits=%0d is not in 1 to %0d", MantissaBits, Fraction - 1);
  end

  logic [Fraction-1:0] logarithm_rom[2**MantissaBits];
  logic [Fraction:0] reciprocal_rom[2**MantissaBits];
  initial $readmemh(LogarithmFile, logarithm_rom);
  initial $readmemh(ReciprocalFile, reciprocal_rom);

  // e: position above Fraction of the leading one
  logic [ExponentBits-1:0] exponent;
  always_comb begin
    exponent = '0;
    for (int unsigned b = 1; b <= Growth; b++) begin
      if (total_i[Fraction+b]) begin
        exponent = ExponentBits'(b);
      end
    end
  end

  // e ln 2
  function automatic logic signed [NatsWidth-1:0] exponent_nats(input logic [ExponentBits-1:0] e);
    exponent_nats = '0;
    for (int unsigned b = 0; b < ExponentBits; b++) begin
      if (e[b]) begin
        exponent_nats += NatsWidth'(Logarithm.ln2 << b);
      end
    end
  endfunction

  // what is left of S / 2**e below the tables' index, from the middle of the cell
  function automatic logic signed [Skipped:0] rest_of(input logic [SumWidth-1:0] normal);
    rest_of = (Skipped + 1)'(normal & SumWidth'(2 ** Skipped - 1)) - (Skipped + 1)'(2 ** Skipped / 2);
  endfunction

  logic [8:1][ExponentBits-1:0] exponent_q;
  logic [SumWidth-1:0] total_1_q;
  logic [MantissaBits-1:0] mantissa_2_q;
  logic signed [Skipped:0] rest_2_q, rest_3_q, rest_4_q;
  logic [Fraction-1:0] logarithm_3_q, logarithm_4_q;
  logic [Fraction:0] reciprocal_3_q, reciprocal_4_q, reciprocal_5_q;
  logic signed [SlopeWidth-1:0] slope_5_q;
  logic signed [NatsWidth-1:0] nats_3_q, nats_4_q, nats_5_q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      exponent_q <= {exponent_q[7:1], exponent};

      total_1_q <= total_i;

      mantissa_2_q <= MantissaBits'(total_1_q >> exponent_q[1] >> Skipped);
      rest_2_q <= rest_of(total_1_q >> exponent_q[1]);

      // a block RAM's output, and the register that it is slow without
      nats_3_q <= exponent_nats(exponent_q[2]);
      logarithm_3_q <= logarithm_rom[mantissa_2_q];
      reciprocal_3_q <= reciprocal_rom[mantissa_2_q];
      rest_3_q <= rest_2_q;

      nats_4_q <= nats_3_q;
      logarithm_4_q <= logarithm_3_q;
      reciprocal_4_q <= reciprocal_3_q;
      rest_4_q <= rest_3_q;

      nats_5_q <= nats_4_q + signed'(NatsWidth'(logarithm_4_q));
      reciprocal_5_q <= reciprocal_4_q;
      slope_5_q <= SlopeWidth'(signed'({1'b0, reciprocal_4_q})) * SlopeWidth'(rest_4_q);
    end
  end

  // the first terms of the series around the middle of the cell; the others wait for the curve
  logic signed [CurveWidth-1:0] curve_8_q;
  wide_product #(
    .AWidth(SlopeWidth),
    .BWidth(Fraction + 2)
  ) u_curve (
    .clk_i,
    .en_i,
    .a_i(slope_5_q),
    .b_i({1'b0, reciprocal_5_q}),
    .product_o(curve_8_q)
  );

  logic [8:6][Fraction:0] reciprocal_q;
  logic signed [8:6][NatsWidth-1:0] nats_q;
  always_ff @(posedge clk_i) begin
    if (en_i) begin
      reciprocal_q <= {reciprocal_q[7:6], reciprocal_5_q};
      nats_q <= {nats_q[7:6], nats_5_q + NatsWidth'(slope_5_q >>> Fraction)};

      exponent_o <= exponent_q[8];
      nats_o <= nats_q[8];
      reciprocal_o <= reciprocal_q[8] - (Fraction + 1)'(curve_8_q >>> 2 * Fraction);
    end
  end

endmodule

`default_nettype wire
