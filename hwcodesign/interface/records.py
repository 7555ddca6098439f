"""This module defines the exit record: 16 bytes, little endian, the same in every backend and on the bus."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Samples of one batch, on a board and in the RTL's simulation, so that cycles can be compared.
BATCH = 2500
#: Set on a sample's last record; anytime mode emits earlier ones without it.
FLAG_FINAL = 1
#: Set where the accelerator saw an error while it worked on the sample.
FLAG_ERROR = 2

RECORD_DTYPE = np.dtype(
    [
        ("sample_id", "<u4"),  # accepted samples modulo 2^32
        ("cycles", "<u4"),  # first input beat accepted to record offered; 0 where not measured
        ("score", "<i4"),  # of the exit criterion, larger is surer
        ("label", "<u2"),  # lowest class index of the largest logit
        ("exit", "u1"),  # from 0
        ("flags", "u1"),  # bit 0: the final record of its sample; bit 1: its input was damaged
    ]
)

Records = NDArray[Any]


def empty_records(count: int) -> Records:
    """Returns an array of zeroed records."""
    return np.zeros(count, dtype=RECORD_DTYPE)


def final_records(records: Records) -> Records:
    """Returns only the final records, in sample order."""
    final = records[(records["flags"] & FLAG_FINAL) != 0]
    return np.asarray(final[np.argsort(final["sample_id"], kind="stable")])
