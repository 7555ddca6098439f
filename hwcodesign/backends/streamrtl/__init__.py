"""StreamRTL: streaming SystemVerilog from the same graph that Vitis HLS gets."""
