`default_nettype none

// Sum over the classes of a table's entries at the distances from the largest logit.
//
// Every lane reads a copy of the table. A distance beyond the table reads its last entry. Latency: `valid_o` rises
// Folds + clog2(PerCycle) + 4 enabled cycles after `start_i`, Folds = ceil(Classes / PerCycle), for one cycle; the sum
// holds for it alone. Samples may follow one another every Folds enabled cycles.
module table_sum import hwc_pkg::*; #(
  // Classes of a sample
  parameter int unsigned Classes = 10,
  // Bits of a code; codes are unsigned
  parameter int unsigned CodeWidth = 8,
  // Classes a cycle
  parameter int unsigned PerCycle = 1,
  // Hex image of the table, an entry a line
  parameter string File = "",
  // Entries of the table
  parameter int unsigned Length = 2,
  // Bits of an entry; entries are unsigned
  parameter int unsigned EntryWidth = 17,
  // Low bits of a distance that the index leaves out
  parameter int unsigned Shift = 0,
  // Bits of the sum, which must hold Classes entries
  parameter int unsigned SumWidth = 21
) (
  input  wire logic                               clk_i,
  input  wire logic                               rst_ni,
  // Clock enable of the whole pipeline
  input  wire logic                               en_i,

  // A sample's first fold is at lanes_i; the others follow in the next enabled cycles
  input  wire logic                               start_i,
  input  wire logic [PerCycle-1:0][CodeWidth-1:0] lanes_i,
  // Largest code, from start_i to the sample's last fold
  input  wire logic [CodeWidth-1:0]               top_i,

  output      logic                               valid_o,
  output      logic [SumWidth-1:0]                sum_o
);

  localparam int unsigned Folds = (Classes + PerCycle - 1) / PerCycle;
  localparam int unsigned FoldBits = index_bits(Folds);
  localparam int unsigned IndexBits = index_bits(Length);
  localparam int unsigned Levels = $clog2(PerCycle);
  localparam int unsigned Depth = 4 + Levels;  // registers between lanes and accumulator

  if (Shift >= CodeWidth) begin : gen_check_shift
    $error("table_sum %m: Shift=%0d leaves nothing of a distance of CodeWidth=%0d bits", Shift, CodeWidth);
  end
  if (Length == 0) begin : gen_check_length
    $error("table_sum %m: Length=0 is no table");
  end

  // which fold is where: bit d after d registers
  logic [FoldBits-1:0] fold_q;  // the next one's number
  logic [Depth:1] first_q, last_q, valid_q;
  wire logic busy = start_i || fold_q != '0;
  wire logic last = fold_q == FoldBits'(Folds - 1);

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      first_q <= {first_q[Depth-1:1], start_i};
      last_q  <= {last_q[Depth-1:1], last};
    end
    if (!rst_ni) begin
      fold_q  <= '0;
      valid_q <= '0;
      valid_o <= 1'b0;
    end else if (en_i) begin
      valid_q <= {valid_q[Depth-1:1], busy};
      valid_o <= valid_q[Depth] && last_q[Depth];
      if (busy) begin
        fold_q <= last ? '0 : fold_q + 1'b1;
      end
    end
  end

  // sums[l] has ceil(PerCycle / 2**l) sums of entries of a fold; lanes past the last class count nothing
  logic [Levels:0][PerCycle-1:0][SumWidth-1:0] sums;

  for (genvar j = 0; j < PerCycle; j++) begin : gen_lane
    localparam bit Absent = (Folds - 1) * PerCycle + j >= Classes;
    logic [EntryWidth-1:0] table_rom [Length];
    initial $readmemh(File, table_rom);

    logic [CodeWidth-1:0] distance_q;
    logic [IndexBits-1:0] index_q;
    logic [EntryWidth-1:0] read_q, entry_q;  // a block RAM's output, and the register that it is slow without
    wire logic [31:0] index = 32'(distance_q >> Shift);

    always_ff @(posedge clk_i) begin
      if (en_i) begin
        distance_q <= top_i - lanes_i[j];
        index_q    <= index < 32'(Length) ? IndexBits'(index) : IndexBits'(Length - 1);
        read_q     <= table_rom[index_q];
        entry_q    <= read_q;
      end
    end
    assign sums[0][j] = Absent && last_q[4] ? '0 : SumWidth'(entry_q);
  end

  for (genvar l = 1; l <= Levels; l++) begin : gen_level
    localparam int unsigned Before = (PerCycle + 2 ** (l - 1) - 1) / 2 ** (l - 1);
    for (genvar j = 0; j < PerCycle; j++) begin : gen_sum
      if (2 * j + 1 < Before) begin : gen_pair
        always_ff @(posedge clk_i) begin
          if (en_i) begin
            sums[l][j] <= sums[l-1][2*j] + sums[l-1][2*j+1];
          end
        end
      end else if (2 * j < Before) begin : gen_single
        always_ff @(posedge clk_i) begin
          if (en_i) begin
            sums[l][j] <= sums[l-1][2*j];
          end
        end
      end else begin : gen_none
        assign sums[l][j] = '0;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (en_i) begin
      sum_o <= (first_q[Depth] ? '0 : sum_o) + sums[Levels][0];
    end
  end

endmodule

`default_nettype wire
