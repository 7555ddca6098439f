"""The accelerator in NumPy: exact integers, and nothing computed that an exit skips.

Images go through in batches; after each exit those that left are dropped and the rest moved together.
The same code runs on a board's ARM.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.accelerator import Accelerator
from hwcodesign.images import channels_last
from hwcodesign.kernels import Segment
from hwcodesign.policies import ALWAYS, NEVER
from hwcodesign.runtime.modes import ExitControl
from hwcodesign.runtime.records import FLAG_FINAL, RECORD_DTYPE, Records

#: Images at a time: a few MiB of intermediate values, so that they stay in cache.
BATCH = 64


def stream_records(accelerator: Accelerator, codes: NDArray[Any], control: ExitControl) -> Iterator[Records]:
    """Records as they come, easy images first within each batch.

    Args:
        codes: (N, C, H, W) input codes, already checked.
        control: thresholds and mode.

    Yields:
        Structured arrays of `RECORD_DTYPE`, one per batch and exit that records leave from.
    """
    for start in range(0, len(codes), BATCH):
        batch = channels_last(codes[start : start + BATCH]).astype(np.float32)
        yield from _batch(accelerator, batch, np.arange(start, start + len(batch)), control)


def _batch(
    accelerator: Accelerator, values: NDArray[Any], ids: NDArray[np.int64], control: ExitControl
) -> Iterator[Records]:
    labels = np.full(len(ids), -1, np.int64)
    agreements = np.zeros(len(ids), np.int64)
    for k, (stage, head) in enumerate(zip(accelerator.stages, accelerator.heads, strict=True)):
        values = stage.run(values)
        logits = head.run(values).astype(np.int64)
        now = logits.argmax(axis=1)
        agreements = np.where(now == labels, np.minimum(agreements + 1, 255), 0)
        labels = now
        scores = accelerator.policy.scores(k, logits, agreements)
        leaves = _leaves(scores, control.codes[k], last=k == accelerator.exits - 1)
        emitted = np.ones_like(leaves) if control.anytime else leaves
        if emitted.any():
            records = np.zeros(int(emitted.sum()), dtype=RECORD_DTYPE)
            records["sample_id"] = ids[emitted]
            records["score"] = scores[emitted]
            records["label"] = labels[emitted]
            records["exit"] = k
            records["flags"] = np.where(leaves[emitted], FLAG_FINAL, 0)
            yield records
        if leaves.all():
            return
        stays = ~leaves
        values, ids, labels, agreements = values[stays], ids[stays], labels[stays], agreements[stays]


def _leaves(scores: NDArray[np.int64], code: int, *, last: bool) -> NDArray[np.bool_]:
    if last or code == ALWAYS:
        return np.ones(len(scores), dtype=np.bool_)
    if code == NEVER:
        return np.zeros(len(scores), dtype=np.bool_)
    return scores >= code


def segment_codes(segment: Segment, codes: NDArray[Any]) -> NDArray[np.int64]:
    """Output codes of one segment for all samples, (N, *output_shape), from (N, *input_shape) codes."""
    parts = [
        segment.run(codes[start : start + BATCH].astype(np.float64)).astype(np.int64)
        for start in range(0, len(codes), BATCH)
    ]
    return np.concatenate(parts) if parts else np.zeros((0, *segment.output_shape), np.int64)
