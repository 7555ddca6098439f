`default_nettype none

// This module merges the records of all exits into one stream, those of the deepest exit first.
//
// A record comes with its sample's stamp in the place of `cycles`. It leaves with the number of cycles from that stamp
// to the cycle in which it was first offered here; waiting after that does not count. A record accepted in cycle t is
// offered from cycle t + 1 on; the throughput is one record a cycle. The output holds the record that it offers until
// that is accepted. So a deep record waits for no shallower one, except for at most two that the output register has
// already accepted. `in_ready_o` depends on the valid of deeper exits and on registers.
module record_merge
  import hwc_pkg::*;
#(
  // Number of exits, each of which has its own input, the first exit lowest
  parameter int unsigned Exits = 2
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Count of clock cycles, modulo 2^32, from which stamps are taken
  input wire logic [31:0] now_i,

  // Records of the exits, with stamps
  input  wire logic    [Exits-1:0] in_valid_i,
  output logic         [Exits-1:0] in_ready_o,
  input  wire record_t [Exits-1:0] in_data_i,

  // Merged records, with cycles
  output logic      out_valid_o,
  input  wire logic out_ready_i,
  output record_t   out_data_o
);

  if (Exits < 1 || Exits > 256) begin : gen_check_exits
    $error("record_merge %m: Exits=%0d is not in 1 to 256", Exits);
  end

  logic [Exits-1:0] waits_q;  // offered in an earlier cycle
  logic [Exits-1:0][31:0] cycles_q;  // frozen then
  record_t [Exits-1:0] measured;  // inputs with their cycles
  record_t winner;  // the record of the deepest exit that offers one
  logic room;

  for (genvar k = 0; k < Exits; k++) begin : gen_input
    always_comb begin
      measured[k] = in_data_i[k];
      measured[k].cycles = waits_q[k] ? cycles_q[k] : now_i - in_data_i[k].cycles;
    end

    always_ff @(posedge clk_i) begin
      cycles_q[k] <= measured[k].cycles;
      if (!rst_ni) begin
        waits_q[k] <= 1'b0;
      end else begin
        waits_q[k] <= in_valid_i[k] && !in_ready_o[k];
      end
    end
  end

  always_comb begin
    winner = measured[0];
    for (int unsigned k = 1; k < Exits; k++) if (in_valid_i[k]) winner = measured[k];
  end

  // of an exit, no matter whether it offers a record: its own valid would make the way of ready longer
  always_comb begin
    for (int unsigned k = 0; k < Exits; k++) in_ready_o[k] = room && ((in_valid_i >> k) >> 1) == '0;
  end

  // a record is offered to the register only when that accepts it: until then a deeper record may go first
  logic [$bits(record_t)-1:0] out_data;
  stream_register #(
    .Width($bits(record_t))
  ) u_output (
    .clk_i,
    .rst_ni,
    .in_valid_i(room && |in_valid_i),
    .in_ready_o(room),
    .in_data_i(winner),
    .out_valid_o,
    .out_ready_i,
    .out_data_o(out_data)
  );
  assign out_data_o = record_t'(out_data);

endmodule

`default_nettype wire
