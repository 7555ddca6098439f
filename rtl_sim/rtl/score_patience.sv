`default_nettype none

// Score: how many exits in a row, this one included, chose the class that the exit before them chose.
//
// Latency: `valid_o` rises 1 enabled cycle after `start_i`.
module score_patience #(
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

  wire unused = &{1'b0, lanes_i, top_i, second_i, gate_i, label_i};

  assign score_o = 32'(agreements_i);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_o <= 1'b0;
    end else if (en_i) begin
      valid_o <= start_i;
    end
  end

endmodule

`default_nettype wire
