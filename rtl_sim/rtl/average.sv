`default_nettype none

// This module divides a sum by the number of its terms, rounds the quotient toward zero, and casts it. It needs no
// divider and no multiplier: it adds shifted magnitudes, one for each digit of a constant in canonical signed form, and
// shifts the product to the right, as division_t describes. Whoever sets Division makes sure that this is exact for
// every sum that can occur. Of several divisions, all are computed, and choice_i takes one. A new result is there two
// enabled cycles after its sum, behind registers of the magnitude and of the quotient; sign and cast are combinational.
module average
  import hwc_pkg::*;
#(
  // Bits of the sum, which is in two's complement, and how many of them are after the binary point
  parameter int unsigned SumWidth = 10,
  parameter int SumFraction = 0,
  // 0: the sum is never negative
  parameter bit Signed = 1'b1,
  // Number of divisions, and how each of them divides the sum; they have the same fraction
  parameter int unsigned Divisions = 1,
  parameter division_t [Divisions-1:0] Division = {Divisions{DivideByOne}},
  // Format of the result, with the modes of its cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap}
) (
  // Clock
  input wire logic clk_i,

  // Clock enable
  input  wire logic                             enable_i,
  // The sum, its division, and the result of the sum two enabled cycles before
  input  wire logic [             SumWidth-1:0] sum_i,
  input  wire logic [index_bits(Divisions)-1:0] choice_i,
  output logic      [         Result.width-1:0] result_o
);

  localparam int Fraction = int'(Division[0].fraction);
  localparam int unsigned Up = unsigned'(Fraction - SumFraction);

  if (Fraction < SumFraction) begin : gen_check_fraction
    $error("average %m: Division.fraction=%0d is below SumFraction=%0d", Fraction, SumFraction);
  end

  for (genvar d = 0; d < Divisions; d++) begin : gen_check
    if (Division[d].multiplier_width < 1 || Division[d].multiplier_width > 64 ||
        Division[d].multiplier >> Division[d].multiplier_width != '0) begin : gen_check_multiplier
      $error(
          "average %m: Division.multiplier=%0d has not Division.multiplier_width=%0d bits",
          Division[d].multiplier,
          Division[d].multiplier_width
      );
    end
    if (Division[d].fraction != Division[0].fraction) begin : gen_check_same
      $error("average %m: Division.fraction=%0d is not that of the others, %0d", Division[d].fraction, Fraction);
    end
  end

  function automatic int unsigned widest();
    widest = 1;
    for (int d = 0; d < int'(Divisions); d++) begin
      if (SumWidth + Up + Division[d].multiplier_width > widest + Division[d].shift) begin
        widest = SumWidth + Up + Division[d].multiplier_width - Division[d].shift;
      end
    end
  endfunction

  localparam int unsigned QuotientWidth = widest();

  logic negative;
  logic [1:0] negative_q;
  logic [SumWidth-1:0] magnitude_q;
  logic [index_bits(Divisions)-1:0] choice_q;
  logic [Divisions-1:0][QuotientWidth-1:0] quotients;
  logic [QuotientWidth-1:0] quotient_q;
  logic [QuotientWidth:0] quotient;

  assign negative = Signed && sum_i[SumWidth-1];

  for (genvar d = 0; d < Divisions; d++) begin : gen_division
    localparam int unsigned ProductWidth = SumWidth + Up + Division[d].multiplier_width;
    // Digits of the multiplier m in canonical signed form are those of 3 m less those of m, halved
    localparam logic [65:0] Once = 66'(Division[d].multiplier);
    localparam logic [65:0] Thrice = 66'd3 * Once;
    localparam logic [65:0] Plus = (Thrice & ~Once) >> 1;
    localparam logic [65:0] Minus = (Once & ~Thrice) >> 1;
    logic [ProductWidth-1:0] product;

    always_comb begin
      product = '0;
      for (int digit = 0; digit <= int'(Division[d].multiplier_width); digit++) begin
        if (Plus[digit]) product = product + (ProductWidth'(magnitude_q) << (Up + unsigned'(digit)));
        if (Minus[digit]) product = product - (ProductWidth'(magnitude_q) << (Up + unsigned'(digit)));
      end
    end

    assign quotients[d] = QuotientWidth'(product >> Division[d].shift);
  end

  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      magnitude_q <= negative ? -sum_i : sum_i;
      choice_q <= choice_i;
      quotient_q <= quotients[choice_q];
      negative_q <= {negative_q[0], negative};
    end
  end

  assign quotient = negative_q[1] ? -{1'b0, quotient_q} : {1'b0, quotient_q};

  requantise #(
    .InWidth(QuotientWidth + 1),
    .InFraction(Fraction),
    .InSigned(1'b1),
    .Out(Result)
  ) u_cast (
    .code_i(quotient),
    .code_o(result_o)
  );

endmodule

`default_nettype wire
