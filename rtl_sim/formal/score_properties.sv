`default_nettype none

// This module has the properties of a score unit, which is the module that is called score_unit: each start gives
// exactly one valid, Latency enabled cycles later, and the score that is offered holds while the unit is not enabled.
// Pauses, in which it is not enabled, are one cycle long, so that an induction reaches through all registers; longer
// pauses are not part of the proof.
module score_properties #(
  // Enabled cycles from a start to its valid
  parameter int unsigned Latency = 1,
  // Enabled cycles that a sample takes
  parameter int unsigned Folds = 2,
  parameter int unsigned CodeWidth = 4,
  parameter int unsigned PerCycle = 2,
  // 1: the score holds; 0: the valid comes and holds
  parameter bit Held = 1'b0
) (
  input wire logic                                clk_i,
  input wire logic                                en_i,
  input wire logic                                start_i,
  input wire logic [ PerCycle-1:0][CodeWidth-1:0] lanes_i,
  input wire logic [CodeWidth-1:0]                top_i,
  input wire logic [CodeWidth-1:0]                second_i,
  input wire logic [CodeWidth-1:0]                gate_i,
  input wire logic [         15:0]                label_i,
  input wire logic [          7:0]                agreements_i
);

  logic run_q = 1'b0;  // out of reset
  always_ff @(posedge clk_i) run_q <= 1'b1;

  logic valid;
  logic signed [31:0] score;
  score_unit u_dut (
    .clk_i,
    .rst_ni(run_q),
    .en_i,
    .start_i,
    .lanes_i,
    .top_i,
    .second_i,
    .gate_i,
    .label_i,
    .agreements_i,
    .valid_o(valid),
    .score_o(score)
  );

  logic stalled_q;
  always_ff @(posedge clk_i) begin
    stalled_q <= run_q && !en_i;
    if (run_q) begin
      assume (en_i || !stalled_q);
    end
  end

  if (Held) begin : gen_held
    logic [15:0] label_q;
    logic [7:0] agreements_q;
    logic signed [31:0] score_q;
    logic valid_q;
    always_ff @(posedge clk_i) begin
      label_q <= label_i;
      agreements_q <= agreements_i;
      score_q <= score;
      valid_q <= valid;
      if (run_q && stalled_q) begin
        assume (label_i == label_q && agreements_i == agreements_q);
        assert (score == score_q && valid == valid_q)
        else $error("a score moves while its unit is not enabled");
      end
    end
  end else begin : gen_timed
    localparam int unsigned SinceBits = $clog2(Folds + 1);
    logic [Latency-1:0] started_q;
    logic [SinceBits-1:0] since_q;  // enabled cycles from the last start, up to Folds
    always_ff @(posedge clk_i) begin
      if (!run_q) begin
        started_q <= '0;
        since_q <= SinceBits'(Folds);
      end else if (en_i) begin
        started_q <= Latency'({started_q, start_i});
        since_q <= start_i ? SinceBits'(1) : since_q + SinceBits'(since_q != SinceBits'(Folds));
      end
      if (run_q) begin
        assume (!start_i || since_q == SinceBits'(Folds));
        assert (since_q != '0)
        else $error("cycles from the last start are miscounted");
        assert (valid == started_q[Latency-1])
        else $error("a score is not offered Latency enabled cycles after its start");
      end
    end
  end

endmodule

`default_nettype wire
