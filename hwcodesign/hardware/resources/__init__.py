"""This package estimates what hardware takes on a device, without synthesis.

A unit says what modules it is made of (`Part`); of each module, flip-flops, DSP blocks, block RAMs and LUTs that are
memory are counted by what its source says and by Yosys' own rules, and LUTs that compute are counts of bits that are
added, compared and selected, times coefficients that `benchmarks/unit_resources.py` fits to Yosys.
"""
