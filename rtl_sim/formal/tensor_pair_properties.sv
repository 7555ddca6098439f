`default_nettype none

// Two tensors of a sample between two stages: the decision of an exit goes through a fork to a buffer for each of them.
// Whatever times the tensors come and leave at, both buffers keep the same samples and drop the same samples: each gives
// exactly the kept ones, whole, in order.
module tensor_pair_properties #(
  // Beats of a sample of each tensor
  parameter int unsigned FirstBeats = 2,
  parameter int unsigned SecondBeats = 1,
  // Beats that each buffer holds
  parameter int unsigned FirstDepth = 2,
  parameter int unsigned SecondDepth = 1,
  // Bits of the samples' numbers
  parameter int unsigned SampleBits = 3
) (
  input wire logic                     clk_i,
  // Choices of the surroundings: when beats and decisions come, and when beats are taken
  input wire logic                     first_in_valid_i,
  input wire logic                     second_in_valid_i,
  input wire logic                     release_valid_i,
  input wire logic                     first_out_ready_i,
  input wire logic                     second_out_ready_i,
  // Which samples are kept, by number: any, but always the same
  input wire logic [2**SampleBits-1:0] plan_i
);

  logic run_q = 1'b0;  // out of reset
  always_ff @(posedge clk_i) run_q <= 1'b1;

  logic [SampleBits-1:0] decided_q;  // sample whose decision is next at the fork
  logic release_ready, keep;
  logic [1:0] told_valid, told_ready;
  logic [SampleBits-1:0] first_decided, second_decided;

  stream_fork #(
    .Width(1),
    .Outputs(2)
  ) u_release_fork (
    .clk_i,
    .rst_ni(run_q),
    .in_valid_i(release_valid_i),
    .in_ready_o(release_ready),
    .in_data_i(plan_i[decided_q]),
    .out_valid_o(told_valid),
    .out_ready_i(told_ready),
    .out_data_o(keep)
  );
  buffer_properties #(
    .Beats(FirstBeats),
    .Depth(FirstDepth),
    .SampleBits(SampleBits),
    .Composed(1'b1)
  ) u_first (
    .clk_i,
    .in_valid_i(first_in_valid_i),
    .release_valid_i(told_valid[0]),
    .release_keep_i(keep),
    .out_ready_i(first_out_ready_i),
    .plan_i,
    .release_ready_o(told_ready[0]),
    .decided_o(first_decided)
  );
  buffer_properties #(
    .Beats(SecondBeats),
    .Depth(SecondDepth),
    .SampleBits(SampleBits),
    .Composed(1'b1)
  ) u_second (
    .clk_i,
    .in_valid_i(second_in_valid_i),
    .release_valid_i(told_valid[1]),
    .release_keep_i(keep),
    .out_ready_i(second_out_ready_i),
    .plan_i,
    .release_ready_o(told_ready[1]),
    .decided_o(second_decided)
  );

  logic stalled_q;
  always_ff @(posedge clk_i) begin
    stalled_q <= run_q && release_valid_i && !release_ready;
    if (!run_q) begin
      decided_q <= '0;
    end else begin
      decided_q <= decided_q + SampleBits'(release_valid_i && release_ready);
    end
  end

  always_ff @(posedge clk_i) begin
    if (run_q) begin
      assume (release_valid_i || !stalled_q);
      assert (stalled_q || u_release_fork.taken_q == '0)
      else $error("a decision was taken that is not there");
      assert (first_decided == decided_q + SampleBits'(u_release_fork.taken_q[0]))
      else $error("the first buffer missed a decision, or had one twice");
      assert (second_decided == decided_q + SampleBits'(u_release_fork.taken_q[1]))
      else $error("the second buffer missed a decision, or had one twice");
    end
  end

endmodule

`default_nettype wire
