`default_nettype none

// This module adds up the part of an exit's score that comes from the scores of earlier exits. It stands in the path of
// what travels with a sample.
//
// sum = sum of (Weights[k] * score of exit k) >>> WeightFraction, where each product is shifted alone. The latency is 2
// cycles, and the throughput one sample a cycle. Two stream registers cut every combinational path.
module past_scores
  import hwc_pkg::*;
#(
  // Number of exits before this one, at least 1
  parameter int unsigned Earlier = 1,
  // Signed weight of the score of each, the first exit lowest
  parameter logic [Earlier-1:0][17:0] Weights = '0,
  // Bits of the weights after the binary point, at most 31
  parameter int unsigned WeightFraction = 0,
  localparam int unsigned PastBits = Earlier * $bits(past_t),
  localparam int unsigned DataBits = PastBits + $bits(sample_t)
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // What travels with a sample: a sample_t, and above it a past_t for each earlier exit, the first exit lowest
  input  wire logic                in_valid_i,
  output logic                     in_ready_o,
  input  wire logic [DataBits-1:0] in_data_i,

  // The same, and the sum in units of the score
  output logic                       out_valid_o,
  input  wire logic                  out_ready_i,
  output logic        [DataBits-1:0] out_data_o,
  output logic signed [        31:0] sum_o
);

  if (Earlier == 0) begin : gen_check_earlier
    $error("past_scores %m: Earlier=0 leaves nothing to add");
  end
  if (WeightFraction > 31) begin : gen_check_fraction
    $error("past_scores %m: WeightFraction=%0d is above 31", WeightFraction);
  end

  wire past_t [Earlier-1:0] past = in_data_i[DataBits-1:$bits(sample_t)];

  // a term fits 32 bits, because the weights are chosen so that every score does
  logic [Earlier-1:0][31:0] terms, terms_q;
  always_comb begin
    for (int unsigned k = 0; k < Earlier; k++) begin
      terms[k] = 32'(50'(signed'(Weights[k])) * 50'(past[k].score) >>> WeightFraction);
    end
  end

  logic multiplied_valid, multiplied_ready;
  logic [DataBits-1:0] multiplied_data;
  stream_register #(
    .Width(32 * Earlier + DataBits)
  ) u_multiplied (
    .clk_i,
    .rst_ni,
    .in_valid_i,
    .in_ready_o,
    .in_data_i({terms, in_data_i}),
    .out_valid_o(multiplied_valid),
    .out_ready_i(multiplied_ready),
    .out_data_o({terms_q, multiplied_data})
  );

  logic signed [31:0] sum;
  always_comb begin
    sum = '0;
    for (int unsigned k = 0; k < Earlier; k++) begin
      sum += signed'(terms_q[k]);
    end
  end

  stream_register #(
    .Width(32 + DataBits)
  ) u_summed (
    .clk_i,
    .rst_ni,
    .in_valid_i(multiplied_valid),
    .in_ready_o(multiplied_ready),
    .in_data_i({sum, multiplied_data}),
    .out_valid_o,
    .out_ready_i,
    .out_data_o({sum_o, out_data_o})
  );

endmodule

`default_nettype wire
