`default_nettype none

// This module checks that a stream keeps its contract. It is for simulation, where hwcodesign/simulation/stream_checks
// binds it to the streams at the ports of all modules.
//
// A beat that is offered stays offered, with its data, until it is accepted. After reset nothing is unknown: valid and
// ready never are, and data are not while they are offered. At the end of a simulation, every sample that has begun is
// whole.
module stream_checker #(
  // Number of handshakes side by side
  parameter int unsigned Streams = 1,
  // Bits of the data of all handshakes together
  parameter int unsigned Width = 1,
  // 1: all handshakes have the same data; 0: each has its own Width / Streams bits, the first one's lowest
  parameter bit Shared = 1'b0,
  // Number of beats of a sample; 1 if samples differ in it
  parameter int unsigned Beats = 1
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // The handshakes, and their data
  input wire logic [Streams-1:0] valid_i,
  input wire logic [Streams-1:0] ready_i,
  input wire logic [  Width-1:0] data_i
);

  localparam int unsigned Own = Shared ? Width : Width / Streams;

  if (Streams < 1 || Width < 1 || Beats < 1) begin : gen_check_sizes
    $error("stream_checker %m: Streams=%0d, Width=%0d and Beats=%0d must be at least 1", Streams, Width, Beats);
  end
  if (!Shared && Width % Streams != 0) begin : gen_check_width
    $error("stream_checker %m: Width=%0d is not a multiple of Streams=%0d", Width, Streams);
  end

  for (genvar i = 0; i < Streams; i++) begin : gen_stream
    localparam int unsigned Low = Shared ? 0 : i * Own;
    wire [Own-1:0] data = data_i[Low+:Own];
    logic waits_q;
    logic [Own-1:0] data_q;
    int unsigned beat_q;

    always_ff @(posedge clk_i) begin
      waits_q <= rst_ni && valid_i[i] && !ready_i[i];
      data_q <= data;
      if (!rst_ni) beat_q <= 0;
      else if (valid_i[i] && ready_i[i]) beat_q <= beat_q == Beats - 1 ? 0 : beat_q + 1;

      if (rst_ni) begin
        // Valid and ready are never unknown.
        assert (!$isunknown(valid_i[i]) && !$isunknown(ready_i[i]))
        else $error("valid or ready is unknown (%m)");
        // Data that are offered are not unknown.
        assert (valid_i[i] !== 1'b1 || !$isunknown(data))
        else $error("data is unknown while it is offered (%m)");
        // A beat stays offered until it is accepted.
        assert (!waits_q || valid_i[i])
        else $error("a beat was withdrawn before it was taken (%m)");
        // The data of a beat do not change until it is accepted.
        assert (!waits_q || !valid_i[i] || data === data_q)
        else $error("data changed while a beat waited to be taken (%m)");
      end
    end

    final begin
      // No sample has only some of its beats.
      assert (beat_q == 0)
      else $error("the last sample has %0d of its %0d beats (%m)", beat_q, Beats);
    end
  end

endmodule

`default_nettype wire
