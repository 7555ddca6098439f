"""This module finds the streams between an accelerator's segments."""

from __future__ import annotations

from dataclasses import replace

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.hardware.dataflow import streams_made
from hwcodesign.hardware.implementation import DEFAULTS
from hwcodesign.hardware.stream import whole_pixels, within_pixels


def with_own_lanes(accelerator: Accelerator) -> Accelerator:
    """Returns the accelerator with each tensor between segments in the beats in which its stage makes it.

    So nothing that waits for a decision is put together to pixels, to be cut again by the next layer. Beats that are no
    parts of pixels are made to whole ones.
    """
    given, lanes = whole_pixels(accelerator.stages[0].inputs), []
    for stage in accelerator.stages:
        made = streams_made(stage, accelerator.implementations.get(stage.name, DEFAULTS), given)
        given = tuple(within_pixels(stream, tensor.shape) for stream, tensor in zip(made, stage.results, strict=True))
        lanes.append(tuple(stream.lanes for stream in given))
    return replace(accelerator, lanes=tuple(lanes))
