`default_nettype none

// This module adds up one value for each class of a sample. The values come in folds of PerCycle, one fold in each
// enabled cycle.
//
// It is a tree of adders with a register after each level, and an accumulator. Latency: `valid_o` rises Folds +
// clog2(PerCycle) enabled cycles after `start_i`, where Folds = ceil(Classes / PerCycle), for one cycle; the sum holds
// for that cycle alone. Samples may follow one another every Folds enabled cycles.
module fold_sum
  import hwc_pkg::*;
#(
  // Number of classes
  parameter int unsigned Classes = 10,
  // Number of values in a fold
  parameter int unsigned PerCycle = 1,
  // Bits of a value and of the sum, wide enough for the sum of Classes values; unsigned, or in two's complement
  parameter int unsigned Width = 21
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,
  // Clock enable of the whole pipeline
  input wire logic en_i,

  // A sample starts: its first fold is at values_i, and the others follow in the next enabled cycles. Lanes behind the
  // last class may hold anything
  input wire logic                           start_i,
  input wire logic [PerCycle-1:0][Width-1:0] values_i,

  // The sum of a sample
  output logic             valid_o,
  output logic [Width-1:0] sum_o
);

  localparam int unsigned Folds = (Classes + PerCycle - 1) / PerCycle;
  localparam int unsigned FoldBits = index_bits(Folds);
  localparam int unsigned Levels = $clog2(PerCycle);

  // which fold is at the tree's level l
  logic [FoldBits-1:0] fold_q;  // the next one's number
  logic [Levels:0] valid_q, first_q, last_q;

  // sums_q[l] has ceil(PerCycle / 2**l) sums of a fold's values
  logic [PerCycle-1:0][Width-1:0] sums_q[Levels+1];

  always_comb begin
    valid_q[0] = start_i || fold_q != '0;
    first_q[0] = start_i;
    last_q[0] = fold_q == FoldBits'(Folds - 1);
    for (int unsigned j = 0; j < PerCycle; j++) begin
      sums_q[0][j] = last_q[0] && (Folds - 1) * PerCycle + j >= Classes ? '0 : values_i[j];
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      fold_q <= '0;
    end else if (en_i && valid_q[0]) begin
      fold_q <= last_q[0] ? '0 : fold_q + 1'b1;
    end
  end

  for (genvar l = 1; l <= Levels; l++) begin : gen_level
    localparam int unsigned Before = (PerCycle + 2 ** (l - 1) - 1) / 2 ** (l - 1);
    always_ff @(posedge clk_i) begin
      if (en_i) begin
        for (int unsigned j = 0; j < PerCycle; j++) begin
          if (2 * j + 1 < Before) begin
            sums_q[l][j] <= sums_q[l-1][2*j] + sums_q[l-1][2*j+1];
          end else if (2 * j < Before) begin
            sums_q[l][j] <= sums_q[l-1][2*j];
          end else begin
            sums_q[l][j] <= '0;
          end
        end
        first_q[l] <= first_q[l-1];
        last_q[l] <= last_q[l-1];
      end
      if (!rst_ni) begin
        valid_q[l] <= 1'b0;
      end else if (en_i) begin
        valid_q[l] <= valid_q[l-1];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      sum_o <= (first_q[Levels] ? '0 : sum_o) + sums_q[Levels][0];
    end
    if (!rst_ni) begin
      valid_o <= 1'b0;
    end else if (en_i) begin
      valid_o <= valid_q[Levels] && last_q[Levels];
    end
  end

endmodule

`default_nettype wire
