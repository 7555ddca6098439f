"""Products wider than a multiplier of a DSP block."""

from __future__ import annotations

from pathlib import Path

import pytest

from hwcodesign.simulation.cocotb_runner import Bench, run_bench

_WIDTHS = {
    "one limb each": (18, 18),
    "one bit beyond a limb": (19, 18),
    "three limbs by two": (42, 21),
    "narrow": (2, 3),
}


@pytest.mark.parametrize("widths", _WIDTHS.values(), ids=_WIDTHS.keys())
def test_products_are_pythons_three_enabled_cycles_later(widths: tuple[int, int], tmp_path: Path) -> None:
    parameters = dict(zip(("AWidth", "BWidth"), widths, strict=True))
    run_bench(Bench("wide_product", "wide_product_bench", parameters), tmp_path)
