"""This package holds StreamRTL: it generates streaming SystemVerilog from the same graph that Vitis HLS gets."""
