`default_nettype none

// This module copies a stream to several outputs: for each handshake at its input, every output has exactly one.
//
// It is an eager fork: each output gives its copy of a beat as soon as its receiver is ready, and the input's beat is
// accepted when the last output has given it. Valid, data and ready pass in the same cycle. The valid of an output
// never depends on a ready.
module stream_fork #(
  // Bits of a beat
  parameter int unsigned Width = 8,
  // Number of copies
  parameter int unsigned Outputs = 2
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Beats in
  input  wire logic             in_valid_i,
  output logic                  in_ready_o,
  input  wire logic [Width-1:0] in_data_i,

  // Beats out: one bit of valid and ready for each output; all outputs have the same data
  output logic      [Outputs-1:0] out_valid_o,
  input  wire logic [Outputs-1:0] out_ready_i,
  output logic      [  Width-1:0] out_data_o
);

  if (Width == 0 || Outputs == 0) begin : gen_check_size
    $error("stream_fork %m: Width=%0d and Outputs=%0d must both be at least 1", Width, Outputs);
  end

  logic [Outputs-1:0] taken_q;  // outputs that have given the present beat

  wire [Outputs-1:0] taken = taken_q | out_ready_i;

  assign out_valid_o = in_valid_i ? ~taken_q : '0;
  assign out_data_o = in_data_i;
  assign in_ready_o = &taken;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      taken_q <= '0;
    end else if (in_valid_i) begin
      taken_q <= in_ready_o ? '0 : taken;
    end
  end

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // A beat stays offered once an output has given it.
      assert (in_valid_i || taken_q == '0)
      else $error("a beat was taken back after an output had it (%m)");
    end
  end
`endif

endmodule

`default_nettype wire
