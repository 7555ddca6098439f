`default_nettype none

// This module computes the score -S, where S is the sum of the exponentials of the distances from the largest logit, in
// units of 2**-fraction. 1 / S is the largest probability of the softmax, so that a larger score means a surer sample.
//
// Latency: `valid_o` rises Folds + clog2(PerCycle) + 5 enabled cycles after `start_i`, where
// Folds = ceil(Classes / PerCycle).
module score_max_softmax
  import hwc_pkg::*;
#(
  // Number of classes
  parameter int unsigned Classes = 10,
  // Bits of a code; codes are unsigned
  parameter int unsigned CodeWidth = 8,
  // Number of classes processed in a cycle
  parameter int unsigned PerCycle = 1,
  // File with the table exp(-x), one hexadecimal entry a line, and the form of this table
  parameter string ExponentialFile = "",
  parameter exponential_t Exponential = '{length: 32'd2, fraction: 32'd16, shift: 32'd0}
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

  wire unused = &{1'b0, second_i, gate_i, label_i, agreements_i};

  localparam int unsigned SumWidth = Exponential.fraction + $clog2(Classes + 1);  // holds Classes << Fraction
  if (Exponential.fraction == 0 || SumWidth > 31) begin : gen_check_fraction
    $error(
        "score_max_softmax %m: the sum of Classes=%0d exponentials at Exponential.fraction=%0d must stay below 2**31",
        Classes,
        Exponential.fraction
    );
  end

  logic summed;
  logic [SumWidth-1:0] sum;
  table_sum #(
    .Classes(Classes),
    .CodeWidth(CodeWidth),
    .PerCycle(PerCycle),
    .File(ExponentialFile),
    .Length(Exponential.length),
    .EntryWidth(Exponential.fraction + 1),
    .Shift(Exponential.shift),
    .SumWidth(SumWidth)
  ) u_exponentials (
    .clk_i,
    .rst_ni,
    .en_i,
    .start_i,
    .lanes_i,
    .top_i,
    .valid_o(summed),
    .sum_o(sum)
  );

  logic signed [SumWidth:0] score_q;
  assign score_o = 32'(score_q);

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      score_q <= -signed'({1'b0, sum});
    end
    if (!rst_ni) begin
      valid_o <= 1'b0;
    end else if (en_i) begin
      valid_o <= summed;
    end
  end

endmodule

`default_nettype wire
