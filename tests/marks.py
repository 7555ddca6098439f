"""Marks of tests."""

from __future__ import annotations

import os

import pytest

#: Whether everything is tested, as `make verify` does.
IS_CAMPAIGN = "HWCODESIGN_CAMPAIGN" in os.environ
#: Of what `make test` leaves out, and `make verify` runs.
CAMPAIGN = pytest.mark.skipif(not IS_CAMPAIGN, reason="one of a campaign's many builds")
