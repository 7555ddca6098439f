`default_nettype none

// This module is a register of two entries in a stream: no combinational path crosses it, neither of valid and data nor
// of ready.
//
// A beat accepted in cycle t is offered from cycle t + 1 on; the throughput is one beat a cycle. It never drops,
// repeats or reorders a beat, and accepts up to two while its output is stalled.
module stream_register #(
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
    $error("stream_register %m: Width=0 is no beat");
  end

  logic valid_q, spilt_q;  // the offered beat, and the one that came in while it was stalled
  logic [Width-1:0] data_q, spill_q;

  assign in_ready_o = !spilt_q;
  assign out_valid_o = valid_q;
  assign out_data_o = data_q;

  wire move = !valid_q || out_ready_i;

  always_ff @(posedge clk_i) begin
    if (move) begin
      data_q <= spilt_q ? spill_q : in_data_i;
    end
    if (in_ready_o) begin
      spill_q <= in_data_i;
    end
    if (!rst_ni) begin
      valid_q <= 1'b0;
      spilt_q <= 1'b0;
    end else begin
      if (move) begin
        valid_q <= in_valid_i || spilt_q;
      end
      spilt_q <= !move && (in_valid_i || spilt_q);
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
