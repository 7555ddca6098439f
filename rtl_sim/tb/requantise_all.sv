`default_nettype none

// Casts every input code by every rounding and every overflow mode, signed and unsigned on either side, between several
// pairs of widths and fractions, and prints the results: a line of "pair code" and 28 * 4 hexadecimal codes each, by
// input signed, result signed, rounding and overflow, the last first.
module requantise_all
  import hwc_pkg::*;
#(
  // Number of pairs
  parameter int unsigned Count = 1,
  // Of each pair: input's width and fraction, result's width and fraction, the first lowest
  parameter logic [Count-1:0][3:0][7:0] Cases = {8'd1, 8'd4, 8'd4, 8'd8}
);

  for (genvar c = 0; c < int'(Count); c++) begin : gen_case
    localparam int unsigned InWidth = unsigned'(int'(Cases[c][0]));
    localparam int InFraction = int'(signed'(Cases[c][1]));
    localparam int unsigned OutWidth = unsigned'(int'(Cases[c][2]));
    localparam int OutFraction = int'(signed'(Cases[c][3]));
    logic [InWidth-1:0] code;
    // By input signed, result signed and rounding; then, packed, by overflow
    logic [3:0][15:0] results[28];

    for (genvar i = 0; i < 2; i++) begin : gen_in
      for (genvar o = 0; o < 2; o++) begin : gen_out
        for (genvar r = 0; r < 7; r++) begin : gen_rounding
          for (genvar v = 0; v < 4; v++) begin : gen_overflow
            localparam format_t Format = '{
                is_signed: 1'(o),
                width: 16'(OutWidth),
                fraction: 16'(OutFraction),
                rounding: rounding_e'(3'(r)),
                overflow: overflow_e'(2'(v))
            };
            logic [OutWidth-1:0] result;

            requantise #(
              .InWidth(InWidth),
              .InFraction(InFraction),
              .InSigned(1'(i)),
              .Out(Format)
            ) u_requantise (
              .code_i(code),
              .code_o(result)
            );
            assign results[(i*2+o)*7+r][v] = 16'(result);
          end
        end
      end
    end

    initial begin
      for (int n = 0; n < (1 << InWidth); n++) begin
        code = InWidth'(n);
        #1;
        $write("%0d %0d", c, n);
        for (int k = 0; k < 28; k++) $write(" %h", results[k]);
        $write("\n");
      end
    end
  end

endmodule

`default_nettype wire
