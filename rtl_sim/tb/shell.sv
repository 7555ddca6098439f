`default_nettype none

// The whole shell of an accelerator of three exits around a core that the bench plays: registers, control, unpacking
// and packing. Its register block is made by hwcodesign.backends.streamrtl.register_block with the prefix "shell".
module shell
  import hwc_pkg::*;
#(
  parameter int unsigned Channels = 3,
  parameter int unsigned ElementWidth = 6,
  parameter int unsigned Pixels = 7,
  parameter logic [31:0] FirstId = 32'hFFFF_FFFA
) (
  input  wire logic clk_i,
  input  wire logic rst_ni,
  output logic      core_rst_no,

  output logic             s_axil_awready,
  input  wire logic        s_axil_awvalid,
  input  wire logic [11:0] s_axil_awaddr,
  input  wire logic [ 2:0] s_axil_awprot,
  output logic             s_axil_wready,
  input  wire logic        s_axil_wvalid,
  input  wire logic [31:0] s_axil_wdata,
  input  wire logic [ 3:0] s_axil_wstrb,
  input  wire logic        s_axil_bready,
  output logic             s_axil_bvalid,
  output logic      [ 1:0] s_axil_bresp,
  output logic             s_axil_arready,
  input  wire logic        s_axil_arvalid,
  input  wire logic [11:0] s_axil_araddr,
  input  wire logic [ 2:0] s_axil_arprot,
  input  wire logic        s_axil_rready,
  output logic             s_axil_rvalid,
  output logic      [31:0] s_axil_rdata,
  output logic      [ 1:0] s_axil_rresp,

  input  wire logic        s_axis_tvalid,
  output logic             s_axis_tready,
  input  wire logic [63:0] s_axis_tdata,
  input  wire logic        s_axis_tlast,

  output logic             m_axis_tvalid,
  input  wire logic        m_axis_tready,
  output logic      [63:0] m_axis_tdata,
  output logic      [ 7:0] m_axis_tkeep,
  output logic             m_axis_tlast,

  // What the core has
  output logic                                       pixel_valid_o,
  input  wire logic                                  pixel_ready_i,
  output logic      [Channels-1:0][ElementWidth-1:0] pixel_data_o,

  output logic      info_valid_o,
  input  wire logic info_ready_i,
  output sample_t   info_data_o,

  input  wire logic    record_valid_i,
  output logic         record_ready_o,
  input  wire record_t record_data_i,

  output logic [2:0][1:0][31:0] thresholds_o,
  output logic [1:0]            anytime_o,

  input wire logic [1:0][15:0] levels_i,

  // Hides the TLAST of the input
  input wire logic mute_tlast_i,
  // For the models of a DMA alone
  input wire logic dma_rst_ni,

  // For monitors
  output logic        sample_started_o,
  output logic        active_bank_o,
  output logic [31:0] now_o
);

  shell_registers_pkg::accelerator__in_t hwif_in;
  shell_registers_pkg::accelerator__out_t hwif_out;

  shell_registers u_registers (
    .clk(clk_i),
    .rst_n(rst_ni),
    .s_axil_awready,
    .s_axil_awvalid,
    .s_axil_awaddr,
    .s_axil_awprot,
    .s_axil_wready,
    .s_axil_wvalid,
    .s_axil_wdata,
    .s_axil_wstrb,
    .s_axil_bready,
    .s_axil_bvalid,
    .s_axil_bresp,
    .s_axil_arready,
    .s_axil_arvalid,
    .s_axil_araddr,
    .s_axil_arprot,
    .s_axil_rready,
    .s_axil_rvalid,
    .s_axil_rdata,
    .s_axil_rresp,
    .hwif_in,
    .hwif_out
  );

  assign hwif_in.HASH_HIGH.hash.next = 32'h0123_4567;
  assign hwif_in.HASH_LOW.hash.next = 32'h89AB_CDEF;
  assign hwif_in.SIZES.classes.next = 16'd10;
  assign hwif_in.STATUS.active_bank.next = active_bank_o;

  wire unused_dma_rst = dma_rst_ni;

  logic core_rst_n, start_allowed, batch_ended, batch_last, record_taken;
  logic [31:0] accepted;
  assign core_rst_no = core_rst_n;

  accelerator_control #(
    .Exits(3)
  ) u_control (
    .clk_i,
    .rst_ni,
    .core_rst_no(core_rst_n),
    .staged_thresholds_i({
      hwif_out.THRESHOLD[2].code.value, hwif_out.THRESHOLD[1].code.value, hwif_out.THRESHOLD[0].code.value
    }),
    .staged_anytime_i(hwif_out.MODE.anytime.value),
    .soft_reset_i(hwif_out.CONTROL.soft_reset.value),
    .snapshot_i(hwif_out.CONTROL.snapshot.value),
    .commit_i(hwif_out.CONTROL.commit.value),
    .commit_pending_o(hwif_in.STATUS.commit_pending.next),
    .active_bank_o,
    .draining_o(hwif_in.STATUS.draining.next),
    .resetting_o(hwif_in.STATUS.resetting.next),
    .in_flight_o(hwif_in.STATUS.in_flight.next),
    .cycles_o({hwif_in.CYCLES_HIGH.count.next, hwif_in.CYCLES_LOW.count.next}),
    .accepted_o(hwif_in.ACCEPTED.count.next),
    .input_stalls_o(hwif_in.INPUT_STALLS.count.next),
    .output_stalls_o(hwif_in.OUTPUT_STALLS.count.next),
    .finals_o({hwif_in.FINALS[2].count.next, hwif_in.FINALS[1].count.next, hwif_in.FINALS[0].count.next}),
    .high_water_o({hwif_in.HIGH_WATER[1].beats.next, hwif_in.HIGH_WATER[0].beats.next}),
    .s_axis_tvalid_i(s_axis_tvalid),
    .s_axis_tready_i(s_axis_tready),
    .sample_started_i(sample_started_o),
    .batch_ended_i(batch_ended),
    .accepted_i(accepted),
    .start_allowed_o(start_allowed),
    .now_o,
    .m_axis_tvalid_i(m_axis_tvalid),
    .m_axis_tready_i(m_axis_tready),
    .record_taken_i(record_taken),
    .record_i(record_data_i),
    .batch_last_o(batch_last),
    .thresholds_o,
    .anytime_o,
    .levels_i
  );

  word_unpack #(
    .Channels(Channels),
    .ElementWidth(ElementWidth),
    .Pixels(Pixels),
    .FirstId(FirstId)
  ) u_unpack (
    .clk_i,
    .rst_ni(core_rst_n),
    .s_axis_tvalid,
    .s_axis_tready,
    .s_axis_tdata,
    .s_axis_tlast(s_axis_tlast && !mute_tlast_i),
    .out_valid_o(pixel_valid_o),
    .out_ready_i(pixel_ready_i),
    .out_data_o(pixel_data_o),
    .info_valid_o,
    .info_ready_i,
    .info_data_o,
    .now_i(now_o),
    .bank_i(active_bank_o),
    .start_allowed_i(start_allowed),
    .sample_started_o,
    .batch_ended_o(batch_ended),
    .accepted_o(accepted),
    .error_o(hwif_in.STATUS.error.next)
  );

  record_pack u_pack (
    .clk_i,
    .rst_ni(core_rst_n),
    .records_per_packet_i(hwif_out.RECORDS_PER_PACKET.count.value),
    .batch_last_i(batch_last),
    .in_valid_i(record_valid_i),
    .in_ready_o(record_ready_o),
    .in_data_i(record_data_i),
    .taken_o(record_taken),
    .m_axis_tvalid,
    .m_axis_tready,
    .m_axis_tdata,
    .m_axis_tkeep,
    .m_axis_tlast
  );

endmodule

`default_nettype wire
