`default_nettype none

// An eager fork to a head and to a conditional buffer, whose decisions the head makes: whatever they are, and however
// small the buffer is (Depth >= Beats), a sample leaves or is dropped within Bound cycles of its first beat being
// offered, where
//   the stage in front offers a sample's next beat within InWaits cycles,
//   the head takes a beat it is offered within HeadWaits cycles, unless it still works on the sample before or holds
//   its decision,
//   it decides within HeadLatency cycles of a sample's last beat,
//   and the stage behind takes a beat it is offered within OutWaits cycles.
//
// Proved by a measure: `left` bounds the cycles that the watched sample and those before it can still take if all their
// work is done one step after another. It falls with every cycle, since one of the steps always goes on; and with that
// nothing deadlocks, whatever the promised times are.
module exit_path_properties
  import hwc_pkg::*;
#(
  parameter int unsigned Beats = 2,
  parameter int unsigned Depth = 2,
  parameter int unsigned InWaits = 1,
  parameter int unsigned HeadWaits = 1,
  parameter int unsigned HeadLatency = 3,
  parameter int unsigned OutWaits = 1,
  localparam int unsigned Bound = (Beats - 1) * InWaits + Beats * (HeadWaits + 2) + 2 * (HeadLatency + 1)
      + Depth + Beats + (Depth + Beats + 1) * (OutWaits + 1)
) (
  input wire logic clk_i,
  // Choices of the surroundings
  input wire logic in_valid_i,
  input wire logic head_ready_i,
  input wire logic head_done_i,
  input wire logic head_keep_i,
  input wire logic out_ready_i,
  // Watch the sample that begins now
  input wire logic watch_i
);

  localparam int unsigned CountBits = 10;
  typedef logic [CountBits-1:0] count_t;
  localparam count_t LastBeat = count_t'(Beats - 1);

  if (Bound >= 2 ** CountBits) begin : gen_check_bound
    $error("exit_path_properties: Bound=%0d is too large to count to", Bound);
  end

  logic run_q = 1'b0;  // out of reset
  always_ff @(posedge clk_i) run_q <= 1'b1;

  logic in_ready, head_valid, head_ready, buffer_valid, buffer_ready, release_ready, out_valid;
  logic fork_data, out_data;
  logic [index_bits(Depth+1)-1:0] level;

  // the head: takes a sample, works on it until head_done_i, holds its decision until that is taken
  logic working_q, holding_q, keep_q;
  count_t head_beat_q;
  assign head_ready = head_ready_i && !working_q && !holding_q;

  stream_fork #(
    .Width(1),
    .Outputs(2)
  ) u_fork (
    .clk_i,
    .rst_ni(run_q),
    .in_valid_i,
    .in_ready_o(in_ready),
    .in_data_i(1'b0),
    .out_valid_o({buffer_valid, head_valid}),
    .out_ready_i({buffer_ready, head_ready}),
    .out_data_o(fork_data)
  );
  conditional_buffer #(
    .Width(1),
    .Beats(Beats),
    .Depth(Depth)
  ) u_buffer (
    .clk_i,
    .rst_ni(run_q),
    .in_valid_i(buffer_valid),
    .in_ready_o(buffer_ready),
    .in_data_i(fork_data),
    .release_valid_i(holding_q),
    .release_ready_o(release_ready),
    .release_keep_i(keep_q),
    .out_valid_o(out_valid),
    .out_ready_i,
    .out_data_o(out_data),
    .level_o(level)
  );

  // waiting times, and the input's place in its sample
  logic stalled_q;
  count_t left_q;
  count_t in_beat_q, in_waits_q, head_waits_q, works_q, out_waits_q;
  wire taken = in_valid_i && in_ready;
  wire ends = taken && in_beat_q == LastBeat;
  wire settles = u_buffer.settled;

  // samples that are wholly in and not settled; of them, those behind the watched one; cycles since that began
  count_t inside_q, later_q, age_q;
  logic watching_q, complete_q;  // a sample is being watched; it is wholly in

  // the beat that is offered is the watched sample's, or of one before it
  logic out_before_q;

  // what the watched sample and those before it still need
  wire count_t decisions = count_t'(u_buffer.u_decisions.valid_q) + count_t'(u_buffer.u_decisions.spilt_q);
  count_t in_left, head_left, buffer_left, work_left, release_left, samples_left, read_left, out_left, left;
  always_comb begin
    in_left = complete_q ? '0 : count_t'(Beats) - in_beat_q;
    head_left = in_left - count_t'(!complete_q && u_fork.taken_q[0]);
    buffer_left = in_left - count_t'(!complete_q && u_fork.taken_q[1]);
    samples_left = complete_q ? inside_q - later_q : inside_q + 1'b1;
    release_left = samples_left > decisions ? samples_left - decisions : '0;
    work_left = release_left - count_t'(holding_q && release_left != '0);
    read_left = samples_left == '0 ? '0 : count_t'(samples_left * Beats) - count_t'(u_buffer.beat_q);
    out_left = read_left + count_t'(out_valid && (read_left != '0 || out_before_q));
    left = count_t'(InWaits) * (in_left - count_t'(in_left != '0 && stalled_q)) - (in_left != '0 ? in_waits_q : '0)
         + count_t'(HeadWaits + 1) * head_left - (head_left != '0 ? head_waits_q : '0)
         + buffer_left
         + count_t'(HeadLatency) * work_left - (work_left != '0 ? works_q : '0)
         + release_left
         + read_left
         + count_t'(OutWaits + 1) * out_left - (out_left != '0 ? out_waits_q : '0);
  end

  always_ff @(posedge clk_i) begin
    if (!run_q) begin
      {working_q, holding_q, keep_q, stalled_q, watching_q, complete_q} <= '0;
      {head_beat_q, in_beat_q, in_waits_q, head_waits_q, works_q, out_waits_q} <= '0;
      {inside_q, later_q, age_q} <= '0;
    end else begin
      left_q <= left;
      stalled_q <= in_valid_i && !in_ready;
      in_waits_q <= in_valid_i || in_beat_q == '0 ? '0 : in_waits_q + 1'b1;
      head_waits_q <= head_valid && !head_ready_i && !working_q && !holding_q ? head_waits_q + 1'b1 : '0;
      works_q <= working_q && !head_done_i ? works_q + 1'b1 : '0;
      out_waits_q <= out_valid && !out_ready_i ? out_waits_q + 1'b1 : '0;
      if (taken) begin
        in_beat_q <= ends ? '0 : in_beat_q + 1'b1;
      end
      if (head_valid && head_ready) begin
        head_beat_q <= head_beat_q == LastBeat ? '0 : head_beat_q + 1'b1;
        working_q <= head_beat_q == LastBeat;
      end
      if (working_q && head_done_i) begin
        working_q <= 1'b0;
        holding_q <= 1'b1;
        keep_q <= head_keep_i;
      end
      if (holding_q && release_ready) begin
        holding_q <= 1'b0;
      end
      inside_q <= inside_q + count_t'(ends) - count_t'(settles);

      if (!watching_q) begin
        watching_q <= in_valid_i && !stalled_q && in_beat_q == '0 && watch_i;
        complete_q <= ends;
        later_q <= '0;
        age_q <= count_t'(1);
      end else begin
        watching_q <= left != '0;
        complete_q <= complete_q || ends;
        later_q <= later_q + count_t'(complete_q && ends) - count_t'(settles && samples_left == '0);
        age_q <= age_q + 1'b1;
      end
      if (u_buffer.pop) begin
        out_before_q <= !watching_q || samples_left != '0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (run_q) begin
      // the surroundings keep their promises
      assume (in_valid_i || !stalled_q);
      assume (in_valid_i || in_waits_q < count_t'(InWaits) || in_beat_q == '0);
      assume (head_ready_i || head_waits_q < count_t'(HeadWaits));
      assume (head_done_i || works_q < count_t'(HeadLatency - 1));
      assume (out_ready_i || out_waits_q < count_t'(OutWaits));

      if (watching_q) begin
        assert (32'(age_q) + 32'(left) <= Bound)
        else $error("a sample may take longer than the bound");
        assert (age_q == count_t'(1) || left < left_q)
        else $error("nothing goes on");
      end

      // what links the parts
      assert (in_waits_q <= count_t'(InWaits) && head_waits_q <= count_t'(HeadWaits) &&
              out_waits_q <= count_t'(OutWaits))
      else $error("a promise is broken");
      assert (works_q < count_t'(HeadLatency) && (working_q || works_q == '0))
      else $error("the head works too long");
      assert (in_beat_q <= LastBeat && count_t'(u_buffer.beat_q) <= LastBeat)
      else $error("no such beat");
      assert (head_beat_q == (in_beat_q + count_t'(u_fork.taken_q[0])) % Beats)
      else $error("the head has other beats");
      assert (!(working_q && holding_q) && ((!working_q && !holding_q) || head_beat_q == '0))
      else $error("the head does two things at once");
      assert (stalled_q || u_fork.taken_q == '0)
      else $error("a beat was taken that is not there");
      assert (32'(level) + 32'(u_buffer.beat_q) == 32'(inside_q) * Beats + 32'(in_beat_q) + 32'(u_fork.taken_q[1]))
      else $error("beats were lost");
      assert (decisions + count_t'(working_q || holding_q)
              == inside_q + count_t'(in_beat_q == LastBeat && u_fork.taken_q[0]))
      else $error("decisions were lost");
      assert (u_buffer.u_decisions.valid_q || !u_buffer.u_decisions.spilt_q)
      else $error("decisions are out of order");
      assert (u_buffer.beat_q == '0 || (decisions != '0 && u_buffer.u_decisions.data_q))
      else $error("a sample is being read without being kept");
      assert (u_buffer.full_q == (32'(level) == Depth) && 32'(level) <= Depth)
      else $error("the buffer overflows");
      assert (!watching_q || complete_q || in_beat_q != '0 || stalled_q)
      else $error("a sample is watched that is not there");
      assert (!watching_q || (complete_q ? later_q <= inside_q : later_q == '0))
      else $error("samples are miscounted");
    end
  end

endmodule

`default_nettype wire
