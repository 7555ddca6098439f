"""What wide convolutions take with products in LUTs, and in DSP blocks.

    python -m benchmarks.dsp_blocks --write docs/hardware.md

Yosys' figures of whole units, mapped module by module for 7 series, weights and ROMs included.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.sections import write_section
from benchmarks.unit_measurements import synthesised
from benchmarks.unit_points import Drawn
from hwcodesign.fixedpoint import FixedPoint, Overflow, Rounding
from hwcodesign.hardware.implementation import LATENCY, RESOURCE, Implementation
from hwcodesign.hardware.stream import Stream
from hwcodesign.hardware.units import unit_of
from hwcodesign.kernels import Conv2D
from hwcodesign.synthesis.resources import SynthesisedResources

#: Of the section of the document, and the heading behind it.
HEADING, NEXT = "## Products in DSP blocks", "## Estimated resources"


@dataclass(frozen=True)
class Layer:
    """A convolution of 3x3 with as many outputs as inputs, padded, with a rectifier's range behind it.

    Attributes:
        channels, side: of the image.
        bits: of weights and activations.
        reuse: reuse factor.
    """

    channels: int
    side: int
    bits: int
    reuse: int

    @property
    def kernel(self) -> Conv2D:
        """The layer with drawn weights, of which the first are the extremes."""
        shape = (3, 3, self.channels, self.channels)
        most = 2 ** (self.bits - 1)
        weights = np.random.default_rng(7).integers(-most, most, shape).astype(np.float64)
        weights.flat[0], weights.flat[1] = most - 1, -most
        image, fraction = (self.side, self.side, self.channels), 2 * (self.bits - 1)
        source = FixedPoint(self.bits, 1, signed=False)
        result = FixedPoint(self.bits, 1, False, Rounding.RND_CONV, Overflow.SAT)
        return Conv2D(
            "layer", ("input",), (source,), (image,), result, image, weights, np.zeros(self.channels),
            FixedPoint(self.bits, 1), FixedPoint(30, 30 - fraction), (1, 1), (1, 1, 1, 1),
        )  # fmt: skip

    def unit(self, strategy: str) -> Drawn:
        """The unit that a strategy builds."""
        kernel = self.kernel
        made = unit_of(kernel, Implementation(self.reuse, strategy), (Stream.of(kernel.input_shapes[0]),))
        inputs = (("in", made.reads[0].lanes, self.bits),)
        return Drawn(made.instance, inputs, (made.writes.lanes, self.bits), made)


LAYERS = (Layer(16, 32, 4, 9), Layer(16, 32, 8, 18), Layer(64, 8, 4, 288))


def _row(layer: Layer, strategy: str, found: SynthesisedResources) -> str:
    channels = layer.channels
    size = f"{channels}→{channels}, {layer.side}x{layer.side}"
    products = 9 * channels**2 // layer.reuse
    figures = f"{found.lut:,} | {found.ff:,} | {found.dsp} | {found.bram18}"
    return f"| {size} | {layer.bits} | {layer.reuse} | {products} | {strategy} | {figures} |"


def document(rows: list[str]) -> str:
    """The section."""
    head = "| layer | bits | reuse | products a cycle | strategy | LUT | FF | DSP | BRAM18 |"
    table = "\n".join([head, "|---|---:|---:|---:|---|---:|---:|---:|---:|", *rows])
    return f"""{HEADING}

    python -m benchmarks.dsp_blocks --write docs/hardware.md

With the strategy "resource", two outputs that read the same operand share a DSP block: a block's factor of 25 bits
holds both weights, if twice their bits and the operand's are at most 24. That is 4 by 4, 8 by 8 and anything between.
Bits to spare are room for sums: up to four products of an output are added in the blocks (at 8 by
8 bits none, so that trees of adders take more LUTs). What an operand adds to both sums is taken away by an offset that
all outputs share (`rtl_sim/rtl/dsp_sum.sv`). Sums come one cycle later than with "latency".

The last of an odd number of outputs has blocks of its own. So has each product of outputs that share no operand
(depthwise and grouped layers) or where two weights do not fit. Products that Yosys would not make in a block, and
those with a weight or an operand of at most two bits, are made in LUTs, as with "latency".

Convolutions of 3x3 with padding, drawn weights, Yosys' figures for 7 series, module by module:

{table}
"""


def main() -> None:
    """Synthesises the layers, and shows the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, help="document of which one section becomes the table")
    options = parser.parse_args()
    rows = []
    for layer in LAYERS:
        for strategy in (LATENCY, RESOURCE):
            rows.append(_row(layer, strategy, synthesised(layer.unit(strategy))))
            print(rows[-1], flush=True)
    if options.write:
        write_section(options.write, document(rows), NEXT)


if __name__ == "__main__":
    main()
