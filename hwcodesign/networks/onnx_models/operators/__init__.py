"""This package says ONNX operators in torch: one module for each kind of them, all in one registry."""

from hwcodesign.networks.onnx_models.operators import elementwise, pooling, quantisers, shapes, weighted
from hwcodesign.networks.onnx_models.operators.registry import OPERATORS

__all__ = ["OPERATORS", "elementwise", "pooling", "quantisers", "shapes", "weighted"]
