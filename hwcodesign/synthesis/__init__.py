"""This package runs open synthesis: Yosys estimates the resources of a module on AMD devices, and nextpnr its clock on
an ECP5.

Yosys' figures are estimates of what Vivado would need. The clock of an ECP5 is that of another FPGA. Both compare one
design with another, and neither replaces a figure of Vivado.
"""

from hwcodesign.synthesis.figures import synthesise
from hwcodesign.synthesis.resources import SynthesisedResources
from hwcodesign.synthesis.routing import PostRoute, fmax

__all__ = ["PostRoute", "SynthesisedResources", "fmax", "synthesise"]
