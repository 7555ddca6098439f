"""What every segment of an accelerator writes, computed one segment after the other, exits ignored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.images import channels_last
from hwcodesign.kernels import Segment
from hwcodesign.progress import task


def segment_by_segment(
    accelerator: Accelerator,
    compute: Callable[[Segment, NDArray[Any]], NDArray[np.int64]],
    on: str,
    codes: NDArray[Any],
) -> dict[str, NDArray[np.int64]]:
    """Computes every stage from the one before, and every head from its stage.

    Args:
        compute: output codes of a segment for its input codes, channels last.
        on: the place that computes, for messages.
        codes: (N, C, H, W) of the input.
    """
    feature: NDArray[Any] = channels_last(codes)
    outputs: dict[str, NDArray[np.int64]] = {}
    with task(f"computing every segment on {on}", len(accelerator.segments), "segments") as reported:
        for stage, head in zip(accelerator.stages, accelerator.heads, strict=True):
            for segment in (stage, head):
                reported.advance(0, segment.name)
                outputs[segment.name] = compute(segment, feature)
                if segment is stage:
                    feature = outputs[segment.name]
                reported.advance()
    return outputs
