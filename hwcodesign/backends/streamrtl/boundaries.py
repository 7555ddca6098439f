"""This module finds the streams between an accelerator's segments."""

from __future__ import annotations

from dataclasses import replace

from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.hardware.dataflow import images_taken, streams_made
from hwcodesign.hardware.implementation import DEFAULTS
from hwcodesign.hardware.stream import along_rows, pixels_of


def with_own_lanes(accelerator: Accelerator) -> Accelerator:
    """Returns the accelerator with each tensor between segments in the beats in which its stage makes it, and images in
    those in which the first stage takes them.

    So nothing that waits for a decision is put together to pixels, to be cut again by the next layer. Beats that are
    neither parts of pixels nor pixels of a row are made to whole pixels.
    """
    first = accelerator.stages[0]
    given, lanes = images_taken(first, accelerator.implementations.get(first.name, DEFAULTS)), []
    image_pixels = pixels_of(given[0], first.inputs[0].shape)
    for stage in accelerator.stages:
        made = streams_made(stage, accelerator.implementations.get(stage.name, DEFAULTS), given)
        given = tuple(along_rows(stream, tensor.shape) for stream, tensor in zip(made, stage.results, strict=True))
        lanes.append(tuple(stream.lanes for stream in given))
    return replace(accelerator, lanes=tuple(lanes), image_pixels=image_pixels)
