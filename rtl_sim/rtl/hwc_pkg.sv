`default_nettype none

// This package has what modules share: fixed-point formats, structs of parameters, and what travels with a sample.
package hwc_pkg;

  // Rounding mode: how a cast treats bits below the last bit of a format (quantisation modes of ap_fixed, UG1399)
  typedef enum logic [2:0] {
    Trn       = 3'd0,  // toward minus infinity
    TrnZero   = 3'd1,  // toward zero
    Rnd       = 3'd2,  // to nearest, halves toward plus infinity
    RndZero   = 3'd3,  // to nearest, halves toward zero
    RndInf    = 3'd4,  // to nearest, halves away from zero
    RndMinInf = 3'd5,  // to nearest, halves toward minus infinity
    RndConv   = 3'd6   // to nearest, halves to even
  } rounding_e;

  // Overflow mode: how a cast treats values outside the range of a format (overflow modes of ap_fixed, UG1399)
  typedef enum logic [1:0] {
    Wrap    = 2'd0,  // keep the low bits
    Sat     = 2'd1,  // clip to the range
    SatZero = 2'd2,  // become zero
    SatSym  = 2'd3   // clip to the range without its most negative code
  } overflow_e;

  // How products are built in hardware
  typedef enum logic [1:0] {
    Lut      = 2'd0,  // partial products in LUTs
    Dsp      = 2'd1,  // the multiplication operator, which synthesis maps to DSP blocks
    Constant = 2'd2   // shifts and adds by the digits of a weight that never changes; only with one fold
  } multiplier_e;

  // A fixed-point format: value = code * 2**-fraction
  typedef struct packed {
    logic               is_signed;  // 1: codes are in two's complement; 0: they are unsigned
    logic [15:0]        width;      // bits in all, sign included
    logic signed [15:0] fraction;   // bits after the binary point
    rounding_e          rounding;   // mode of casts to this format
    overflow_e          overflow;   // mode of casts to this format
  } format_t;

  // An image, and the windows that a kernel reads of it. Rows of windows follow one another from top to bottom, windows
  // of a row from left to right. Pixels outside the image are zeros.
  typedef struct packed {
    logic [31:0] height;         // rows of the image
    logic [31:0] width;          // columns of the image
    logic [31:0] channels;       // elements of a pixel
    logic [31:0] kernel_height;  // rows of a window
    logic [31:0] kernel_width;   // columns of a window
    logic [31:0] stride_y;       // rows from a window to the next one below it
    logic [31:0] stride_x;       // columns from a window to the next one in its row
    logic [31:0] pad_top;        // rows outside the image in the first windows
    logic [31:0] pad_left;       // columns outside the image in a row's first window; below kernel_width
    logic [31:0] out_height;     // rows of windows
    logic [31:0] out_width;      // windows of a row
  } window_t;

  // The multiply-accumulates of a layer: (sum of weight * input) * 2**product_shift + bias, then a cast. In a fold, the
  // work of one cycle, simd inputs are multiplied for each of pe outputs.
  typedef struct packed {
    logic [31:0]        simd;           // inputs in a fold; divides the number of an output's inputs
    logic [31:0]        pe;             // outputs in a fold; divides the number of outputs
    logic [31:0]        weight_width;   // bits of a weight, sign included
    logic [31:0]        acc_width;      // bits of the accumulator, sign included; holds every final sum
    logic signed [31:0] acc_fraction;   // bits of the accumulator after the binary point
    logic [31:0]        product_shift;  // bits by which products are shifted left to the accumulator's fraction
    multiplier_e        multiplier;     // how products are built; Constant only where a vector takes one fold
    logic               block_weights;  // 1: weights lie in block RAM; 0: where synthesis puts them, by their size
  } mac_t;

  // Bits that say how far the sums of products of an output are shifted
  localparam int unsigned ShiftBits = 5;

  // An image of 5x5 pixels with windows of 3x3, and one product a cycle: what modules have where nothing else is given
  localparam window_t SmallWindow = '{
      height: 32'd5,
      width: 32'd5,
      channels: 32'd1,
      kernel_height: 32'd3,
      kernel_width: 32'd3,
      stride_y: 32'd1,
      stride_x: 32'd1,
      pad_top: 32'd0,
      pad_left: 32'd0,
      out_height: 32'd3,
      out_width: 32'd3
  };
  localparam mac_t OneProduct = '{
      simd: 32'd1,
      pe: 32'd1,
      weight_width: 32'd4,
      acc_width: 32'd16,
      acc_fraction: 32'sd0,
      product_shift: 32'd0,
      multiplier: Lut,
      block_weights: 1'b0
  };

  // Division of a sum by the number n of its terms, toward zero: |sum| / n = (|sum| * multiplier) >> shift, where the
  // sum has as many bits after the binary point as the quotient. Whoever sets the fields makes sure that this is exact
  // for every sum that can occur.
  typedef struct packed {
    logic signed [31:0] fraction;          // bits of the quotient after the binary point, at least those of the sum
    logic [31:0]        multiplier_width;  // bits of the multiplier in use, 1 to 64; the others are 0
    logic [63:0]        multiplier;        // an unsigned integer
    logic [31:0]        shift;             // bits that are dropped from the product
  } division_t;

  // Division by one
  localparam division_t DivideByOne = '{fraction: 32'sd0, multiplier_width: 32'd1, multiplier: 64'd1, shift: 32'd0};

  // What exit_decision needs to know about the score unit beside it
  typedef struct packed {
    logic [31:0] latency;  // enabled cycles from the unit's start to its valid, at least 1
    logic        second;   // 1: it reads the second largest logit; else that is not found, and is 0
    logic        gate;     // 1: it reads the head's gate; else that is 0
    logic        past;     // 1: it reads the past_t of the exits before, which then travel with a sample
  } score_unit_t;

  // Tables of exp(-x) and, if needed, of x exp(-x), where x is the distance in nats of a logit from the largest one.
  // Entry i is for the distance i << shift in steps of the logits. An entry is an unsigned integer, rounded to nearest.
  typedef struct packed {
    logic [31:0] length;    // entries of a table, at least 1; a distance beyond them reads the last one
    logic [31:0] fraction;  // bits of an entry after the binary point
    logic [31:0] shift;     // low bits of a distance that the index leaves out
  } exponential_t;

  // Tables of ln(1 + x) and 1 / (1 + x) at x = (m + 1/2) / 2**mantissa_bits, where m is the index. Their entries have
  // as many bits after the binary point as those of exponential_t.
  typedef struct packed {
    logic [31:0] mantissa_bits;  // bits of the index
    logic [31:0] ln2;            // round(2**fraction ln 2), with the fraction of exponential_t
  } logarithm_t;

  // The weights of score_eenet that do not belong to one class or one exit, and how its weights are scaled
  typedef struct packed {
    logic signed [31:0] top_weight;        // of the largest probability, signed, of 18 bits
    logic signed [31:0] nats_weight;       // of the softmax's entropy in nats, signed, of 18 bits
    logic [31:0]        drop;              // low bits of weight times table entry that the score leaves out, at most 31
    logic [31:0]        earlier_fraction;  // bits after the binary point of the weights of earlier exits' scores
  } eenet_t;

  // What travels with a sample, in a FIFO beside the kernels
  typedef struct packed {
    logic [31:0] sample_id;   // number of samples accepted before this one, modulo 2^32
    logic [31:0] stamp;       // cycle at which the sample's first beat was accepted
    logic [15:0] label;       // class that the previous exit chose; meaningless while seen = 0
    logic [7:0]  agreements;  // exits in a row, up to the previous one, that chose the label of the exit before them
    logic        seen;        // 1 once an exit has decided on the sample
    logic        bank;        // threshold bank that was active when the sample's first beat was accepted
    logic        error;       // the sample's input was damaged: TLAST came inside it
  } sample_t;

  // What a learned criterion keeps of an exit. One past_t for each earlier exit travels above the sample_t, the first
  // exit lowest.
  typedef struct packed {
    logic [15:0]        label;  // class that it chose
    logic signed [31:0] score;  // score of the sample there
  } past_t;

  // The report of an exit: 16 bytes, little endian, the last field first. Of the flags, bit 0 says that it is the last
  // record of its sample, and bit 1 that the input of the sample was damaged. Bit 7 is the threshold bank of the
  // sample, which is used inside the accelerator only and does not leave it.
  typedef struct packed {
    logic [7:0]         flags;       // see above
    logic [7:0]         exit_index;  // index of the exit, from 0
    logic [15:0]        label;       // class chosen, lowest index on ties
    logic signed [31:0] score;       // in the units of the criterion
    logic [31:0]        cycles;      // from the first input beat accepted to the record first offered to the merge
    logic [31:0]        sample_id;   // as in sample_t
  } record_t;

  // Threshold codes: no score is at least Never, every score is at least Always
  localparam logic signed [31:0] Never = 32'sh7fffffff;
  localparam logic signed [31:0] Always = 32'sh80000000;

  // Number of bits that count from 0 to value - 1; at least 1, since a port must have a bit
  function automatic int unsigned index_bits(input int unsigned value);
    return value > 1 ? unsigned'($clog2(value)) : 1;
  endfunction

  // Number of windows that begin in a beat of several pixels of a row; 1 where the stride is wider than a beat
  function automatic int unsigned windows_together(input int unsigned pixels, input int unsigned stride);
    return pixels > stride ? pixels / stride : 1;
  endfunction

endpackage

`default_nettype wire
