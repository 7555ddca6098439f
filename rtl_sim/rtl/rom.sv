`default_nettype none

// This module is a read-only memory that is filled from a file. The word at address_i is at data_o from the next
// enabled clock edge on. Synthesis chooses between block RAM and LUTs by its size, unless Block asks for block RAM.
module rom
  import hwc_pkg::*;
#(
  // Number of words
  parameter int unsigned Depth = 1,
  // Bits of a word
  parameter int unsigned Width = 8,
  // 1: in block RAM, however small
  parameter bit Block = 1'b0,
  // File with the content: one hexadecimal word a line, Depth lines
  parameter string File = ""
) (
  // Clock
  input wire logic clk_i,

  // Clock enable, address of a word, and the word
  input  wire logic                         enable_i,
  input  wire logic [index_bits(Depth)-1:0] address_i,
  output logic      [            Width-1:0] data_o
);

  if (Depth < 1 || Width < 1) begin : gen_check_sizes
    $error("rom %m: Depth=%0d and Width=%0d must be at least 1", Depth, Width);
  end

  if (Block) begin : gen_block
    (* rom_style = "block" *)
    logic [Width-1:0] mem[Depth];

    initial $readmemh(File, mem);
    always_ff @(posedge clk_i) if (enable_i) data_o <= mem[address_i];
  end else begin : gen_any
    logic [Width-1:0] mem[Depth];

    initial $readmemh(File, mem);
    always_ff @(posedge clk_i) if (enable_i) data_o <= mem[address_i];
  end

endmodule

`default_nettype wire
