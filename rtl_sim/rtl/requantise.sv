`default_nettype none

// This module casts a fixed-point code to another format: it rounds the bits below the last bit of the format, then
// treats values outside its range. It is purely combinational, and the same function as `FixedPoint.requantise` in
// Python, for every pair of formats. Symmetric saturation of an unsigned format is plain saturation.
module requantise
  import hwc_pkg::*;
#(
  // Bits of the input code
  parameter int unsigned InWidth = 16,
  // Bits of the input code after the binary point; may be negative or above InWidth
  parameter int InFraction = 8,
  // 1: the input code is in two's complement; 0: it is unsigned
  parameter bit InSigned = 1'b1,
  // Format of the output code, with the modes of the cast
  parameter format_t Out = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd4, rounding: Trn, overflow: Wrap}
) (
  // Input code and output code
  input  wire logic [  InWidth-1:0] code_i,
  output logic      [Out.width-1:0] code_o
);

  localparam int unsigned Width = unsigned'(int'(Out.width));
  // Bits that the cast drops, or zeros that it adds
  localparam int Shift = InFraction - int'(Out.fraction);
  localparam int unsigned Drop = Shift > 0 ? unsigned'(Shift) : 0;
  localparam int unsigned Add = Shift < 0 ? unsigned'(-Shift) : 0;
  // Bits of the rounded code: at least a sign more than the result has, one more than the input for the carry
  localparam int unsigned Kept = (InWidth > Drop ? InWidth - Drop : 0) + Add + 2;
  localparam int unsigned Rounded = Kept > Width + 1 ? Kept : Width + 1;

  if (InWidth < 1 || Out.width < 1) begin : gen_check_width
    $error("requantise %m: InWidth=%0d and Out.width=%0d must be at least 1", InWidth, Out.width);
  end

  logic signed [Rounded-1:0] rounded;

  if (Drop > 0) begin : gen_round
    localparam int unsigned Wide = Rounded + Drop;
    logic [Wide-1:0] wide;
    logic [Rounded-1:0] floor;
    logic negative, half, sticky, up;

    assign wide = {{(Wide - InWidth) {InSigned & code_i[InWidth-1]}}, code_i};
    assign floor = wide[Wide-1:Drop];
    assign negative = wide[Wide-1];
    assign half = wide[Drop-1];
    if (Drop > 1) begin : gen_sticky
      assign sticky = |wide[Drop-2:0];
    end else begin : gen_no_sticky
      assign sticky = 1'b0;
    end

    always_comb begin
      unique case (Out.rounding)
        TrnZero:   up = negative & (half | sticky);
        Rnd:       up = half;
        RndZero:   up = half & (sticky | negative);
        RndInf:    up = half & (sticky | ~negative);
        RndMinInf: up = half & sticky;
        RndConv:   up = half & (sticky | floor[0]);
        default:   up = 1'b0;
      endcase
    end
    assign rounded = signed'(floor + Rounded'(up));
  end else begin : gen_exact
    assign rounded = signed'({{(Rounded - InWidth) {InSigned & code_i[InWidth-1]}}, code_i} << Add);
  end

  localparam logic [Width-1:0] High = Out.is_signed ? {Width{1'b1}} >> 1 : {Width{1'b1}};
  localparam logic [Width-1:0] Low = Out.is_signed ? ~High : '0;
  // The bits above the result's magnitude are copies of its sign where the code lies in range
  localparam int unsigned Above = Out.is_signed ? Width - 1 : Width;

  logic negative_result, outside;
  assign negative_result = rounded[Rounded-1];
  assign outside = rounded[Rounded-1:Above] != {(Rounded - Above) {negative_result & Out.is_signed}};

  always_comb begin
    code_o = rounded[Width-1:0];
    unique case (Out.overflow)
      Sat:     if (outside) code_o = negative_result ? Low : High;
      SatZero: if (outside) code_o = '0;
      SatSym: begin
        if (outside) code_o = negative_result ? Low : High;
        // the most negative code is one step outside
        if (Out.is_signed && code_o == Low) code_o = ~High + 1'b1;
      end
      default: ;
    endcase
  end

endmodule

`default_nettype wire
