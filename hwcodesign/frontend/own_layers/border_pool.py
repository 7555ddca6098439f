"""This module holds hls4ml's layer of a pooling whose windows reach beyond the image, other than into zeros."""

from __future__ import annotations

from typing import Any

from hls4ml.model.attributes import Attribute, TypeAttribute
from hls4ml.model.layers import Layer
from onnx import NodeProto

from hwcodesign.frontend.own_layers.own_layer import own_layer
from hwcodesign.networks.graphs.notes import attributes_of
from hwcodesign.networks.graphs.windows import BORDER_POOL


@own_layer(BORDER_POOL)
class BorderPoolLayer(Layer):  # type: ignore[misc]  # hls4ml has no type information
    """This is hls4ml's layer of a pooling that ignores padding, or divides by the pixels that count.

    Its types are not inferred: `frontend/pool_types` sets them.
    """

    _expected_attributes = (
        *(Attribute(name) for name in ("in_height", "in_width", "n_chan", "out_height", "out_width")),
        *(Attribute(f"{name}_{axis}") for name in ("pool", "stride") for axis in ("height", "width")),
        *(Attribute(f"pad_{side}") for side in ("top", "bottom", "left", "right")),
        *(Attribute(f"count_{side}") for side in ("top", "bottom", "left", "right")),
        Attribute("average", value_type=bool),
        TypeAttribute("accum"),
    )

    @staticmethod
    def read(node: NodeProto, input_shapes: list[list[int]]) -> dict[str, Any]:
        """Reads a node; see `own_layer`."""
        given, (_, height, width, channels) = attributes_of(node), input_shapes[0]
        (rows, columns), (down, across) = given["kernel_shape"], given["strides"]
        top, left, bottom, right = given["pads"]
        counted = dict(zip(("count_top", "count_left", "count_bottom", "count_right"), given["counted"], strict=True))
        return {
            "in_height": height,
            "in_width": width,
            "n_chan": channels,
            "out_height": (height + top + bottom - rows) // down + 1,
            "out_width": (width + left + right - columns) // across + 1,
            "pool_height": rows,
            "pool_width": columns,
            "stride_height": down,
            "stride_width": across,
            "pad_top": top,
            "pad_bottom": bottom,
            "pad_left": left,
            "pad_right": right,
            "average": bool(given["average"]),
            **counted,
        }

    def initialize(self) -> None:
        """Declares the layer's output, in the type that its configuration names."""
        self.add_output_variable([self.get_attr(name) for name in ("out_height", "out_width", "n_chan")])
