`default_nettype none

// conditional_buffer: what comes out are the kept samples, whole, in order, each once; the others vanish whole.
module buffer_properties
  import hwc_pkg::*;
#(
  parameter int unsigned Beats = 2,
  parameter int unsigned Depth = 3,
  // Words of a RAM of the buffer
  parameter int unsigned BankWords = 4096,
  // Bits of the samples' numbers
  parameter int unsigned SampleBits = 3,
  // 1: decisions come from another module, and what is assumed of them otherwise is proved of it
  parameter bit Composed = 1'b0
) (
  input  wire logic                     clk_i,
  input  wire logic                     in_valid_i,
  input  wire logic                     release_valid_i,
  // The decision, where it comes from another module
  input  wire logic                     release_keep_i,
  input  wire logic                     out_ready_i,
  // Which samples are kept, by number: any, but always the same
  input  wire logic [2**SampleBits-1:0] plan_i,
  output logic                          release_ready_o,
  // Sample that the next decision is on
  output logic      [   SampleBits-1:0] decided_o
);

  localparam int unsigned BeatBits = index_bits(Beats);
  localparam logic [BeatBits-1:0] LastBeat = BeatBits'(Beats - 1);

  // a beat's data is its position
  typedef struct packed {
    logic [SampleBits-1:0] number;
    logic [BeatBits-1:0]   beat;
  } position_t;

  function automatic position_t after(input position_t now);
    after = now;
    after.beat = now.beat == LastBeat ? '0 : now.beat + 1'b1;
    if (now.beat == LastBeat) begin
      after.number = now.number + 1'b1;
    end
  endfunction

  logic run_q = 1'b0;  // out of reset
  always_ff @(posedge clk_i) run_q <= 1'b1;

  logic in_ready, release_ready, out_valid;
  position_t in_q;  // next beat in
  logic [SampleBits-1:0] decided_q;  // next sample to be decided
  position_t expected_q;  // next beat out, or a dropped sample before it
  position_t out_data;
  logic [index_bits(Depth+1)-1:0] level;
  logic [$bits(position_t)-1:0] out_bits;
  assign out_data = position_t'(out_bits);

  conditional_buffer #(
    .Width($bits(position_t)),
    .Beats(Beats),
    .Depth(Depth),
    .BankWords(BankWords)
  ) u_dut (
    .clk_i,
    .rst_ni(run_q),
    .in_valid_i,
    .in_ready_o(in_ready),
    .in_data_i(in_q),
    .release_valid_i,
    .release_ready_o(release_ready),
    .release_keep_i(Composed ? release_keep_i : plan_i[decided_q]),
    .out_valid_o(out_valid),
    .out_ready_i,
    .out_data_o(out_bits),
    .level_o(level)
  );

  assign release_ready_o = release_ready;
  assign decided_o = decided_q;

  logic in_stalled_q, release_stalled_q, out_waiting_q;
  logic [2**SampleBits-1:0] plan_q;
  position_t out_q;

  always_ff @(posedge clk_i) begin
    plan_q <= plan_i;
    out_q <= out_data;
    in_stalled_q <= run_q && in_valid_i && !in_ready;
    release_stalled_q <= run_q && release_valid_i && !release_ready;
    out_waiting_q <= run_q && out_valid && !out_ready_i;
    if (!run_q) begin
      in_q <= '0;
      decided_q <= '0;
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

  // no sample from one on and before another is to be kept
  function automatic logic none_kept(input logic [SampleBits-1:0] first, input logic [SampleBits-1:0] last);
    none_kept = 1'b1;
    for (int unsigned i = 0; i < 2 ** SampleBits; i++) begin
      if (SampleBits'(i) < SampleBits'(last - first) && plan_i[SampleBits'(first+SampleBits'(i))]) begin
        none_kept = 1'b0;
      end
    end
  endfunction

  // the next beat that is wanted is this one, but for samples before it that were to be dropped
  function automatic logic follows(input position_t wanted, input position_t now);
    follows = wanted.beat == now.beat && none_kept(wanted.number, now.number) &&
        (wanted.number == now.number || wanted.beat == '0);
  endfunction

  // what the module is to promise
  always_ff @(posedge clk_i) begin
    assume (!run_q || plan_i == plan_q);
    if (run_q) begin
      assume (in_valid_i || !in_stalled_q);
      if (Composed) begin
        assert (release_valid_i || !release_stalled_q)
        else $error("a decision is withdrawn");
        assert (!release_valid_i || release_keep_i == plan_i[decided_q])
        else $error("a buffer is told another sample's decision");
      end else begin
        assume (release_valid_i || !release_stalled_q);
      end
      assert (!out_waiting_q || (out_valid && out_data == out_q))
      else $error("an output is withdrawn or changes");
      if (out_valid) begin
        assert (plan_i[out_data.number])
        else $error("a sample leaves that was to be dropped");
        assert (follows(expected_q, out_data))
        else $error("a beat is missing, doubled or out of order");
      end
    end
  end

  // why it keeps the promise: where the ring's ends are, and what lies between them
  position_t read_q;  // next beat to be read from the ring
  position_t [Depth:0] ring;  // what it must hold, oldest first
  wire [1:0] decisions = 2'(u_dut.u_decisions.valid_q) + 2'(u_dut.u_decisions.spilt_q);
  wire [SampleBits-1:0] samples = in_q.number - read_q.number;

  // what the memory holds, and the beat that is read ahead where it does so
  position_t held[Depth];
  position_t ahead;
  if (Depth > BankWords) begin : gen_banks
    for (genvar i = 0; i < Depth; i++) begin : gen_held
      assign held[i] = u_dut.gen_banks.u_memory.gen_bank[i/BankWords].memory_q[i%BankWords];
    end
    assign ahead = u_dut.gen_banks.u_memory.read_is_newest_q ? u_dut.gen_banks.u_memory.newest_q :
        u_dut.gen_banks.u_memory.read_q[u_dut.gen_banks.u_memory.read_bank_q];
  end else begin : gen_memory
    for (genvar i = 0; i < Depth; i++) begin : gen_held
      assign held[i] = u_dut.gen_memory.memory_q[i];
    end
    assign ahead = ring[0];
  end

  always_comb begin
    ring[0] = read_q;
    for (int unsigned i = 0; i < Depth; i++) begin
      ring[i+1] = after(ring[i]);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!run_q) begin
      read_q <= '0;
    end else if (u_dut.drop) begin
      read_q <= '{number: read_q.number + 1'b1, beat: '0};
    end else if (u_dut.pop) begin
      read_q <= after(read_q);
    end
  end

  always_ff @(posedge clk_i) begin
    if (run_q) begin
      assert (32'(samples) * Beats + 32'(in_q.beat) - 32'(read_q.beat) == 32'(level))
      else $error("a beat was lost");
      assert (32'(level) <= Depth)
      else $error("the ring overflows");
      assert (32'(u_dut.read_q) < Depth && 32'(u_dut.write_q) == (32'(u_dut.read_q) + 32'(level)) % Depth)
      else $error("the ring's pointers are wrong");
      for (int unsigned i = 0; i < Depth; i++) begin
        if (i < 32'(level)) begin
          assert (held[(32'(u_dut.read_q)+i)%Depth] == ring[i])
          else $error("the ring holds something else");
        end
      end
      assert (level == '0 || ahead == ring[0])
      else $error("the beat that is read ahead is another one");
      assert (in_q.beat <= LastBeat && read_q.beat == u_dut.beat_q)
      else $error("beats are miscounted");
      assert (read_q.beat == '0 || (decisions != '0 && plan_i[read_q.number]))
      else $error("a sample is being read without being kept");
      assert (decided_q == read_q.number + SampleBits'(decisions))
      else $error("a decision was lost");
      assert (u_dut.u_decisions.valid_q || !u_dut.u_decisions.spilt_q)
      else $error("decisions are out of order");
      assert (!u_dut.u_decisions.valid_q || u_dut.u_decisions.data_q == plan_i[read_q.number])
      else $error("a decision is another sample's");
      assert (!u_dut.u_decisions.spilt_q || u_dut.u_decisions.spill_q == plan_i[SampleBits'(read_q.number+1'b1)])
      else $error("a waiting decision is another sample's");
      assert (expected_q.beat <= LastBeat && (!out_valid || out_data.beat <= LastBeat))
      else $error("no such beat");
      assert (follows(out_valid ? after(out_data) : expected_q, read_q))
      else $error("a beat is between ring and output");
    end
  end

endmodule

`default_nettype wire
