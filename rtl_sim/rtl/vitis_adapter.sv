`default_nettype none

// This module connects our streams to an IP of Vitis HLS: it lays out beats as the IP has them on its AXI4-Stream
// ports, and takes the beats of the IP apart again. It is wires alone: valid, ready and data pass in the same cycle.
// The IP registers its ports, which is the default of Vitis (register_mode=both).
//
// On a port of an IP, element 0 of a beat is lowest, each element is in the low bits of its place, and the whole is
// rounded up to bytes. A place has ElementBits bits: by default, Vitis rounds the width of an element up to 8, 16, 32
// or 64 for hls::stream<nnet::array<T, N>>; in a packed beat, a place is as wide as its element. Padding is written
// with copies of the sign or with zeros, and never read. Sources: UG1399, "AXI4-Stream Interfaces" and "Structs in the
// Interface"; UG1391, "Data Layout for Arbitrary Precision Types". No IP that Vitis made has been connected yet.
module vitis_adapter #(
  // Number of elements of a beat to the IP
  parameter int unsigned InLanes = 1,
  // Bits of such an element
  parameter int unsigned InWidth = 8,
  // 1: padding of such an element copies its sign; 0: padding is zero
  parameter bit InSigned = 1'b0,
  // Bits of the place of such an element, at least InWidth
  parameter int unsigned InElementBits = 8,
  // Number of elements of a beat from the IP
  parameter int unsigned OutLanes = 1,
  // Bits of such an element
  parameter int unsigned OutWidth = 8,
  // Bits of the place of such an element, at least OutWidth
  parameter int unsigned OutElementBits = 8,
  // Bits of the IP's TDATA; follow from the above
  localparam int unsigned InDataBits = (InLanes * InElementBits + 7) / 8 * 8,
  localparam int unsigned OutDataBits = (OutLanes * OutElementBits + 7) / 8 * 8
) (
  // Beats for the IP
  input  wire logic                            in_valid_i,
  output logic                                 in_ready_o,
  input  wire logic [InLanes-1:0][InWidth-1:0] in_data_i,

  // The IP's input port
  output logic                       ip_in_tvalid_o,
  input  wire logic                  ip_in_tready_i,
  output logic      [InDataBits-1:0] ip_in_tdata_o,

  // The IP's output port
  input  wire logic                   ip_out_tvalid_i,
  output logic                        ip_out_tready_o,
  input  wire logic [OutDataBits-1:0] ip_out_tdata_i,

  // Beats of the IP
  output logic                                   out_valid_o,
  input  wire logic                              out_ready_i,
  output logic      [OutLanes-1:0][OutWidth-1:0] out_data_o
);

  if (InLanes == 0 || OutLanes == 0 || InWidth == 0 || OutWidth == 0) begin : gen_check_size
    $error(
        "vitis_adapter %m: InLanes=%0d, InWidth=%0d, OutLanes=%0d and OutWidth=%0d must all be at least 1",
        InLanes,
        InWidth,
        OutLanes,
        OutWidth
    );
  end
  if (InElementBits < InWidth || OutElementBits < OutWidth) begin : gen_check_places
    $error(
        "vitis_adapter %m: places of %0d and %0d bits do not hold elements of %0d and %0d",
        InElementBits,
        OutElementBits,
        InWidth,
        OutWidth
    );
  end

  assign ip_in_tvalid_o = in_valid_i;
  assign in_ready_o = ip_in_tready_i;
  assign out_valid_o = ip_out_tvalid_i;
  assign ip_out_tready_o = out_ready_i;

  logic [InLanes-1:0][InElementBits-1:0] places;
  assign ip_in_tdata_o = InDataBits'(places);
  for (genvar lane = 0; lane < InLanes; lane++) begin : gen_in
    if (InSigned) begin : gen_signed
      assign places[lane] = InElementBits'(signed'(in_data_i[lane]));
    end else begin : gen_unsigned
      assign places[lane] = InElementBits'(in_data_i[lane]);
    end
  end

  for (genvar lane = 0; lane < OutLanes; lane++) begin : gen_out
    assign out_data_o[lane] = ip_out_tdata_i[lane*OutElementBits+:OutWidth];
  end

  wire unused = &{1'b0, ip_out_tdata_i};  // its padding

endmodule

`default_nettype wire
