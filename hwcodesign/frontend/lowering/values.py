"""This module converts real numbers to codes, exactly as C++ converts a double to `ap_fixed`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import FixedPoint


def cast_values(fmt: FixedPoint, values: NDArray[Any]) -> NDArray[np.float64]:
    """Returns codes of real values, rounded and wrapped or saturated by the format's own modes.

    Raises:
        FormatError: a value is NaN or infinite.
    """
    values = np.asarray(values, np.float64)
    if not np.isfinite(values).all():
        raise FormatError(f"NaN or infinity cannot be cast to {fmt}: clean the values first")
    # Two bits below the last are enough for every rounding mode, once the last of them stands for all that is lower
    quarters = np.ldexp(values, fmt.fraction + 2)
    whole = np.floor(quarters)
    whole += (whole != quarters) & (np.mod(whole, 2) == 0)
    return np.asarray(fmt.requantise(whole, fmt.fraction + 2), np.float64)
