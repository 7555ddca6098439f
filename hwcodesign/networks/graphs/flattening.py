"""This module puts a flattening at a graph's end in front of the quantiser there, which gives the same.

hls4ml reads a flattening in front of a layer, but not as the last one.
"""

from __future__ import annotations

from qonnx.core.modelwrapper import ModelWrapper

from hwcodesign.networks.graphs.cleaning import shapes_of


def quantise_last(graph: ModelWrapper) -> None:
    """Exchanges the flattening that gives an output and the quantiser that it alone reads.

    Args:
        graph: with all shapes, nodes in order, functions fused; it is changed.
    """
    shapes = shapes_of(graph)
    for tensor in graph.graph.output:
        flat = graph.find_producer(tensor.name)
        if flat is None or flat.op_type not in ("Flatten", "Reshape") or len(shapes[tensor.name]) != 2:
            continue
        quantiser = graph.find_producer(flat.input[0])
        held = quantiser is not None and any(attribute.name == "function" for attribute in quantiser.attribute)
        if quantiser is None or quantiser.op_type != "Quant" or held or graph.is_fork_node(quantiser):
            continue
        flat.input[0], flat.output[0] = quantiser.input[0], flat.input[0]
        quantiser.input[0], quantiser.output[0] = flat.output[0], tensor.name
        graph.set_tensor_shape(flat.output[0], shapes[tensor.name])
        moved = type(flat).FromString(flat.SerializeToString())
        graph.graph.node.remove(flat)
        places = [node.output[0] for node in graph.graph.node]
        graph.graph.node.insert(places.index(tensor.name), moved)
