`default_nettype none

// One input code, cast by every rounding and every overflow mode, signed and unsigned on either side, between several
// pairs of widths and fractions at once.
module requantise_cases
  import hwc_pkg::*;
#(
    // Number of pairs
    parameter int unsigned Count = 1,
    // Of each pair: input's width and fraction, result's width and fraction, the first lowest
    parameter logic [Count-1:0][3:0][7:0] Cases = {8'd1, 8'd4, 8'd4, 8'd8}
) (
    // The lowest bits are the input code of each pair
    input  wire logic [15:0] code_i,
    // The results, zero extended: by pair, input signed, result signed and rounding; then, packed, by overflow
    output logic [3:0][15:0] codes_o[Count*28]
);

  for (genvar c = 0; c < int'(Count); c++) begin : gen_case
    localparam int unsigned InWidth = unsigned'(int'(Cases[c][0]));
    localparam int InFraction = int'(signed'(Cases[c][1]));
    localparam int unsigned OutWidth = unsigned'(int'(Cases[c][2]));
    localparam int OutFraction = int'(signed'(Cases[c][3]));

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
            logic [OutWidth-1:0] code;

            requantise #(
                .InWidth(InWidth),
                .InFraction(InFraction),
                .InSigned(1'(i)),
                .Out(Format)
            ) u_requantise (
                .code_i(code_i[InWidth-1:0]),
                .code_o(code)
            );
            assign codes_o[((c*2+i)*2+o)*7+r][v] = 16'(code);
          end
        end
      end
    end
  end

endmodule

`default_nettype wire
