"""This module is the accelerator in software: it computes exact integers, and nothing that an exit makes unnecessary.

Images are computed in batches. Samples that do not leave at an exit wait before the next stage until there is a batch
of them, or no more images come. The same code runs on a board's ARM processor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.images import channels_last
from hwcodesign.interface.modes import ExitControl
from hwcodesign.interface.records import FLAG_FINAL, RECORD_DTYPE, Records
from hwcodesign.kernels import Segment
from hwcodesign.policies import ALWAYS, NEVER
from hwcodesign.policies.criterion import History
from hwcodesign.progress import task
from hwcodesign.runtime import arithmetic as arithmetics
from hwcodesign.runtime.arithmetic import Arithmetic


@dataclass(frozen=True)
class _Group:
    """A group holds samples in progress: input codes of the next stage, and the information that travels with them.

    Attributes:
        values: codes of each input of the next stage, (N, ...).
        ids: (N,) sample ids.
        labels: (N,) labels at the exit before, -1 before the first.
        agreements: (N,) agreements in a row up to the exit before.
        history: answers and scores of the exits before, for a criterion that reads it; otherwise empty.
    """

    values: tuple[NDArray[Any], ...]
    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    agreements: NDArray[np.int64]
    history: History

    def __len__(self) -> int:
        return len(self.ids)

    def where(self, kept: NDArray[np.bool_]) -> _Group:
        return _Group(
            tuple(tensor[kept] for tensor in self.values),
            self.ids[kept],
            self.labels[kept],
            self.agreements[kept],
            self.history.where(kept),
        )


@dataclass
class _Waiting:
    """This holds groups that wait before a stage."""

    groups: list[_Group] = field(default_factory=list)

    def __len__(self) -> int:
        return sum(map(len, self.groups))

    def take(self) -> _Group:
        groups, self.groups = self.groups, []
        if len(groups) == 1:
            return groups[0]
        return _Group(
            tuple(map(np.concatenate, zip(*(group.values for group in groups), strict=True))),
            np.concatenate([group.ids for group in groups]),
            np.concatenate([group.labels for group in groups]),
            np.concatenate([group.agreements for group in groups]),
            History.concatenate([group.history for group in groups]),
        )


def stream_records(
    accelerator: Accelerator, codes: NDArray[Any], control: ExitControl, arithmetic: Arithmetic | None = None
) -> Iterator[Records]:
    """Yields records as they are computed: first those that leave early, the others when there is a batch of them.

    Args:
        codes: (N, C, H, W) input codes, already checked.
        control: thresholds and mode.
        arithmetic: who computes; by default the native engine where it is there.

    Yields:
        Structured arrays of `RECORD_DTYPE`, one per group and exit that records leave from.
    """
    waiting = [_Waiting() for _ in range(accelerator.exits + 1)]  # behind the last exit none ever waits
    arithmetic = arithmetic or arithmetics.chosen()
    size = arithmetic.batch(accelerator)
    with task(f"running {len(codes)} images on {arithmetic.label}", len(codes), "images") as reported:
        for start in range(0, len(codes), size):
            batch = channels_last(codes[start : start + size])
            fresh = np.zeros(len(batch), np.int64)
            ids = np.arange(start, start + len(batch))
            waiting[0].groups.append(_Group((batch,), ids, fresh - 1, fresh, History.empty(len(batch))))
            more = start + size < len(codes)
            for k in range(accelerator.exits):
                if len(waiting[k]) and (len(waiting[k]) >= size or not more):
                    group = waiting[k].take()
                    records, survivors = _step(arithmetic, accelerator, k, group, control)
                    reported.advance(len(group) - len(survivors))
                    if len(records):
                        yield records
                    if len(survivors):
                        waiting[k + 1].groups.append(survivors)


def _step(
    arithmetic: Arithmetic, accelerator: Accelerator, k: int, group: _Group, control: ExitControl
) -> tuple[Records, _Group]:
    """Runs one stage, its head and its decision; returns the records that leave, and the samples that go on."""
    values, given = arithmetic.level(accelerator, k, group.values)
    logits = given.astype(np.int64)
    labels = accelerator.policy.labels(logits)
    agreements = np.where(labels == group.labels, np.minimum(group.agreements + 1, 255), 0)
    scores = accelerator.policy.scores(k, logits, agreements, group.history)
    leaves = _leaves(scores, control.codes[k], last=k == accelerator.exits - 1)
    emitted = np.ones_like(leaves) if control.anytime else leaves
    records = np.zeros(int(emitted.sum()), dtype=RECORD_DTYPE)
    records["sample_id"] = group.ids[emitted]
    records["score"] = scores[emitted]
    records["label"] = labels[emitted]
    records["exit"] = k
    records["flags"] = np.where(leaves[emitted], FLAG_FINAL, 0)
    history = group.history.then(labels, scores) if accelerator.policy.criterion.reads_past else group.history
    return records, _Group(values, group.ids, labels, agreements, history).where(~leaves)


def _leaves(scores: NDArray[np.int64], code: int, *, last: bool) -> NDArray[np.bool_]:
    if last or code == ALWAYS:
        return np.ones(len(scores), dtype=np.bool_)
    if code == NEVER:
        return np.zeros(len(scores), dtype=np.bool_)
    return scores >= code


def segment_codes(
    segment: Segment, inputs: Sequence[NDArray[Any]], arithmetic: Arithmetic | None = None
) -> tuple[NDArray[np.int64], ...]:
    """Returns the codes of a segment's outputs for all samples, (N, *shape), from those of its inputs."""
    arithmetic = arithmetic or arithmetics.chosen()
    parts = [
        arithmetic.segment(segment, [codes[start : start + arithmetic.samples] for codes in inputs])
        for start in range(0, len(inputs[0]), arithmetic.samples)
    ]
    none = tuple(np.zeros((0, *tensor.shape), np.int64) for tensor in segment.results)
    return tuple(np.concatenate(codes).astype(np.int64) for codes in zip(*([none, *parts]), strict=True))
