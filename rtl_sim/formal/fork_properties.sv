`default_nettype none

// stream_fork: every output has every beat exactly once, in order, and the input moves on in the cycle in which the
// last output takes its beat.
module fork_properties #(
  parameter int unsigned Outputs = 3,
  // Bits of the beats' numbers, which are their data
  parameter int unsigned Width = 3
) (
  input wire logic               clk_i,
  input wire logic               in_valid_i,
  input wire logic [Outputs-1:0] out_ready_i
);

  logic run_q = 1'b0;  // out of reset
  always_ff @(posedge clk_i) run_q <= 1'b1;

  logic in_ready;
  logic [Outputs-1:0] out_valid;
  logic [Width-1:0] out_data;
  logic [Width-1:0] beat_q;  // the input's present one
  logic [Outputs-1:0][Width-1:0] taken_q;  // each output's next one

  stream_fork #(
    .Width(Width),
    .Outputs(Outputs)
  ) u_dut (
    .clk_i,
    .rst_ni(run_q),
    .in_valid_i,
    .in_ready_o(in_ready),
    .in_data_i(beat_q),
    .out_valid_o(out_valid),
    .out_ready_i,
    .out_data_o(out_data)
  );

  logic stalled_q;
  logic [Outputs-1:0] waiting_q;
  always_ff @(posedge clk_i) begin
    stalled_q <= run_q && in_valid_i && !in_ready;
    waiting_q <= run_q ? out_valid & ~out_ready_i : '0;
    if (!run_q) begin
      beat_q <= '0;
      taken_q <= '0;
    end else begin
      beat_q <= beat_q + Width'(in_valid_i && in_ready);
      for (int unsigned j = 0; j < Outputs; j++) begin
        taken_q[j] <= taken_q[j] + Width'(out_valid[j] && out_ready_i[j]);
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (run_q) begin
      assume (in_valid_i || !stalled_q);
      for (int unsigned j = 0; j < Outputs; j++) begin
        assert (out_valid[j] || !waiting_q[j])
        else $error("an output is withdrawn");
        assert (!out_valid[j] || out_data == taken_q[j])
        else $error("an output has another beat than its next");
        assert (taken_q[j] == beat_q || (stalled_q && taken_q[j] == beat_q + 1'b1))
        else $error("an output is more than one beat ahead, or behind");
        assert (out_valid[j] == (in_valid_i && taken_q[j] == beat_q))
        else $error("a beat is not offered");
      end
      if (in_valid_i) begin
        assert (in_ready == &(~out_valid | out_ready_i))
        else $error("the input waits though all outputs took the beat");
      end
    end
  end

endmodule

`default_nettype wire
