`default_nettype none

// This module decides whether a sample leaves at an exit.
//
// A beat of logits is folded: PerCycle logits a cycle, over Folds = ceil(Classes / PerCycle) cycles. A first pass finds
// the largest logit, and the second largest if it is needed. The score unit beside this module makes a score of them;
// if it needs all logits again, it gets them in a second pass, while the first pass works on the next sample. The
// pipeline, with the score unit, stalls as a whole where a decision cannot be handed on.
//
// Interval: Folds cycles; in anytime mode at least 2.
// Latency, from the cycle in which logits are accepted to that in which `record_valid_o` rises, while nothing stalls:
//   Folds + clog2(PerCycle) + 4 + ScoreUnit.latency;  1 more if scores are lowered by class.
// `sample` is accepted when the score is known, 2 cycles before the record is offered; it may be offered at any time
// before.
//
// A sample leaves if its score is at least the threshold of its bank; the last exit takes every sample. Each decision
// gives up to three outputs. Each of them is given exactly once, and as soon as its receiver is ready:
//
// - a record, if the sample leaves (in anytime mode for every sample), with the sample's stamp in the place of
//   `cycles`;
// - what travels with the sample, to the next exit, if it stays;
// - one bit to the conditional buffer: 1 forwards the sample, 0 drops it.
// In anytime mode, a sample that stays goes on only after its record has been accepted. The last exit gives records
// only. No output's valid depends on an input of the same cycle. `logits_ready_o` depends on the ready of an output
// only if Folds is 1.
module exit_decision
  import hwc_pkg::*;
#(
  // Number of classes, 2 to 65536; each has one logit, and all logits come in one beat
  parameter int unsigned Classes = 10,
  // 1: a beat has one more element behind the logits, the gate of the sample, which is no class
  parameter bit Gated = 1'b0,
  // Format of the logits, of which only width (at most 30 bits) and sign are used: codes are integers
  parameter format_t Logits = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Number of logits processed in a cycle, 1 to Classes
  parameter int unsigned PerCycle = 1,
  // Index of this exit, from 0, as its records have it
  parameter int unsigned ExitIndex = 0,
  // 1: this is the last exit, at which every sample leaves
  parameter bit IsLast = 1'b0,
  // The score unit beside this module. If it reads the past_t of earlier exits, this exit adds its own past_t, too
  parameter score_unit_t ScoreUnit = '{latency: 32'd1, second: 1'b0, gate: 1'b0, past: 1'b0},
  // 1: scores are lowered by an offset of the class chosen; then these offsets, signed, the first class lowest
  parameter bit ByClass = 1'b0,
  parameter logic [Classes-1:0][31:0] ClassOffsets = '0,
  // Bits of what travels with a sample: a sample_t, and a past_t for each exit before this one above it
  localparam int unsigned PastBits = ScoreUnit.past ? ExitIndex * $bits(past_t) : 0,
  localparam int unsigned NextPastBits = ScoreUnit.past ? (ExitIndex + 1) * $bits(past_t) : 0,
  localparam int unsigned SampleBits = PastBits + $bits(sample_t),
  localparam int unsigned NextBits = NextPastBits + $bits(sample_t),
  // Bits of a logit, and of all outputs of a head; follow from the above
  localparam int unsigned Width = 32'(Logits.width),
  localparam int unsigned Outputs = Classes + 32'(Gated)
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Of each bank: the threshold, the least score with which a sample leaves; and whether the mode is anytime
  input wire logic [1:0][31:0] threshold_i,
  input wire logic [1:0]       anytime_i,

  // To and from the score unit; docs/criteria.md describes these signals
  output logic                                       score_en_o,
  output logic                                       score_start_o,
  output logic             [PerCycle-1:0][Width-1:0] score_lanes_o,
  output logic             [   Width-1:0]            score_top_o,
  output logic             [   Width-1:0]            score_second_o,
  output logic             [   Width-1:0]            score_gate_o,
  output logic             [        15:0]            score_label_o,
  output logic             [         7:0]            score_agreements_o,
  input  wire logic                                  score_valid_i,
  input  wire logic signed [        31:0]            score_i,

  // Logits of a sample, and its gate above them
  input  wire logic                          logits_valid_i,
  output logic                               logits_ready_o,
  input  wire logic [Outputs-1:0][Width-1:0] logits_data_i,

  // What travels with a sample
  input  wire logic                  sample_valid_i,
  output logic                       sample_ready_o,
  input  wire logic [SampleBits-1:0] sample_data_i,

  // Records
  output logic      record_valid_o,
  input  wire logic record_ready_i,
  output record_t   record_data_o,

  // Decisions for the conditional buffer: 1 forwards the sample, 0 drops it
  output logic      release_valid_o,
  input  wire logic release_ready_i,
  output logic      release_keep_o,

  // What travels with a sample to the next exit
  output logic                     next_valid_o,
  input  wire logic                next_ready_i,
  output logic      [NextBits-1:0] next_data_o
);

  localparam int unsigned Folds = (Classes + PerCycle - 1) / PerCycle;
  localparam int unsigned FoldBits = index_bits(Folds);
  localparam int unsigned LabelBits = index_bits(Classes);
  localparam int unsigned Levels = $clog2(PerCycle);
  // enabled cycles from the first fold to the start of the score unit
  localparam int unsigned TopLatency = Folds + Levels + 1;

  if (Classes < 2 || Classes > 65536) begin : gen_check_classes
    $error("exit_decision %m: Classes=%0d is not in 2 to 65536", Classes);
  end
  if (Width < 1 || Width > 30) begin : gen_check_width
    $error("exit_decision %m: Logits.width=%0d is not in 1 to 30: a score would overflow", Width);
  end
  if (PerCycle < 1 || PerCycle > Classes) begin : gen_check_per_cycle
    $error("exit_decision %m: PerCycle=%0d is not in 1 to Classes=%0d", PerCycle, Classes);
  end
  if (ScoreUnit.gate && !Gated) begin : gen_check_gate
    $error("exit_decision %m: ScoreUnit.gate=1 needs a gate behind the logits: set Gated=1");
  end
  if (ByClass && ScoreUnit.past) begin : gen_check_by_class
    $error("exit_decision %m: ByClass would change the scores that later exits read: set ScoreUnit.past=0");
  end
  if (ScoreUnit.latency < 1) begin : gen_check_latency
    $error(
        "exit_decision %m: ScoreUnit.latency=%0d: a score comes a cycle after its start at the earliest",
        ScoreUnit.latency
    );
  end
  if (ExitIndex > 255) begin : gen_check_exit
    $error("exit_decision %m: ExitIndex=%0d has more than the 8 bits of a record", ExitIndex);
  end

  logic en;

  // the sample being folded, as unsigned codes in the same order; lanes past the last class become 0, the least
  logic [Classes-1:0][Width-1:0] codes, codes_q;
  logic busy_q;
  logic [FoldBits-1:0] fold_q;
  wire last = fold_q == FoldBits'(Folds - 1);

  always_comb begin
    codes = logits_data_i[Classes-1:0];
    for (int unsigned c = 0; c < Classes; c++) begin
      codes[c][Width-1] = logits_data_i[c][Width-1] ^ Logits.is_signed;
    end
  end

  assign logits_ready_o = en && (!busy_q || last);

  always_ff @(posedge clk_i) begin
    if (en) begin
      codes_q <= !busy_q || last ? codes : codes_q >> PerCycle * Width;
    end
    if (!rst_ni) begin
      busy_q <= 1'b0;
      fold_q <= '0;
    end else if (en) begin
      busy_q <= logits_valid_i || (busy_q && !last);
      if (busy_q) begin
        fold_q <= last ? '0 : fold_q + 1'b1;
      end
    end
  end

  // first pass
  wire [PerCycle-1:0][Width-1:0] lanes = codes_q[PerCycle-1:0];
  logic start;  // of the score unit
  logic [Width-1:0] top, second;
  logic [LabelBits-1:0] top_label;

  find_top #(
    .CodeWidth(Width),
    .PerCycle(PerCycle),
    .LabelBits(LabelBits),
    .Second(ScoreUnit.second)
  ) u_find_top (
    .clk_i,
    .rst_ni,
    .en_i(en),
    .valid_i(busy_q),
    .first_i(fold_q == '0),
    .last_i(last),
    .lanes_i(lanes),
    .valid_o(start),
    .top_o(top),
    .second_o(second),
    .label_o(top_label)
  );

  // the same folds, when the largest is known
  logic [TopLatency-1:0][PerCycle-1:0][Width-1:0] folds_q;
  always_ff @(posedge clk_i) begin
    if (en) begin
      folds_q <= {folds_q[TopLatency-2:0], lanes};
    end
  end
  wire [PerCycle-1:0][Width-1:0] late_lanes = folds_q[TopLatency-1];

  // score and label of the score unit, and those that decide
  logic decided;
  logic signed [31:0] decisive;
  logic [LabelBits-1:0] label, decided_label;

  assign score_en_o = en;
  assign score_start_o = start;
  assign score_lanes_o = late_lanes;
  assign score_top_o = top;
  assign score_second_o = second;
  assign score_label_o = 16'(label);

  if (ScoreUnit.gate) begin : gen_gate
    // gates of the samples between the acceptance of their logits and the start of the score unit
    localparam int unsigned Waiting = TopLatency / Folds + 2;
    logic room, some;
    logic [index_bits(Waiting + 1)-1:0] unused_level;
    stream_fifo #(
      .Width(Width),
      .Depth(Waiting)
    ) u_gates (
      .clk_i,
      .rst_ni,
      .in_valid_i(logits_valid_i && logits_ready_o),
      .in_ready_o(room),
      .in_data_i(logits_data_i[Outputs-1]),
      .out_valid_o(some),
      .out_ready_i(start && en),
      .out_data_o(score_gate_o),
      .level_o(unused_level)
    );
`ifndef SYNTHESIS
    always_ff @(posedge clk_i) begin
      if (rst_ni) begin
        // The FIFO has room for every gate that comes, and a gate for every start of the score unit.
        assert ((room || !(logits_valid_i && logits_ready_o)) && (some || !start))
        else $error("a sample has lost its gate (%m)");
      end
    end
`else
    wire unused = room ^ some;
`endif
  end else begin : gen_no_gate
    assign score_gate_o = '0;
    wire unused_gate = &{1'b0, logits_data_i[Outputs-1]};
  end

  // what goes on with a sample that stays
  localparam int unsigned NextPastWires = NextPastBits > 0 ? NextPastBits : 1;
  logic [NextPastWires-1:0] next_past;
  if (!ScoreUnit.past) begin : gen_no_past
    assign next_past = '0;
  end else if (ExitIndex == 0) begin : gen_first_past
    assign next_past = {16'(label), score_i};
  end else begin : gen_past
    assign next_past = {16'(label), score_i, sample_data_i[SampleBits-1:$bits(sample_t)]};
  end

  // the label waits for the score
  if (ScoreUnit.latency < Folds) begin : gen_label_holds
    assign label = top_label;
  end else begin : gen_label_waits
    logic room, some;
    logic [index_bits(ScoreUnit.latency / Folds + 2)-1:0] unused_level;
    stream_fifo #(
      .Width(LabelBits),
      .Depth(ScoreUnit.latency / Folds + 1)
    ) u_labels (
      .clk_i,
      .rst_ni,
      .in_valid_i(start && en),
      .in_ready_o(room),
      .in_data_i(top_label),
      .out_valid_o(some),
      .out_ready_i(score_valid_i && en),
      .out_data_o(label),
      .level_o(unused_level)
    );
`ifndef SYNTHESIS
    always_ff @(posedge clk_i) begin
      if (rst_ni) begin
        // The FIFO has room for every label that comes, and a label for every score.
        assert ((room || !start) && (some || !score_valid_i))
        else $error("a score has lost its label (%m)");
      end
    end
`else
    wire unused = room ^ some;
`endif
  end

  if (ByClass) begin : gen_by_class
    class_offset #(
      .Classes(Classes),
      .LabelBits(LabelBits),
      .Offsets(ClassOffsets)
    ) u_offset (
      .clk_i,
      .rst_ni,
      .en_i(en),
      .valid_i(score_valid_i),
      .score_i,
      .label_i(label),
      .valid_o(decided),
      .score_o(decisive),
      .label_o(decided_label)
    );
  end else begin : gen_for_all
    assign decided = score_valid_i;
    assign decisive = score_i;
    assign decided_label = label;
  end

  exit_verdict #(
    .LabelBits(LabelBits),
    .ExitIndex(ExitIndex),
    .IsLast(IsLast),
    .EveryCycle(Folds == 1),
    .ExtraBits(NextPastBits)
  ) u_verdict (
    .clk_i,
    .rst_ni,
    .threshold_i,
    .anytime_i,
    .score_valid_i(decided),
    .en_o(en),
    .score_i(decisive),
    .label_i(decided_label),
    .agreements_o(score_agreements_o),
    .extra_i(next_past),
    .sample_valid_i,
    .sample_ready_o,
    .sample_data_i(sample_data_i[$bits(sample_t)-1:0]),
    .record_valid_o,
    .record_ready_i,
    .record_data_o,
    .release_valid_o,
    .release_ready_i,
    .release_keep_o,
    .next_valid_o,
    .next_ready_i,
    .next_data_o
  );

endmodule

`default_nettype wire
