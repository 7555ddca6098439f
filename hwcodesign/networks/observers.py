"""This module finds quantisers whose scales are to be observed on data, and have seen none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from brevitas.proxy.quant_proxy import QuantProxyFromInjector
from torch import Tensor, nn


def unobserved(network: nn.Module, run: Callable[[], object]) -> list[str]:
    """Returns the names of quantisers that have processed no data, in the order in which they are computed.

    Args:
        network: network with Brevitas' quantisers.
        run: runs it once in evaluation mode; only quantisers that take part count.
    """
    unseen: list[str] = []

    def look(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def hook(module: nn.Module, _inputs: Any, _output: Any) -> None:
            if name not in unseen and any(_has_seen_nothing(part) for part in module.modules()):
                unseen.append(name)

        return hook

    hooks = [
        module.register_forward_hook(look(name.removesuffix(".act_quant")))
        for name, module in network.named_modules()
        if isinstance(module, QuantProxyFromInjector) and module.is_quant_enabled
    ]
    try:
        run()
    finally:
        for hook in hooks:
            hook.remove()
    return unseen


def _has_seen_nothing(part: nn.Module) -> bool:
    """Tells whether it is Brevitas' observer of activations, before the first batch.

    A scale that is learned from observed ones has `buffer` and a counter that loading weights ends; one that is only
    observed has `running_stats`, and its counter begins anew.
    """
    if getattr(part, "counter", None) != 0:
        return False
    if hasattr(part, "collect_stats_steps"):
        return True
    running = getattr(part, "running_stats", None)
    return isinstance(running, Tensor) and bool((running == 1.0).all())
