`default_nettype none

// What is between the registers and the data path: soft reset, batches, threshold banks and counters. Every port that a
// register drives or shows is plain, so that a generated register block is only wired up.
//
// Contract:
// - soft_reset_i (one cycle) holds core_rst_no low for the ResetCycles cycles that follow; so does rst_ni as it ends.
//   resetting_o shows it. Thresholds return to Never, the mode to adaptive; ids, error, counters and samples in flight
//   are gone. The registers, the staged values, a pending commit and the latched counters stay.
// - A batch ends with TLAST. Its records still leave; no sample starts before the last of them, whatever it waits for
//   (draining_o). batch_last_o stands while the only sample in flight is the last of a batch that ended.
// - snapshot_i latches all counters as they stand at its cycle; with soft_reset_i in the same cycle: as they were.
// - commit_i: see threshold_banks.
// - No sample starts while 2^InFlightWidth - 1 samples of its bank are in flight.
module accelerator_control
  import hwc_pkg::*;
#(
  // Exits, the last one included
  parameter int unsigned Exits = 2,
  // Buffers whose level is watched: those between the stages; one, tied to 0, where there is a single exit
  parameter int unsigned Buffers = Exits > 1 ? Exits - 1 : 1,
  // Cycles that a soft reset lasts
  parameter int unsigned ResetCycles = 8,
  // Bits that count the samples in flight of one threshold bank
  parameter int unsigned InFlightWidth = 10
) (
  input  wire logic clk_i,
  // Of the registers
  input  wire logic rst_ni,
  // Of everything else; a register
  output logic      core_rst_no,

  // From the registers; the last three are pulses of one cycle
  input wire logic [Exits-1:0][31:0] staged_thresholds_i,
  input wire logic                   staged_anytime_i,
  input wire logic                   soft_reset_i,
  input wire logic                   snapshot_i,
  input wire logic                   commit_i,

  // To the registers: now
  output logic                     commit_pending_o,
  output logic                     active_bank_o,
  output logic                     draining_o,
  output logic                     resetting_o,
  output logic [       15:0]       in_flight_o,
  // To the registers: as of the last snapshot
  output logic [       63:0]       cycles_o,
  output logic [       31:0]       accepted_o,
  output logic [       31:0]       input_stalls_o,
  output logic [       31:0]       output_stalls_o,
  output logic [  Exits-1:0][31:0] finals_o,
  output logic [Buffers-1:0][15:0] high_water_o,

  // Around word_unpack
  input  wire logic        s_axis_tvalid_i,
  input  wire logic        s_axis_tready_i,
  input  wire logic        sample_started_i,
  input  wire logic        batch_ended_i,
  input  wire logic [31:0] accepted_i,
  output logic             start_allowed_o,
  output logic      [31:0] now_o,

  // Around record_pack: a record is taken in this cycle; its flags[7] is the bank of its sample
  input  wire logic    m_axis_tvalid_i,
  input  wire logic    m_axis_tready_i,
  input  wire logic    record_taken_i,
  input  wire record_t record_i,
  output logic         batch_last_o,

  // To the decisions: [exit][bank] and [bank]
  output logic [Exits-1:0][1:0][31:0] thresholds_o,
  output logic [      1:0]            anytime_o,

  // Beats in each buffer
  input wire logic [Buffers-1:0][15:0] levels_i
);

  if (Exits < 1 || Exits > 64) begin : gen_check_exits
    $error("accelerator_control %m: Exits=%0d is not 1 to 64, the exits that the register map has room for", Exits);
  end
  if (InFlightWidth < 1 || InFlightWidth > 15 || ResetCycles < 1) begin : gen_check_widths
    $error(
        "accelerator_control %m: InFlightWidth=%0d is not 1 to 15, or ResetCycles=%0d is 0", InFlightWidth, ResetCycles
    );
  end

  localparam int unsigned LeftWidth = $clog2(ResetCycles + 1);

  // Soft reset
  logic [LeftWidth-1:0] reset_left_q;
  logic core_rst_nq;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || soft_reset_i) begin
      reset_left_q <= LeftWidth'(ResetCycles - 1);
      core_rst_nq <= 1'b0;
    end else if (reset_left_q != '0) begin
      reset_left_q <= reset_left_q - 1'b1;
    end else begin
      core_rst_nq <= 1'b1;
    end
  end
  assign core_rst_no = core_rst_nq;
  assign resetting_o = !core_rst_nq;

  // Samples in flight and threshold banks
  logic final_taken;
  logic [1:0][InFlightWidth-1:0] in_flight;
  logic [InFlightWidth:0] in_flight_sum;
  assign final_taken = record_taken_i && record_i.flags[0];
  assign in_flight_sum = {1'b0, in_flight[0]} + {1'b0, in_flight[1]};
  assign in_flight_o = 16'(in_flight_sum);

  threshold_banks #(
    .Exits(Exits),
    .InFlightWidth(InFlightWidth)
  ) u_banks (
    .clk_i,
    .rst_ni,
    .core_rst_ni(core_rst_nq),
    .staged_thresholds_i,
    .staged_anytime_i,
    .commit_i,
    .pending_o(commit_pending_o),
    .started_i(sample_started_i),
    .finished_i(final_taken),
    .finished_bank_i(record_i.flags[7]),
    .active_o(active_bank_o),
    .in_flight_o(in_flight),
    .thresholds_o,
    .anytime_o
  );

  // Batches
  logic draining_q;
  always_ff @(posedge clk_i) begin
    if (!core_rst_nq) draining_q <= 1'b0;
    else draining_q <= batch_ended_i || (draining_q && !(final_taken && batch_last_o));
  end
  assign draining_o = draining_q;
  assign batch_last_o = draining_q && in_flight_sum == (InFlightWidth + 1)'(1);
  assign start_allowed_o = !draining_q && in_flight[active_bank_o] != '1;

  // Counters
  logic [63:0] cycles_q;
  always_ff @(posedge clk_i) begin
    if (!core_rst_nq) cycles_q <= '0;
    else cycles_q <= cycles_q + 1'b1;
    if (!rst_ni) begin
      cycles_o <= '0;
      accepted_o <= '0;
    end else if (snapshot_i) begin
      cycles_o <= cycles_q;
      accepted_o <= accepted_i;
    end
  end
  assign now_o = cycles_q[31:0];

  event_counter u_input_stalls (
    .clk_i,
    .rst_ni,
    .core_rst_ni(core_rst_nq),
    .event_i(s_axis_tvalid_i && !s_axis_tready_i),
    .snapshot_i,
    .latched_o(input_stalls_o)
  );
  event_counter u_output_stalls (
    .clk_i,
    .rst_ni,
    .core_rst_ni(core_rst_nq),
    .event_i(m_axis_tvalid_i && !m_axis_tready_i),
    .snapshot_i,
    .latched_o(output_stalls_o)
  );
  for (genvar k = 0; k < Exits; k++) begin : gen_finals
    event_counter u_finals (
      .clk_i,
      .rst_ni,
      .core_rst_ni(core_rst_nq),
      .event_i(final_taken && record_i.exit_index == 8'(k)),
      .snapshot_i,
      .latched_o(finals_o[k])
    );
  end

  for (genvar k = 0; k < Buffers; k++) begin : gen_high_water
    logic [15:0] highest_q;
    always_ff @(posedge clk_i) begin
      if (!core_rst_nq) highest_q <= '0;
      else if (levels_i[k] > highest_q) highest_q <= levels_i[k];
      if (!rst_ni) high_water_o[k] <= '0;
      else if (snapshot_i) high_water_o[k] <= highest_q;
    end
  end

  wire unused_record = ^record_i;

endmodule

`default_nettype wire
