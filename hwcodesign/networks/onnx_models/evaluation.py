"""This module evaluates ONNX and QONNX graphs in float64, with onnx' reference implementation and qonnx' quantisers.

Sums of integers are exact in it. Neither torch nor Brevitas has a part in it, so that what is read can be held to it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_conv import Conv
from qonnx.custom_op.general.bipolar_quant import binary_quant
from qonnx.custom_op.general.intquant import int_quant
from qonnx.custom_op.general.trunc import trunc_v2

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.onnx_models.graph import QONNX_DOMAINS, Graph

Values = NDArray[np.float64]


class _Quant(OpRun):  # type: ignore[misc]  # onnx has no types
    def _run(
        self, x: Values, scale: Values, zero: Values, bits: Values, signed: Any = 1, narrow: Any = 1,
        rounding_mode: Any = "ROUND",
    ) -> tuple[Values]:  # fmt: skip
        return (int_quant(x, scale, zero, np.float64(np.ravel(bits)[0]), signed, narrow, _known(rounding_mode)),)


class _BipolarQuant(OpRun):  # type: ignore[misc]
    def _run(self, x: Values, scale: Values) -> tuple[Values]:
        return (binary_quant(x, scale),)


class _Trunc(OpRun):  # type: ignore[misc]
    def _run(
        self, x: Values, scale: Values, zero: Values, bits: Values, coarse: Values, left: Values, signed: Any = 1,
        narrow: Any = 0, rounding_mode: Any = "FLOOR",
    ) -> tuple[Values]:  # fmt: skip
        return (
            trunc_v2(
                x, scale, zero, bits, narrow, signed, coarse, np.float64(np.ravel(left)[0]), _known(rounding_mode)
            ),
        )


class _BatchNormalization(OpRun):  # type: ignore[misc]
    """onnx' own takes the statistics of the batch under opsets 9 to 13."""

    op_domain = ""

    def _run(
        self, x: Values, factor: Values, shift: Values, mean: Values, variance: Values, epsilon: Any = None, **_: Any
    ) -> tuple[Values]:  # fmt: skip
        factor, shift, mean, variance = (
            value.reshape(-1, *[1] * (x.ndim - 2)) for value in (factor, shift, mean, variance)
        )
        return (factor * (x - mean) / np.sqrt(variance + (1e-5 if epsilon is None else epsilon)) + shift,)


class _Conv(Conv):  # type: ignore[misc]
    """onnx' own pads otherwise than its text says where `auto_pad` asks for it and windows skip pixels.

    The formula is that text's, apart from that by which files are read: this is what reading is held to.
    """

    op_domain = ""

    def _run(
        self, x: Values, weights: Values, bias: Values | None = None, auto_pad: Any = None, dilations: Any = None,
        group: Any = None, kernel_shape: Any = None, pads: Any = None, strides: Any = None,
    ) -> tuple[Values]:  # fmt: skip
        if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
            ones = [1] * (x.ndim - 2)
            missing = [
                max((math.ceil(size / stride) - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
                for size, stride, kernel, dilation in zip(
                    x.shape[2:], strides or ones, weights.shape[2:], dilations or ones, strict=True
                )
            ]
            smaller, larger = [pad // 2 for pad in missing], [pad - pad // 2 for pad in missing]
            pads = [*smaller, *larger] if auto_pad == "SAME_UPPER" else [*larger, *smaller]
            auto_pad = "NOTSET"
        computed: tuple[Values] = super()._run(
            x, weights, bias, auto_pad, dilations, group, kernel_shape, pads, strides
        )
        return computed


def _known(rounding: str | None) -> str:
    """Returns a rounding mode as qonnx names it; Brevitas writes one that qonnx does not know."""
    return {"ROUND_TO_ZERO": "DOWN", None: "ROUND"}.get(rounding, str(rounding))


_OF_QONNX: dict[str, type[OpRun]] = {
    "Quant": _Quant,
    "IntQuant": _Quant,
    "BipolarQuant": _BipolarQuant,
    "Trunc": _Trunc,
}
_OPERATORS = [
    type("BatchNormalization", (_BatchNormalization,), {}),
    type("Conv", (_Conv,), {}),
    *(type(name, (base,), {"op_domain": domain}) for domain in QONNX_DOMAINS for name, base in _OF_QONNX.items()),
]


class Evaluation:
    """It evaluates one graph without branches."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._evaluator = ReferenceEvaluator(graph.to_model(np.float64), new_ops=_OPERATORS)

    def outputs(self, images: NDArray[Any]) -> list[Values]:
        """Returns what the graph gives of images, one after the other as the graph was exported for one.

        Args:
            images: (N, *input_shape) values.

        Returns:
            Its outputs, (N, ...) each.

        Raises:
            UnsupportedLayerError: onnx has no such operator, or not of these settings.
        """
        name = self._graph.input_name
        try:
            runs = [self._evaluator.run(None, {name: x[None].astype(np.float64)}) for x in images]
        except Exception as error:  # of the evaluator, which has no class of its own
            raise UnsupportedLayerError(
                f"the file cannot be evaluated in float64 with onnx' own operators, as a check needs it: {error}"
            ) from error
        return [np.concatenate([np.asarray(run[i]) for run in runs]) for i in range(len(self._graph.outputs))]
