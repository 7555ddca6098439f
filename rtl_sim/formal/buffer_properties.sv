`default_nettype none

// conditional_buffer: what comes out are the kept samples, whole, in order, each once; the others vanish whole.
module buffer_properties import hwc_pkg::*; #(
  parameter int unsigned Beats = 2,
  parameter int unsigned Depth = 3,
  // Bits of the samples' numbers
  parameter int unsigned SampleBits = 3
) (
  input wire logic                     clk_i,
  input wire logic                     in_valid_i,
  input wire logic                     release_valid_i,
  input wire logic                     out_ready_i,
  // Which samples are kept, by number: any, but always the same
  input wire logic [2**SampleBits-1:0] plan_i
);

  localparam int unsigned BeatBits = index_bits(Beats);
  localparam logic [BeatBits-1:0] LastBeat = BeatBits'(Beats - 1);

  // a beat's data is its position
  typedef struct packed {
    logic [SampleBits-1:0] sample;
    logic [BeatBits-1:0]   beat;
  } position_t;

  function automatic position_t after(input position_t now);
    after = now;
    after.beat = now.beat == LastBeat ? '0 : now.beat + 1'b1;
    if (now.beat == LastBeat) begin
      after.sample = now.sample + 1'b1;
    end
  endfunction

  logic run_q = 1'b0;  // out of reset
  always_ff @(posedge clk_i) run_q <= 1'b1;

  logic in_ready, release_ready, out_valid;
  position_t in_q;                     // next beat in
  logic [SampleBits-1:0] decided_q;    // next sample to be decided
  position_t expected_q;               // next beat out, or a dropped sample before it
  position_t out_data;
  logic [index_bits(Depth+1)-1:0] level;
  logic [$bits(position_t)-1:0] out_bits;
  assign out_data = position_t'(out_bits);

  conditional_buffer #(.Width($bits(position_t)), .Beats(Beats), .Depth(Depth)) dut (
    .clk_i, .rst_ni(run_q),
    .in_valid_i, .in_ready_o(in_ready), .in_data_i(in_q),
    .release_valid_i, .release_ready_o(release_ready), .release_keep_i(plan_i[decided_q]),
    .out_valid_o(out_valid), .out_ready_i, .out_data_o(out_bits),
    .level_o(level)
  );

  logic in_stalled_q, release_stalled_q, out_waiting_q;
  logic [2**SampleBits-1:0] plan_q;
  position_t out_q;

  always_ff @(posedge clk_i) begin
    plan_q            <= plan_i;
    out_q             <= out_data;
    in_stalled_q      <= run_q && in_valid_i && !in_ready;
    release_stalled_q <= run_q && release_valid_i && !release_ready;
    out_waiting_q     <= run_q && out_valid && !out_ready_i;
    if (!run_q) begin
      in_q       <= '0;
      decided_q  <= '0;
      expected_q <= '0;
    end else begin
      if (in_valid_i && in_ready) begin
        in_q <= after(in_q);
      end
      decided_q <= decided_q + SampleBits'(release_valid_i && release_ready);
      if (out_valid && out_ready_i) begin
        expected_q <= after(out_data);
      end
    end
  end

  // the samples between the last one out and the one offered are not to be kept
  logic [SampleBits-1:0] skipped;
  assign skipped = out_data.sample - expected_q.sample;

  always_ff @(posedge clk_i) begin
    assume (!run_q || plan_i == plan_q);
    if (run_q) begin
      assume (in_valid_i || !in_stalled_q);
      assume (release_valid_i || !release_stalled_q);
      assert (!out_waiting_q || (out_valid && out_data == out_q)) else $error("an output is withdrawn or changes");
      if (out_valid) begin
        assert (plan_i[out_data.sample]) else $error("a sample leaves that was to be dropped");
        assert (out_data.beat == expected_q.beat) else $error("a sample's beats are not in order");
        for (int unsigned i = 0; i < 2 ** SampleBits; i++) begin
          assert (i >= 32'(skipped) || (expected_q.beat == '0 && !plan_i[expected_q.sample + SampleBits'(i)]))
            else $error("a sample that was to be kept is missing, or was cut short");
        end
      end
    end
  end

endmodule

`default_nettype wire
