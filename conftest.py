"""Every test starts from the same random state, whichever tests ran before it in its process."""

from __future__ import annotations

import sys

import numpy as np
import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Seed before the first fixture of a test: a network drawn without a seed of its own is the same in every run."""
    np.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)
