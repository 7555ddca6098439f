`default_nettype none

// dsp_sum: every sum is the sum of the products of its group, for all operands and weights. Two outputs; one group.
module dsp_sum_properties
  import hwc_pkg::*;
#(
  // Number of products of an output
  parameter int unsigned Simd = 1,
  // Bits of an operand and of a weight, and whether operands have a sign
  parameter int unsigned InWidth = 4,
  parameter int unsigned WeightWidth = 4,
  parameter bit Signed = 1'b0,
  // Whether two products share a block
  parameter bit Packed = 1'b1
) (
  input wire logic                                          clk_i,
  input wire logic [Simd-1:0][InWidth-1:0]                  operands_i,
  input wire logic [     1:0][   Simd-1:0][WeightWidth-1:0] weights_i
);

  localparam int unsigned Group = Simd > 2 ? 4 : Simd;
  localparam int unsigned Latency = 3 + unsigned'($clog2(Group));
  localparam int unsigned Width = InWidth + WeightWidth + unsigned'($clog2(Group));
  localparam format_t In = '{
      is_signed: Signed,
      width: 16'(InWidth),
      fraction: 16'sd0,
      rounding: Trn,
      overflow: Wrap
  };

  logic signed [Width-1:0] sums[2][1];

  dsp_sum #(
    .Pe(2),
    .Simd(Simd),
    .In(In),
    .WeightWidth(WeightWidth),
    .Group(Group),
    .Packed(Packed)
  ) u_dut (
    .clk_i,
    .enable_i(1'b1),
    .operands_i,
    .weights_i,
    .sums_o(sums)
  );

  // Earlier operands and weights, and sums of products one by one
  logic [Latency:1][Simd-1:0][InWidth-1:0] operands_q;
  logic [Latency:1][1:0][Simd-1:0][WeightWidth-1:0] weights_q;
  logic [Latency:0] known_q = '0;
  logic signed [Width-1:0] expected[2];

  always_ff @(posedge clk_i) begin
    operands_q <= {operands_q[Latency-1:1], operands_i};
    weights_q <= {weights_q[Latency-1:1], weights_i};
    known_q <= {known_q[Latency-1:0], 1'b1};
  end

  always_comb begin
    for (int pe = 0; pe < 2; pe++) begin
      expected[pe] = '0;
      for (int i = 0; i < int'(Simd); i++) begin
        expected[pe] += Width'(signed'(weights_q[Latency-1][pe][i])) *
            Width'(signed'({Signed & operands_q[Latency][i][InWidth-1], operands_q[Latency][i]}));
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (known_q[Latency]) begin
      assert (sums[0][0] == expected[0])
      else $error("the sum of an even output differs");
      assert (sums[1][0] == expected[1])
      else $error("the sum of an odd output differs");
    end
  end

endmodule

`default_nettype wire
