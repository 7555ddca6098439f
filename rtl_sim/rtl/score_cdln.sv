`default_nettype none

// This module computes the score of CDLN: by how much the largest logit exceeds the activation, or by how much the
// second largest is below it, whichever is less. score = min(top - Activation, Activation - 1 - second), in steps of
// the logits, which is at least 0 if exactly one class is active.
//
// Latency: `valid_o` rises 2 enabled cycles after `start_i`.
module score_cdln #(
  // Number of classes
  parameter int unsigned Classes = 10,
  // Bits of a code; codes are unsigned
  parameter int unsigned CodeWidth = 8,
  // Number of classes processed in a cycle
  parameter int unsigned PerCycle = 1,
  // Least code with which a class is active, from 1 to 2**CodeWidth - 1
  parameter int Activation = 1
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

  // signed, of differences between codes
  localparam int unsigned Bits = CodeWidth + 2;
  typedef logic signed [Bits-1:0] difference_t;

  if (Activation < 1 || 64'(Activation) >= 64'd1 << CodeWidth) begin : gen_check_activation
    $error("score_cdln %m: Activation=%0d is not in 1 to 2**CodeWidth - 1", Activation);
  end

  difference_t above_q, below_q, least_q;
  logic valid_q;
  assign score_o = 32'(least_q);

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      above_q <= difference_t'(top_i) - difference_t'(Activation);
      below_q <= difference_t'(Activation - 1) - difference_t'(second_i);
      least_q <= above_q < below_q ? above_q : below_q;
    end
    if (!rst_ni) begin
      valid_q <= 1'b0;
      valid_o <= 1'b0;
    end else if (en_i) begin
      valid_q <= start_i;
      valid_o <= valid_q;
    end
  end

endmodule

`default_nettype wire
