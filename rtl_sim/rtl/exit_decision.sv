`default_nettype none

// Decides whether a sample leaves at an exit.
//
// A beat of logits is folded: PerCycle of them a cycle, over Folds = ceil(Classes / PerCycle) cycles. A first pass
// finds the largest (and second largest), a second one, where the criterion needs it, sums over the distances from it,
// while the first pass is at the next sample. The pipeline stalls as a whole where a decision cannot be handed on.
// Interval: Folds cycles; in anytime mode at least 2.
// Latency, from the cycle in which logits are accepted to the one in which `record_valid_o` rises, nothing stalling:
//   Folds + clog2(PerCycle) + 4 + score latency, the latter
//   margin, patience, gate: 1;  cdln: 2;  max_softmax: Folds + clog2(PerCycle) + 5;
//   entropy, eenet: Folds + clog2(PerCycle) + 18;  1 more where scores are lowered by class.
// `sample` is taken when the score is known, 2 cycles before the record is offered; it may come at any time before.
//
// A sample leaves when its score reaches the threshold of its bank; the last exit takes every sample. Each decision
// gives, each exactly once and as soon as each is taken: a record for a sample that leaves (in anytime mode for every
// one), with its stamp in the place of `cycles`; its information to the next exit where it stays; one bit to the
// conditional buffer, 1 forwards, 0 drops. In anytime mode a sample that stays goes on only after its record was taken.
// The last exit offers neither of the latter two. No output's valid depends on an input of the same cycle, and
// `logits_ready_o` on no output's ready but where Folds is 1.
module exit_decision
  import hwc_pkg::*;
#(
  // Classes, 2 to 65536, one logit each, all in one beat
  parameter int unsigned Classes = 10,
  // 1: a beat has one more output behind the logits, the sample's gate, which is no class
  parameter bit Gated = 1'b0,
  // Format of the logits, of which width (at most 30) and sign are used: codes are integers
  parameter format_t Logits = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Logits handled a cycle
  parameter int unsigned PerCycle = 1,
  // Position of this exit, from 0, as it stands in its records
  parameter int unsigned ExitIndex = 0,
  // 1: the last exit, which every sample that reaches it leaves
  parameter bit IsLast = 1'b0,
  // "margin", "max_softmax", "entropy", "patience", "eenet", "gate" or "cdln"
  parameter string Criterion = "margin",
  // Tables of max_softmax (the first file), entropy and eenet (all four): see there
  parameter string ExponentialFile = "",
  parameter string WeightedFile = "",
  parameter int unsigned Length = 2,
  parameter int unsigned Fraction = 16,
  parameter int unsigned Shift = 0,
  parameter string LogarithmFile = "",
  parameter string ReciprocalFile = "",
  parameter int unsigned MantissaBits = 10,
  parameter int unsigned Ln2 = 45426,
  // 1: lower scores by an offset of the class chosen; with criteria that have a score before the sample's information
  parameter bit ByClass = 1'b0,
  parameter logic [Classes-1:0][31:0] ClassOffsets = '0,
  // Weights of eenet: see score_eenet, and past_scores for the last two
  parameter logic [Classes-1:0][17:0] ClassWeights = '0,
  parameter int TopWeight = 0,
  parameter int NatsWeight = 0,
  parameter logic [ExitIndex:0][31:0] Votes = '0,
  parameter int unsigned Drop = 0,
  parameter logic [ExitIndex:0][17:0] EarlierWeights = '0,
  parameter int unsigned EarlierFraction = 0,
  // Of cdln: the logit, an integer, from which a class is active
  parameter int Activation = 1,
  // Bits of what travels with a sample: a sample_t, and for eenet a past_t for each exit before this one above it
  localparam int unsigned PastBits = Criterion == "eenet" ? ExitIndex * $bits(past_t) : 0,
  localparam int unsigned NextPastBits = Criterion == "eenet" ? (ExitIndex + 1) * $bits(past_t) : 0,
  localparam int unsigned SampleBits = PastBits + $bits(sample_t),
  localparam int unsigned NextBits = NextPastBits + $bits(sample_t),
  // Bits of a logit, and of all outputs of a head; follow from the above
  localparam int unsigned Width = 32'(Logits.width),
  localparam int unsigned Outputs = Classes + 32'(Gated)
) (
  input wire logic clk_i,
  input wire logic rst_ni,

  // Score from which a sample leaves, and whether samples that stay are reported; one of each a bank
  input wire logic [1:0][31:0] threshold_i,
  input wire logic [1:0]       anytime_i,

  input  wire logic                          logits_valid_i,
  output logic                               logits_ready_o,
  input  wire logic [Outputs-1:0][Width-1:0] logits_data_i,

  input  wire logic                  sample_valid_i,
  output logic                       sample_ready_o,
  input  wire logic [SampleBits-1:0] sample_data_i,

  output logic      record_valid_o,
  input  wire logic record_ready_i,
  output record_t   record_data_o,

  output logic      release_valid_o,
  input  wire logic release_ready_i,
  output logic      release_keep_o,

  output logic                     next_valid_o,
  input  wire logic                next_ready_i,
  output logic      [NextBits-1:0] next_data_o
);

  localparam int unsigned Folds = (Classes + PerCycle - 1) / PerCycle;
  localparam int unsigned FoldBits = index_bits(Folds);
  localparam int unsigned LabelBits = index_bits(Classes);
  localparam int unsigned Levels = $clog2(PerCycle);
  // enabled cycles from the first fold to the start of the second pass, and from there to the score
  localparam int unsigned TopLatency = Folds + Levels + 1;
  localparam int unsigned ScoreLatency =
      Criterion == "eenet" ? Folds + Levels + 18 :
      Criterion == "entropy" ? Folds + Levels + 18 :
      Criterion == "max_softmax" ? Folds + Levels + 5 :
      Criterion == "cdln" ? 2 : 1;

  if (Classes < 2 || Classes > 65536) begin : gen_check_classes
    $error("exit_decision %m: Classes=%0d is not in 2 to 65536", Classes);
  end
  if (Width < 1 || Width > 30) begin : gen_check_width
    $error("exit_decision %m: Logits.width=%0d is not in 1 to 30: a score would overflow", Width);
  end
  if (PerCycle < 1 || PerCycle > Classes) begin : gen_check_per_cycle
    $error("exit_decision %m: PerCycle=%0d is not in 1 to Classes=%0d", PerCycle, Classes);
  end
  if (ByClass && (Criterion == "patience" || Criterion == "eenet")) begin : gen_check_by_class
    $error("exit_decision %m: ByClass goes with margin, max_softmax, entropy, gate and cdln, not with %s", Criterion);
  end
  if (Criterion == "gate" && !Gated) begin : gen_check_gate
    $error("exit_decision %m: Criterion=gate reads a gate behind the logits: set Gated=1");
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
  logic start;  // of the second pass
  logic [Width-1:0] top, second;
  logic [LabelBits-1:0] top_label;

  find_top #(
    .CodeWidth(Width),
    .PerCycle(PerCycle),
    .LabelBits(LabelBits),
    .Second(Criterion == "margin" || Criterion == "cdln")
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

  // second pass; the criterion's score and label, and those that decide
  logic scored, decided;
  logic signed [31:0] score, decisive;
  logic [7:0] agreements;
  logic [LabelBits-1:0] label, decided_label;

  // what travels with the sample whose score is known
  logic sample_valid, sample_ready;
  sample_t sample;
  localparam int unsigned NextPastWires = NextPastBits > 0 ? NextPastBits : 1;
  logic [NextPastWires-1:0] next_past;

  if (Criterion == "margin") begin : gen_margin
    score_margin #(
      .CodeWidth(Width),
      .PerCycle(PerCycle)
    ) u_score (
      .clk_i,
      .rst_ni,
      .en_i(en),
      .start_i(start),
      .lanes_i(late_lanes),
      .top_i(top),
      .second_i(second),
      .agreements_i(agreements),
      .valid_o(scored),
      .score_o(score)
    );
  end else if (Criterion == "patience") begin : gen_patience
    score_patience #(
      .CodeWidth(Width),
      .PerCycle(PerCycle)
    ) u_score (
      .clk_i,
      .rst_ni,
      .en_i(en),
      .start_i(start),
      .lanes_i(late_lanes),
      .top_i(top),
      .second_i(second),
      .agreements_i(agreements),
      .valid_o(scored),
      .score_o(score)
    );
  end else if (Criterion == "max_softmax") begin : gen_max_softmax
    score_max_softmax #(
      .Classes(Classes),
      .CodeWidth(Width),
      .PerCycle(PerCycle),
      .ExponentialFile(ExponentialFile),
      .Length(Length),
      .Fraction(Fraction),
      .Shift(Shift)
    ) u_score (
      .clk_i,
      .rst_ni,
      .en_i(en),
      .start_i(start),
      .lanes_i(late_lanes),
      .top_i(top),
      .second_i(second),
      .agreements_i(agreements),
      .valid_o(scored),
      .score_o(score)
    );
  end else if (Criterion == "entropy") begin : gen_entropy
    score_entropy #(
      .Classes(Classes),
      .CodeWidth(Width),
      .PerCycle(PerCycle),
      .ExponentialFile(ExponentialFile),
      .WeightedFile(WeightedFile),
      .Length(Length),
      .Fraction(Fraction),
      .Shift(Shift),
      .LogarithmFile(LogarithmFile),
      .ReciprocalFile(ReciprocalFile),
      .MantissaBits(MantissaBits),
      .Ln2(Ln2)
    ) u_score (
      .clk_i,
      .rst_ni,
      .en_i(en),
      .start_i(start),
      .lanes_i(late_lanes),
      .top_i(top),
      .second_i(second),
      .agreements_i(agreements),
      .valid_o(scored),
      .score_o(score)
    );
  end else if (Criterion == "eenet") begin : gen_eenet
    logic signed [31:0] past_sum;
    logic [ExitIndex:0][15:0] labels;  // those of the exits before, and this one's
    assign labels[ExitIndex] = 16'(label);

    score_eenet #(
      .Classes(Classes),
      .CodeWidth(Width),
      .PerCycle(PerCycle),
      .Exits(ExitIndex + 1),
      .ExponentialFile(ExponentialFile),
      .WeightedFile(WeightedFile),
      .Length(Length),
      .Fraction(Fraction),
      .Shift(Shift),
      .LogarithmFile(LogarithmFile),
      .ReciprocalFile(ReciprocalFile),
      .MantissaBits(MantissaBits),
      .Ln2(Ln2),
      .ClassWeights(ClassWeights),
      .TopWeight(TopWeight),
      .NatsWeight(NatsWeight),
      .Votes(Votes),
      .Drop(Drop)
    ) u_score (
      .clk_i,
      .rst_ni,
      .en_i(en),
      .start_i(start),
      .lanes_i(late_lanes),
      .top_i(top),
      .second_i(second),
      .agreements_i(agreements),
      .labels_i(labels),
      .past_sum_i(past_sum),
      .valid_o(scored),
      .score_o(score)
    );

    if (ExitIndex == 0) begin : gen_no_past
      assign past_sum = '0;
      assign next_past = {16'(label), score};
    end else begin : gen_past
      past_t [ExitIndex-1:0] past;
      past_scores #(
        .Earlier(ExitIndex),
        .Weights(EarlierWeights[ExitIndex-1:0]),
        .WeightFraction(EarlierFraction)
      ) u_past (
        .clk_i,
        .rst_ni,
        .in_valid_i(sample_valid_i),
        .in_ready_o(sample_ready_o),
        .in_data_i(sample_data_i),
        .out_valid_o(sample_valid),
        .out_ready_i(sample_ready),
        .out_data_o({past, sample}),
        .sum_o(past_sum)
      );
      for (genvar k = 0; k < ExitIndex; k++) begin : gen_label
        assign labels[k] = past[k].label;
      end
      assign next_past = {16'(label), score, past};
    end
  end else if (Criterion == "cdln") begin : gen_cdln
    score_cdln #(
      .CodeWidth(Width),
      .PerCycle(PerCycle),
      .Activation(Activation + (Logits.is_signed ? 2 ** (Width - 1) : 0))
    ) u_score (
      .clk_i,
      .rst_ni,
      .en_i(en),
      .start_i(start),
      .lanes_i(late_lanes),
      .top_i(top),
      .second_i(second),
      .agreements_i(agreements),
      .valid_o(scored),
      .score_o(score)
    );
  end else if (Criterion == "gate") begin : gen_gate
    // gates of the samples between the acceptance of their logits and the start of their second pass
    localparam int unsigned Waiting = TopLatency / Folds + 2;
    logic room, some;
    logic [Width-1:0] gate;
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
      .out_data_o(gate),
      .level_o(unused_level)
    );
`ifndef SYNTHESIS
    always_ff @(posedge clk_i) begin
      if (rst_ni) begin
        assert ((room || !(logits_valid_i && logits_ready_o)) && (some || !start))
        else $error("a sample has lost its gate (%m)");
      end
    end
`else
    wire unused = room ^ some;
`endif
    score_gate #(
      .CodeWidth(Width),
      .PerCycle(PerCycle),
      .IsSigned(Logits.is_signed)
    ) u_score (
      .clk_i,
      .rst_ni,
      .en_i(en),
      .start_i(start),
      .lanes_i(late_lanes),
      .gate_i(gate),
      .top_i(top),
      .second_i(second),
      .agreements_i(agreements),
      .valid_o(scored),
      .score_o(score)
    );
  end else begin : gen_unknown
    $error("exit_decision %m: Criterion=%s is unknown", Criterion);
  end

  if (Criterion != "eenet") begin : gen_nothing_past
    assign next_past = '0;
  end
  if (Gated && Criterion != "gate") begin : gen_no_gate
    wire unused_gate = &{1'b0, logits_data_i[Outputs-1]};
  end
  if (PastBits == 0) begin : gen_sample
    assign sample_valid = sample_valid_i;
    assign sample_ready_o = sample_ready;
    assign sample = sample_data_i;
  end

  // the label waits for the score
  if (ScoreLatency < Folds) begin : gen_label_holds
    assign label = top_label;
  end else begin : gen_label_waits
    logic room, some;
    logic [index_bits(ScoreLatency / Folds + 2)-1:0] unused_level;
    stream_fifo #(
      .Width(LabelBits),
      .Depth(ScoreLatency / Folds + 1)
    ) u_labels (
      .clk_i,
      .rst_ni,
      .in_valid_i(start && en),
      .in_ready_o(room),
      .in_data_i(top_label),
      .out_valid_o(some),
      .out_ready_i(scored && en),
      .out_data_o(label),
      .level_o(unused_level)
    );
`ifndef SYNTHESIS
    always_ff @(posedge clk_i) begin
      if (rst_ni) begin
        assert ((room || !start) && (some || !scored))
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
      .valid_i(scored),
      .score_i(score),
      .label_i(label),
      .valid_o(decided),
      .score_o(decisive),
      .label_o(decided_label)
    );
  end else begin : gen_for_all
    assign decided = scored;
    assign decisive = score;
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
    .agreements_o(agreements),
    .extra_i(next_past),
    .sample_valid_i(sample_valid),
    .sample_ready_o(sample_ready),
    .sample_data_i(sample),
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
