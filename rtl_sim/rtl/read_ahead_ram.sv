`default_nettype none

// This module is the memory of a deep ring: several RAMs in a row, of which one word is taken after the other.
//
// The word at `next_i` is read ahead, so that it can be taken in the next cycle; it may be read in the very cycle in
// which it is written. A word that is taken lies in a register of each RAM, and `data_o` chooses between these: neither
// the slow read of a RAM nor the choice between RAMs has logic of the other in its cycle.
module read_ahead_ram
  import hwc_pkg::*;
#(
  // Bits of a word
  parameter int unsigned Width = 8,
  // Number of words
  parameter int unsigned Depth = 8192,
  // Words of a RAM, a power of two; the last RAM may have fewer
  parameter int unsigned BankWords = 4096,
  // Bits of an address; follows from Depth
  localparam int unsigned AddressBits = index_bits(Depth)
) (
  // Clock
  input wire logic clk_i,

  // A word, and where it is written
  input wire logic                   write_i,
  input wire logic [AddressBits-1:0] address_i,
  input wire logic [      Width-1:0] data_i,

  // Address of the word that may be taken in the next cycle, and whether it is the one that is being written
  input wire logic [AddressBits-1:0] next_i,
  input wire logic                   next_is_written_i,

  // Take the word that was read ahead: it is at data_o from the next cycle on, until another one is taken
  input  wire logic             take_i,
  output logic      [Width-1:0] data_o
);

  if (BankWords < 2 || (BankWords & (BankWords - 1)) != 0) begin : gen_check_bank
    $error("read_ahead_ram %m: BankWords=%0d is not a power of two, from 2 on", BankWords);
  end
  if (Depth <= BankWords) begin : gen_check_depth
    $error("read_ahead_ram %m: Depth=%0d fits into one RAM of BankWords=%0d words: use one", Depth, BankWords);
  end

  localparam int unsigned Banks = (Depth + BankWords - 1) / BankWords;
  localparam int unsigned BankBits = index_bits(Banks);
  localparam int unsigned WordBits = $clog2(BankWords);

  // the bank of the word that was read ahead, and of the one that was taken; a word that came in the cycle before is in
  // a register instead
  logic [BankBits-1:0] read_bank_q, taken_bank_q;
  logic read_is_newest_q, taken_is_newest_q;
  logic [Width-1:0] newest_q, taken_newest_q;
  logic [Banks-1:0][Width-1:0] read_q, taken_q;

  for (genvar b = 0; b < Banks; b++) begin : gen_bank
    localparam int unsigned Words = b == Banks - 1 ? Depth - b * BankWords : BankWords;
    localparam int unsigned Bits = index_bits(Words);
    logic [Width-1:0] memory_q[Words];
    always_ff @(posedge clk_i) begin
      if (write_i && BankBits'(address_i >> WordBits) == BankBits'(b)) begin
        memory_q[Bits'(address_i)] <= data_i;
      end
      read_q[b] <= memory_q[Bits'(next_i)];
    end
  end

  always_ff @(posedge clk_i) begin
    read_bank_q <= BankBits'(next_i >> WordBits);
    read_is_newest_q <= next_is_written_i;
    newest_q <= data_i;
    if (take_i) begin
      taken_bank_q <= read_bank_q;
      taken_is_newest_q <= read_is_newest_q;
      taken_newest_q <= newest_q;
      taken_q <= read_q;
    end
  end

  assign data_o = taken_is_newest_q ? taken_newest_q : taken_q[taken_bank_q];

endmodule

`default_nettype wire
