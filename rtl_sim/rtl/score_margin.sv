`default_nettype none

// Score: the largest logit less the second largest, in steps of the logits; 0 where two are largest.
//
// Latency: `valid_o` rises 1 enabled cycle after `start_i`.
module score_margin #(
  // Classes of a sample
  parameter int unsigned Classes = 10,
  // Bits of a code; codes are unsigned
  parameter int unsigned CodeWidth = 8,
  // Classes a cycle
  parameter int unsigned PerCycle = 1
) (
  input wire logic clk_i,
  input wire logic rst_ni,
  // Clock enable of the whole pipeline
  input wire logic en_i,

  // A sample begins: its first fold and gate are at lanes_i and gate_i, its two largest codes hold until its last fold
  input wire logic                                start_i,
  input wire logic [ PerCycle-1:0][CodeWidth-1:0] lanes_i,
  input wire logic [CodeWidth-1:0]                top_i,
  input wire logic [CodeWidth-1:0]                second_i,
  input wire logic [CodeWidth-1:0]                gate_i,
  // Class and agreements of the sample whose score is offered
  input wire logic [         15:0]                label_i,
  input wire logic [          7:0]                agreements_i,

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
