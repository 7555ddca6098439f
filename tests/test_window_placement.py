"""Windows lie where PyTorch puts them, and see and count the pixels that PyTorch divides by."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from hwcodesign.networks.graphs.windows import placements

SIDES = (4, 7)
SETTINGS = [
    (kernel, stride, padding, ceil)
    for kernel, stride, padding, ceil in itertools.product((1, 2, 3, 4), (1, 2, 3), (0, 1, 2), (False, True))
    if 2 * padding <= kernel
]


@pytest.mark.parametrize("counted", [True, False], ids=["counted", "not counted"])
def test_an_average_by_its_placement_is_pytorchs(counted: bool) -> None:
    """Ones show which pixels a window sees, and their average by how many it divides."""
    ones = torch.ones((1, 1, *SIDES), dtype=torch.float64)
    uneven = 0
    for kernel, stride, padding, ceil in SETTINGS:
        expected = functional.avg_pool2d(ones, kernel, stride, padding, ceil, counted)[0, 0].numpy()
        given = {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [padding] * 4, "ceil_mode": int(ceil)}
        down, across = placements(SIDES, given)
        inside = np.outer(down.inside, across.inside)
        divisor = np.outer(down.counted, across.counted) if counted else inside
        assert np.array_equal(inside / divisor, expected), (kernel, stride, padding, ceil)
        uneven += len(np.unique(divisor)) > 1
        for place, side in zip((down, across), SIDES, strict=True):
            assert (len(place.inside) - 1) * stride + kernel <= place.before + side + place.after
    assert uneven > 5


def test_windows_of_other_sides_strides_and_padding_lie_where_pytorch_puts_them() -> None:
    ones = torch.ones((1, 1, 6, 9), dtype=torch.float64)
    expected = functional.avg_pool2d(ones, (3, 4), (2, 3), (1, 2), True)[0, 0].numpy()
    given = {"kernel_shape": [3, 4], "strides": [2, 3], "pads": [1, 2, 1, 2], "ceil_mode": 1}
    down, across = placements((6, 9), given)
    assert np.array_equal(np.outer(down.inside, across.inside) / np.outer(down.counted, across.counted), expected)
    assert (down.before, down.after, across.before, across.after) == (1, 2, 2, 2)
