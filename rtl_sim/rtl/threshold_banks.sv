`default_nettype none

// Two banks of thresholds, so that they can change while samples are in flight. One bank is active: a sample carries
// its number from its first word on, and is decided by it wherever it leaves. The other is idle or drains.
//
// Contract: commit_i asks for a change. As soon as no sample of the inactive bank is in flight, the staged values *of
// that cycle* are copied into it and it becomes active for samples that start in later cycles. pending_o stands from
// the cycle after commit_i until the copy is done; a commit_i meanwhile changes nothing, one in the very cycle of the
// copy asks for another. A change needs no sample to move: it is done two cycles after commit_i where the inactive bank
// is empty. core_rst_ni returns both banks to Never and adaptive, and empties the counts; it does not withdraw a
// commit that is pending, which is then done as soon as the reset ends.
module threshold_banks
  import hwc_pkg::*;
#(
  // Exits, the last one included
  parameter int unsigned Exits = 2,
  // Bits that count the samples in flight of one bank
  parameter int unsigned InFlightWidth = 10
) (
  input wire logic clk_i,
  // Of the registers
  input wire logic rst_ni,
  // Of everything that a soft reset reaches; 0 wherever rst_ni is
  input wire logic core_rst_ni,

  // Staged values, and the wish to make them active
  input  wire logic [Exits-1:0][31:0] staged_thresholds_i,
  input  wire logic                   staged_anytime_i,
  input  wire logic                   commit_i,
  output logic                        pending_o,

  // In this cycle a sample of the active bank starts; a sample of finished_bank_i leaves
  input wire logic started_i,
  input wire logic finished_i,
  input wire logic finished_bank_i,

  // The bank of samples that start now, and the samples in flight of each bank
  output logic                          active_o,
  output logic [1:0][InFlightWidth-1:0] in_flight_o,

  // Values of both banks: [exit][bank] and [bank]
  output logic [Exits-1:0][1:0][31:0] thresholds_o,
  output logic [      1:0]            anytime_o
);

  logic pending_q, active_q, copy;
  logic [1:0][InFlightWidth-1:0] in_flight_d, in_flight_q;
  logic [1:0] started, finished;

  assign copy = core_rst_ni && pending_q && in_flight_q[!active_q] == '0;

  for (genvar bank = 0; bank < 2; bank++) begin : gen_bank
    assign started[bank] = started_i && active_q == 1'(bank);
    assign finished[bank] = finished_i && finished_bank_i == 1'(bank);
    always_comb begin
      in_flight_d[bank] = in_flight_q[bank];
      if (started[bank] && !finished[bank]) in_flight_d[bank] = in_flight_q[bank] + 1'b1;
      if (finished[bank] && !started[bank]) in_flight_d[bank] = in_flight_q[bank] - 1'b1;
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
      in_flight_q <= '0;
    end else begin
      active_q <= active_q ^ copy;
      in_flight_q <= in_flight_d;
    end
  end

  assign pending_o = pending_q;
  assign active_o = active_q;
  assign in_flight_o = in_flight_q;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    for (int bank = 0; bank < 2; bank++) begin
      if (core_rst_ni) begin
        assert (!(finished[bank] && in_flight_q[bank] == '0))
        else $error("A sample of bank %0d leaves that never started: was its record duplicated? (%m)", bank);
        assert (!(started[bank] && !finished[bank] && in_flight_q[bank] == '1))
        else $error("More samples of bank %0d are in flight than InFlightWidth counts (%m)", bank);
      end
    end
  end
`endif

endmodule

`default_nettype wire
