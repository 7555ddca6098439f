`default_nettype none

// This module lowers each score by an offset that belongs to the chosen class. With that, each class can have a
// threshold of its own. The latency is one enabled cycle.
module class_offset #(
  // Number of classes
  parameter int unsigned Classes = 10,
  // Bits of the index of a class
  parameter int unsigned LabelBits = 4,
  // Signed offset of each class in units of the score, the first class lowest; from -2**30 to 2**30
  parameter logic [Classes-1:0][31:0] Offsets = '0
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,
  // Clock enable of the whole pipeline
  input wire logic en_i,

  // A score, and the class that was chosen
  input wire logic                        valid_i,
  input wire logic signed [         31:0] score_i,
  input wire logic        [LabelBits-1:0] label_i,

  // The lowered score, and the same class
  output logic                        valid_o,
  output logic signed [         31:0] score_o,
  output logic        [LabelBits-1:0] label_o
);

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      score_o <= score_i - signed'(Offsets[label_i]);
      label_o <= label_i;
    end
    if (!rst_ni) begin
      valid_o <= 1'b0;
    end else if (en_i) begin
      valid_o <= valid_i;
    end
  end

endmodule

`default_nettype wire
