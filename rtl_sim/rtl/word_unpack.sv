`default_nettype none

// This module unpacks 64-bit input words into beats of one or more pixels. A sample is Pixels * Channels lanes of 8,
// 16 or 32 bits (the smallest lane that holds an element), channels last, lowest bits first, padded to whole words.
// Only the lowest ElementWidth bits of a lane are used; the bits above them, and the lanes that pad the last word, are
// ignored.
//
// Contract:
// - A word accepted in cycle t gives the beats that it completes from cycle t + 1 on: one beat a cycle if a word
//   holds at least one beat, and else one word a cycle. No cycle is lost between words or between samples.
// - With the last word of a sample, one sample_t is offered from the next cycle on, because only then it is known
//   whether the sample was whole. Its id, stamp and bank are those of the cycle in which the first word of the sample
//   was accepted. The last word waits until the sample_t of the sample before has been accepted, in an earlier cycle if
//   a sample has several words.
// - The first word of a sample waits for start_allowed_i; later words do not.
// - TLAST inside a sample is an error: words up to and including that one count, the other words of the sample become
//   zeros, one word a cycle, and error_o is 1 until reset. The sample_t of the sample carries the error. The next word
//   accepted is the first one of the next sample. Nothing hangs, and nothing is lost.
// - TLAST that comes late or never cannot be told from a longer batch, because samples are counted in words. The batch
//   then goes on until the last word of a sample carries TLAST, or until TLAST comes inside a sample, or until a
//   reset.
module word_unpack
  import hwc_pkg::*;
#(
  // Number of elements of a pixel
  parameter int unsigned Channels = 1,
  // Bits of an element, 1 to 32
  parameter int unsigned ElementWidth = 8,
  // Number of pixels of a sample
  parameter int unsigned Pixels = 64,
  // Number of pixels of a beat, a divisor of Pixels
  parameter int unsigned PixelsPerBeat = 1,
  // Id of the first sample after reset; only tests of the wrap from 2^32 - 1 to 0 set it
  parameter logic [31:0] FirstId = 32'd0
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // AXI4-Stream of words; tready is 0 during reset
  input  wire logic        s_axis_tvalid,
  output logic             s_axis_tready,
  input  wire logic [63:0] s_axis_tdata,
  input  wire logic        s_axis_tlast,

  // Pixels in raster order; in a beat, the first pixel is lowest
  output logic                                                     out_valid_o,
  input  wire logic                                                out_ready_i,
  output logic      [PixelsPerBeat*Channels-1:0][ElementWidth-1:0] out_data_o,

  // What travels with each sample, one sample_t for each
  output logic      info_valid_o,
  input  wire logic info_ready_i,
  output sample_t   info_data_o,

  // Count of cycles modulo 2^32, active threshold bank, and whether a sample may start in this cycle
  input wire logic [31:0] now_i,
  input wire logic        bank_i,
  input wire logic        start_allowed_i,

  // In this cycle the first word of a sample is accepted; in this cycle a word with TLAST is accepted
  output logic        sample_started_o,
  output logic        batch_ended_o,
  // Number of samples that have been accepted up to their last word since reset, modulo 2^32
  output logic [31:0] accepted_o,
  // 1: TLAST has come inside a sample since reset
  output logic        error_o
);

  if (ElementWidth < 1 || ElementWidth > 32) begin : gen_check_width
    $error("word_unpack %m: ElementWidth=%0d is not 1 to 32, the widths that a lane holds", ElementWidth);
  end
  if (Channels < 1 || Pixels < 1) begin : gen_check_sizes
    $error("word_unpack %m: Channels=%0d and Pixels=%0d must be at least 1", Channels, Pixels);
  end
  if (PixelsPerBeat < 1 || Pixels % PixelsPerBeat != 0) begin : gen_check_beats
    $error("word_unpack %m: Pixels=%0d is not a multiple of PixelsPerBeat=%0d", Pixels, PixelsPerBeat);
  end

  localparam int unsigned LaneWidth = ElementWidth <= 8 ? 8 : ElementWidth <= 16 ? 16 : 32;
  localparam int unsigned Lanes = 64 / LaneWidth;
  localparam int unsigned Words = (Pixels * Channels + Lanes - 1) / Lanes;
  localparam int unsigned BeatLanes = PixelsPerBeat * Channels;
  // Lanes are stored in groups of gcd(BeatLanes, Lanes); words only ever come to lie at multiples of it
  localparam int unsigned Group = BeatLanes % Lanes == 0 ? Lanes : BeatLanes % 4 == 0 ? 4 : BeatLanes % 2 == 0 ? 2 : 1;
  localparam int unsigned GroupWidth = Group * ElementWidth;
  localparam int unsigned BeatGroups = BeatLanes / Group;
  localparam int unsigned WordGroups = Lanes / Group;
  localparam int unsigned TailGroups = (Pixels * Channels - (Words - 1) * Lanes) / Group;
  // A word is taken when less than a beat is left
  localparam int unsigned Capacity = BeatGroups - 1 + WordGroups;
  localparam int unsigned IndexWidth = index_bits(Words);

  // A number of groups: bit n is 1 where it is n
  typedef logic [Capacity:0] count_t;

  logic [Capacity-1:0][GroupWidth-1:0] groups_d, groups_q;  // the first to leave lowest
  count_t held_d, held_q;  // groups held
  logic beat_d, beat_q;  // a beat is held
  logic two_d, two_q;  // two beats are held
  logic [IndexWidth-1:0] word_d, word_q;  // words of the sample taken
  logic first_d, first_q, last_d, last_q;  // the next word is its first one, its last one
  logic filling_d, filling_q;  // the sample's other words are zeros
  logic error_d, error_q;
  logic [31:0] id_d, id_q;
  logic [31:0] stamp_q;
  logic bank_q;
  logic info_valid_d, info_valid_q;
  sample_t info_d, info_q;

  logic leaves, has_room, info_gone, may_take, take;
  logic [WordGroups-1:0][GroupWidth-1:0] word;

  // Where a sample has several words, the sample_t of the one before has left long before the last of them, if it can
  assign info_gone = !info_valid_q || (Words == 1 && info_ready_i);
  assign out_valid_o = beat_q;
  assign leaves = beat_q && out_ready_i;
  // Less than a beat is left
  assign has_room = !beat_q || (out_ready_i && !two_q);
  assign may_take = has_room && (!first_q || start_allowed_i) && (!last_q || info_gone);
  assign s_axis_tready = rst_ni && !filling_q && may_take;
  assign take = filling_q ? may_take : s_axis_tvalid && s_axis_tready;

  for (genvar lane = 0; lane < Lanes; lane++) begin : gen_lanes
    assign word[lane/Group][lane%Group*ElementWidth+:ElementWidth] =
        filling_q ? '0 : s_axis_tdata[lane*LaneWidth+:ElementWidth];
  end
  if (ElementWidth < LaneWidth) begin : gen_upper_bits
    wire unused_upper_bits = ^s_axis_tdata;
  end

  function automatic logic at_least(input count_t count, input int unsigned groups);
    at_least = 1'b0;
    for (int unsigned n = groups; n <= Capacity; n++) at_least |= count[n];
  endfunction

  // Beats move down, a word lands right above what is left. Whether a beat leaves and whether a word comes is known late
  // in a cycle: what either brings is made from registers before, and chosen last
  count_t [1:0] rest;  // groups that are left where no beat leaves, and where one does
  count_t [1:0][1:0] after;  // groups held then where no word comes, and where one does
  logic [1:0][1:0] beat_after, two_after;  // whether these are a beat, or two
  count_t left;

  always_comb begin
    rest = {held_q >> BeatGroups, held_q};
    for (int i = 0; i < 2; i++) begin
      after[i] = {rest[i] << (last_q ? TailGroups : WordGroups), rest[i]};
      for (int j = 0; j < 2; j++) begin
        beat_after[i][j] = at_least(after[i][j], BeatGroups);
        two_after[i][j] = at_least(after[i][j], 2 * BeatGroups);
      end
    end
    held_d = after[leaves][take];
    beat_d = beat_after[leaves][take];
    two_d = two_after[leaves][take];
    left = rest[leaves];
  end

  for (genvar g = 0; g < Capacity; g++) begin : gen_groups
    // Where less than a beat is left, a word covers this group from one of these numbers of groups on
    localparam int unsigned Least = g < WordGroups ? 0 : g - WordGroups + 1;
    localparam int unsigned Most = g < BeatGroups ? g : BeatGroups - 1;
    logic covered;
    logic [GroupWidth-1:0] placed, below;

    if (g + BeatGroups < Capacity) begin : gen_below
      assign below = leaves ? groups_q[g+BeatGroups] : groups_q[g];
    end else begin : gen_top
      assign below = groups_q[g];
    end

    always_comb begin
      covered = 1'b0;
      placed = '0;
      for (int unsigned p = Least; p <= Most; p++) begin
        // of beats of one group, nothing is left
        covered |= BeatGroups == 1 || left[p];
        placed |= word[g-p] & {GroupWidth{Least == Most || left[p]}};
      end
    end
    assign groups_d[g] = take && covered ? placed : below;
  end

  always_comb begin
    word_d = word_q;
    first_d = first_q;
    last_d = last_q;
    filling_d = filling_q;
    error_d = error_q;
    id_d = id_q;
    if (take) begin
      word_d = last_q ? '0 : word_q + 1'b1;
      first_d = last_q;
      last_d = word_d == IndexWidth'(Words - 1);
      filling_d = !last_q && (filling_q || s_axis_tlast);
      error_d = error_q || (!filling_q && !last_q && s_axis_tlast);
      id_d = id_q + 32'(last_q);
    end
    info_valid_d = (info_valid_q && !info_ready_i) || (take && last_q);
    info_d = info_q;
    if (take && last_q) begin
      info_d = '0;
      info_d.sample_id = id_q;
      info_d.stamp = first_q ? now_i : stamp_q;
      info_d.bank = first_q ? bank_i : bank_q;
      info_d.error = filling_q;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      held_q <= count_t'(1);
      beat_q <= 1'b0;
      two_q <= 1'b0;
      word_q <= '0;
      first_q <= 1'b1;
      last_q <= Words == 1;
      filling_q <= 1'b0;
      error_q <= 1'b0;
      id_q <= FirstId;
      info_valid_q <= 1'b0;
    end else begin
      held_q <= held_d;
      beat_q <= beat_d;
      two_q <= two_d;
      word_q <= word_d;
      first_q <= first_d;
      last_q <= last_d;
      filling_q <= filling_d;
      error_q <= error_d;
      id_q <= id_d;
      info_valid_q <= info_valid_d;
    end
    groups_q <= groups_d;
    info_q <= info_d;
    if (take && first_q) begin
      stamp_q <= now_i;
      bank_q <= bank_i;
    end
  end

  assign out_data_o = groups_q[BeatGroups-1:0];
  assign info_valid_o = info_valid_q;
  assign info_data_o = info_q;
  assign sample_started_o = take && first_q;
  assign batch_ended_o = take && !filling_q && s_axis_tlast;
  assign accepted_o = id_q - FirstId;
  assign error_o = error_q;

`ifndef SYNTHESIS
  always_ff @(posedge clk_i) begin
    if (rst_ni) begin
      // The groups of lanes that are held fit the memory for them.
      assert ($onehot(held_q))
      else $error("More lanes are held than there is room for: a word was taken too early (%m)");
      // Whether a beat is held agrees with the lanes that are.
      assert (beat_q == at_least(held_q, BeatGroups))
      else $error("Whether a beat is held contradicts the lanes that are (%m)");
      // Whether two beats are held agrees with the lanes that are.
      assert (two_q == at_least(held_q, 2 * BeatGroups))
      else $error("Whether two beats are held contradicts the lanes that are (%m)");
      // A word is taken only where less than a beat is left.
      assert (has_room == !at_least(left, BeatGroups))
      else $error("Whether there is room contradicts the lanes that are left (%m)");
      // A sample starts only after the last beat of the sample before has left.
      assert (!(take && first_q) || left[0])
      else $error("A sample starts on lanes of the one before (%m)");
    end
  end
`endif

endmodule

`default_nettype wire
