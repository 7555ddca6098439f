`default_nettype none

// This module is the end of an exit's decision: it compares a score with its threshold, and gives the outputs that
// follow from that.
//
// A score that is accepted in cycle t is compared in cycle t + 1, and its outputs are offered from cycle t + 2 on.
// exit_decision says what they mean.
module exit_verdict
  import hwc_pkg::*;
#(
  // Bits of the index of a class
  parameter int unsigned LabelBits = 4,
  // Index of this exit, from 0, as its records have it
  parameter int unsigned ExitIndex = 0,
  // 1: this is the last exit, at which every sample leaves
  parameter bit IsLast = 1'b0,
  // 1: scores may come in every cycle, and en_o depends on the ready of the outputs; 0: scores come in every other
  // cycle at most, and en_o depends on no ready
  parameter bit EveryCycle = 1'b0,
  // Number of bits that travel above the sample_t to the next exit; the criterion gives them their meaning
  parameter int unsigned ExtraBits = 0,
  localparam int unsigned ExtraWires = ExtraBits > 0 ? ExtraBits : 1
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Of each bank: the threshold, the least score with which a sample leaves; and whether the mode is anytime
  input wire logic [1:0][31:0] threshold_i,
  input wire logic [1:0]       anytime_i,

  // A score with the class chosen, accepted when en_o is 1. en_o is the clock enable of the pipeline in front, and is
  // also 1 while there is no score
  input  wire logic                         score_valid_i,
  output logic                              en_o,
  input  wire logic signed [          31:0] score_i,
  input  wire logic        [ LabelBits-1:0] label_i,
  // Of the sample whose score is offered: the number of exits in a row, up to this one, that chose the class of the
  // exit before them
  output logic             [           7:0] agreements_o,
  // Extra bits of the same sample for the next exit; 0 if there are none
  input  wire logic        [ExtraWires-1:0] extra_i,

  // What travels with the sample
  input  wire logic    sample_valid_i,
  output logic         sample_ready_o,
  input  wire sample_t sample_data_i,

  // Records
  output logic      record_valid_o,
  input  wire logic record_ready_i,
  output record_t   record_data_o,

  // Decisions for the conditional buffer: 1 forwards the sample, 0 drops it
  output logic      release_valid_o,
  input  wire logic release_ready_i,
  output logic      release_keep_o,

  // What travels with the sample to the next exit: the extra bits above the sample_t
  output logic                                      next_valid_o,
  input  wire logic                                 next_ready_i,
  output logic      [ExtraBits+$bits(sample_t)-1:0] next_data_o
);

  typedef struct packed {
    logic [ExtraWires-1:0] extra;
    sample_t               info;   // as the next exit is to see it
    logic signed [31:0]    score;
  } scored_t;

  scored_t scored_q, verdict_q;  // to be compared, and being handed on
  logic scored_valid_q, valid_q, leave_q, report_q;
  logic settled;  // the last output of the verdict is being accepted, if there is a verdict

  wire again = sample_data_i.seen && sample_data_i.label == 16'(label_i);

  always_comb begin
    agreements_o = '0;
    if (again) begin
      agreements_o = sample_data_i.agreements == 8'd255 ? 8'd255 : sample_data_i.agreements + 8'd1;
    end
  end

  wire moves = scored_valid_q && (!valid_q || settled);
  wire room = !scored_valid_q || (EveryCycle && moves);

  assign en_o = !score_valid_i || (sample_valid_i && room);
  assign sample_ready_o = score_valid_i && room;

  // no score reaches Never
  wire leave = IsLast || scored_q.score >= signed'(threshold_i[scored_q.info.bank]);

  always_ff @(posedge clk_i) begin
    if (room) begin
      scored_q.info <= sample_data_i;
      scored_q.info.label <= 16'(label_i);
      scored_q.info.agreements <= agreements_o;
      scored_q.info.seen <= 1'b1;
      scored_q.score <= score_i;
      scored_q.extra <= extra_i;
    end
    if (moves) begin
      verdict_q <= scored_q;
      leave_q <= leave;
      report_q <= leave || anytime_i[scored_q.info.bank];
    end
    if (!rst_ni) begin
      scored_valid_q <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      if (room) begin
        scored_valid_q <= score_valid_i && sample_valid_i;
      end else if (moves) begin
        scored_valid_q <= 1'b0;
      end
      if (!valid_q || settled) begin
        valid_q <= scored_valid_q;
      end
    end
  end

  always_comb begin
    record_data_o.flags = {verdict_q.info.bank, 5'd0, verdict_q.info.error, leave_q};
    record_data_o.exit_index = 8'(ExitIndex);
    record_data_o.label = verdict_q.info.label;
    record_data_o.score = verdict_q.score;
    record_data_o.cycles = verdict_q.info.stamp;
    record_data_o.sample_id = verdict_q.info.sample_id;
  end
  if (ExtraBits > 0) begin : gen_extra
    assign next_data_o = {verdict_q.extra, verdict_q.info};
  end else begin : gen_no_extra
    wire unused = verdict_q.extra;
    assign next_data_o = verdict_q.info;
  end
  assign release_keep_o = !leave_q;

  if (IsLast) begin : gen_last
    wire unused = &{1'b0, release_ready_i, next_ready_i, report_q};
    assign record_valid_o = valid_q;
    assign settled = record_ready_i;
    assign release_valid_o = 1'b0;
    assign next_valid_o = 1'b0;
  end else begin : gen_early
    // each output is pending until it is accepted; an output that this verdict does not have counts as accepted
    logic record, release_bit, next;
    wire waits = record && report_q && !leave_q;  // goes on after its record only
    logic [$bits(scored_t)-1:0] unused_data;
    stream_fork #(
      .Width($bits(scored_t)),
      .Outputs(3)
    ) u_fork (
      .clk_i,
      .rst_ni,
      .in_valid_i(valid_q),
      .in_ready_o(settled),
      .in_data_i(verdict_q),
      .out_valid_o({next, release_bit, record}),
      .out_ready_i({leave_q || (next_ready_i && !waits), release_ready_i && !waits, !report_q || record_ready_i}),
      .out_data_o(unused_data)
    );
    assign record_valid_o = record && report_q;
    assign release_valid_o = release_bit && !waits;
    assign next_valid_o = next && !waits && !leave_q;
  end

endmodule

`default_nettype wire
