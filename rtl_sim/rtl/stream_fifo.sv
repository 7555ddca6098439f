`default_nettype none

// This module is a first-in first-out buffer of a stream, with first word fall-through.
//
// A beat accepted in cycle t is offered from cycle t + 1 on if no beat is in front of it. The FIFO accepts beats while
// it holds fewer than Depth; a full one accepts the next beat in the cycle after one has left. `in_ready_o` and
// `out_valid_o` depend on registers only. The memory has an asynchronous read: it is made of LUTs, or of registers if
// Depth is 1.
module stream_fifo
  import hwc_pkg::*;
#(
  // Bits of a beat
  parameter int unsigned Width = 8,
  // Capacity in beats, at least 1; from 2 on, the throughput is one beat a cycle
  parameter int unsigned Depth = 2,
  // Bits of the level; follows from Depth
  localparam int unsigned LevelBits = index_bits(Depth + 1)
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
  output logic      [Width-1:0] out_data_o,

  // Level in beats
  output logic [LevelBits-1:0] level_o
);

  if (Width == 0 || Depth == 0) begin : gen_check_size
    $error("stream_fifo %m: Width=%0d and Depth=%0d must both be at least 1", Width, Depth);
  end

  localparam int unsigned AddressBits = index_bits(Depth);
  localparam logic [AddressBits-1:0] Last = AddressBits'(Depth - 1);

  logic [Width-1:0] memory_q[Depth];
  logic [AddressBits-1:0] write_q, read_q;
  logic [LevelBits-1:0] level_q;
  logic full_q, some_q;  // level_q == Depth, level_q != 0

  assign in_ready_o = !full_q;
  assign out_valid_o = some_q;
  assign out_data_o = memory_q[read_q];
  assign level_o = level_q;

  wire push = in_valid_i && !full_q;
  wire pop = some_q && out_ready_i;

  always_ff @(posedge clk_i) begin
    if (push) begin
      memory_q[write_q] <= in_data_i;
    end
    if (!rst_ni) begin
      write_q <= '0;
      read_q <= '0;
      level_q <= '0;
      full_q <= 1'b0;
      some_q <= 1'b0;
    end else begin
      if (push) begin
        write_q <= write_q == Last ? '0 : write_q + 1'b1;
      end
      if (pop) begin
        read_q <= read_q == Last ? '0 : read_q + 1'b1;
      end
      if (push && !pop) begin
        level_q <= level_q + 1'b1;
        full_q <= level_q == LevelBits'(Depth - 1);
        some_q <= 1'b1;
      end
      if (pop && !push) begin
        level_q <= level_q - 1'b1;
        full_q <= 1'b0;
        some_q <= level_q != LevelBits'(1);
      end
    end
  end

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // The flags `full` and `some` agree with the level.
      assert (full_q == (level_q == LevelBits'(Depth)) && some_q == (level_q != '0))
      else $error("the FIFO's level contradicts its flags (%m)");
    end
  end
`endif

endmodule

`default_nettype wire
