"""What every segment of an accelerator writes, computed one segment after the other, exits ignored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.images import channels_last
from hwcodesign.kernels import Segment
from hwcodesign.progress import task


def segment_by_segment(
    accelerator: Accelerator,
    compute: Callable[[Segment, Sequence[NDArray[Any]]], Sequence[NDArray[np.int64]]],
    on: str,
    codes: NDArray[Any],
) -> dict[str, NDArray[np.int64]]:
    """Computes every stage from the one before, and every head from its stage.

    Args:
        compute: codes of a segment's outputs for those of its inputs, channels last.
        on: the place that computes, for messages.
        codes: (N, C, H, W) of the input.

    Returns:
        Codes by the names of outputs: "stage0", "head0", …; "stage0:0", "stage0:1" and so on where there are several.
    """
    given: Sequence[NDArray[Any]] = (channels_last(codes),)
    outputs: dict[str, NDArray[np.int64]] = {}
    with task(f"computing every segment on {on}", len(accelerator.segments), "segments") as reported:
        for k, (stage, head) in enumerate(zip(accelerator.stages, accelerator.heads, strict=True)):
            for segment in (stage, head):
                reported.advance(0, segment.name)
                read = given if segment is stage else [given[i] for i in accelerator.head_reads[k]]
                written = compute(segment, read)
                outputs.update({segment.output_name(i): codes for i, codes in enumerate(written)})
                if segment is stage:
                    given = written
                reported.advance()
    return outputs
