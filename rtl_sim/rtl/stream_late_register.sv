`default_nettype none

// This module is a register of two entries in a stream, like stream_register, for beats that come late in a cycle: they
// go into its registers without a choice, and the choice between the two is behind them. No combinational path crosses
// it, neither of valid and data nor of ready.
//
// A beat accepted in cycle t is offered from cycle t + 1 on; the throughput is one beat a cycle. It never drops,
// repeats or reorders a beat, and accepts up to two while its output is stalled.
module stream_late_register #(
  // Bits of a beat
  parameter int unsigned Width = 8
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Beats in
  input  wire logic             in_valid_i,
  output logic                  in_ready_o,
  input  wire logic [Width-1:0] in_data_i,

  // Beats out, in the same order
  output logic                  out_valid_o,
  input  wire logic             out_ready_i,
  output logic      [Width-1:0] out_data_o
);

  if (Width == 0) begin : gen_check_width
    $error("stream_late_register %m: Width=0 is no beat");
  end

  logic [1:0][Width-1:0] data_q;
  logic write_q, read_q;  // which register is filled next, and which one is offered
  logic some_q, full_d, full_q;  // at least one holds a beat; both do
  logic ready_q;  // !full_q, in a register of its own, which may lie near what reads it

  wire push = in_valid_i && !full_q;
  wire pop = some_q && out_ready_i;

  assign full_d = !pop && (full_q || (push && some_q));
  assign in_ready_o = ready_q;
  assign out_valid_o = some_q;
  assign out_data_o = data_q[read_q];

  always_ff @(posedge clk_i) begin
    for (int i = 0; i < 2; i++) begin
      if (!full_q && write_q == 1'(i)) data_q[i] <= in_data_i;
    end
    if (!rst_ni) begin
      write_q <= 1'b0;
      read_q <= 1'b0;
      some_q <= 1'b0;
      full_q <= 1'b0;
      ready_q <= 1'b1;
    end else begin
      write_q <= write_q ^ push;
      read_q <= read_q ^ pop;
      some_q <= push || full_q || (some_q && !pop);
      full_q <= full_d;
      ready_q <= !full_d;
    end
  end

`ifndef SYNTHESIS
  logic stalled_q;
  logic [Width-1:0] held_q;
  always_ff @(posedge clk_i) begin
    stalled_q <= rst_ni && in_valid_i && !in_ready_o;
    held_q <= in_data_i;
    if (rst_ni && stalled_q) begin
      // A beat that is offered stays, with its data, until it is accepted.
      assert (in_valid_i && in_data_i == held_q)
      else $error("a beat was taken back or changed before it was accepted (%m)");
    end
  end
`endif

endmodule

`default_nettype wire
