"""Marks of tests."""

from __future__ import annotations

import os

import pytest

#: Of what `make test` leaves out, and `make verify` runs.
CAMPAIGN = pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many builds")
