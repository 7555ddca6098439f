`default_nettype none

// This module multiplies operands and weights in DSP blocks, and sums up to Group products there: one group of products
// after another, the last one with what is left. It names no vendor's primitive: synthesis finds multiplications with
// a register behind them, and additions of one further term each. The sums are exact. The latency is 3 +
// clog2(Group) enabled cycles. Weights come one enabled cycle after their operands.
//
// Packed, a block makes two products at once, of outputs 2 p and 2 p + 1 with the operand x that they share. With the
// low weight moved up by half of its range, so that it is never negative, and F = 2**(Width + 1), the block multiplies
//
//     (high * F + (low + 2**(WeightWidth - 1)) * 2 + 1) * x = (high * x) * F + (low * x) * 2 + (2**WeightWidth + 1) * x
//
// The last term depends on x alone. A group's offset takes it away, once for all outputs, and adds F / 2: the low sum,
// which lies in -2**(Width - 1) to 2**(Width - 1) - 1, becomes one without a sign and so borrows nothing from the high
// sum. To separate the two sums is to invert a bit. The lowest bit of a factor, the 1, makes that of the offset
// vary: synthesis would narrow an addition of a number with constant low bits, and then find no block that fits.
module dsp_sum
  import hwc_pkg::*;
#(
  // Number of outputs
  parameter int unsigned Pe = 1,
  // Number of products of an output
  parameter int unsigned Simd = 1,
  // Number of sets of operands: 1 if all outputs read the same operands, else Pe
  parameter int unsigned Sets = 1,
  // Format of the operands, of which only width and sign matter
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Bits of a weight, sign included
  parameter int unsigned WeightWidth = 4,
  // Number of products that are summed in blocks: 1, 2 or 4
  parameter int unsigned Group = 1,
  // 1: two products share a block; outputs read the same operands. The last of an odd number has blocks of its own
  parameter bit Packed = 1'b0,
  // Number of sums of an output, and bits of one
  localparam int unsigned Groups = (Simd + Group - 1) / Group,
  localparam int unsigned Width = unsigned'(int'(In.width)) + WeightWidth + unsigned'($clog2(Group))
) (
  // Clock
  input wire logic clk_i,

  // Clock enable; operands; weights of the operands one enabled cycle before; sums of earlier operands
  input  wire logic                                          enable_i,
  input  wire logic   [ Sets-1:0][Simd-1:0][   In.width-1:0] operands_i,
  input  wire logic   [   Pe-1:0][Simd-1:0][WeightWidth-1:0] weights_i,
  output logic signed [Width-1:0]                            sums_o    [Pe][Groups]
);

  if (Group != 1 && Group != 2 && Group != 4) begin : gen_check_group
    $error("dsp_sum %m: Group=%0d is neither 1 nor 2 nor 4", Group);
  end
  if (Packed && Sets != 1) begin : gen_check_sets
    $error("dsp_sum %m: Packed needs operands that all outputs share, not Sets=%0d", Sets);
  end

  localparam int unsigned InWidth = unsigned'(int'(In.width));
  localparam int unsigned OperandWidth = InWidth + (In.is_signed ? 0 : 1);
  // Blocks of a product's position: one for two outputs, or one for each
  localparam int unsigned Blocks = Packed ? (Pe + 1) / 2 : Pe;
  localparam int unsigned FactorWidth = Packed ? WeightWidth + Width + 1 : WeightWidth;
  localparam int unsigned SumWidth = Packed ? 2 * Width + 1 : Width + 1;
  // A product with all its bits, so that synthesis need not extend it
  localparam int unsigned NaturalWidth = FactorWidth + OperandWidth;
  localparam int unsigned ProductWidth = NaturalWidth < SumWidth ? NaturalWidth : SumWidth;

  typedef logic signed [OperandWidth-1:0] operand_t;
  typedef logic signed [FactorWidth-1:0] factor_t;
  typedef logic signed [ProductWidth-1:0] product_t;
  typedef logic signed [SumWidth-1:0] sum_t;

  function automatic operand_t extended(input logic [InWidth-1:0] operand);
    return operand_t'(signed'({In.is_signed & operand[InWidth-1], operand}));
  endfunction

  // What a block multiplies an operand with: the weights of two outputs, or of one
  function automatic factor_t factor(input logic [WeightWidth-1:0] high, input logic [WeightWidth-1:0] low);
    factor = factor_t'(signed'(high));
    if (Packed) factor = (factor <<< (Width + 1)) | factor_t'({low ^ (WeightWidth'(1) << (WeightWidth - 1)), 1'b1});
  endfunction

  // The third and the fourth product of a group are made a cycle later: each cycle adds two products. Unpacked arrays,
  // and loops that Verilator does not unroll, make its C++ far shorter.
  operand_t operands_q[Sets][Simd], later_q[Sets][Simd], latest_q[Sets][Simd];
  factor_t factors_q[Blocks][Simd], late_factors_q[Blocks][Simd];
  product_t products_q[Blocks][Simd];

  always_ff @(posedge clk_i) begin
    if (enable_i) begin : multiply
      operand_t operands[Sets][Simd];
      logic [WeightWidth-1:0] weights[Pe][Simd];
      factor_t factors[Blocks][Simd];
      product_t products[Blocks][Simd];
      for (int set = 0; set < int'(Sets); set++) begin
        for (int i = 0; i < int'(Simd); i++) operands[set][i] = extended(operands_i[set][i]);
      end
      for (int pe = 0; pe < int'(Pe); pe++) for (int i = 0; i < int'(Simd); i++) weights[pe][i] = weights_i[pe][i];
      /* verilator unroll_disable */
      for (int b = 0; b < int'(Blocks); b++) begin
        /* verilator unroll_disable */
        for (int i = 0; i < int'(Simd); i++) begin
          if (!Packed) factors[b][i] = factor(weights[b][i], '0);
          else if (2 * b + 1 < int'(Pe)) factors[b][i] = factor(weights[2*b+1][i], weights[2*b][i]);
          else factors[b][i] = factor(weights[2*b][i], '0);
          products[b][i] = i % int'(Group) < 2
              ? product_t'(factors_q[b][i]) * product_t'(later_q[Sets==1 ? 0 : b][i])
              : product_t'(late_factors_q[b][i]) * product_t'(latest_q[Sets==1 ? 0 : b][i]);
        end
      end
      operands_q <= operands;
      later_q <= operands_q;
      latest_q <= later_q;
      factors_q <= factors;
      late_factors_q <= factors_q;
      products_q <= products;
    end
  end

  // What is added to the products of a group
  sum_t offsets[Groups];

  if (Packed) begin : gen_offsets
    logic signed [Width+1:0] short_offsets[Groups];

    packed_offsets #(
      .Simd(Simd),
      .Group(Group),
      .OperandWidth(OperandWidth),
      .WeightWidth(WeightWidth),
      .Width(Width)
    ) u_offsets (
      .clk_i,
      .enable_i,
      .operands_i(operands_q[0]),
      .offsets_o(short_offsets)
    );
    always_comb for (int g = 0; g < int'(Groups); g++) offsets[g] = sum_t'(short_offsets[g]);
  end else begin : gen_no_offsets
    assign offsets = '{default: '0};
  end

  sum_t sums[Blocks][Groups];

  if (Group == 1) begin : gen_single
    always_comb begin
      for (int b = 0; b < int'(Blocks); b++) begin
        for (int g = 0; g < int'(Groups); g++) sums[b][g] = offsets[g] + sum_t'(products_q[b][g]);
      end
    end
  end else begin : gen_chain
    sum_t early_q[Blocks][Groups], late_q[Blocks][Groups];

    always_ff @(posedge clk_i) begin
      if (enable_i) begin : add
        sum_t early[Blocks][Groups], late[Blocks][Groups];
        /* verilator unroll_disable */
        for (int b = 0; b < int'(Blocks); b++) begin
          early[b] = offsets;
          late[b] = early_q[b];
          /* verilator unroll_disable */
          for (int i = 0; i < int'(Simd); i++) begin
            if (i % int'(Group) < 2) early[b][i/int'(Group)] += sum_t'(products_q[b][i]);
            else late[b][i/int'(Group)] += sum_t'(products_q[b][i]);
          end
        end
        early_q <= early;
        late_q <= late;
      end
    end
    assign sums = Group == 2 ? early_q : late_q;
  end

  always_comb begin
    for (int pe = 0; pe < int'(Pe); pe++) begin
      for (int g = 0; g < int'(Groups); g++) begin
        automatic sum_t sum = sums[Packed?pe/2 : pe][g];
        if (!Packed) sums_o[pe][g] = Width'(sum);
        else if (pe % 2 == 1 || pe + 1 == int'(Pe)) sums_o[pe][g] = Width'(sum >>> (Width + 1));
        else sums_o[pe][g] = Width'(sum >>> 1) ^ (Width'(1) << (Width - 1));
      end
    end
  end

endmodule

`default_nettype wire
