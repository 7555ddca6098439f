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
  // How the sum is divided
  parameter division_t Division = '{fraction: 32'sd0, multiplier_width: 32'd1, multiplier: 64'd1, shift: 32'd2},
  // Format of the result, with the modes of its cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap}
) (
  input wire logic clk_i,

  input  wire logic                    enable_i,
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
