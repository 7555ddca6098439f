"""This module moves and mirrors training images at random. Randomness comes from torch's generator."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def shifted(x: Tensor, shift: int) -> Tensor:
    """Returns the batch moved by up to `shift` pixels in each direction, with blank pixels at the border."""
    if shift == 0:
        return x
    down, right = torch.randint(0, 2 * shift + 1, (2,)).tolist()
    height, width = x.shape[2:]
    return F.pad(x, (shift, shift, shift, shift))[:, :, down : down + height, right : right + width]


def cropped(x: Tensor, margin: int, *, flip: bool) -> Tensor:
    """Returns each image cropped, at a place of its own, from the image with `margin` blank pixels on each side.

    Args:
        x: (N, C, H, W) images.
        margin: pixels by which an image may move in each direction.
        flip: whether half of the images, at random, are mirrored left to right.
    """
    if margin == 0 and not flip:
        return x
    count, _, height, width = x.shape
    top, left = torch.randint(0, 2 * margin + 1, (2, count, 1))
    rows, columns = top + torch.arange(height), left + torch.arange(width)
    if flip:
        columns = torch.where(torch.rand(count, 1) < 0.5, columns.flip(1), columns)
    padded = F.pad(x, (margin, margin, margin, margin)).permute(0, 2, 3, 1)
    picked = padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2)
