`default_nettype none

// This module counts events modulo 2^Width, and latches the count when snapshot_i is set, so that several counters can
// be read as of one cycle. The latched count does not include an event of the cycle of the snapshot.
module event_counter #(
  // Bits of the count
  parameter int unsigned Width = 32
) (
  // Clock
  input wire logic clk_i,
  // Synchronous reset, active low, of the latched count
  input wire logic rst_ni,
  // Synchronous reset, active low, of the running count
  input wire logic core_rst_ni,

  // An event occurs in this cycle; the count is latched in this cycle
  input  wire logic             event_i,
  input  wire logic             snapshot_i,
  // The count as of the last snapshot
  output logic      [Width-1:0] latched_o
);

  logic [Width-1:0] count_q, latched_q;

  always_ff @(posedge clk_i) begin
    if (!core_rst_ni) count_q <= '0;
    else if (event_i) count_q <= count_q + 1'b1;
    if (!rst_ni) latched_q <= '0;
    else if (snapshot_i) latched_q <= count_q;
  end

  assign latched_o = latched_q;

endmodule

`default_nettype wire
