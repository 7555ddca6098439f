"""This module holds what is used of Brevitas' graph mode, whose import warns of what is no concern of users."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    # its own packages import it
    warnings.filterwarnings("ignore", "brevitas.fx is deprecated", DeprecationWarning)
    # for large language models alone
    warnings.filterwarnings("ignore", "fast_hadamard_transform package not found", UserWarning)
    from brevitas.fx import symbolic_trace
    from brevitas.graph.base import InsertModuleCallAfter, MethodToModule
    from brevitas.graph.calibrate import bias_correction_mode, calibration_mode
    from brevitas.graph.fixed_point import CollapseConsecutiveConcats, MergeBatchNorm
    from brevitas.graph.quantize import align_input_quant
    from brevitas.graph.quantize_impl import (
        act_handler,
        add_output_quant_handler,
        inp_placeholder_handler,
        layer_handler,
        residual_handler,
    )
    from brevitas.graph.standardize import (
        DuplicateSharedStatelessModule,
        RemoveStochasticModules,
        TorchFunctionalToModule,
    )

__all__ = [
    "CollapseConsecutiveConcats",
    "DuplicateSharedStatelessModule",
    "InsertModuleCallAfter",
    "MergeBatchNorm",
    "MethodToModule",
    "RemoveStochasticModules",
    "TorchFunctionalToModule",
    "act_handler",
    "add_output_quant_handler",
    "align_input_quant",
    "bias_correction_mode",
    "calibration_mode",
    "inp_placeholder_handler",
    "layer_handler",
    "residual_handler",
    "symbolic_trace",
]
