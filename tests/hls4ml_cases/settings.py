"""The two ways in which each model is measured: as the test configures it, and with accumulators that hold its sums."""

from __future__ import annotations

import copy
from typing import Any

AS_CONFIGURED = "as configured"
SUMS_HELD = "accumulators set"
SETTINGS = (AS_CONFIGURED, SUMS_HELD)

#: Of values and weights, where the test's own would need sums of more bits than any exact arithmetic here has.
_VALUES = "fixed<16,6>"
#: Of sums: whole products of two such values, and many of them.
_SUMS = "fixed<44,24>"


def configured(config: dict[str, Any], setting: str, quantised: bool) -> dict[str, Any]:
    """hls4ml's configuration of a model in one of `SETTINGS`.

    Args:
        config: that of the test.
        quantised: whether the model has quantisers, which give its values types.
    """
    changed = copy.deepcopy(config)
    if setting == AS_CONFIGURED:
        return changed
    model = changed["Model"]
    given = model.get("Precision", {})
    model["Precision"] = {**(given if isinstance(given, dict) else {}), "default": _VALUES, "accum": _SUMS}
    for layer in changed.get("LayerName", {}).values():
        types = layer.get("Precision", {})
        if isinstance(types, dict) and not quantised:
            layer["Precision"] = {name: _SUMS if name == "accum" else _VALUES for name in types}
    return changed
