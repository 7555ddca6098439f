`default_nettype none

// An eager fork to a head and to a conditional buffer, whose decisions the head makes: with a buffer of one sample, every
// sample leaves or is dropped within Bound cycles of its first beat being offered, whatever the decisions, where
//   the head takes a beat it is offered within HeadWaits cycles, unless it holds a decision that was not taken,
//   it decides within HeadLatency cycles of a sample's last beat,
//   and the stage behind takes a beat it is offered within OutWaits cycles.
module exit_path_properties import hwc_pkg::*; #(
  parameter int unsigned Beats = 2,
  parameter int unsigned Depth = 2,
  // Cycles that the stage in front may pause within a sample
  parameter int unsigned InWaits = 1,
  parameter int unsigned HeadWaits = 1,
  parameter int unsigned HeadLatency = 3,
  parameter int unsigned OutWaits = 1,
  parameter int unsigned Bound = 20
) (
  input wire logic clk_i,
  // Choices of the surroundings
  input wire logic in_valid_i,
  input wire logic head_ready_i,
  input wire logic head_done_i,
  input wire logic head_keep_i,
  input wire logic out_ready_i
);

  localparam int unsigned BeatBits = index_bits(Beats);
  localparam int unsigned TimeBits = index_bits(Bound + 2);
  localparam logic [BeatBits-1:0] LastBeat = BeatBits'(Beats - 1);

  logic run_q = 1'b0;  // out of reset
  always_ff @(posedge clk_i) run_q <= 1'b1;

  logic in_ready, head_valid, head_ready, buffer_valid, buffer_ready, release_valid, release_ready, keep, out_valid;
  logic fork_data, out_data;
  logic [index_bits(Depth+1)-1:0] level;

  stream_fork #(.Width(1), .Outputs(2)) i_fork (
    .clk_i, .rst_ni(run_q),
    .in_valid_i, .in_ready_o(in_ready), .in_data_i(1'b0),
    .out_valid_o({buffer_valid, head_valid}), .out_ready_i({buffer_ready, head_ready}), .out_data_o(fork_data)
  );
  conditional_buffer #(.Width(1), .Beats(Beats), .Depth(Depth)) i_buffer (
    .clk_i, .rst_ni(run_q),
    .in_valid_i(buffer_valid), .in_ready_o(buffer_ready), .in_data_i(fork_data),
    .release_valid_i(release_valid), .release_ready_o(release_ready), .release_keep_i(keep),
    .out_valid_o(out_valid), .out_ready_i, .out_data_o(out_data),
    .level_o(level)
  );

  // the head: takes a sample, then works until head_done_i, then holds its decision until that is taken
  logic [BeatBits-1:0] head_beat_q;
  logic working_q, holding_q, keep_q;
  logic [TimeBits-1:0] working_for_q, head_waits_q, out_waits_q, in_waits_q;
  assign head_ready    = head_ready_i && !working_q && !holding_q;
  assign release_valid = holding_q;
  assign keep          = keep_q;

  // samples: taken by the fork, decided on, settled; and how long the oldest has been here
  logic in_stalled_q, in_sample_q;  // a beat is waiting; the input's sample has begun
  logic [BeatBits-1:0] in_beat_q, out_beat_q;
  logic [TimeBits-1:0] age_q, input_age_q, next_age_q;
  wire logic taken = in_valid_i && in_ready;
  wire logic ends = taken && in_beat_q == LastBeat;
  logic dropped;
  assign dropped = i_buffer.drop;
  wire logic left = out_valid && out_ready_i && out_beat_q == LastBeat;

  // ages of the samples that are inside, oldest first
  localparam int unsigned Inside = 6;
  localparam int unsigned CountBits = index_bits(Inside + 1);
  logic [Inside-1:0][TimeBits-1:0] ages_q, ages_d;
  logic [CountBits-1:0] inside_q, inside_d;
  wire logic begins = in_valid_i && !in_stalled_q && in_beat_q == '0;

  always_comb begin
    ages_d   = ages_q;
    inside_d = inside_q;
    for (int unsigned i = 0; i < Inside; i++) begin
      ages_d[i] = ages_q[i] + 1'b1;
    end
    if (begins && inside_q < CountBits'(Inside)) begin
      ages_d[inside_q] = '0;
      inside_d = inside_d + 1'b1;
    end
    if (left) begin
      ages_d = ages_d >> TimeBits;
      inside_d = inside_d - 1'b1;
    end
    if (dropped) begin
      ages_d = ages_d >> TimeBits;
      inside_d = inside_d - 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!run_q) begin
      head_beat_q   <= '0;
      working_q     <= 1'b0;
      holding_q     <= 1'b0;
      keep_q        <= 1'b0;
      working_for_q <= '0;
      head_waits_q  <= '0;
      out_waits_q   <= '0;
      in_waits_q    <= '0;
      in_stalled_q  <= 1'b0;
      in_beat_q     <= '0;
      out_beat_q    <= '0;
      ages_q        <= '0;
      inside_q      <= '0;
    end else begin
      in_stalled_q <= in_valid_i && !in_ready;
      in_waits_q   <= in_valid_i ? '0 : in_waits_q + 1'b1;
      head_waits_q <= head_valid && !head_ready && !working_q && !holding_q ? head_waits_q + 1'b1 : '0;
      out_waits_q  <= out_valid && !out_ready_i ? out_waits_q + 1'b1 : '0;
      if (taken) begin
        in_beat_q <= in_beat_q == LastBeat ? '0 : in_beat_q + 1'b1;
      end
      if (out_valid && out_ready_i) begin
        out_beat_q <= out_beat_q == LastBeat ? '0 : out_beat_q + 1'b1;
      end
      if (head_valid && head_ready) begin
        head_beat_q   <= head_beat_q == LastBeat ? '0 : head_beat_q + 1'b1;
        working_q     <= head_beat_q == LastBeat;
        working_for_q <= '0;
      end
      if (working_q) begin
        working_for_q <= working_for_q + 1'b1;
        if (head_done_i) begin
          working_q <= 1'b0;
          holding_q <= 1'b1;
          keep_q    <= head_keep_i;
        end
      end
      if (holding_q && release_ready) begin
        holding_q <= 1'b0;
      end
      ages_q   <= ages_d;
      inside_q <= inside_d;
    end
  end

  always_ff @(posedge clk_i) begin
    if (run_q) begin
      // the surroundings keep their promises
      assume (in_valid_i || !in_stalled_q);
      assume (in_valid_i || in_beat_q == '0 || in_waits_q < TimeBits'(InWaits));
      assume (head_ready_i || head_waits_q < TimeBits'(HeadWaits));
      assume (head_done_i || working_for_q < TimeBits'(HeadLatency - 1));
      assume (out_ready_i || out_waits_q < TimeBits'(OutWaits));

      assert (inside_q < CountBits'(Inside)) else $error("more samples are inside than there is room to think of");
      assert (inside_q == '0 || ages_q[0] <= TimeBits'(Bound)) else $error("a sample does not leave in time");
    end
  end

endmodule

`default_nettype wire
