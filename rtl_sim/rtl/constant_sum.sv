`default_nettype none

// This module computes sums of operands times constant weights, for several outputs at a time. The sums are exact.
//
// Each weight is written in canonical signed digits (-1, 0, 1). Each digit that is not zero makes one term: an operand,
// shifted. A binary tree adds or subtracts the terms. Terms of the same shift stand next to each other, and each node
// is only as wide as its least and its greatest value need.
//
// The module is a pipeline with a clock enable: it accepts and gives a set of sums in every enabled cycle. The latency
// is 1 + clog2(Simd * digits that a weight can have) enabled cycles: one for the register of the operands, and one for
// each level of the tree.
module constant_sum
  import hwc_pkg::*;
#(
  // Number of sums, one for each output
  parameter int unsigned Pe = 1,
  // Number of products in a sum
  parameter int unsigned Simd = 1,
  // Number of sets of operands: 1 if all sums read the same operands, else Pe
  parameter int unsigned Sets = 1,
  // Format of the operands, of which only width and sign matter
  parameter format_t In = '{is_signed: 1'b1, width: 16'd8, fraction: 16'sd0, rounding: Trn, overflow: Wrap},
  // Bits of a weight, sign included
  parameter int unsigned WeightWidth = 4,
  // The weights, in two's complement: [sum][product]
  parameter logic [Pe-1:0][Simd-1:0][WeightWidth-1:0] Weights = '0,
  // Bits of a sum
  localparam int unsigned SumWidth = unsigned'(int'(In.width)) + WeightWidth + unsigned'($clog2(Simd))
) (
  // Clock
  input wire logic clk_i,

  // Clock enable; operands, and the sums of earlier operands
  input  wire logic                                        enable_i,
  input  wire logic [Sets-1:0][    Simd-1:0][In.width-1:0] operands_i,
  output logic      [  Pe-1:0][SumWidth-1:0]               sums_o
);

  localparam int unsigned InWidth = unsigned'(int'(In.width));
  // Of neighbouring digits in canonical form one is zero
  localparam int unsigned MaxTerms = Simd * ((WeightWidth + 1) / 2);
  localparam int unsigned Levels = unsigned'($clog2(MaxTerms));
  localparam int unsigned ShiftBits = index_bits(WeightWidth);
  localparam int unsigned OperandBits = index_bits(Simd);
  // Tools are slow with long constants. So only chunks of terms are described for the whole sum, and single terms for
  // one chunk at a time.
  localparam int unsigned ChunkLevels = Levels < 5 ? Levels : 5;
  localparam int unsigned Chunk = 1 << ChunkLevels;
  localparam int unsigned MaxChunks = (MaxTerms + Chunk - 1) / Chunk;

  // Largest value of an operand, and the least one's magnitude
  localparam longint Largest = In.is_signed ? (64'sd1 <<< (InWidth - 1)) - 1 : (64'sd1 <<< InWidth) - 1;
  localparam longint Least = In.is_signed ? 64'sd1 <<< (InWidth - 1) : 0;

  // The terms of one sum, sorted by shift, in chunks: how many terms there are; of each chunk c the sign of its first
  // digit, which is at bit shift[c] of the weight of operand[c]; and, for operands that are all 1, what the terms of
  // the chunk add to the sum and what they subtract from it
  typedef struct packed {
    logic [31:0]                           count;
    logic [MaxChunks-1:0]                  negative;
    logic [MaxChunks-1:0][ShiftBits-1:0]   shift;
    logic [MaxChunks-1:0][OperandBits-1:0] operand;
    logic [MaxChunks-1:0][63:0]            added;
    logic [MaxChunks-1:0][63:0]            taken;
  } chunks_t;

  // The terms of one chunk: sign, shift and operand of each
  typedef struct packed {
    logic [Chunk-1:0]                  negative;
    logic [Chunk-1:0][ShiftBits-1:0]   shift;
    logic [Chunk-1:0][OperandBits-1:0] operand;
  } terms_t;

  // The canonical digits of a weight w follow from w = (3w - w) / 2: the digit at bit b is 1 if only 3w has bit b + 1,
  // and -1 if only w has it
  function automatic chunks_t chunks_of(input logic [Simd-1:0][WeightWidth-1:0] weights);
    logic [WeightWidth+1:0] once, thrice;
    longint added, taken;
    int term;
    term = 0;
    added = 0;
    taken = 0;
    chunks_of = '0;
    for (int b = 0; b < int'(WeightWidth); b++) begin
      for (int i = 0; i < int'(Simd); i++) begin
        once = (WeightWidth + 2)'(signed'(weights[i]));
        thrice = once + (once << 1);
        if (once[b+1] != thrice[b+1]) begin
          if (term % int'(Chunk) == 0) begin
            chunks_of.negative[term/int'(Chunk)] = once[b+1];
            chunks_of.shift[term/int'(Chunk)] = ShiftBits'(b);
            chunks_of.operand[term/int'(Chunk)] = OperandBits'(i);
            added = 0;
            taken = 0;
          end
          if (once[b+1]) taken = taken + (64'sd1 <<< b);
          else added = added + (64'sd1 <<< b);
          if (term % int'(Chunk) == int'(Chunk) - 1) begin
            chunks_of.added[term/int'(Chunk)] = added;
            chunks_of.taken[term/int'(Chunk)] = taken;
          end
          term = term + 1;
        end
      end
    end
    if (term % int'(Chunk) != 0) begin
      chunks_of.added[term/int'(Chunk)] = added;
      chunks_of.taken[term/int'(Chunk)] = taken;
    end
    chunks_of.count = term;
  endfunction

  // The `count` terms from a digit on
  function automatic terms_t terms_of(input logic [Simd-1:0][WeightWidth-1:0] weights, input int shift,
                                      input int operand, input int count);
    logic [WeightWidth+1:0] once, thrice;
    int term, b, i;
    term = 0;
    b = shift;
    i = operand;
    terms_of = '0;
    while (term < count) begin
      once = (WeightWidth + 2)'(signed'(weights[i]));
      thrice = once + (once << 1);
      if (once[b+1] != thrice[b+1]) begin
        terms_of.negative[term] = once[b+1];
        terms_of.shift[term] = ShiftBits'(b);
        terms_of.operand[term] = OperandBits'(i);
        term = term + 1;
      end
      i = i + 1;
      if (i == int'(Simd)) begin
        i = 0;
        b = b + 1;
      end
    end
  endfunction

  // Bits that a node needs whose terms, in units of the first one, add `like` and subtract `unlike`
  function automatic int unsigned bits_of(input longint like, input longint unlike);
    longint high, low;
    high = like * Largest + unlike * Least;
    low = like * Least + unlike * Largest;  // downwards
    return unsigned'(1 + ($clog2(high + 1) > $clog2(low) ? $clog2(high + 1) : $clog2(low)));
  endfunction

  // Bits of the sum of the terms [from, to) of a chunk, as a multiple of the first one's power of two, with that one's
  // sign
  function automatic int unsigned bits_of_terms(input terms_t terms, input int from, input int to);
    longint like, unlike;
    like = 0;
    unlike = 0;
    for (int t = from; t < to; t++) begin
      if (terms.negative[t] == terms.negative[from]) like = like + (64'sd1 <<< (terms.shift[t] - terms.shift[from]));
      else unlike = unlike + (64'sd1 <<< (terms.shift[t] - terms.shift[from]));
    end
    return bits_of(like, unlike);
  endfunction

  // The same of the chunks [from, to)
  function automatic int unsigned bits_of_chunks(input chunks_t chunks, input int from, input int to);
    longint added, taken;
    added = 0;
    taken = 0;
    for (int c = from; c < to; c++) begin
      added = added + chunks.added[c];
      taken = taken + chunks.taken[c];
    end
    added = added >>> chunks.shift[from];
    taken = taken >>> chunks.shift[from];
    return chunks.negative[from] ? bits_of(taken, added) : bits_of(added, taken);
  endfunction

  logic [Sets-1:0][Simd-1:0][InWidth-1:0] operands_q;

  always_ff @(posedge clk_i) if (enable_i) operands_q <= operands_i;

  for (genvar pe = 0; pe < Pe; pe++) begin : gen_pe
    localparam chunks_t Chunks = chunks_of(Weights[pe]);
    localparam int unsigned Count = Chunks.count;
    localparam int unsigned ChunkCount = Count > 0 ? (Count + Chunk - 1) / Chunk : 1;

    // The lowest levels of the tree, chunk by chunk
    for (genvar c = 0; c < ChunkCount; c++) begin : gen_chunk
      localparam int unsigned Here = Count < (c + 1) * Chunk ? Count - c * Chunk : Chunk;
      localparam terms_t Terms = terms_of(Weights[pe], 32'(Chunks.shift[c]), 32'(Chunks.operand[c]), Here);

      for (genvar level = 0; level <= ChunkLevels; level++) begin : gen_level
        localparam int unsigned Nodes = Here > 0 ? (Here + (1 << level) - 1) >> level : 1;
        for (genvar i = 0; i < Nodes; i++) begin : gen_node
          // Terms below this node, and where those of its right half begin
          localparam int unsigned From = i << level;
          localparam int unsigned To = (i + 1) << level < Here ? (i + 1) << level : Here;
          localparam int unsigned Half = level > 0 ? From + (1 << (level - 1)) : To;
          localparam int unsigned Bits = From < To ? bits_of_terms(Terms, From, To) : 1;
          logic signed [Bits-1:0] node;

          if (From >= To) begin : gen_nothing
            assign node = '0;
          end else if (level == 0) begin : gen_term
            localparam int unsigned Set = Sets == 1 ? 0 : pe;
            logic [InWidth-1:0] operand;
            assign operand = operands_q[Set][Terms.operand[From]];
            assign node = Bits'(signed'({In.is_signed & operand[InWidth-1], operand}));
          end else if (Half >= To) begin : gen_one
            always_ff @(posedge clk_i) if (enable_i) node <= gen_level[level-1].gen_node[2*i].node;
          end else begin : gen_two
            localparam int unsigned Further = 32'(Terms.shift[Half]) - 32'(Terms.shift[From]);
            logic signed [Bits-1:0] left, right;

            assign left = Bits'(gen_level[level-1].gen_node[2*i].node);
            assign right = Bits'(gen_level[level-1].gen_node[2*i+1].node);
            if (Terms.negative[Half] == Terms.negative[From]) begin : gen_add
              always_ff @(posedge clk_i) if (enable_i) node <= left + (right <<< Further);
            end else begin : gen_subtract
              always_ff @(posedge clk_i) if (enable_i) node <= left - (right <<< Further);
            end
          end
        end
      end
    end

    // The levels above: nodes of chunks
    for (genvar level = 0; level <= Levels - ChunkLevels; level++) begin : gen_level
      localparam int unsigned Nodes = (ChunkCount + (1 << level) - 1) >> level;
      for (genvar i = 0; i < Nodes; i++) begin : gen_node
        localparam int unsigned From = i << level;
        localparam int unsigned To = (i + 1) << level < ChunkCount ? (i + 1) << level : ChunkCount;
        localparam int unsigned Half = level > 0 ? From + (1 << (level - 1)) : To;
        localparam int unsigned Bits = Count > 0 ? bits_of_chunks(Chunks, From, To) : 1;
        logic signed [Bits-1:0] node;

        if (level == 0) begin : gen_chunk_sum
          assign node = gen_chunk[i].gen_level[ChunkLevels].gen_node[0].node;
        end else if (Half >= To) begin : gen_one
          always_ff @(posedge clk_i) if (enable_i) node <= gen_level[level-1].gen_node[2*i].node;
        end else begin : gen_two
          localparam int unsigned Further = 32'(Chunks.shift[Half]) - 32'(Chunks.shift[From]);
          logic signed [Bits-1:0] left, right;

          assign left = Bits'(gen_level[level-1].gen_node[2*i].node);
          assign right = Bits'(gen_level[level-1].gen_node[2*i+1].node);
          if (Chunks.negative[Half] == Chunks.negative[From]) begin : gen_add
            always_ff @(posedge clk_i) if (enable_i) node <= left + (right <<< Further);
          end else begin : gen_subtract
            always_ff @(posedge clk_i) if (enable_i) node <= left - (right <<< Further);
          end
        end
      end
    end

    // The first term's power of two and sign are still to be applied; where there is no term, all is zero
    logic signed [SumWidth-1:0] sum;
    assign sum = SumWidth'(gen_level[Levels-ChunkLevels].gen_node[0].node) <<< Chunks.shift[0];
    assign sums_o[pe] = Chunks.negative[0] ? -sum : sum;
  end

endmodule

`default_nettype wire
