`default_nettype none

// What the modules of this folder share: casts of fixed-point numbers, and what travels with a sample.
package hwc_pkg;

  // What becomes of bits below a format's last one (ap_fixed's quantisation modes, UG1399)
  typedef enum logic [2:0] {
    Trn       = 3'd0,  // toward minus infinity
    TrnZero   = 3'd1,  // toward zero
    Rnd       = 3'd2,  // to nearest, halves toward plus infinity
    RndZero   = 3'd3,  // to nearest, halves toward zero
    RndInf    = 3'd4,  // to nearest, halves away from zero
    RndMinInf = 3'd5,  // to nearest, halves toward minus infinity
    RndConv   = 3'd6   // to nearest, halves to even
  } rounding_e;

  // What becomes of values outside a format's range (ap_fixed's overflow modes, UG1399)
  typedef enum logic [1:0] {
    Wrap    = 2'd0,  // keep the low bits
    Sat     = 2'd1,  // clip to the range
    SatZero = 2'd2,  // become zero
    SatSym  = 2'd3   // clip to the range without its most negative code
  } overflow_e;

  // How a product is built
  typedef enum logic [1:0] {
    Lut      = 2'd0,  // partial products in LUTs
    Dsp      = 2'd1,  // the multiplication operator, which synthesis maps to DSP blocks
    Constant = 2'd2   // shifts and adds by the digits of a weight that never changes; only with one fold
  } multiplier_e;

  // A fixed-point format: value = code * 2**-Fraction
  typedef struct packed {
    logic               is_signed;
    logic [15:0]        width;      // bits in all, sign included
    logic signed [15:0] fraction;   // bits after the binary point
    rounding_e          rounding;
    overflow_e          overflow;
  } format_t;

  // Travels with a sample past the kernels, in a FIFO beside them
  typedef struct packed {
    logic [31:0] sample_id;   // accepted samples before this one, modulo 2^32
    logic [31:0] stamp;       // cycle at which the sample's first beat was accepted
    logic [15:0] label;       // class that the previous exit chose; meaningless while seen = 0
    logic [7:0]  agreements;  // exits in a row, up to the previous one, that repeated the label before them
    logic        seen;        // 1 once an exit has decided on the sample
    logic        bank;        // threshold bank that was active when the sample's first beat was accepted
    logic        error;       // the sample's input was damaged: TLAST came inside it
  } sample_t;

  // What a learned criterion keeps of an exit; one for each exit before travels above a sample_t, the first lowest
  typedef struct packed {
    logic [15:0]        label;  // class that it chose
    logic signed [31:0] score;
  } past_t;

  // An exit's report: 16 bytes, little endian, first field lowest. Of its flags bit 0 says that it is the sample's last
  // record and bit 1 that the sample's input was damaged; bit 7 is the sample's threshold bank, which is the
  // accelerator's own and does not leave it.
  typedef struct packed {
    logic [7:0]         flags;
    logic [7:0]         exit_index;  // from 0
    logic [15:0]        label;       // class chosen, lowest index on ties
    logic signed [31:0] score;
    logic [31:0]        cycles;      // first input beat accepted to record first offered to the merge
    logic [31:0]        sample_id;
  } record_t;

  // Threshold codes: no score reaches Never, every score reaches Always
  localparam logic signed [31:0] Never = 32'sh7fffffff;
  localparam logic signed [31:0] Always = 32'sh80000000;

  // Bits that count from 0 to value - 1; one where there is nothing to count, since a port must have a bit
  function automatic int unsigned index_bits(input int unsigned value);
    return value > 1 ? unsigned'($clog2(value)) : 1;
  endfunction

endpackage

`default_nettype wire
