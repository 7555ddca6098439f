"""This module holds hls4ml's layer of an image that is made larger by whole factors."""

from __future__ import annotations

from typing import Any

from hls4ml.model.attributes import Attribute
from hls4ml.model.layers import Layer
from onnx import NodeProto

from hwcodesign.frontend.own_layers.own_layer import keeps_format, own_layer
from hwcodesign.networks.graphs.notes import attributes_of
from hwcodesign.networks.graphs.upsampling import UPSAMPLING


@keeps_format
@own_layer(UPSAMPLING)
class UpsamplingLayer(Layer):  # type: ignore[misc]  # hls4ml has no type information
    """This is hls4ml's layer of an image that is made larger; hls4ml's own has no zeros between pixels."""

    _expected_attributes = tuple(
        Attribute(name) for name in ("width", "row_factor", "column_factor", "out_height", "out_width", "zeros")
    )

    @staticmethod
    def read(node: NodeProto, input_shapes: list[list[int]]) -> dict[str, Any]:
        """Reads a node; see `own_layer`."""
        given = attributes_of(node)
        (rows, columns), (height, width) = given["factors"], given["sides"]
        return {
            "width": int(input_shapes[0][2]),
            "row_factor": int(rows),
            "column_factor": int(columns),
            "out_height": int(height),
            "out_width": int(width),
            "zeros": int(given["zeros"]),
        }

    def initialize(self) -> None:
        """Declares the layer's output."""
        channels = int(self.get_input_variable().shape[-1])
        self.add_output_variable([self.get_attr("out_height"), self.get_attr("out_width"), channels])
