`default_nettype none

// Stands in for an IP that Vitis HLS exports: its block control (ap_ctrl_hs) and the layout of its AXI4-Stream ports,
// around whatever is connected to the seg_ ports. It is written after UG1399, not after an IP: it shows that the
// adapter keeps to what is documented.
//
// A transaction is a sample. It begins where ap_start is high; no input is taken before. ap_ready says that the
// transaction's inputs are read, ap_done that its outputs are written, one cycle each; ap_idle that there is no
// transaction. ap_start must stay high until ap_ready; where it then is high, the next transaction begins. Padding of
// the output is the contrary of the element's sign, and padding of the input must be its extension.
module vitis_stand_in #(
  // Beats of a sample on each port
  parameter int unsigned InBeats = 1,
  parameter int unsigned OutBeats = 1,
  // Layout of the ports, as in vitis_adapter
  parameter int unsigned InLanes = 1,
  parameter int unsigned InWidth = 8,
  parameter bit InSigned = 1'b0,
  parameter int unsigned InElementBits = 8,
  parameter int unsigned OutLanes = 1,
  parameter int unsigned OutWidth = 8,
  parameter int unsigned OutElementBits = 8,
  // 1: a sample's inputs are read while earlier ones are in work, as in a DATAFLOW region, and ap_ready comes before
  // ap_done; 0: samples one after the other, with both at once
  parameter bit Overlap = 1'b1,
  localparam int unsigned InDataBits = (InLanes * InElementBits + 7) / 8 * 8,
  localparam int unsigned OutDataBits = (OutLanes * OutElementBits + 7) / 8 * 8
) (
  input wire logic ap_clk,
  input wire logic ap_rst_n,

  input  wire logic ap_start,
  output logic      ap_done,
  output logic      ap_idle,
  output logic      ap_ready,

  input  wire logic                  in_TVALID,
  output logic                       in_TREADY,
  input  wire logic [InDataBits-1:0] in_TDATA,

  output logic                        out_TVALID,
  input  wire logic                   out_TREADY,
  output logic      [OutDataBits-1:0] out_TDATA,

  // What computes
  output logic                                   seg_in_valid_o,
  input  wire logic                              seg_in_ready_i,
  output logic      [ InLanes-1:0][ InWidth-1:0] seg_in_data_o,
  input  wire logic                              seg_out_valid_i,
  output logic                                   seg_out_ready_o,
  input  wire logic [OutLanes-1:0][OutWidth-1:0] seg_out_data_i
);

  logic reading_q;  // a transaction's inputs are not all read
  int unsigned open_q;  // transactions that have begun and are not done
  int unsigned read_q, written_q;  // beats of the transaction that is read, and of the one that is written

  wire begins = !reading_q && ap_start && (Overlap || open_q == 0);
  wire in_fire = in_TVALID && in_TREADY;
  wire out_fire = out_TVALID && out_TREADY;
  wire all_read = in_fire && read_q == InBeats - 1;

  assign in_TREADY = reading_q && seg_in_ready_i;
  assign seg_in_valid_o = reading_q && in_TVALID;
  assign out_TVALID = seg_out_valid_i;
  assign seg_out_ready_o = out_TREADY;

  assign ap_done = out_fire && written_q == OutBeats - 1;
  assign ap_ready = Overlap ? all_read : ap_done;
  assign ap_idle = !ap_start && !reading_q && open_q == 0;

  for (genvar lane = 0; lane < InLanes; lane++) begin : gen_in
    assign seg_in_data_o[lane] = in_TDATA[lane*InElementBits+:InWidth];
  end

  logic [OutLanes-1:0][OutElementBits-1:0] places;
  always_comb begin
    for (int lane = 0; lane < OutLanes; lane++) begin
      places[lane] = {OutElementBits{!seg_out_data_i[lane][OutWidth-1]}};
      places[lane][OutWidth-1:0] = seg_out_data_i[lane];
    end
    out_TDATA = '1;
    out_TDATA[OutLanes*OutElementBits-1:0] = places;
  end

  always_ff @(posedge ap_clk) begin
    if (!ap_rst_n) begin
      reading_q <= 1'b0;
      open_q <= 0;
      read_q <= 0;
      written_q <= 0;
    end else begin
      if (begins) reading_q <= 1'b1;
      if (all_read) reading_q <= 1'b0;
      if (in_fire) read_q <= all_read ? 0 : read_q + 1;
      if (out_fire) written_q <= ap_done ? 0 : written_q + 1;
      open_q <= open_q + 32'(begins) - 32'(ap_done);
    end
  end

  // What the adapter owes to the IP
  logic [InLanes-1:0][InElementBits-1:0] extended;
  always_comb begin
    for (int lane = 0; lane < InLanes; lane++) begin
      extended[lane] = {InElementBits{InSigned && seg_in_data_o[lane][InWidth-1]}};
      extended[lane][InWidth-1:0] = seg_in_data_o[lane];
    end
  end
  wire waits_for_ready = Overlap ? reading_q : open_q != 0;
  always_ff @(posedge ap_clk) begin
    if (ap_rst_n) begin
      assert (!in_TVALID || in_TDATA == InDataBits'(extended))
      else $error("an element is not extended to its place by its sign (%m)");
      assert (ap_start || !waits_for_ready)
      else $error("ap_start fell before ap_ready (%m)");
      assert (!out_fire || open_q != 0)
      else $error("an output was written outside any transaction (%m)");
    end
  end

endmodule

`default_nettype wire
