`default_nettype none

// Compares product_sum, in DSP blocks or LUTs, with products that are summed one by one, for several sizes, with an
// enable that comes and goes. For each size it prints its number, the number of vectors, and that of sums below zero.
module product_sum_all
  import hwc_pkg::*;
#(
  // Number of sizes
  parameter int unsigned Count = 1,
  // Of each size: outputs, products, sets, bits of operands, whether they have a sign, bits of weights, whether products
  // are in DSP blocks; the first lowest
  parameter logic [Count-1:0][6:0][7:0] Sizes = {8'd1, 8'd4, 8'd0, 8'd4, 8'd1, 8'd1, 8'd2},
  // Number of vectors of each size whose elements are random, many of them extremes; 0: all pairs of 4-bit weights with
  // all 4-bit operands at each position in turn, while the other positions have all combinations of extremes
  parameter int unsigned Random = 0
);

  for (genvar c = 0; c < int'(Count); c++) begin : gen_size
    localparam int unsigned Pe = 32'(Sizes[c][0]);
    localparam int unsigned Simd = 32'(Sizes[c][1]);
    localparam int unsigned Sets = 32'(Sizes[c][2]);
    localparam int unsigned InWidth = 32'(Sizes[c][3]);
    localparam bit Signed = Sizes[c][4][0];
    localparam int unsigned WeightWidth = 32'(Sizes[c][5]);
    localparam int unsigned Width = InWidth + WeightWidth + unsigned'($clog2(Simd));
    localparam multiplier_e Multiplier = Sizes[c][6][0] ? Dsp : Lut;
    localparam int unsigned Latency = (Multiplier == Dsp ? 3 : 2) + unsigned'($clog2(Simd));
    localparam int unsigned Vectors = Random != 0 ? Random : Simd << 15;

    logic clk, enable;
    logic [Sets-1:0][Simd-1:0][InWidth-1:0] operands;
    logic [Pe-1:0][Simd-1:0][WeightWidth-1:0] weights, next_weights;
    logic [Pe-1:0][Width-1:0] sums, expected;
    logic [Pe-1:0][Width-1:0] due[Latency+1];

    product_sum #(
      .Pe(Pe),
      .Simd(Simd),
      .Sets(Sets),
      .In('{is_signed: Signed, width: 16'(InWidth), fraction: 16'sd0, rounding: Trn, overflow: Wrap}),
      .WeightWidth(WeightWidth),
      .Multiplier(Multiplier)
    ) u_dut (
      .clk_i(clk),
      .enables_i({Latency{enable}}),
      .operands_i(operands),
      .weights_i(weights),
      .sums_o(sums)
    );

    // any code of some bits, often the least, the greatest, 0 or -1
    function automatic logic [31:0] code(input int unsigned width);
      automatic int unsigned kind = $urandom_range(7);
      automatic logic [31:0] any = $urandom;
      if (kind == 0) return 32'd1 << (width - 1);
      if (kind == 1) return (32'd1 << (width - 1)) - 1;
      if (kind == 2) return 32'd0;
      if (kind == 3) return '1;
      return any;
    endfunction

    function automatic logic [3:0] extreme(input logic highest, input logic has_sign);
      return has_sign ? (highest ? 4'd7 : 4'd8) : (highest ? 4'd15 : 4'd0);
    endfunction

    initial begin
      automatic int unsigned taken = 0;
      automatic int unsigned negative = 0;
      automatic int unsigned n = 0;
      while (taken < Vectors + Latency) begin
        enable = $urandom_range(7) != 0;
        if (Random != 0) begin
          for (int s = 0; s < int'(Sets); s++)
          for (int i = 0; i < int'(Simd); i++) operands[s][i] = InWidth'(code(InWidth));
          for (int p = 0; p < int'(Pe); p++) begin
            for (int i = 0; i < int'(Simd); i++) next_weights[p][i] = WeightWidth'(code(WeightWidth));
          end
        end else begin
          for (int i = 0; i < int'(Simd); i++) begin
            automatic logic here = n >> 15 == i;
            operands[0][i] = InWidth'(here ? n[3:0] : extreme(n[12], Signed));
            next_weights[0][i] = WeightWidth'(here ? n[7:4] : extreme(n[13], 1'b1));
            next_weights[Pe-1][i] = WeightWidth'(here ? n[11:8] : extreme(n[14], 1'b1));
          end
        end
        for (int p = 0; p < int'(Pe); p++) begin
          automatic logic [InWidth-1:0] x;
          expected[p] = '0;
          for (int i = 0; i < int'(Simd); i++) begin
            x = operands[Sets==1?0 : p][i];
            expected[p] += Width'(int'(signed'(next_weights[p][i])) * int'(signed'({Signed & x[InWidth-1], x})));
          end
        end
        clk = 1'b0;
        #1;
        clk = 1'b1;
        #1;
        if (enable) begin
          for (int d = int'(Latency); d > 0; d--) due[d] = due[d-1];
          due[0] = expected;
          weights = next_weights;
          taken++;
          n++;
          if (taken >= Latency) begin
            if (sums != due[Latency-1]) $fatal(1, "size %0d, vector %0d: %h for %h", c, taken, sums, due[Latency-1]);
            for (int p = 0; p < int'(Pe); p++) negative += 32'(sums[p][Width-1]);
          end
        end
      end
      $write("%0d %0d %0d\n", c, taken, negative);
    end
  end

endmodule

`default_nettype wire
