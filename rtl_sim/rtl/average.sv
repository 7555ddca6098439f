`default_nettype none

// This module divides a sum by the number of its terms, rounds the quotient toward zero, and casts it. It needs no
// divider: it multiplies the magnitude by a constant and shifts the product to the right, as division_t describes.
// Whoever sets Division makes sure that this is exact for every sum that can occur. A new result is there one enabled
// cycle after its sum; sign and cast are combinational behind the register.
module average
  import hwc_pkg::*;
#(
  // Bits of the sum, which is in two's complement, and how many of them are after the binary point
  parameter int unsigned SumWidth = 10,
  parameter int SumFraction = 0,
  // 0: the sum is never negative
  parameter bit Signed = 1'b1,
  // How the sum is divided
  parameter division_t Division = '{fraction: 32'sd0, multiplier_width: 32'd1, multiplier: 64'd1, shift: 32'd2},
  // Format of the result, with the modes of its cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap}
) (
  // Clock
  input wire logic clk_i,

  // Clock enable
  input  wire logic                    enable_i,
  // The sum, and the result of the sum of the enabled cycle before
  input  wire logic [    SumWidth-1:0] sum_i,
  output logic      [Result.width-1:0] result_o
);

  if (Division.fraction < SumFraction) begin : gen_check_fraction
    $error("average %m: Division.fraction=%0d is below SumFraction=%0d", Division.fraction, SumFraction);
  end

  if (Division.multiplier_width < 1 || Division.multiplier_width > 64 ||
      Division.multiplier >> Division.multiplier_width != '0) begin : gen_check_multiplier
    $error(
        "average %m: Division.multiplier=%0d has not Division.multiplier_width=%0d bits",
        Division.multiplier,
        Division.multiplier_width
    );
  end

  localparam int unsigned Up = unsigned'(Division.fraction - SumFraction);
  localparam int unsigned ProductWidth = SumWidth + Up + Division.multiplier_width;
  localparam logic [ProductWidth-1:0] Multiplier = ProductWidth'(Division.multiplier);
  localparam int unsigned QuotientWidth = ProductWidth > Division.shift ? ProductWidth - Division.shift : 1;

  logic [SumWidth-1:0] magnitude;
  logic negative, negative_q;
  logic [QuotientWidth-1:0] quotient_q;
  logic [QuotientWidth:0] quotient;

  assign negative = Signed && sum_i[SumWidth-1];
  assign magnitude = negative ? -sum_i : sum_i;

  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      quotient_q <= QuotientWidth'(((ProductWidth'(magnitude) << Up) * Multiplier) >> Division.shift);
      negative_q <= negative;
    end
  end

  assign quotient = negative_q ? -{1'b0, quotient_q} : {1'b0, quotient_q};

  requantise #(
    .InWidth(QuotientWidth + 1),
    .InFraction(Division.fraction),
    .InSigned(1'b1),
    .Out(Result)
  ) u_cast (
    .code_i(quotient),
    .code_o(result_o)
  );

endmodule

`default_nettype wire
