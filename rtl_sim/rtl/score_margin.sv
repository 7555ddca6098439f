`default_nettype none

// This module computes the margin: the largest logit minus the second largest, in steps of the logits. It is 0 if two
// logits are largest.
//
// Latency: `valid_o` rises 1 enabled cycle after `start_i`.
module score_margin #(
  // Number of classes
  parameter int unsigned Classes = 10,
  // Bits of a code; codes are unsigned
  parameter int unsigned CodeWidth = 8,
  // Number of classes processed in a cycle
  parameter int unsigned PerCycle = 1
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,
  // Clock enable of the whole pipeline
  input wire logic en_i,

  // A sample starts: its first fold is at lanes_i, its gate at gate_i; its largest and second largest code are at top_i
  // and second_i until its last fold
  input wire logic                                start_i,
  input wire logic [ PerCycle-1:0][CodeWidth-1:0] lanes_i,
  input wire logic [CodeWidth-1:0]                top_i,
  input wire logic [CodeWidth-1:0]                second_i,
  input wire logic [CodeWidth-1:0]                gate_i,
  // Class and agreements of the sample whose score is at score_o
  input wire logic [         15:0]                label_i,
  input wire logic [          7:0]                agreements_i,

  // The score
  output logic               valid_o,
  output logic signed [31:0] score_o
);

  wire unused = &{1'b0, lanes_i, gate_i, label_i, agreements_i};

  logic [CodeWidth-1:0] margin_q;
  assign score_o = 32'(margin_q);

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      margin_q <= top_i - second_i;
    end
    if (!rst_ni) begin
      valid_o <= 1'b0;
    end else if (en_i) begin
      valid_o <= start_i;
    end
  end

endmodule

`default_nettype wire
