"""This module says how to change a model where hls4ml's front ends stop: one sentence for each layer, function or
operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TORCH = (
    "say it in layers that hls4ml knows: Conv1d, Conv2d, Linear, BatchNorm1d, BatchNorm2d, ReLU, Max- and AvgPool, "
    "ConstantPad, Flatten, Dropout of torch.nn, torch.add and torch.cat of two"
)
_ONNX = (
    "say it in operators of QONNX that hls4ml knows: Quant, Conv, MatMul, Relu, MaxPool, Add, Concat, Reshape, Flatten"
)
_DEPTHWISE = "make it a depthwise convolution with constant weights, since qonnx leaves its channels first"
_SHAPES = "let qonnx infer all shapes first: cleanup_model(ModelWrapper(model)), or qonnx-cleanup on a file"
_LOGITS = "end the model at its logits, whose order it keeps"
_FLATTEN = "flatten with nn.Flatten() or torch.flatten(x, 1), and give x.view numbers alone, for example x.view(-1, 72)"
_NUMBERS = "put the number behind the tensor and both behind an nn.ReLU, as in relu(x) * 2.0 + 1.0, or into the weights"
_AVERAGE = "use nn.AvgPool2d, or name stride and padding: F.avg_pool2d(x, 3, stride=2, padding=0)"
_LINEAR = "use nn.Linear, nn.Conv1d or nn.Conv2d, which hold their weights"
_PARTS = "compute each part by a layer of its own: slices are ignored by hls4ml"
_ORDER = "leave the axes in PyTorch's own order; nn.Flatten() is taken"
_OUT = "leave it out: it does nothing in inference, and hls4ml knows nn.Dropout alone"
_WHOLE = "use nn.AvgPool2d over the whole image, for example nn.AvgPool2d(6) for 6x6 pixels"
_RECTIFY = "use nn.ReLU"
_CHANNELS = (
    "order the graph's channels last: cleanup_model(ModelWrapper(model).transform(ConvertToChannelsLastAndClean())) of "
    "qonnx, or qonnx-to-channels-last and then qonnx-cleanup on a file"
)

#: Operators of ONNX.
_OPERATORS = {
    "Gemm": "make it a MatMul and an Add, by GemmToMatMul of qonnx",
    "Clip": "use Relu and a quantiser",
    "Softmax": _LOGITS,
    **dict.fromkeys(("Slice", "Split"), _PARTS),
    **dict.fromkeys(("Squeeze", "Unsqueeze"), "use Reshape or Flatten"),
    **dict.fromkeys(("ReduceMean", "ReduceSum"), "make it a depthwise convolution with constant weights"),
    "Concat": "join two at a time",
}
#: Functions, methods and classes of PyTorch.
_WAYS: dict[str, str] = {
    **dict.fromkeys(
        ("flatten", "view", "reshape", "size", "getattr", "contiguous", "squeeze", "unsqueeze", "Flatten"), _FLATTEN
    ),
    **dict.fromkeys(("add", "sub", "mul", "neg", "rsub", "truediv", "div", "pow", "abs"), _NUMBERS),
    **dict.fromkeys(("add_", "sub_", "mul_", "iadd", "imul"), "use torch.add(x, y), which leaves x as it is"),
    **dict.fromkeys(("avg_pool1d", "avg_pool2d"), _AVERAGE),
    **dict.fromkeys(
        ("max_pool1d", "max_pool2d", "boolean_dispatch", "fn"), "use nn.MaxPool1d or nn.MaxPool2d without padding"
    ),
    **dict.fromkeys(("linear", "conv1d", "conv2d", "matmul", "bmm", "addmm"), _LINEAR),
    **dict.fromkeys(("chunk", "split", "stack", "unbind", "narrow", "getitem"), _PARTS),
    **dict.fromkeys(("permute", "transpose", "t", "movedim", "swapaxes"), _ORDER),
    **dict.fromkeys(("dropout", "Dropout1d", "Dropout2d", "AlphaDropout", "Identity", "Softmax2d"), _OUT),
    **dict.fromkeys(
        ("mean", "adaptive_avg_pool2d", "AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d"), _WHOLE
    ),
    **dict.fromkeys(("ReLU6", "relu6", "Hardtanh", "hardtanh", "clamp", "GELU", "SiLU", "Hardswish"), _RECTIFY),
    **dict.fromkeys(
        ("cat", "concat", "concatenate"), "join two at a time, and name the axis: torch.cat([x, y], dim=1)"
    ),
    **dict.fromkeys(("pad", "ZeroPad1d", "ZeroPad2d"), "use padding of the convolution, or nn.ConstantPad2d(1, 0.0)"),
    **dict.fromkeys(("ConstantPad1d", "ConstantPad2d"), "pad with zeros, or train without padding"),
    **dict.fromkeys(
        ("LayerNorm", "GroupNorm", "RMSNorm", "InstanceNorm1d", "InstanceNorm2d"),
        "use nn.BatchNorm1d or nn.BatchNorm2d",
    ),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), "use nn.Conv1d over the sequence: recurrent layers have no kernel"),
    "MultiheadAttention": "use convolutions: attention has no kernel",
    **dict.fromkeys(
        ("SELU", "CELU", "Hardsigmoid", "Softplus", "Softsign", "Mish", "LogSigmoid"),
        "use nn.ReLU or nn.Sigmoid, which hls4ml reads; hwcodesign.compile takes it before a quantiser",
    ),
    **dict.fromkeys(
        ("BatchNorm1d", "BatchNorm2d"), "give it statistics of its own: track_running_stats=True, and some training"
    ),
    "ConvTranspose2d": "use nn.Upsample(scale_factor=2) and nn.Conv2d: hls4ml reads no transposed convolution",
}

#: What a stage or head may consist of.
LAYERS = (
    "use the layers of hwcodesign.layers, pooling, padding with zeros, flattening, concatenation of two and residual "
    "sums"
)
#: Operators of an exported stage or head, in words of the module that it was.
_SEGMENT_WAYS = {
    **dict.fromkeys(("ReduceSum", "ReduceMax", "Trunc"), "use a convolution, or nn.MaxPool2d over the whole image"),
    **dict.fromkeys(
        ("LayerNormalization", "InstanceNormalization", "GroupNormalization"),
        "use nn.BatchNorm1d or nn.BatchNorm2d before a quantiser: others need the statistics of each sample",
    ),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), "use nn.Conv1d over the sequence: recurrent layers have no kernel"),
    **dict.fromkeys(
        ("Clip", "Neg", "Exp", "Log", "Sqrt", "Min", "Max", "Greater", "Less", "Where", "HardSwish", "Gelu", "Mish"),
        "put a quantiser behind it, for example hwcodesign.layers.identity: functions of one tensor are exact there",
    ),
    "ReduceMean": "average rows and columns of an image, x.mean((2, 3))",
    **dict.fromkeys(("Slice", "Split", "Gather"), "compute each part by a layer of its own"),
    **dict.fromkeys(
        ("Squeeze", "Unsqueeze", "Reshape"), "reshape by nn.Flatten() in front of linear layers, and nowhere else"
    ),
    "Pad": "pad with zeros, in front of a convolution or pooling",
    **dict.fromkeys(("MatMul", "Add", "Gemm"), "put nn.Flatten() in front of a linear layer"),
    "Concat": "join two at a time",
}


def of_segment(found: Any, modules: Mapping[str, str]) -> tuple[str, str] | None:
    """Does the same as `of`, for a node or layer of an exported stage or head."""
    if type(found).__name__ == "NodeProto":
        name, operator = str(found.name), str(found.op_type)
    elif _is_layer(found):
        name, operator = str(found.name), str(found.class_name)
        operator = {"Dense": "MatMul", "ApplyAlpha": "Add", "BatchNormalization": "Add"}.get(operator, operator)
    else:
        return None
    layer = f", of layer {modules[name]!r}" if name in modules else ""
    return f"{name or 'a node'} ({operator}{layer})", _SEGMENT_WAYS.get(operator, LAYERS)


def _is_layer(found: Any) -> bool:
    """Tells whether it is a layer of hls4ml's graph."""
    return any(base.__module__ == "hls4ml.model.layers" and base.__name__ == "Layer" for base in type(found).__mro__)


def of(found: Any, variables: Mapping[str, Any], error: Exception) -> tuple[str, str] | None:
    """Returns the name of the object at which hls4ml stopped, and what to do about it.

    Args:
        found: node of PyTorch's graph, node of an ONNX graph or layer of hls4ml's; for anything else there is no
            answer.
        variables: local variables of the function in which it was found.
        error: error that was raised there.
    """
    kind = type(found)
    if kind.__module__ == "torch.fx.node":
        return _of_torch(found, variables)
    if kind.__name__ == "NodeProto":
        return f"node {found.name or found.output[0]!r} ({found.op_type})", _of_onnx(str(found.op_type), str(error))
    if _is_layer(found):
        return f"layer {found.name!r} of class {found.class_name}", _of_layer(found, str(error))
    return None


def _of_onnx(operator: str, error: str) -> str:
    if operator in ("AveragePool", "GlobalAveragePool"):
        return _DEPTHWISE
    if "channels-last" in error:
        return _CHANNELS
    if "find the shape" in error:
        return _SHAPES
    return _OPERATORS.get(operator, _ONNX)


def _of_torch(node: Any, variables: Mapping[str, Any]) -> tuple[str, str]:
    if node.op != "call_module":
        function = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
        return f"{function!r} ({node.name} in forward)", _WAYS.get(function, _TORCH)
    module = variables.get("class_object")
    name = type(module).__name__
    return f"layer {node.target!r} ({name})", _of_module(module, name)


def _of_module(module: Any, name: str) -> str:
    if getattr(module, "padding_mode", "zeros") != "zeros":
        return f"use padding_mode='zeros', not {module.padding_mode!r}"
    if getattr(module, "groups", 1) != 1:
        return "use groups=1, or a depthwise convolution in QONNX"
    if isinstance(getattr(module, "padding", 0), str):
        return f"give padding={module.padding!r} as a number of pixels"
    return _WAYS.get(name, _TORCH)


def _of_layer(layer: Any, error: str) -> str:
    name = str(layer.class_name)
    if name.startswith("Conv") and '"pad_' in error:
        return "give its padding as a number of pixels, not as a word"
    if name in ("Merge", "Constant", "BatchNormalization", "ApplyAlpha"):
        return _NUMBERS
    return _ONNX if "OnnxModel" in layer.model.config.config else _TORCH
