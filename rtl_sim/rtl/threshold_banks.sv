`default_nettype none

// This module holds two banks of thresholds, so that thresholds can change while samples are in flight. One bank is
// active: a sample carries the number of that bank from its first word on, and is decided by its thresholds at every
// exit. The other bank is idle, or its last samples are still in flight.
//
// Contract: commit_i asks for a change. As soon as no sample of the inactive bank is in flight, the staged values *of
// that cycle* are copied into that bank, and it becomes active for samples that start in later cycles. pending_o is 1
// from the cycle after commit_i until the copy is done. A commit_i in between changes nothing; one in the cycle of the
// copy itself asks for another change. A change does not need a sample that moves: if the inactive bank is empty, it is
// done two cycles after commit_i. core_rst_ni returns both banks to Never and to the adaptive mode, and clears the
// counts. It does not withdraw a pending commit, which is done as soon as the reset ends.
module threshold_banks
  import hwc_pkg::*;
#(
  // Number of exits, the last one included
  parameter int unsigned Exits = 2,
  // Bits of the counter of samples in flight of one bank, at least 2
  parameter int unsigned InFlightWidth = 10
) (
  // Clock
  input wire logic clk_i,
  // Synchronous reset of the registers, active low
  input wire logic rst_ni,
  // Synchronous reset of everything that a soft reset reaches, active low; 0 whenever rst_ni is 0
  input wire logic core_rst_ni,

  // Staged threshold codes and mode; the request to make them active; and whether such a request is pending
  input  wire logic [Exits-1:0][31:0] staged_thresholds_i,
  input  wire logic                   staged_anytime_i,
  input  wire logic                   commit_i,
  output logic                        pending_o,

  // A sample of the active bank starts in this cycle; a sample of bank finished_bank_i leaves in this cycle
  input wire logic started_i,
  input wire logic finished_i,
  input wire logic finished_bank_i,

  // The active bank, whether it is full, and whether a sample started in the cycle before. It is full when all samples
  // that can be counted but one are in flight, without one that started in the cycle before: that one, or another one
  // in this cycle, still has room
  output logic active_o,
  output logic full_o,
  output logic started_o,

  // Threshold codes [exit][bank], and whether the mode is anytime [bank]
  output logic [Exits-1:0][1:0][31:0] thresholds_o,
  output logic [      1:0]            anytime_o
);

  logic pending_q, active_q, copy;
  // Samples that a bank counts: all in flight but one that has started in the cycle before
  logic [1:0][InFlightWidth-1:0] counted_q;
  // A sample of the bank has started in the cycle before: that is known late in a cycle, and goes into a register
  logic [1:0] started_q;
  logic [1:0] full_d, full_q;  // counted_q is the largest number, or the one before
  // The active bank is full: what starts depends on it late in a cycle, so that it is known from a register
  logic closed_q;
  logic [1:0] finished;

  assign copy = core_rst_ni && pending_q && counted_q[!active_q] == '0 && !started_q[!active_q];

  for (genvar bank = 0; bank < 2; bank++) begin : gen_bank
    assign finished[bank] = finished_i && finished_bank_i == 1'(bank);

    always_comb begin
      full_d[bank] = full_q[bank];
      if (started_q[bank] != finished[bank]) begin
        full_d[bank] = finished[bank] ? counted_q[bank] == '1 : full_q[bank] || counted_q[bank] == ~InFlightWidth'(2);
      end
    end

    always_ff @(posedge clk_i) begin
      if (!core_rst_ni) begin
        counted_q[bank] <= '0;
        started_q[bank] <= 1'b0;
        full_q[bank] <= 1'b0;
      end else begin
        started_q[bank] <= started_i && active_q == 1'(bank);
        if (started_q[bank] != finished[bank]) begin
          counted_q[bank] <= counted_q[bank] + ({InFlightWidth{finished[bank]}} | InFlightWidth'(1));
        end
        full_q[bank] <= full_d[bank];
      end
    end

    logic [Exits-1:0][31:0] thresholds_q;
    logic anytime_q;
    always_ff @(posedge clk_i) begin
      if (!core_rst_ni) begin
        thresholds_q <= {Exits{Never}};
        anytime_q <= 1'b0;
      end else if (copy && active_q != 1'(bank)) begin
        thresholds_q <= staged_thresholds_i;
        anytime_q <= staged_anytime_i;
      end
    end
    for (genvar k = 0; k < Exits; k++) begin : gen_exit
      assign thresholds_o[k][bank] = thresholds_q[k];
    end
    assign anytime_o[bank] = anytime_q;
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) pending_q <= 1'b0;
    else pending_q <= commit_i || (pending_q && !copy);
    if (!core_rst_ni) begin
      active_q <= 1'b0;
      closed_q <= 1'b0;
    end else begin
      active_q <= active_q ^ copy;
      closed_q <= !copy && full_d[active_q];  // a bank that becomes active is empty
    end
  end

  assign pending_o = pending_q;
  assign active_o = active_q;
  assign started_o = |started_q;
  assign full_o = closed_q;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (core_rst_ni) begin
      // Whether the active bank is full agrees with what is known of both banks.
      assert (closed_q == full_q[active_q])
      else $error("Whether a sample may start contradicts the samples in flight (%m)");
    end
    for (int bank = 0; bank < 2; bank++) begin
      if (core_rst_ni) begin
        // A sample leaves only if one of its bank is in flight.
        assert (!(finished[bank] && counted_q[bank] == '0 && !started_q[bank]))
        else $error("A sample of bank %0d leaves that never started: was its record duplicated? (%m)", bank);
        // The counter of samples in flight does not overflow.
        assert (!(started_q[bank] && !finished[bank] && counted_q[bank] == '1))
        else $error("More samples of bank %0d are in flight than InFlightWidth counts (%m)", bank);
        // The flag agrees with the count.
        assert (full_q[bank] == (counted_q[bank] >= ~InFlightWidth'(1)))
        else $error("the count of samples of bank %0d contradicts its flag (%m)", bank);
      end
    end
  end
`endif

endmodule

`default_nettype wire
