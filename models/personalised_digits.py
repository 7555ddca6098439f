"""The digits' network, trained on everybody's digits; its early heads then learn one user's hand from the last exit.

The user is a stand-in: a part of the digits, slanted (`hwcodesign.data.handwriting`). Thresholds are fitted on that
user's images, and results are that user's, too.
"""

import dataclasses

import hwcodesign as hw
from hwcodesign.data import Dataset, Split
from hwcodesign.data.digits import digits
from hwcodesign.data.handwriting import Handwriting
from hwcodesign.training import Personalised

_DIGITS = hw.load_recipe("digits")
_PHASE = _DIGITS.training[0]
USER = Handwriting(slant=-0.3)
#: Training images that the user wrote; nobody else did.
OWN = 200


def data() -> Dataset:
    """800 training images of everybody; 200 personal, 397 fitting and 400 test images of the user."""
    everybody = digits()
    training = everybody.training
    return dataclasses.replace(
        everybody,
        name="digits of one user",
        training=Split(training.images[OWN:], training.labels[OWN:]),
        personal=USER.written(training.take(OWN)),
        fitting=USER.written(everybody.fitting),
        test=USER.written(everybody.test),
    )


RECIPE = dataclasses.replace(
    _DIGITS,
    name="personalised_digits",
    data=data,
    training=(
        dataclasses.replace(_PHASE, epochs=20),
        dataclasses.replace(_PHASE, strategy=Personalised(teacher="last"), epochs=20, shift=0),
    ),
)
