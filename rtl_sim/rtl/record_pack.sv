`default_nettype none

// This module packs exit records into 64-bit words: two words for each record, low half first, little endian, all bytes
// valid.
//
// Contract: a record accepted in cycle t is offered from cycle t + 1 on, and the interval is two cycles. The second
// word of a record has TLAST if the record
// - is number RecordsPerPacket since the last TLAST (records_per_packet_i, read in the cycle in which the record is
//   accepted; 0: never; if the packet already holds more records than a new, smaller value, its next record ends it),
//   or
// - is final while batch_last_i is 1: then no record of its batch follows.
// Of the flags, only those leave that the format of records defines: bit 0 final, bit 1 error. A reset drops a record
// that is being offered, even after its first word.
module record_pack
  import hwc_pkg::*;
(
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Number of records of a packet, from one TLAST to the next; 0: TLAST comes only at the end of a batch
  input wire logic [15:0] records_per_packet_i,
  // 1: the last word of the batch has been accepted, and only one sample of the batch is in flight
  input wire logic        batch_last_i,

  // Records to pack
  input  wire logic    in_valid_i,
  output logic         in_ready_o,
  input  wire record_t in_data_i,

  // 1: a record is accepted in this cycle
  output logic taken_o,

  // AXI4-Stream of words
  output logic             m_axis_tvalid,
  input  wire logic        m_axis_tready,
  output logic      [63:0] m_axis_tdata,
  output logic      [ 7:0] m_axis_tkeep,
  output logic             m_axis_tlast
);

  // Flags that leave: final and error
  localparam logic [7:0] FlagMask = 8'h03;

  logic valid_d, valid_q, high_d, high_q, last_d, last_q;
  logic [15:0] count_d, count_q;  // records of the packet accepted
  record_t record_d, record_q;
  logic packet_full;

  assign in_ready_o = !valid_q || (high_q && m_axis_tready);
  assign taken_o = in_valid_i && in_ready_o;
  assign packet_full = records_per_packet_i != '0 && count_q >= records_per_packet_i - 1'b1;

  always_comb begin
    valid_d = valid_q;
    high_d = high_q;
    last_d = last_q;
    count_d = count_q;
    record_d = record_q;
    if (valid_q && m_axis_tready) begin
      high_d = !high_q;
      valid_d = !high_q;
    end
    if (taken_o) begin
      valid_d = 1'b1;
      record_d = in_data_i;
      record_d.flags = in_data_i.flags & FlagMask;
      last_d = packet_full || (in_data_i.flags[0] && batch_last_i);
      count_d = last_d || records_per_packet_i == '0 ? '0 : count_q + 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      high_q <= 1'b0;
      count_q <= '0;
    end else begin
      valid_q <= valid_d;
      high_q <= high_d;
      count_q <= count_d;
    end
    last_q <= last_d;
    record_q <= record_d;
  end

  assign m_axis_tvalid = valid_q;
  assign m_axis_tdata = high_q ? record_q[127:64] : record_q[63:0];
  assign m_axis_tkeep = '1;
  assign m_axis_tlast = high_q && last_q;

endmodule

`default_nettype wire
