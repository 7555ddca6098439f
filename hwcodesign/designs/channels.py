"""This module lists the streams between the blocks of an accelerator, in data order."""

from __future__ import annotations

from dataclasses import dataclass

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.kernels.tensor import suffix


@dataclass(frozen=True)
class Channel:
    """A channel is a stream between two blocks of the accelerator, for probes and reports.

    Attributes:
        name: prefix of its signals `_valid`, `_ready` and `_data`.
        text: what it carries.
    """

    name: str
    text: str


def channels(accelerator: Accelerator) -> tuple[Channel, ...]:
    """Returns every stream of the accelerator's top, in data order."""
    found = [Channel("stage0_in", "pixels into stage0"), Channel("info0", "ids of samples in stage0 and head0")]
    for k in range(accelerator.exits):
        last = k == accelerator.exits - 1
        for i in range(len(accelerator.stages[k].outputs)):
            of = suffix(i)
            forked = not last and i in accelerator.head_reads[k]
            to = "its fork" if forked else f"head{k}" if last else f"buffer{k}{of}"
            found.append(Channel(f"stage{k}_out{of}", f"stage{k} to {to}"))
            if forked:
                found.append(Channel(f"head{k}_in{of}", f"fork to head{k}"))
                found.append(Channel(f"buffer{k}_in{of}", f"fork to buffer{k}{of}"))
        found.append(Channel(f"logits{k}", f"head{k} to decision{k}"))
        found.append(Channel(f"record{k}", f"records of exit {k}"))
        if not last:
            buffers = " and ".join(f"buffer{k}{suffix(i)}" for i in range(len(accelerator.stages[k].outputs)))
            found.append(Channel(f"release{k}", f"decision{k} to {buffers}"))
            found.append(Channel(f"next{k}", f"ids of samples that go on from exit {k}"))
            for i in range(len(accelerator.stages[k].outputs)):
                of = suffix(i)
                found.append(Channel(f"stage{k + 1}_in{of}", f"buffer{k}{of} to stage{k + 1}"))
            found.append(Channel(f"info{k + 1}", f"ids of samples in stage{k + 1} and head{k + 1}"))
    return (*found, Channel("records", "records after the merge"))
