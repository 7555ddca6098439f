"""How many products a layer may make in a cycle: beyond a few thousand, simulators do not read it any more."""

from __future__ import annotations

from collections.abc import Callable

from hwcodesign.errors import SettingsError
from hwcodesign.hardware.layer import DISTRIBUTED
from hwcodesign.kernels import INPUT, Conv2D, Dense, Segment
from hwcodesign.kernels.folding import fold
from hwcodesign.kernels.kernel import Stream
from hwcodesign.kernels.weighted import WeightedKernel

#: Products that one layer makes in a cycle: all of the tests' sweep of sizes is within it.
MOST_PRODUCTS = 4096


def check_products(segment: Segment, named: Callable[[str], str] = str) -> None:
    """Refuse a layer that multiplies more in a cycle than can be simulated.

    Args:
        segment: kernels with the reuse factors that hardware will have.
        named: what the user calls the layer of a kernel.

    Raises:
        SettingsError: naming the layer, and the least reuse factor that will do.
    """
    streams = {INPUT: Stream.of(segment.input_shape)}
    for kernel in segment.kernels:
        reads = kernel.reads(tuple(streams[source] for source in kernel.inputs))
        if isinstance(kernel, Conv2D | Dense):
            _check(segment.name, named(kernel.name), kernel, kernel.windows if isinstance(kernel, Conv2D) else reads[0])
        streams[kernel.name] = kernel.writes(reads) if kernel.timing(reads) else reads[0]


def _check(segment: str, name: str, kernel: WeightedKernel, vectors: Stream) -> None:
    distributed = kernel.strategy == DISTRIBUTED
    if distributed:
        made = kernel.weights.size
    else:
        folding = kernel.folding(vectors)
        made = folding.simd * folding.pe
    if made <= MOST_PRODUCTS:
        return
    strategy = "strategy 'latency' and " if distributed else ""
    now = "with distributed arithmetic" if distributed else f"at ReuseFactor {kernel.reuse_factor}"
    raise SettingsError(
        f"{segment}: layer {name!r} makes {made:,} products in a cycle {now}, and {MOST_PRODUCTS:,} is the most that "
        f"StreamRTL simulates: give it {strategy}ReuseFactor {_least_reuse(kernel, vectors)} or more"
    )


def _least_reuse(kernel: WeightedKernel, vectors: Stream) -> int:
    """The least reuse factor that is a number of folds the layer can have, with products enough below the limit."""
    outputs = kernel.weights.shape[-1]
    least = -(-kernel.weights.size // MOST_PRODUCTS)
    while True:
        folding = fold(vectors.lanes, vectors.beats, outputs, least, channels=kernel.channels)
        if folding.folds == least and folding.simd * folding.pe <= MOST_PRODUCTS:
            return least
        least += 1
