`default_nettype none

// This module holds samples between two stages until the exit has decided, and then forwards or drops each.
//
// `release` carries one decision for each sample, in the order of the samples. 1 forwards the sample, beat by beat as
// its beats come in. 0 drops it in one cycle, by a jump of the read pointer, as soon as the whole sample is in the
// buffer; a decision may come earlier than that. A decision or a beat that is accepted in a cycle has its effect in the
// next one: a beat is then read, and offered one cycle later. The throughput is one beat a cycle, without a bubble
// between forwarded samples. Up to two decisions are accepted ahead. `in_ready_o` and `release_ready_o` depend on
// registers only.
//
// The buffer causes no deadlock as long as it can hold one sample (Depth >= Beats), because it then accepts the whole
// oldest sample before any decision.
module conditional_buffer
  import hwc_pkg::*;
#(
  // Bits of a beat
  parameter int unsigned Width = 8,
  // Number of beats of a sample
  parameter int unsigned Beats = 1,
  // Capacity of the ring in beats, at least Beats; more lets the stage in front run ahead
  parameter int unsigned Depth = 2,
  // Words of a RAM, a power of two: a deeper ring is several RAMs, of which read_ahead_ram takes the beats. No cycle
  // changes by that, but the clock does
  parameter int unsigned BankWords = 4096,
  // Bits of the level; follows from Depth
  localparam int unsigned LevelBits = index_bits(Depth + 1)
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Beats of the stage in front
  input  wire logic             in_valid_i,
  output logic                  in_ready_o,
  input  wire logic [Width-1:0] in_data_i,

  // Decisions: 1 forwards a sample, 0 drops it
  input  wire logic release_valid_i,
  output logic      release_ready_o,
  input  wire logic release_keep_i,

  // Beats of the samples that are forwarded
  output logic                  out_valid_o,
  input  wire logic             out_ready_i,
  output logic      [Width-1:0] out_data_o,

  // Level of the ring in beats
  output logic [LevelBits-1:0] level_o
);

  if (Width == 0 || Beats == 0) begin : gen_check_size
    $error("conditional_buffer %m: Width=%0d and Beats=%0d must both be at least 1", Width, Beats);
  end
  if (Depth < Beats) begin : gen_check_depth
    $error(
        "conditional_buffer %m: Depth=%0d is less than Beats=%0d: a sample to be dropped must fit wholly", Depth, Beats
    );
  end

  localparam int unsigned AddressBits = index_bits(Depth);
  localparam int unsigned BeatBits = index_bits(Beats);
  localparam logic [AddressBits-1:0] LastAddress = AddressBits'(Depth - 1);
  localparam logic [BeatBits-1:0] LastBeat = BeatBits'(Beats - 1);

  logic [AddressBits-1:0] write_q, read_q;
  logic [LevelBits-1:0] level_q;
  logic full_q;  // level_q == Depth
  logic [BeatBits-1:0] beat_q;  // of the sample being forwarded: beats read so far

  // the oldest sample's decision
  logic decided, keep, settled;
  stream_register #(
    .Width(1)
  ) u_decisions (
    .clk_i,
    .rst_ni,
    .in_valid_i(release_valid_i),
    .in_ready_o(release_ready_o),
    .in_data_i(release_keep_i),
    .out_valid_o(decided),
    .out_ready_i(settled),
    .out_data_o(keep)
  );

  logic offered_q;  // the memory's output register holds a beat that has not been taken
  wire push = in_valid_i && !full_q;
  wire pop = decided && keep && level_q != '0 && (!offered_q || out_ready_i);
  wire drop = decided && !keep && level_q >= LevelBits'(Beats);

  assign settled = drop || (pop && beat_q == LastBeat);
  assign in_ready_o = !full_q;
  assign out_valid_o = offered_q;
  assign level_o = level_q;

  // the read pointer after a drop, and in the next cycle
  logic [AddressBits-1:0] jumped, read_d;
  if (Depth == Beats) begin : gen_jump_round
    assign jumped = read_q;
  end else begin : gen_jump
    localparam logic [AddressBits-1:0] Wraps = AddressBits'(Depth - Beats);
    assign jumped = read_q >= Wraps ? read_q - Wraps : read_q + AddressBits'(Beats);
  end

  always_comb begin
    read_d = read_q;
    if (pop) begin
      read_d = read_q == LastAddress ? '0 : read_q + 1'b1;
    end
    if (drop) begin
      read_d = jumped;
    end
  end

  // the level after this cycle, by one addition, and whether it is the whole depth: a ring that is full gets no beat, and
  // one that a beat or a sample leaves is not full
  logic [LevelBits-1:0] level_d;
  logic full_d;
  assign level_d = level_q + LevelBits'(push) - (drop ? LevelBits'(Beats) : LevelBits'(pop));
  assign full_d = !pop && !drop && (full_q || (push && level_q == LevelBits'(Depth - 1)));

  if (Depth > BankWords) begin : gen_banks
    read_ahead_ram #(
      .Width(Width),
      .Depth(Depth),
      .BankWords(BankWords)
    ) u_memory (
      .clk_i,
      .write_i(push),
      .address_i(write_q),
      .data_i(in_data_i),
      .next_i(read_d),
      .next_is_written_i(push && level_q == (drop ? LevelBits'(Beats) : LevelBits'(pop))),
      .take_i(pop),
      .data_o(out_data_o)
    );
  end else begin : gen_memory
    // a block RAM with an enabled output register
    logic [Width-1:0] memory_q[Depth];
    always_ff @(posedge clk_i) begin
      if (push) begin
        memory_q[write_q] <= in_data_i;
      end
      if (pop) begin
        out_data_o <= memory_q[read_q];
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q <= '0;
      read_q <= '0;
      level_q <= '0;
      full_q <= 1'b0;
      beat_q <= '0;
      offered_q <= 1'b0;
    end else begin
      level_q <= level_d;
      full_q <= full_d;
      if (push) begin
        write_q <= write_q == LastAddress ? '0 : write_q + 1'b1;
      end
      read_q <= read_d;
      if (pop) begin
        beat_q <= beat_q == LastBeat ? '0 : beat_q + 1'b1;
        offered_q <= 1'b1;
      end else if (out_ready_i) begin
        offered_q <= 1'b0;
      end
    end
  end

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // The flag `full` agrees with the level.
      assert (full_q == (level_q == LevelBits'(Depth)))
      else $error("the buffer's level contradicts its flag (%m)");
      // A sample is dropped only if none of its beats has been forwarded.
      assert (!drop || beat_q == '0)
      else $error("a sample was dropped after some of its beats had left (%m)");
    end
  end
`endif

endmodule

`default_nettype wire
