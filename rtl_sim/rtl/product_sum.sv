`default_nettype none

// This module computes sums of products of operands and weights, for several outputs at a time. The sums are exact. It
// is a pipeline of 2 + clog2(Simd) stages: a register for the operands, one for the products, and one for each level of
// a binary tree of adders. With Multiplier=Dsp there are 3 + clog2(Simd): weights have a register, too. Weights come one
// stage after their operands, as from a memory with a registered output. Each stage has a clock enable of its own, which
// moves a set of operands, products or sums on. In DSP blocks, one enable moves all: they must be the same there.
//
// In DSP blocks, the lowest levels of the tree are in the blocks, as far as up to four products go. Two outputs share a
// block where they read the same operand and a block's factor of 25 bits has room for both weights; else each product
// has a block.
module product_sum
  import hwc_pkg::*;
#(
  // Number of sums, one for each output
  parameter int unsigned Pe = 1,
  // Number of products in a sum
  parameter int unsigned Simd = 1,
  // Number of sets of operands: 1 if all sums read the same operands, else Pe
  parameter int unsigned Sets = 1,
  // Format of the operands, of which only width and sign matter
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Bits of a weight, sign included
  parameter int unsigned WeightWidth = 4,
  // How products are built, Lut or Dsp
  parameter multiplier_e Multiplier = Lut,
  // Bits of a sum, and number of stages
  localparam int unsigned SumWidth = unsigned'(int'(In.width)) + WeightWidth + unsigned'($clog2(Simd)),
  localparam int unsigned Stages = (Multiplier == Dsp ? 3 : 2) + unsigned'($clog2(Simd))
) (
  // Clock
  input wire logic clk_i,

  // Clock enable of each stage; operands; weights of the operands that came one stage before; sums of earlier operands
  input  wire logic [Stages-1:0]                                enables_i,
  input  wire logic [  Sets-1:0][    Simd-1:0][   In.width-1:0] operands_i,
  input  wire logic [    Pe-1:0][    Simd-1:0][WeightWidth-1:0] weights_i,
  output logic      [    Pe-1:0][SumWidth-1:0]                  sums_o
);

  if (Multiplier == Constant) begin : gen_check_multiplier
    $error("product_sum %m: Multiplier=Constant is what constant_sum is for");
  end
  if (Sets != 1 && Sets != Pe) begin : gen_check_sets
    $error("product_sum %m: Sets=%0d is neither 1 nor Pe=%0d", Sets, Pe);
  end

  localparam int unsigned InWidth = unsigned'(int'(In.width));
  // Bits of a block's smaller factors, and of a factor for two outputs beside those that its sums need
  localparam int unsigned BlockWidth = 25;
  localparam int unsigned OperandWidth = 18;
  localparam int unsigned PackedWidth = 2 * WeightWidth + InWidth + 1;
  localparam bit Packed = Sets == 1 && Pe > 1 && PackedWidth <= BlockWidth && InWidth < OperandWidth;
  // Products that are summed in blocks
  localparam int unsigned MostInGroup = Simd > 2 ? 4 : Simd;
  localparam int unsigned Room = BlockWidth - PackedWidth;
  localparam int unsigned Fitting = Room >= 2 ? 4 : Room + 1;
  localparam int unsigned Group = !Packed || MostInGroup < Fitting ? MostInGroup : Fitting;
  // What is added by the tree, and bits of it; products of the LUTs are at least as wide as the multiples below
  localparam int unsigned Leaves = Multiplier == Dsp ? (Simd + Group - 1) / Group : Simd;
  localparam int unsigned ProductWidth = InWidth + (WeightWidth > 3 ? WeightWidth : 3);
  localparam int unsigned LeafWidth = Multiplier == Dsp ? InWidth + WeightWidth + unsigned'($clog2(
      Group
  )) : ProductWidth;
  localparam int unsigned Levels = unsigned'($clog2(Leaves));

  // A multiple of an operand, from its negative double to its triple
  localparam int unsigned MultipleWidth = InWidth + 3;
  typedef logic signed [MultipleWidth-1:0] multiple_t;
  typedef logic signed [ProductWidth-1:0] product_t;
  typedef logic signed [LeafWidth-1:0] leaf_t;

  // What the tree of adders adds: products, or sums of groups of them. Unpacked arrays that are stored as a whole, and
  // elements that a digit chooses, make Verilator's C++ fast: it has no branches, and no copies of next values. What a
  // register stores is computed only where it is enabled, so that a layer that waits costs no simulation time.
  leaf_t leaves[Pe][Leaves];

  if (Multiplier == Dsp) begin : gen_dsp
    dsp_sum #(
      .Pe(Pe),
      .Simd(Simd),
      .Sets(Sets),
      .In(In),
      .WeightWidth(WeightWidth),
      .Group(Group),
      .Packed(Packed)
    ) u_sum (
      .clk_i,
      .enable_i(&enables_i[Stages-Levels-1:0]),
      .operands_i,
      .weights_i,
      .sums_o(leaves)
    );
  end else begin : gen_lut
    // A product is the sum of multiples of the operand, one for each digit of the weight to base four. A digit is 0 to
    // 3, but the highest one carries the sign: it is -2 to 1, or -1 to 0 if it has only one bit. The multiples are
    // computed once, in front of the operands' register; a digit, which chooses one of four, then costs one LUT6 a bit,
    // its adder included.
    localparam int unsigned Digits = (WeightWidth + 1) / 2;

    multiple_t highest_q[Sets][Simd][4], others_q[Sets][Simd][4];
    product_t products_q[Pe][Simd];

    function automatic multiple_t extended(input logic [InWidth-1:0] operand);
      return multiple_t'(signed'({In.is_signed & operand[InWidth-1], operand}));
    endfunction

    always_ff @(posedge clk_i) begin
      if (enables_i[0]) begin : multiples
        multiple_t highest[Sets][Simd][4], others[Sets][Simd][4];
        for (int set = 0; set < int'(Sets); set++) begin
          for (int i = 0; i < int'(Simd); i++) begin
            others[set][i][0] = '0;
            others[set][i][1] = extended(operands_i[set][i]);
            others[set][i][2] = others[set][i][1] << 1;
            others[set][i][3] = others[set][i][1] + others[set][i][2];
            // a sign alone is 0 or 3
            highest[set][i][0] = '0;
            highest[set][i][3] = -others[set][i][1];
            highest[set][i][1] = WeightWidth % 2 == 0 ? others[set][i][1] : '0;
            highest[set][i][2] = WeightWidth % 2 == 0 ? highest[set][i][3] << 1 : '0;
          end
        end
        highest_q <= highest;
        others_q <= others;
      end
      if (enables_i[1]) begin : multiply
        logic [Simd-1:0][WeightWidth-1:0] weights;
        logic [2*Digits-1:0] digits;
        multiple_t chosen;
        product_t row[Simd], products[Pe][Simd];
        // unrolled, thousands of products would take minutes to compile
        /* verilator unroll_disable */
        for (int pe = 0; pe < int'(Pe); pe++) begin
          weights = weights_i[pe];
          for (int i = 0; i < int'(Simd); i++) begin
            digits = (2 * Digits)'(signed'(weights[i]));
            chosen = highest_q[Sets==1?0 : pe][i][digits[2*Digits-1-:2]];
            // where digits follow, its sign leaves the product with the shifts
            row[i] = product_t'(unsigned'(chosen));
            for (int d = int'(Digits) - 2; d >= 0; d--) begin
              chosen = others_q[Sets==1?0 : pe][i][digits[2*d+:2]];
              // what has no sign is not extended, which costs a simulator more than an adder
              row[i] = (row[i] << 2) + (In.is_signed ? product_t'(chosen) : product_t'(unsigned'(chosen)));
            end
          end
          products[pe] = row;
        end
        products_q <= products;
      end
    end
    assign leaves = products_q;
  end

  for (genvar level = 0; level <= Levels; level++) begin : gen_level
    localparam int unsigned Nodes = (Leaves + (1 << level) - 1) >> level;
    localparam int unsigned NodeWidth = LeafWidth + level;
    typedef logic signed [NodeWidth-1:0] node_t;
    node_t nodes[Pe][Nodes];

    if (level == 0) begin : gen_leaves
      assign nodes = leaves;
    end else begin : gen_adders
      localparam int unsigned Below = (Leaves + (1 << (level - 1)) - 1) >> (level - 1);

      always_ff @(posedge clk_i) begin
        if (enables_i[Stages-1-(Levels-level)]) begin : add
          node_t sums[Pe][Nodes];
          for (int pe = 0; pe < int'(Pe); pe++) begin
            for (int i = 0; i < int'(Below / 2); i++) begin
              sums[pe][i] = node_t'(gen_level[level-1].nodes[pe][2*i]) + node_t'(gen_level[level-1].nodes[pe][2*i+1]);
            end
            if (Below % 2 == 1) sums[pe][Nodes-1] = node_t'(gen_level[level-1].nodes[pe][Below-1]);
          end
          nodes <= sums;
        end
      end
    end
  end

  always_comb for (int pe = 0; pe < int'(Pe); pe++) sums_o[pe] = SumWidth'(gen_level[Levels].nodes[pe][0]);

endmodule

`default_nettype wire
