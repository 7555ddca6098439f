"""Open synthesis: what a module costs on AMD devices by Yosys, and how fast it is after placement on an ECP5.

Yosys' figures are estimates of what Vivado would need, made by another tool; an ECP5's clock is that of other silicon.
Both say how one design compares with another, and neither may stand where a figure of Vivado is expected.
"""

from hwcodesign.synthesis.ecp5 import PostRoute, fmax
from hwcodesign.synthesis.figures import synthesise
from hwcodesign.synthesis.resources import Resources

__all__ = ["PostRoute", "Resources", "fmax", "synthesise"]
