"""Every test starts from the same random state, whichever tests ran before it in its process; long files come first."""

from __future__ import annotations

import sys

import numpy as np
import pytest

#: Files that take half a minute of one core or more: they begin first, or one process would have one of them left when
#: the others are through.
_LONG = frozenset(
    f"test_{name}.py"
    for name in (
        *("accelerator", "agreement", "choice", "cli", "cli_answers", "code_functions", "design", "exit_decision"),
        *("explore", "formal", "hls4ml_models", "hls_blocks", "kernels", "kills", "layer_networks", "many_layers"),
        *("notebooks", "own_criterion", "policies", "pooling_networks", "quantise", "refusals", "rtl", "search"),
        *("several_tensors", "synthesis", "to_onnx", "training_strategies", "waves", "window_buffer", "zoo_quantised"),
    )
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts long files first; all else stays in its order."""
    items.sort(key=lambda item: item.path.name not in _LONG)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Seed before the first fixture of a test: a network drawn without a seed of its own is the same in every run."""
    np.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)
