"""This module loads the 1797 handwritten digits (8x8 pixels) of scikit-learn, which are available without a
download.

E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998
(its test part).
"""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from hwcodesign.data.dataset import Dataset, Split
from hwcodesign.fixedpoint import FixedPoint

#: Pixels are 0 to 16, so five bits; one unit is 1/16.
INPUT_FORMAT = FixedPoint(5, 1, signed=False)
_FITTING, _TEST = 397, 400
#: Of the split, which is the same for everyone.
_SEED = 20


def digits() -> Dataset:
    """Returns the digits in a fixed split of 1000 training, 397 fitting and 400 test images."""
    bunch = load_digits()
    images = np.asarray(bunch.images).astype(np.uint8)[:, None]
    labels = np.asarray(bunch.target).astype(np.int64)
    order = np.random.default_rng(_SEED).permutation(len(labels))
    test, fitting, training = np.split(order, [_TEST, _TEST + _FITTING])
    return Dataset("digits", INPUT_FORMAT, *(Split(images[part], labels[part]) for part in (training, fitting, test)))
