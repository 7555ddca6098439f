`default_nettype none

// This module is a folded array of multiply-accumulate units: out[o] = cast(bias[o] + sum over inputs of weight[input,
// o] * input), exact up to the cast.
//
// A vector comes in Beats beats of Lanes elements. In each cycle, a fold, Mac.simd lanes are multiplied for each of
// Mac.pe outputs, in the order: for each beat, for each Mac.simd lanes, for each Mac.pe outputs. A beat is accepted in
// its last fold, so that vectors follow one another without a gap. The interval is Beats * (Lanes / Mac.simd) *
// (Outputs / Mac.pe) cycles. The result is valid 5 + clog2(Mac.simd) cycles after the last fold; with Constant
// multipliers, 3 + clog2(Mac.simd * ((Mac.weight_width + 1) / 2)) cycles.
// Vectors may take turns, each with weights and biases of its own.
//
// The pipeline stalls as a whole while a result waits; in_ready_o depends on out_ready_i, never on in_valid_i.
module mac_array
  import hwc_pkg::*;
#(
  // Number of elements of an input beat. Depthwise: taps of the kernel times Channels, channels innermost
  parameter int unsigned Lanes = 1,
  // Number of input beats of a vector
  parameter int unsigned Beats = 1,
  // Number of elements of a result
  parameter int unsigned Outputs = 1,
  // Number of vectors that follow one another with weights of their own; then the first weights come again
  parameter int unsigned Turns = 1,
  // Multiply-accumulates of a vector. Depthwise: simd counts taps of the kernel
  parameter mac_t Mac = OneProduct,
  // Format of the input elements
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Format of the output elements, with the modes of the cast
  parameter format_t Result = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // 1: a depthwise layer: output o reads only the lanes of channel o / (Outputs / Channels)
  parameter bit Depthwise = 1'b0,
  // Number of channels of a depthwise input
  parameter int unsigned Channels = 1,
  // File with the image of the weight ROM, one word a fold, in the order of turns and folds: the weight of output pe and
  // lane simd is at [(pe * Mac.simd + simd) * Mac.weight_width +: Mac.weight_width]; not for Constant multipliers
  parameter string WeightsFile = "",
  // The only word of that image, for Constant multipliers
  parameter logic [Mac.pe-1:0][Mac.simd-1:0][Mac.weight_width-1:0] Weights = '0,
  // Bias of each output of each turn, with Mac.acc_fraction bits after the binary point
  parameter logic [Turns*Outputs-1:0][Mac.acc_width-1:0] Bias = '0,
  // Bits by which the sums of products of each output of each turn are shifted left, beyond Mac.product_shift: weights
  // of an output that are all even need no bit for that
  parameter logic [Turns*Outputs-1:0][ShiftBits-1:0] Shift = '0
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Input beats
  input  wire logic                           in_valid_i,
  output logic                                in_ready_o,
  input  wire logic [Lanes-1:0][In.width-1:0] in_data_i,

  // Output beats
  output logic                                      out_valid_o,
  input  wire logic                                 out_ready_i,
  output logic      [Outputs-1:0][Result.width-1:0] out_data_o
);

  localparam int unsigned InWidth = unsigned'(int'(In.width));
  localparam int unsigned ResultWidth = unsigned'(int'(Result.width));
  localparam int unsigned Simd = Mac.simd;
  localparam int unsigned Pe = Mac.pe;
  localparam int unsigned WeightWidth = Mac.weight_width;
  localparam int unsigned AccWidth = Mac.acc_width;
  // Lanes that one output reads, and the number of folds in which it reads those of a beat
  localparam int unsigned Depth = Depthwise ? Lanes / Channels : Lanes;
  localparam int unsigned Steps = Depth / Simd;
  localparam int unsigned Groups = Outputs / Pe;
  localparam int unsigned Folds = Turns * Beats * Steps * Groups;
  localparam int unsigned GroupBits = index_bits(Groups);
  localparam int unsigned StepBits = index_bits(Steps);
  localparam int unsigned BeatBits = index_bits(Beats);
  localparam int unsigned TurnBits = index_bits(Turns);
  localparam int unsigned FoldBits = index_bits(Folds);
  localparam int unsigned Sets = Depthwise ? Pe : 1;
  // Cycles from a fold to its sums
  localparam int unsigned ConstantDepth = 1 + unsigned'($clog2(Simd * ((WeightWidth + 1) / 2)));
  localparam int unsigned ProductDepth = 3 + unsigned'($clog2(Simd));
  localparam int unsigned SumDepth = Mac.multiplier == Constant ? ConstantDepth : ProductDepth;
  localparam int unsigned SumWidth = InWidth + WeightWidth + unsigned'($clog2(Simd));
  // Words of the weight ROM up to which LUTs read it in little time, unless it is asked to be in block RAM
  localparam int unsigned ShallowFolds = 64;
  localparam bit Shallow = Folds <= ShallowFolds && !Mac.block_weights;

  if (Outputs % Pe != 0) begin : gen_check_pe
    $error("mac_array %m: Outputs=%0d is not a multiple of Mac.pe=%0d", Outputs, Pe);
  end
  if (Depth % Simd != 0) begin : gen_check_simd
    $error("mac_array %m: the %0d lanes of an output are not a multiple of Mac.simd=%0d", Depth, Simd);
  end
  if (Depthwise && (Lanes % Channels != 0 || Outputs % Channels != 0)) begin : gen_check_channels
    $error("mac_array %m: Lanes=%0d or Outputs=%0d is not a multiple of Channels=%0d", Lanes, Outputs, Channels);
  end
  if (Mac.multiplier == Constant && Folds != 1) begin : gen_check_constant
    $error("mac_array %m: Mac.multiplier=Constant needs one fold, not %0d", Folds);
  end

  // Counters of the fold: group of outputs, step, beat, word of the ROM, which holds the folds of all turns
  logic [GroupBits-1:0] group_q;
  logic [StepBits-1:0] step_q;
  logic [BeatBits-1:0] beat_q;
  logic [FoldBits-1:0] fold_q;
  logic enable, fold, first, last, beat_end;
  // Whether group and step are the last ones: registers, since ready depends on them
  logic group_end_q, step_end_q;

  assign enable = !out_valid_o || out_ready_i;
  assign fold = enable && in_valid_i;
  assign beat_end = beat_q == BeatBits'(Beats - 1);
  assign first = step_q == '0 && beat_q == '0;
  assign last = step_end_q && beat_end;
  assign in_ready_o = enable && group_end_q && step_end_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      group_q <= '0;
      step_q <= '0;
      beat_q <= '0;
      fold_q <= '0;
      group_end_q <= Groups == 1;
      step_end_q <= Steps == 1;
    end else if (fold) begin
      group_q <= group_end_q ? '0 : group_q + 1'b1;
      group_end_q <= Groups == 1 || (!group_end_q && group_q == GroupBits'(Groups - 2));
      if (group_end_q) step_q <= step_end_q ? '0 : step_q + 1'b1;
      if (group_end_q) step_end_q <= Steps == 1 || (!step_end_q && step_q == StepBits'(Steps - 2));
      if (group_end_q && step_end_q) beat_q <= beat_end ? '0 : beat_q + 1'b1;
      fold_q <= fold_q == FoldBits'(Folds - 1) ? '0 : fold_q + 1'b1;
    end
  end

  // The fold's operands
  logic [Sets-1:0][Simd-1:0][InWidth-1:0] operands;

  if (Depthwise) begin : gen_depthwise
    logic [Simd-1:0][Channels-1:0][InWidth-1:0] taps;
    assign taps = in_data_i[step_q*Simd*Channels+:Simd*Channels];

    for (genvar pe = 0; pe < Pe; pe++) begin : gen_set
      for (genvar i = 0; i < Simd; i++) begin : gen_operand
        logic [Groups-1:0][InWidth-1:0] of_group;
        for (genvar p = 0; p < Groups; p++) begin : gen_group
          assign of_group[p] = taps[i][(p*Pe+pe)/(Outputs/Channels)];
        end
        assign operands[pe][i] = of_group[group_q];
      end
    end
  end else begin : gen_dense
    assign operands = in_data_i[step_q*Simd+:Simd];
  end

  // What travels with them: whether there is a fold, and whether it is the first or the last one of its outputs
  typedef struct packed {
    logic valid;
    logic first;
    logic last;
  } fold_t;
  fold_t [SumDepth-1:0] folds_q, folds_d;
  // Clock enables of the registers behind a fold's operands, stage by stage
  logic [SumDepth-1:0] moving;

  assign folds_d = (SumDepth * 3)'({folds_q, in_valid_i, first, last});

  always_ff @(posedge clk_i) begin
    if (!rst_ni) folds_q <= '0;
    else if (enable) folds_q <= folds_d;
  end

  if (Mac.multiplier != Lut) begin : gen_together
    // Registers in DSP blocks, and those in a row that become shift registers of LUTs, move together, but not while
    // there is no fold in the array
    logic [SumDepth-1:0] valid_d;
    logic some_q;

    always_comb for (int i = 0; i < int'(SumDepth); i++) valid_d[i] = folds_d[i].valid;
    always_ff @(posedge clk_i) begin
      if (!rst_ni) some_q <= 1'b0;
      else if (enable) some_q <= valid_d != '0;
    end
    assign moving = {SumDepth{enable && (in_valid_i || some_q)}};
    // Constant sums read one enable alone
    wire unused_moving = ^moving;
  end else begin : gen_stages
    // A stage changes only where it takes a fold, so that no enable is read by the registers of all stages
    always_comb for (int i = 0; i < int'(SumDepth); i++) moving[i] = enable && folds_d[i].valid;
  end

  // Their products with the weights, summed
  logic [Pe-1:0][SumWidth-1:0] sums;

  if (Mac.multiplier == Constant) begin : gen_constant
    constant_sum #(
      .Pe(Pe),
      .Simd(Simd),
      .Sets(Sets),
      .In(In),
      .WeightWidth(WeightWidth),
      .Weights(Weights)
    ) u_sum (
      .clk_i,
      .enable_i(moving[0]),
      .operands_i(operands),
      .sums_o(sums)
    );
  end else begin : gen_rom
    logic [Pe-1:0][Simd-1:0][WeightWidth-1:0] weights, fold_weights;
    logic [Sets-1:0][Simd-1:0][InWidth-1:0] fold_operands;
    logic [FoldBits-1:0] address;
    // Stages of the products and of their sums, and the stage in which weights are read
    localparam int unsigned ProductStages = (Mac.multiplier == Dsp ? 3 : 2) + unsigned'($clog2(Simd));
    localparam int unsigned ReadStage = Mac.multiplier != Dsp && Shallow ? 1 : 0;

    rom #(
      .Depth(Folds),
      .Width(Pe * Simd * WeightWidth),
      .Block(Mac.block_weights),
      .File(WeightsFile)
    ) u_weights (
      .clk_i,
      .enable_i(moving[ReadStage]),
      .address_i(address),
      .data_o(weights)
    );
    product_sum #(
      .Pe(Pe),
      .Simd(Simd),
      .Sets(Sets),
      .In(In),
      .WeightWidth(WeightWidth),
      .Multiplier(Mac.multiplier)
    ) u_sum (
      .clk_i,
      .enables_i(moving[SumDepth-1-:ProductStages]),
      .operands_i(fold_operands),
      .weights_i(fold_weights),
      .sums_o(sums)
    );

    // Lut multipliers compute on their operands in front of the register that they have, and on weights behind that of
    // the ROM. So the choice of operands has a register of its own. Weights wait as long: in front of a shallow ROM by
    // their address, behind a deep one, which is slow to read, themselves.
    if (Mac.multiplier == Dsp) begin : gen_direct
      assign fold_operands = operands;
      assign fold_weights = weights;
      assign address = fold_q;
    end else begin : gen_late
      logic [Sets-1:0][Simd-1:0][InWidth-1:0] operands_q;

      always_ff @(posedge clk_i) if (moving[0]) operands_q <= operands;
      assign fold_operands = operands_q;

      if (Shallow) begin : gen_shallow
        logic [FoldBits-1:0] address_q;

        always_ff @(posedge clk_i) if (moving[0]) address_q <= fold_q;
        assign address = address_q;
        assign fold_weights = weights;
      end else begin : gen_deep
        logic [Pe-1:0][Simd-1:0][WeightWidth-1:0] weights_q;

        always_ff @(posedge clk_i) if (moving[1]) weights_q <= weights;
        assign address = fold_q;
        assign fold_weights = weights_q;
      end
    end
  end

  fold_t summed;
  assign summed = folds_q[SumDepth-1];

  // The sums so far of each group of outputs: those of the group whose fold comes next are lowest
  logic [Groups-1:0][Pe-1:0][AccWidth-1:0] sums_q;
  logic [Pe-1:0][AccWidth-1:0] sums_d, biases;
  logic [GroupBits-1:0] sums_group_q, cast_group_q;
  logic [TurnBits-1:0] turn_q;
  logic sums_group_end, cast_q;

  localparam logic [Turns-1:0][Groups-1:0][Pe-1:0][AccWidth-1:0] Biases = Bias;
  localparam logic [Turns-1:0][Groups-1:0][Pe-1:0][ShiftBits-1:0] Shifts = Shift;
  logic [Pe-1:0][ShiftBits-1:0] shifts;

  assign biases = Biases[turn_q][sums_group_q];
  assign shifts = Shifts[turn_q][sums_group_q];
  assign sums_group_end = sums_group_q == GroupBits'(Groups - 1);

  always_comb begin
    for (int pe = 0; pe < int'(Pe); pe++) begin
      // The second operand of an addition is chosen in the adder's own LUTs, the first one is not
      sums_d[pe] = (AccWidth'(signed'(sums[pe])) << Mac.product_shift << shifts[pe]) +
          (summed.first ? biases[pe] : sums_q[0][pe]);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      sums_group_q <= '0;
      turn_q <= '0;
      cast_q <= 1'b0;
    end else if (enable) begin
      if (summed.valid) sums_group_q <= sums_group_end ? '0 : sums_group_q + 1'b1;
      if (summed.valid && summed.last && sums_group_end) turn_q <= turn_q == TurnBits'(Turns - 1) ? '0 : turn_q + 1'b1;
      cast_q <= summed.valid && summed.last;
    end
    if (enable && summed.valid) sums_q <= (Outputs * AccWidth)'({sums_d, sums_q} >> (Pe * AccWidth));
  end

  // Casts, and the result
  logic [Pe-1:0][ResultWidth-1:0] results;

  for (genvar pe = 0; pe < Pe; pe++) begin : gen_cast
    requantise #(
      .InWidth(AccWidth),
      .InFraction(Mac.acc_fraction),
      .InSigned(1'b1),
      .Out(Result)
    ) u_requantise (
      .code_i(sums_q[Groups-1][pe]),
      .code_o(results[pe])
    );
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      cast_group_q <= '0;
      out_valid_o <= 1'b0;
    end else if (enable) begin
      if (cast_q) cast_group_q <= cast_group_q == GroupBits'(Groups - 1) ? '0 : cast_group_q + 1'b1;
      out_valid_o <= cast_q && cast_group_q == GroupBits'(Groups - 1);
    end
    if (enable && cast_q) out_data_o <= (Outputs * ResultWidth)'({results, out_data_o} >> (Pe * ResultWidth));
  end

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // A beat stays offered until its last fold.
      assert (in_valid_i || (group_q == '0 && step_q == '0))
      else $error("a beat was withdrawn between its folds (%m)");
      // What is known of the counters agrees with them.
      assert (group_end_q == (group_q == GroupBits'(Groups - 1)) && step_end_q == (step_q == StepBits'(Steps - 1)))
      else $error("a counter of folds contradicts its flag (%m)");
    end
  end
`endif

endmodule

`default_nettype wire
