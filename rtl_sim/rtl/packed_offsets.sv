`default_nettype none

// This module computes what dsp_sum adds to a group of packed products, from the group's operands: 2**Width -
// (2**WeightWidth + 1) * (sum of the operands). The latency is 2 enabled cycles.
module packed_offsets #(
  // Number of operands, and of those of a group: 1, 2 or 4
  parameter int unsigned Simd = 1,
  parameter int unsigned Group = 1,
  // Bits of an operand, sign included
  parameter int unsigned OperandWidth = 9,
  // Bits of a weight, sign included
  parameter int unsigned WeightWidth = 4,
  // Bits of a sum of products
  parameter int unsigned Width = 12,
  // Number of groups; follows from the above
  localparam int unsigned Groups = (Simd + Group - 1) / Group
) (
  // Clock
  input wire logic clk_i,

  // Clock enable; operands; offsets of the operands two enabled cycles before
  input  wire logic                           enable_i,
  input  wire logic signed [OperandWidth-1:0] operands_i[  Simd],
  output logic signed      [       Width+1:0] offsets_o [Groups]
);

  typedef logic signed [OperandWidth:0] pair_t;
  typedef logic signed [OperandWidth+1:0] total_t;
  typedef logic signed [Width+1:0] offset_t;

  pair_t pairs_q[Groups][2];

  always_ff @(posedge clk_i) begin
    if (enable_i) begin : add
      pair_t pairs[Groups][2];
      offset_t offsets[Groups];
      for (int g = 0; g < int'(Groups); g++) begin
        automatic total_t total = total_t'(pairs_q[g][0]) + total_t'(pairs_q[g][1]);
        offsets[g] = (offset_t'(1) <<< Width) - offset_t'(total) - (offset_t'(total) <<< WeightWidth);
        pairs[g] = '{default: '0};
      end
      for (int i = 0; i < int'(Simd); i++) begin
        pairs[i/int'(Group)][i%int'(Group)/2] += pair_t'(operands_i[i]);
      end
      pairs_q <= pairs;
      offsets_o <= offsets;
    end
  end

endmodule

`default_nettype wire
