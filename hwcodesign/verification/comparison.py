"""This module compares backends with each other with `==`: every logit, segment by segment, and every record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.design import Design
from hwcodesign.errors import MismatchError
from hwcodesign.interface.modes import exit_control
from hwcodesign.interface.records import FLAG_FINAL, RECORD_DTYPE, Records
from hwcodesign.kernels.tensor import tensor_name
from hwcodesign.networks.network import MultiExitNetwork


@dataclass(frozen=True)
class Comparison:
    """This is one comparison.

    Attributes:
        backends: compared backends, the reference first.
        what: what was compared.
        samples: number of images.
        values: number of integers compared.
        mismatches: number of these that differ.
    """

    backends: tuple[str, ...]
    what: str
    samples: int
    values: int
    mismatches: int


def brevitas_outputs(network: MultiExitNetwork, images: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
    """Computes every segment's output codes with Brevitas, named as `Design.segment_outputs` names them."""
    stages, heads = network.integers(images)
    outputs: dict[str, NDArray[np.int64]] = {}
    for k, (tensors, head) in enumerate(zip(stages, heads, strict=True)):
        outputs.update({tensor_name(f"stage{k}", i, len(tensors)): codes for i, codes in enumerate(tensors)})
        outputs[f"head{k}"] = head
    return outputs


def brevitas_records(design: Design, logits: Sequence[NDArray[np.int64]]) -> Records:
    """Computes the records that follow from Brevitas' logits and a design's policy.

    All exits are computed and nothing is skipped or compacted, so it shares no control flow with the backends. Scores
    are the policy's own, as in software; csim computes them in C++.

    Returns:
        (N,) final records in sample order.
    """
    policy, control = design.policy, exit_control(design.policy)
    labels, scores = policy.score_exits(logits)
    leaves = scores >= np.asarray(control.codes)[:, None]
    leaves[-1] = True
    taken = leaves.argmax(axis=0)
    samples = np.arange(len(taken))
    records = np.zeros(len(taken), dtype=RECORD_DTYPE)
    records["sample_id"] = samples
    records["score"] = scores[taken, samples]
    records["label"] = labels[taken, samples]
    records["exit"] = taken
    records["flags"] = FLAG_FINAL
    return records


def records_of_every_exit(design: Design, logits: Sequence[NDArray[np.int64]]) -> Records:
    """Computes the records of samples of which none leaves before the last exit, in anytime mode.

    Args:
        design: the design.
        logits: Brevitas' of every exit, (N, logits) each.

    Returns:
        (N * exits,) records, ordered by sample and exit.
    """
    labels, scores = design.policy.score_exits(logits)
    exits, samples = scores.shape
    records = np.zeros(samples * exits, dtype=RECORD_DTYPE)
    records["sample_id"] = np.repeat(np.arange(samples), exits)
    records["exit"] = np.tile(np.arange(exits), samples)
    records["label"], records["score"] = labels.T.ravel(), scores.T.ravel()
    records["flags"][exits - 1 :: exits] = FLAG_FINAL
    return records


def by_sample_and_exit(records: Records) -> Records:
    """Returns records ordered by sample, and those of a sample by exit."""
    return np.asarray(np.sort(records, order=["sample_id", "exit"]))


def compare_outputs(
    name: str,
    outputs: Mapping[str, NDArray[np.int64]],
    reference: Mapping[str, NDArray[np.int64]],
    against: str,
    where: str = "",
) -> list[Comparison]:
    """Compares every segment's codes; features and logits are each summed up in one line.

    Args:
        name: the backend that computed `outputs`.
        outputs: codes by the names of segments' outputs.
        reference: those that they should be.
        against: the backend that computed `reference`.
        where: what the line of the comparison says in addition.
    """
    comparisons = []
    for what, prefix in ((f"features, stage by stage{where}", "stage"), (f"logits, exit by exit{where}", "head")):
        pairs = [(outputs[key], reference[key]) for key in reference if key.startswith(prefix)]
        mismatches = sum(_differences(a, b) for a, b in pairs)
        comparisons.append(
            Comparison((against, name), what, len(pairs[0][1]), sum(b.size for _, b in pairs), mismatches)
        )
    return comparisons


def compare_records(name: str, records: Records, reference: Records, against: str, what: str) -> Comparison:
    """Compares every field of every record except `cycles`, which only some backends measure."""
    fields = [field for field in RECORD_DTYPE.names or () if field != "cycles"]
    if len(records) != len(reference):
        mismatches = abs(len(records) - len(reference)) * len(fields)
        return Comparison((against, name), what, len(reference), len(reference) * len(fields), mismatches)
    mismatches = sum(_differences(records[field], reference[field]) for field in fields)
    return Comparison((against, name), what, len(reference), len(reference) * len(fields), mismatches)


def require_equal(comparisons: Sequence[Comparison]) -> None:
    """Raises an error unless all comparisons agree.

    Raises:
        MismatchError: any comparison found a mismatch, or compared nothing.
    """
    if not comparisons:
        raise MismatchError("nothing was compared")
    for comparison in comparisons:
        if comparison.mismatches or not comparison.values:
            names, wrong = " and ".join(comparison.backends), comparison.mismatches
            raise MismatchError(
                f"{names} disagree on {wrong} of {comparison.values} values ({comparison.what}): one of them is wrong"
            )


def _differences(a: NDArray[Any], b: NDArray[Any]) -> int:
    return int((a != b).sum()) if a.shape == b.shape else max(a.size, b.size)
