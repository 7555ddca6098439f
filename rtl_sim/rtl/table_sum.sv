`default_nettype none

// This module adds up, over the classes of a sample, the entries of a table at the distances from the largest logit.
//
// Each lane reads its own copy of the table. A distance beyond the table reads its last entry. Latency: `valid_o` rises
// Folds + clog2(PerCycle) + 4 enabled cycles after `start_i`, where Folds = ceil(Classes / PerCycle), for one cycle;
// the sum holds for that cycle alone. Samples may follow one another every Folds enabled cycles.
module table_sum #(
  // Number of classes
  parameter int unsigned Classes = 10,
  // Bits of a code; codes are unsigned
  parameter int unsigned CodeWidth = 8,
  // Number of classes processed in a cycle
  parameter int unsigned PerCycle = 1,
  // File with the table, one hexadecimal entry a line
  parameter string File = "",
  // Number of entries of the table
  parameter int unsigned Length = 2,
  // Bits of an entry; entries are unsigned
  parameter int unsigned EntryWidth = 17,
  // Low bits of a distance that the index leaves out
  parameter int unsigned Shift = 0,
  // Bits of the sum, wide enough for Classes entries
  parameter int unsigned SumWidth = 21
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,
  // Clock enable of the whole pipeline
  input wire logic en_i,

  // A sample starts: its first fold is at lanes_i, and the others follow in the next enabled cycles
  input wire logic                                start_i,
  input wire logic [ PerCycle-1:0][CodeWidth-1:0] lanes_i,
  // The largest code, from start_i to the last fold of the sample
  input wire logic [CodeWidth-1:0]                top_i,

  // The sum of a sample
  output logic                valid_o,
  output logic [SumWidth-1:0] sum_o
);

  localparam int unsigned Lookup = 4;  // enabled cycles of table_lookup

  logic [Lookup:1] start_q;  // bit d: d registers after the lanes
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      start_q <= '0;
    end else if (en_i) begin
      start_q <= {start_q[Lookup-1:1], start_i};
    end
  end

  logic [PerCycle-1:0][SumWidth-1:0] values;

  for (genvar j = 0; j < PerCycle; j++) begin : gen_lane
    logic [EntryWidth-1:0] entry;
    table_lookup #(
      .CodeWidth(CodeWidth),
      .File(File),
      .Length(Length),
      .EntryWidth(EntryWidth),
      .Shift(Shift)
    ) u_lookup (
      .clk_i,
      .en_i,
      .top_i,
      .code_i(lanes_i[j]),
      .entry_o(entry)
    );
    assign values[j] = SumWidth'(entry);
  end

  fold_sum #(
    .Classes(Classes),
    .PerCycle(PerCycle),
    .Width(SumWidth)
  ) u_sum (
    .clk_i,
    .rst_ni,
    .en_i,
    .start_i(start_q[Lookup]),
    .values_i(values),
    .valid_o,
    .sum_o
  );

endmodule

`default_nettype wire
