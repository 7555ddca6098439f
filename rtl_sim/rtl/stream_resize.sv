`default_nettype none

// This module carries the same elements, in the same order, in beats of another size.
//
// A wide beat is split: it is stored and given in pieces, one piece a cycle from the next cycle on, and the following
// beat is accepted with the last piece. Narrow beats are joined: pieces are collected, one piece a cycle, and the wide
// beat is valid in the cycle after its last piece. If neither number of lanes divides the other, the module does both,
// with pieces of as many lanes as divide both numbers. in_ready_o follows out_ready_i in the same cycle while a result
// waits.
module stream_resize #(
  // Number of elements of an input beat and of an output beat
  parameter int unsigned InLanes = 2,
  parameter int unsigned OutLanes = 1,
  // Bits of an element
  parameter int unsigned ElementWidth = 8,
  // Number of elements of a sample, a multiple of InLanes and of OutLanes
  parameter int unsigned Elements = 2
) (
  // Clock, and synchronous reset, active low
  input wire logic clk_i,
  input wire logic rst_ni,

  // Beats of InLanes elements
  input  wire logic                                 in_valid_i,
  output logic                                      in_ready_o,
  input  wire logic [InLanes-1:0][ElementWidth-1:0] in_data_i,

  // Beats of OutLanes elements
  output logic                                       out_valid_o,
  input  wire logic                                  out_ready_i,
  output logic      [OutLanes-1:0][ElementWidth-1:0] out_data_o
);

  if (InLanes < 1 || OutLanes < 1 || ElementWidth < 1) begin : gen_check_sizes
    $error(
        "stream_resize %m: InLanes=%0d, OutLanes=%0d and ElementWidth=%0d must be at least 1",
        InLanes,
        OutLanes,
        ElementWidth
    );
  end

  if (InLanes == OutLanes) begin : gen_check_resize
    $error("stream_resize %m: InLanes=OutLanes=%0d leaves nothing to do", InLanes);
  end

  if (Elements % InLanes != 0 || Elements % OutLanes != 0) begin : gen_check_elements
    $error(
        "stream_resize %m: Elements=%0d are not whole beats of InLanes=%0d and OutLanes=%0d",
        Elements,
        InLanes,
        OutLanes
    );
  end

  // The largest number that divides both
  function automatic int unsigned common(input int unsigned one, input int unsigned other);
    common = 1;
    for (int unsigned n = 2; n <= one; n++) if (one % n == 0 && other % n == 0) common = n;
  endfunction

  localparam int unsigned Lanes = common(InLanes, OutLanes);
  localparam int unsigned PieceWidth = Lanes * ElementWidth;

  logic piece_valid, piece_ready;
  logic [PieceWidth-1:0] piece;

  if (InLanes > Lanes) begin : gen_split
    localparam int unsigned Pieces = InLanes / Lanes;
    localparam int unsigned CountBits = unsigned'($clog2(Pieces + 1));
    // Pieces that are left, the next one lowest
    logic [CountBits-1:0] left_q;
    logic [Pieces-1:0][PieceWidth-1:0] data_q;
    logic given;

    assign piece_valid = left_q != '0;
    assign piece = data_q[0];
    assign given = piece_valid && piece_ready;
    assign in_ready_o = !piece_valid || (given && left_q == CountBits'(1));

    always_ff @(posedge clk_i) begin
      if (in_valid_i && in_ready_o) data_q <= in_data_i;
      else if (given) data_q <= data_q >> PieceWidth;
      if (!rst_ni) left_q <= '0;
      else if (in_valid_i && in_ready_o) left_q <= CountBits'(Pieces);
      else if (given) left_q <= left_q - 1'b1;
    end
  end else begin : gen_no_split
    assign piece_valid = in_valid_i;
    assign in_ready_o = piece_ready;
    assign piece = in_data_i;
  end

  if (OutLanes > Lanes) begin : gen_join
    localparam int unsigned Pieces = OutLanes / Lanes;
    localparam int unsigned CountBits = unsigned'($clog2(Pieces));
    logic [CountBits-1:0] collected_q;
    logic last;

    assign last = collected_q == CountBits'(Pieces - 1);
    assign piece_ready = !out_valid_o || out_ready_i;

    always_ff @(posedge clk_i) begin
      if (piece_valid && piece_ready) out_data_o <= (Pieces * PieceWidth)'({piece, out_data_o} >> PieceWidth);
      if (!rst_ni) begin
        collected_q <= '0;
        out_valid_o <= 1'b0;
      end else if (piece_ready) begin
        if (piece_valid) collected_q <= last ? '0 : collected_q + 1'b1;
        out_valid_o <= piece_valid && last;
      end
    end
  end else begin : gen_no_join
    assign out_valid_o = piece_valid;
    assign piece_ready = out_ready_i;
    assign out_data_o = piece;
  end

endmodule

`default_nettype wire
