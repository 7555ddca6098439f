`default_nettype none

// Divides a sum by how many values it has, toward zero, and casts the quotient. The division is a multiplication of the
// magnitude by a constant and a shift: |S| / n = (|S| * Multiplier) >> Shift for every S that can occur, of which who
// sets the parameters makes sure. One enabled cycle from sum_i to a new result_o; what is behind the register is the
// sign and the cast.
module average
  import hwc_pkg::*;
#(
  // Bits of the sum, which is in two's complement, and its bits after the binary point
  parameter int unsigned SumWidth = 10,
  parameter int SumFraction = 0,
  // 0: the sum is never negative
  parameter bit Signed = 1'b1,
  // Bits after the binary point of the quotient; at least those of the sum
  parameter int QuotientFraction = 0,
  // Bits of the multiplier, the multiplier, and the shift to the right after it
  parameter int unsigned MultiplierWidth = 1,
  parameter logic [MultiplierWidth-1:0] Multiplier = 1'b1,
  parameter int unsigned Shift = 2,
  // Format of the result, with the modes of its cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap}
) (
  input wire logic clk_i,

  input  wire logic                    enable_i,
  input  wire logic [    SumWidth-1:0] sum_i,
  output logic      [Result.width-1:0] result_o
);

  if (QuotientFraction < SumFraction) begin : gen_check_fraction
    $error("average %m: QuotientFraction=%0d is below SumFraction=%0d", QuotientFraction, SumFraction);
  end

  localparam int unsigned Up = unsigned'(QuotientFraction - SumFraction);
  localparam int unsigned ProductWidth = SumWidth + Up + MultiplierWidth;
  localparam int unsigned QuotientWidth = ProductWidth > Shift ? ProductWidth - Shift : 1;

  logic [SumWidth-1:0] magnitude;
  logic negative, negative_q;
  logic [QuotientWidth-1:0] quotient_q;
  logic [QuotientWidth:0] quotient;

  assign negative = Signed && sum_i[SumWidth-1];
  assign magnitude = negative ? -sum_i : sum_i;

  always_ff @(posedge clk_i) begin
    if (enable_i) begin
      quotient_q <= QuotientWidth'(((ProductWidth'(magnitude) << Up) * ProductWidth'(Multiplier)) >> Shift);
      negative_q <= negative;
    end
  end

  assign quotient = negative_q ? -{1'b0, quotient_q} : {1'b0, quotient_q};

  requantise #(
    .InWidth(QuotientWidth + 1),
    .InFraction(QuotientFraction),
    .InSigned(1'b1),
    .Out(Result)
  ) u_cast (
    .code_i(quotient),
    .code_o(result_o)
  );

endmodule

`default_nettype wire
