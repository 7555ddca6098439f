`default_nettype none

// This module computes a monotone function of each element of a stream: it counts the thresholds of the lane that are
// at most the element, and adds the count to the lane's first result, or subtracts it. The count is found by bisection,
// one bit in a cycle, the highest first. The module takes a beat in each cycle; the latency is CountBits cycles. It
// stalls as a whole: while a result waits, in_ready_o follows out_ready_i in the same cycle.
module thresholds #(
  // Number of elements of a beat
  parameter int unsigned Lanes = 1,
  // Bits of a count: a lane has 2**CountBits - 1 thresholds
  parameter int unsigned CountBits = 1,
  // Bits of an input element
  parameter int unsigned InWidth = 8,
  // 1: input elements are in two's complement; 0: they are unsigned
  parameter bit InSigned = 1'b1,
  // Bits of an output element
  parameter int unsigned ResultWidth = 8,
  // Thresholds of each lane, ascending, the lowest first: codes of the input, with a bit more than these
  // have. An element that no threshold is at most has the first result; a threshold that is above all codes is
  // never reached.
  parameter logic [Lanes-1:0][2**CountBits-2:0][InWidth:0] Levels = '0,
  // Result of each lane for an element below all thresholds
  parameter logic [Lanes-1:0][ResultWidth-1:0] First = '0,
  // 1: the results of a lane rise with its elements; 0: they fall
  parameter logic [Lanes-1:0] Rises = '1
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Input beats
  input  wire logic                          in_valid_i,
  output logic                               in_ready_o,
  input  wire logic [Lanes-1:0][InWidth-1:0] in_data_i,

  // Output beats
  output logic                                   out_valid_o,
  input  wire logic                              out_ready_i,
  output logic      [Lanes-1:0][ResultWidth-1:0] out_data_o
);

  if (Lanes < 1 || CountBits < 1 || InWidth < 1 || ResultWidth < 1) begin : gen_check_sizes
    $error(
        "thresholds %m: Lanes=%0d, CountBits=%0d, InWidth=%0d and ResultWidth=%0d must be at least 1",
        Lanes,
        CountBits,
        InWidth,
        ResultWidth
    );
  end

  // With the sign bit inverted, codes in two's complement have the order of unsigned numbers
  localparam logic [InWidth:0] Order = {InSigned, InWidth'(0)};

  logic enable;
  logic [CountBits-1:0] valid_q;

  assign enable = !out_valid_o || out_ready_i;
  assign in_ready_o = enable;
  assign out_valid_o = valid_q[CountBits-1];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) valid_q <= '0;
    else if (enable) valid_q <= CountBits'({valid_q, in_valid_i});
  end

  for (genvar lane = 0; lane < Lanes; lane++) begin : gen_lane
    // A tool that copies a constant wherever it is indexed then copies those of one lane, not of all
    localparam logic [2**CountBits-2:0][InWidth:0] Own = Levels[lane];
    logic [CountBits-1:0][InWidth:0] code;
    logic [CountBits:0][CountBits-1:0] count;

    assign code[0] = {InSigned & in_data_i[lane][InWidth-1], in_data_i[lane]} ^ Order;
    assign count[0] = '0;

    for (genvar stage = 0; stage < CountBits; stage++) begin : gen_stage
      // This stage finds one bit of the count; the bits above it are known
      localparam int unsigned Bit = CountBits - 1 - stage;
      logic [2**stage-1:0][InWidth:0] level;
      logic [CountBits-1:0] count_q;
      logic reached;

      for (genvar known = 0; known < 2 ** stage; known++) begin : gen_level
        assign level[known] = Own[2**Bit*(2*known+1)-1] ^ Order;
      end

      if (stage == 0) begin : gen_only
        assign reached = code[stage] >= level[0];
      end else begin : gen_chosen
        assign reached = code[stage] >= level[count[stage][CountBits-1-:stage]];
      end

      always_ff @(posedge clk_i) if (enable) count_q <= count[stage] | (CountBits'(reached) << Bit);
      assign count[stage+1] = count_q;

      if (Bit > 0) begin : gen_next
        logic [InWidth:0] code_q;

        always_ff @(posedge clk_i) if (enable) code_q <= code[stage];
        assign code[stage+1] = code_q;
      end
    end

    assign out_data_o[lane] = Rises[lane] ? First[lane] + ResultWidth'(count[CountBits])
                                          : First[lane] - ResultWidth'(count[CountBits]);
  end

endmodule

`default_nettype wire
