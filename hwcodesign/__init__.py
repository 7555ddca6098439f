"""hwcodesign turns a quantised multi-exit network into a bit-exact FPGA accelerator.

Names load when they are first used, so that a machine with NumPy alone can load and run a compiled design.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hwcodesign import progress
from hwcodesign.errors import HwcodesignError, MissingExtraError

if TYPE_CHECKING:
    from hwcodesign.cli.console import show_progress
    from hwcodesign.compilation import compile
    from hwcodesign.design import Design, load
    from hwcodesign.designs.costs import ExitCosts
    from hwcodesign.designs.stored import load_criterion
    from hwcodesign.fitting.network import fit_policy
    from hwcodesign.fitting.request import PolicyRequest
    from hwcodesign.fixedpoint import FixedPoint
    from hwcodesign.frontend.settings import CompileSettings, Fit, LayerSettings
    from hwcodesign.interface.modes import Mode
    from hwcodesign.networks.attach import attach_exits
    from hwcodesign.networks.float_network import FloatNetwork
    from hwcodesign.networks.folding import fold_batch_norms
    from hwcodesign.networks.network import MultiExitNetwork
    from hwcodesign.networks.onnx_models.reading import exit_rule, from_onnx, module_from_onnx
    from hwcodesign.networks.onnx_models.writing import to_onnx
    from hwcodesign.networks.quantising import quantisation_noise, quantise
    from hwcodesign.policies import Criterion, ExitPolicy, register_criterion
    from hwcodesign.recipes import Recipe, load_recipe
    from hwcodesign.runtime.control import ControlSettings
    from hwcodesign.runtime.monitor import ExitMonitor
    from hwcodesign.runtime.progressive import ProgressiveAccelerator
    from hwcodesign.runtime.stream_controller import StreamController
    from hwcodesign.runtime.transports.transport import TransferSettings
    from hwcodesign.training import Quantisation, TrainingSettings, train

__version__ = "0.1.0"

#: Where each public name lives, and the extra that it needs ("" for NumPy alone).
_NAMES = {
    "CompileSettings": ("hwcodesign.frontend.settings", ""),
    "ControlSettings": ("hwcodesign.runtime.control", ""),
    "Design": ("hwcodesign.design", ""),
    "ExitCosts": ("hwcodesign.designs.costs", ""),
    "ExitMonitor": ("hwcodesign.runtime.monitor", ""),
    "ExitPolicy": ("hwcodesign.policies", ""),
    "FixedPoint": ("hwcodesign.fixedpoint", ""),
    "FloatNetwork": ("hwcodesign.networks.float_network", "design"),
    "Fit": ("hwcodesign.frontend.settings", ""),
    "LayerSettings": ("hwcodesign.frontend.settings", ""),
    "Mode": ("hwcodesign.interface.modes", ""),
    "ProgressiveAccelerator": ("hwcodesign.runtime.progressive", ""),
    "StreamController": ("hwcodesign.runtime.stream_controller", ""),
    "TransferSettings": ("hwcodesign.runtime.transports.transport", ""),
    "MultiExitNetwork": ("hwcodesign.networks.network", "design"),
    "PolicyRequest": ("hwcodesign.fitting.request", ""),
    "Quantisation": ("hwcodesign.training", "design"),
    "Recipe": ("hwcodesign.recipes", "design"),
    "TrainingSettings": ("hwcodesign.training", "design"),
    "attach_exits": ("hwcodesign.networks.attach", "design"),
    "compile": ("hwcodesign.compilation", "design"),
    "exit_rule": ("hwcodesign.networks.onnx_models.reading", "design"),
    "from_onnx": ("hwcodesign.networks.onnx_models.reading", "design"),
    "module_from_onnx": ("hwcodesign.networks.onnx_models.reading", "design"),
    "to_onnx": ("hwcodesign.networks.onnx_models.writing", "design"),
    "fold_batch_norms": ("hwcodesign.networks.folding", "design"),
    "fit_policy": ("hwcodesign.fitting.network", ""),
    "Criterion": ("hwcodesign.policies", ""),
    "quantisation_noise": ("hwcodesign.networks.quantising", "design"),
    "quantise": ("hwcodesign.networks.quantising", "design"),
    "load": ("hwcodesign.design", ""),
    "load_criterion": ("hwcodesign.designs.stored", ""),
    "register_criterion": ("hwcodesign.policies", ""),
    "load_recipe": ("hwcodesign.recipes", "design"),
    "show_progress": ("hwcodesign.cli.console", "cli"),
    "train": ("hwcodesign.training", "design"),
}

#: Public modules that load when they are first used.
_MODULES = ("layers",)

__all__ = [
    "CompileSettings",
    "ControlSettings",
    "Criterion",
    "Design",
    "ExitCosts",
    "ExitMonitor",
    "ExitPolicy",
    "Fit",
    "FixedPoint",
    "FloatNetwork",
    "HwcodesignError",
    "LayerSettings",
    "MissingExtraError",
    "Mode",
    "MultiExitNetwork",
    "PolicyRequest",
    "ProgressiveAccelerator",
    "Quantisation",
    "Recipe",
    "StreamController",
    "TrainingSettings",
    "TransferSettings",
    "__version__",
    "attach_exits",
    "compile",
    "exit_rule",
    "fit_policy",
    "fold_batch_norms",
    "from_onnx",
    "load",
    "load_criterion",
    "load_recipe",
    "module_from_onnx",
    "progress",
    "quantisation_noise",
    "quantise",
    "register_criterion",
    "show_progress",
    "to_onnx",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"hwcodesign.{name}")
    if name not in _NAMES:
        raise AttributeError(f"module 'hwcodesign' has no attribute {name!r}")
    module, extra = _NAMES[name]
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if not extra or missing == "hwcodesign":
            raise
        raise MissingExtraError(
            f"hwcodesign.{name} needs {missing}, which the extra '{extra}' installs: pip install 'hwcodesign[{extra}]'"
        ) from error


def __dir__() -> list[str]:
    return sorted(__all__)
