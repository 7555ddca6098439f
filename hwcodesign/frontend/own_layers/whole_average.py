"""This module holds hls4ml's layer of the average of a whole image, which stays an image, of one pixel.

hls4ml has such a layer, but reads its axes wrongly from ONNX, and makes a vector of it.
"""

from __future__ import annotations

from typing import Any

from hls4ml.model.attributes import Attribute, TypeAttribute
from hls4ml.model.layers import Layer
from onnx import NodeProto

from hwcodesign.frontend.own_layers.own_layer import own_layer
from hwcodesign.networks.graphs.windows import WHOLE_AVERAGE


@own_layer(WHOLE_AVERAGE)
class WholeAverageLayer(Layer):  # type: ignore[misc]  # hls4ml has no type information
    """This is hls4ml's layer of the average of a whole image.

    Its types are not inferred: `frontend/pool_types` sets them.
    """

    _expected_attributes = (Attribute("in_height"), Attribute("in_width"), Attribute("n_filt"), TypeAttribute("accum"))

    @staticmethod
    def read(_node: NodeProto, input_shapes: list[list[int]]) -> dict[str, Any]:
        """Reads a node; see `own_layer`."""
        _, height, width, channels = input_shapes[0]
        return {
            "in_height": height,
            "in_width": width,
            "n_filt": channels,
        }

    def initialize(self) -> None:
        """Declares the layer's output, in the type that its configuration names."""
        self.add_output_variable([1, 1, self.get_attr("n_filt")])
