`default_nettype none

// This module finds the largest logit of a sample, with the lowest class that has it, and the second largest.
//
// A sample comes in folds of PerCycle codes, one fold in each enabled cycle, without gaps inside a sample; the next
// sample may follow at once. A tree of comparators with a register after each level reduces a fold to one candidate,
// which is then compared with the best so far. Latency: `valid_o` rises clog2(PerCycle) + 2 enabled cycles after the
// last fold, for one cycle. The results hold until it rises again.
module find_top
  import hwc_pkg::*;
#(
  // Bits of a code; codes are unsigned
  parameter int unsigned CodeWidth = 8,
  // Number of codes in a cycle
  parameter int unsigned PerCycle = 1,
  // Bits of the index of a class
  parameter int unsigned LabelBits = 4,
  // 1: find the second largest, too; 0: second_o is 0
  parameter bit Second = 1'b0
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,
  // Clock enable of the whole pipeline
  input wire logic en_i,

  // A fold is there; it is the first, the last one of its sample
  input wire logic                               valid_i,
  input wire logic                               first_i,
  input wire logic                               last_i,
  // Codes of consecutive classes; lanes past the last class hold 0
  input wire logic [PerCycle-1:0][CodeWidth-1:0] lanes_i,

  // The largest code, the second largest, and the lowest class that has the largest
  output logic                 valid_o,
  output logic [CodeWidth-1:0] top_o,
  output logic [CodeWidth-1:0] second_o,
  output logic [LabelBits-1:0] label_o
);

  localparam int unsigned Levels = $clog2(PerCycle);
  localparam int unsigned LaneBits = index_bits(PerCycle);

  // the best of some lanes
  typedef struct packed {
    logic [CodeWidth-1:0] top;
    logic [CodeWidth-1:0] second;
    logic [LaneBits-1:0]  lane;
  } best_t;

  // the better of two, the left one on ties, and the second of both together
  function automatic best_t better(input best_t left, input best_t right);
    logic [CodeWidth-1:0] beside_left, beside_right;
    beside_left = right.top > left.second ? right.top : left.second;
    beside_right = left.top > right.second ? left.top : right.second;
    better = right.top > left.top ? right : left;
    better.second = '0;
    if (Second) begin
      better.second = right.top > left.top ? beside_right : beside_left;
    end
  endfunction

  // level l holds ceil(PerCycle / 2**l) candidates in registers; level 0 is the input
  best_t [PerCycle-1:0] level_q[Levels+1];
  logic [Levels:0] valid_q, first_q, last_q;

  always_comb begin
    for (int unsigned j = 0; j < PerCycle; j++) begin
      level_q[0][j] = '{top: lanes_i[j], second: '0, lane: LaneBits'(j)};
    end
    valid_q[0] = valid_i;
    first_q[0] = first_i;
    last_q[0] = last_i;
  end

  for (genvar l = 1; l <= Levels; l++) begin : gen_level
    localparam int unsigned Before = (PerCycle + 2 ** (l - 1) - 1) / 2 ** (l - 1);
    always_ff @(posedge clk_i) begin
      if (en_i) begin
        for (int unsigned j = 0; j < PerCycle; j++) begin
          if (2 * j + 1 < Before) begin
            level_q[l][j] <= better(level_q[l-1][2*j], level_q[l-1][2*j+1]);
          end else if (2 * j < Before) begin
            level_q[l][j] <= level_q[l-1][2*j];
          end else begin
            level_q[l][j] <= '0;
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

  // the best so far, and the class of lane 0 in its fold and in the present one
  best_t best_q;
  logic [LabelBits-1:0] base_q, best_base_q;
  logic done_q;

  wire best_t candidate = level_q[Levels][0];
  wire replaces = first_q[Levels] || candidate.top > best_q.top;
  wire [LabelBits-1:0] base = first_q[Levels] ? '0 : base_q;

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      if (valid_q[Levels]) begin
        best_q <= first_q[Levels] ? candidate : better(best_q, candidate);
        base_q <= base + LabelBits'(PerCycle);
        if (replaces) begin
          best_base_q <= base;
        end
      end
      if (done_q) begin
        top_o <= best_q.top;
        second_o <= best_q.second;
        label_o <= best_base_q + LabelBits'(best_q.lane);
      end
    end
    if (!rst_ni) begin
      done_q <= 1'b0;
      valid_o <= 1'b0;
    end else if (en_i) begin
      done_q <= valid_q[Levels] && last_q[Levels];
      valid_o <= done_q;
    end
  end

endmodule

`default_nettype wire
