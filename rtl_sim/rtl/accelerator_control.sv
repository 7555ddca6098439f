`default_nettype none

// This module stands between the registers and the data path. It holds the soft reset, the batches, the threshold banks
// and the counters. Every port that a register drives or shows is a plain vector, so that a generated register block
// needs wires only.
//
// Contract:
// - Soft reset: soft_reset_i, a pulse of one cycle, holds core_rst_no at 0 for the ResetCycles cycles that follow. The
//   end of rst_ni does the same. resetting_o is 1 meanwhile. A soft reset sets all thresholds to Never and the mode to
//   adaptive, and clears ids, the error, the running counters and the samples in flight. It keeps the registers, the
//   staged values, a pending commit and the latched counters.
// - Batches: a batch ends with TLAST. From then on no sample starts until the last record of the batch has been
//   accepted, whatever it waits for; draining_o is 1 meanwhile. batch_last_o is 1 while the only sample in flight is
//   the last one of a batch that has ended.
// - Counters: snapshot_i, a pulse of one cycle, latches the values that all counters have in that cycle. If
//   soft_reset_i comes in the same cycle, the values are those from before the reset.
// - Thresholds: threshold_banks says what commit_i does.
// - No sample starts while 2^InFlightWidth - 2 samples of its threshold bank are in flight, without one that started in
//   the cycle before.
module accelerator_control
  import hwc_pkg::*;
#(
  // Number of exits, the last one included
  parameter int unsigned Exits = 2,
  // Number of conditional buffers whose level is watched. With a single exit there is none: then 1, its level tied to 0
  parameter int unsigned Buffers = Exits > 1 ? Exits - 1 : 1,
  // Duration of a soft reset, in cycles
  parameter int unsigned ResetCycles = 8,
  // Bits of the counter of samples in flight of one threshold bank, 2 to 15
  parameter int unsigned InFlightWidth = 10
) (
  // Clock
  input  wire logic clk_i,
  // Synchronous reset of the registers, active low
  input  wire logic rst_ni,
  // Synchronous reset of everything else, active low: a flip-flop and an inverter. Flip-flops of FPGAs are reset by a 1,
  // so that their own inverters cancel this one, and the reset is one net
  output logic      core_rst_no,

  // From the registers: staged threshold codes and mode; then three requests, each a pulse of one cycle
  input wire logic [Exits-1:0][31:0] staged_thresholds_i,
  input wire logic                   staged_anytime_i,
  input wire logic                   soft_reset_i,
  input wire logic                   snapshot_i,
  input wire logic                   commit_i,

  // To the registers, as it is now: flags, and the number of samples in flight, each from the second cycle after the one
  // in which it started
  output logic                     commit_pending_o,
  output logic                     active_bank_o,
  output logic                     draining_o,
  output logic                     resetting_o,
  output logic [       15:0]       in_flight_o,
  // To the registers, as of the last snapshot: cycles since the reset, samples accepted, cycles in which the input and
  // the output stalled, final records of each exit, and the highest level of each buffer in beats
  output logic [       63:0]       cycles_o,
  output logic [       31:0]       accepted_o,
  output logic [       31:0]       input_stalls_o,
  output logic [       31:0]       output_stalls_o,
  output logic [  Exits-1:0][31:0] finals_o,
  output logic [Buffers-1:0][15:0] high_water_o,

  // To and from word_unpack; now_o counts cycles, modulo 2^32
  input  wire logic        s_axis_tvalid_i,
  input  wire logic        s_axis_tready_i,
  input  wire logic        sample_started_i,
  input  wire logic        batch_ended_i,
  input  wire logic [31:0] accepted_i,
  output logic             start_allowed_o,
  output logic      [31:0] now_o,

  // To and from record_pack. record_taken_i: record_i is accepted in this cycle; its flags[7] is the bank of its sample
  input  wire logic    m_axis_tvalid_i,
  input  wire logic    m_axis_tready_i,
  input  wire logic    record_taken_i,
  input  wire record_t record_i,
  output logic         batch_last_o,

  // To the decisions: threshold codes [exit][bank], and whether the mode is anytime [bank]
  output logic [Exits-1:0][1:0][31:0] thresholds_o,
  output logic [      1:0]            anytime_o,

  // Level of each buffer, in beats
  input wire logic [Buffers-1:0][15:0] levels_i
);

  if (Exits < 1 || Exits > 64) begin : gen_check_exits
    $error("accelerator_control %m: Exits=%0d is not 1 to 64, the exits that the register map has room for", Exits);
  end
  if (InFlightWidth < 2 || InFlightWidth > 15 || ResetCycles < 1) begin : gen_check_widths
    $error(
        "accelerator_control %m: InFlightWidth=%0d is not 2 to 15, or ResetCycles=%0d is 0", InFlightWidth, ResetCycles
    );
  end

  localparam int unsigned LeftWidth = $clog2(ResetCycles + 1);

  // Soft reset
  logic [LeftWidth-1:0] reset_left_q;
  logic core_rst_q = 1'b1;  // from the configuration of the device on
  wire core_rst_n = !core_rst_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || soft_reset_i) begin
      reset_left_q <= LeftWidth'(ResetCycles - 1);
      core_rst_q <= 1'b1;
    end else if (reset_left_q != '0) begin
      reset_left_q <= reset_left_q - 1'b1;
    end else begin
      core_rst_q <= 1'b0;
    end
  end
  assign core_rst_no = core_rst_n;
  assign resetting_o = core_rst_q;

  // Samples in flight and threshold banks
  logic final_taken, full, started;
  assign final_taken = record_taken_i && record_i.flags[0];

  threshold_banks #(
    .Exits(Exits),
    .InFlightWidth(InFlightWidth)
  ) u_banks (
    .clk_i,
    .rst_ni,
    .core_rst_ni(core_rst_n),
    .staged_thresholds_i,
    .staged_anytime_i,
    .commit_i,
    .pending_o(commit_pending_o),
    .started_i(sample_started_i),
    .finished_i(final_taken),
    .finished_bank_i(record_i.flags[7]),
    .active_o(active_bank_o),
    .full_o(full),
    .started_o(started),
    .thresholds_o,
    .anytime_o
  );

  // All samples in flight but one that has started in the cycle before, and whether there are none or one of them
  logic [InFlightWidth:0] counted_q;
  logic none_q, one_q;
  always_ff @(posedge clk_i) begin
    if (!core_rst_n) begin
      counted_q <= '0;
      none_q <= 1'b1;
      one_q <= 1'b0;
    end else if (started != final_taken) begin
      counted_q <= counted_q + ({(InFlightWidth + 1) {final_taken}} | (InFlightWidth + 1)'(1));
      none_q <= final_taken && one_q;
      one_q <= final_taken ? counted_q == (InFlightWidth + 1)'(2) : none_q;
    end
  end
  assign in_flight_o = 16'(counted_q);

  // Batches. That one has ended is known late in a cycle, and goes into a register of its own
  logic ended_q, draining_q, draining;
  always_ff @(posedge clk_i) begin
    ended_q <= core_rst_n && batch_ended_i;
    draining_q <= core_rst_n && draining && !(final_taken && batch_last_o);
  end
  assign draining = ended_q || draining_q;
  assign draining_o = draining;
  assign batch_last_o = draining && (started ? none_q : one_q);
  assign start_allowed_o = !draining && !full;

  // Counters
  logic [63:0] cycles_q;
  always_ff @(posedge clk_i) begin
    if (!core_rst_n) cycles_q <= '0;
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
    .core_rst_ni(core_rst_n),
    .event_i(s_axis_tvalid_i && !s_axis_tready_i),
    .snapshot_i,
    .latched_o(input_stalls_o)
  );
  event_counter u_output_stalls (
    .clk_i,
    .rst_ni,
    .core_rst_ni(core_rst_n),
    .event_i(m_axis_tvalid_i && !m_axis_tready_i),
    .snapshot_i,
    .latched_o(output_stalls_o)
  );
  for (genvar k = 0; k < Exits; k++) begin : gen_finals
    event_counter u_finals (
      .clk_i,
      .rst_ni,
      .core_rst_ni(core_rst_n),
      .event_i(final_taken && record_i.exit_index == 8'(k)),
      .snapshot_i,
      .latched_o(finals_o[k])
    );
  end

  for (genvar k = 0; k < Buffers; k++) begin : gen_high_water
    logic [15:0] highest_q;
    always_ff @(posedge clk_i) begin
      if (!core_rst_n) highest_q <= '0;
      else if (levels_i[k] > highest_q) highest_q <= levels_i[k];
      if (!rst_ni) high_water_o[k] <= '0;
      else if (snapshot_i) high_water_o[k] <= highest_q;
    end
  end

  wire unused_record = ^record_i;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (core_rst_n) begin
      // The flags agree with the count of samples in flight.
      assert (none_q == (counted_q == '0) && one_q == (counted_q == (InFlightWidth + 1)'(1)))
      else $error("the count of samples in flight contradicts its flags (%m)");
    end
  end
`endif

endmodule

`default_nettype wire
