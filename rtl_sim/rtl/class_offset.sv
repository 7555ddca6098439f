`default_nettype none

// Lowers a score by an offset of the class chosen, so that classes have thresholds of their own.
//
// Latency: 1 enabled cycle.
module class_offset #(
  // Classes
  parameter int unsigned Classes = 10,
  // Bits of a class
  parameter int unsigned LabelBits = 4,
  // Signed offset of each class, the first lowest; at most 2**30 either way
  parameter logic [Classes-1:0][31:0] Offsets = '0
) (
  input wire logic clk_i,
  input wire logic rst_ni,
  // Clock enable of the whole pipeline
  input wire logic en_i,

  input wire logic                        valid_i,
  input wire logic signed [         31:0] score_i,
  input wire logic        [LabelBits-1:0] label_i,

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
