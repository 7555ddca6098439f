"""This package holds the streaming kernels, one module each: what a layer computes, exactly. NumPy only."""

from hwcodesign.kernels.activation import Activation
from hwcodesign.kernels.add import Add
from hwcodesign.kernels.affine import Affine
from hwcodesign.kernels.average_pool2d import AveragePool2D
from hwcodesign.kernels.code_table import CodeTable
from hwcodesign.kernels.concatenate import Concatenate
from hwcodesign.kernels.conv2d import Conv2D, Sparsity
from hwcodesign.kernels.dense import Dense
from hwcodesign.kernels.global_pool import GlobalPool
from hwcodesign.kernels.kernel import KERNELS, Kernel
from hwcodesign.kernels.max_pool2d import MaxPool2D
from hwcodesign.kernels.reshape import Reshape
from hwcodesign.kernels.segment import INPUT, Segment, input_name
from hwcodesign.kernels.serialisation import (
    MOST_TENSORS,
    Arrays,
    Held,
    check_connections,
    kernel_from_json,
    kernel_to_json,
    shape_from_json,
    tensor_to_json,
    tensors_from_json,
)
from hwcodesign.kernels.tensor import TensorType
from hwcodesign.kernels.thresholds import Thresholds
from hwcodesign.kernels.transpose import Transpose
from hwcodesign.kernels.upsample2d import Upsample2D
from hwcodesign.kernels.zero_columns import ZeroColumns

__all__ = [
    "INPUT",
    "KERNELS",
    "MOST_TENSORS",
    "Activation",
    "Add",
    "Affine",
    "Arrays",
    "AveragePool2D",
    "CodeTable",
    "Concatenate",
    "Conv2D",
    "Dense",
    "GlobalPool",
    "Held",
    "Kernel",
    "MaxPool2D",
    "Reshape",
    "Segment",
    "Sparsity",
    "TensorType",
    "Thresholds",
    "Transpose",
    "Upsample2D",
    "ZeroColumns",
    "check_connections",
    "input_name",
    "kernel_from_json",
    "kernel_to_json",
    "shape_from_json",
    "tensor_to_json",
    "tensors_from_json",
]
