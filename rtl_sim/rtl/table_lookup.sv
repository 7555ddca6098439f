`default_nettype none

// This module looks up the entry of a table at the distance of a code from the largest code. A distance beyond the
// table reads its last entry.
//
// The latency is 4 enabled cycles, two of which are those of a block RAM with its output register.
module table_lookup
  import hwc_pkg::*;
#(
  // Bits of a code; codes are unsigned
  parameter int unsigned CodeWidth = 8,
  // File with the table, one hexadecimal entry a line
  parameter string File = "",
  // Number of entries of the table
  parameter int unsigned Length = 2,
  // Bits of an entry; entries are unsigned
  parameter int unsigned EntryWidth = 17,
  // Low bits of a distance that the index leaves out
  parameter int unsigned Shift = 0
) (
  // Clock
  input wire logic clk_i,
  // Clock enable of the whole pipeline
  input wire logic en_i,

  // The largest code, another one that is not above it, and the entry
  input  wire logic [ CodeWidth-1:0] top_i,
  input  wire logic [ CodeWidth-1:0] code_i,
  output logic      [EntryWidth-1:0] entry_o
);

  localparam int unsigned IndexBits = index_bits(Length);

  if (Shift >= CodeWidth) begin : gen_check_shift
    $error("table_lookup %m: Shift=%0d leaves nothing of a distance of CodeWidth=%0d bits", Shift, CodeWidth);
  end
  if (Length == 0) begin : gen_check_length
    $error("table_lookup %m: Length=0 is no table");
  end

  logic [EntryWidth-1:0] table_rom[Length];
  initial $readmemh(File, table_rom);

  logic [CodeWidth-1:0] distance_q;
  logic [IndexBits-1:0] index_q;
  logic [EntryWidth-1:0] read_q;  // a block RAM's output, which is slow without another register
  wire [31:0] index = 32'(distance_q >> Shift);

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      distance_q <= top_i - code_i;
      index_q <= index < 32'(Length) ? IndexBits'(index) : IndexBits'(Length - 1);
      read_q <= table_rom[index_q];
      entry_o <= read_q;
    end
  end

endmodule

`default_nettype wire
