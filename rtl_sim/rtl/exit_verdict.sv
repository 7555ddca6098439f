`default_nettype none

// The end of an exit's decision: holds a score against its threshold and hands on what follows from it.
//
// A score that is taken in cycle t has its outputs offered from cycle t + 1 on. See exit_decision for what they mean.
module exit_verdict import hwc_pkg::*; #(
  // Bits of a class
  parameter int unsigned LabelBits = 4,
  // Position of this exit, from 0, as it stands in its records
  parameter int unsigned ExitIndex = 0,
  // 1: the last exit, which every sample that reaches it leaves
  parameter bit IsLast = 1'b0
) (
  input  wire logic                 clk_i,
  input  wire logic                 rst_ni,

  // Score from which a sample leaves, and whether samples that stay are reported; one of each a bank
  input  wire logic [1:0][31:0]     threshold_i,
  input  wire logic [1:0]           anytime_i,

  // A score with its label, taken where en_o is set. That is the pipeline's clock enable: set where there is no score
  input  wire logic                 score_valid_i,
  output      logic                 en_o,
  input  wire logic signed [31:0]   score_i,
  input  wire logic [LabelBits-1:0] label_i,
  // Exits in a row, this one included, that chose the class of the one before; of the sample that is being taken
  output      logic [7:0]           agreements_o,

  input  wire logic                 sample_valid_i,
  output      logic                 sample_ready_o,
  input  wire sample_t              sample_data_i,

  output      logic                 record_valid_o,
  input  wire logic                 record_ready_i,
  output      record_t              record_data_o,

  output      logic                 release_valid_o,
  input  wire logic                 release_ready_i,
  output      logic                 release_keep_o,

  output      logic                 next_valid_o,
  input  wire logic                 next_ready_i,
  output      sample_t              next_data_o
);

  typedef struct packed {
    sample_t            sample;  // as the next exit is to see it
    logic signed [31:0] score;
    logic               leave;
    logic               report;
  } verdict_t;

  verdict_t made, verdict;
  logic room, valid, settled;

  wire logic signed [31:0] threshold = signed'(threshold_i[sample_data_i.bank]);
  wire logic again = sample_data_i.seen && sample_data_i.label == 16'(label_i);

  always_comb begin
    agreements_o = '0;
    if (again) begin
      agreements_o = sample_data_i.agreements == 8'd255 ? 8'd255 : sample_data_i.agreements + 8'd1;
    end
  end

  always_comb begin
    made.sample = sample_data_i;
    made.sample.label = 16'(label_i);
    made.sample.agreements = agreements_o;
    made.sample.seen = 1'b1;
    made.score = score_i;
    // no score reaches Never
    made.leave = IsLast || score_i >= threshold;
    made.report = made.leave || anytime_i[sample_data_i.bank];
  end

  assign en_o = !score_valid_i || (sample_valid_i && room);
  assign sample_ready_o = score_valid_i && room;

  logic [$bits(verdict_t)-1:0] verdict_bits;
  stream_register #(.Width($bits(verdict_t))) i_verdict (
    .clk_i, .rst_ni,
    .in_valid_i(score_valid_i && sample_valid_i), .in_ready_o(room), .in_data_i(made),
    .out_valid_o(valid), .out_ready_i(settled), .out_data_o(verdict_bits)
  );
  assign verdict = verdict_t'(verdict_bits);

  assign record_data_o = '{
    flags: {6'd0, verdict.sample.error, verdict.leave},
    exit_index: 8'(ExitIndex),
    label: verdict.sample.label,
    score: verdict.score,
    cycles: verdict.sample.stamp,
    sample_id: verdict.sample.sample_id
  };
  assign next_data_o = verdict.sample;
  assign release_keep_o = !verdict.leave;

  if (IsLast) begin : gen_last
    wire logic unused = &{1'b0, release_ready_i, next_ready_i, verdict.report};
    assign record_valid_o = valid;
    assign settled = record_ready_i;
    assign release_valid_o = 1'b0;
    assign next_valid_o = 1'b0;
  end else begin : gen_early
    // each part is pending until it is taken; one that the verdict does not have is taken at once
    logic record, release_bit, next;
    wire logic waits = record && verdict.report && !verdict.leave;  // goes on after its record only
    logic [$bits(verdict_t)-1:0] unused_data;
    stream_fork #(.Width($bits(verdict_t)), .Outputs(3)) i_fork (
      .clk_i, .rst_ni,
      .in_valid_i(valid), .in_ready_o(settled), .in_data_i(verdict_bits),
      .out_valid_o({next, release_bit, record}),
      .out_ready_i({
        verdict.leave || (next_ready_i && !waits), release_ready_i && !waits, !verdict.report || record_ready_i
      }),
      .out_data_o(unused_data)
    );
    assign record_valid_o  = record && verdict.report;
    assign release_valid_o = release_bit && !waits;
    assign next_valid_o    = next && !waits && !verdict.leave;
  end

endmodule

`default_nettype wire
