"""This module writes notes into the nodes of a graph: what a node was, which must stay known while it is transformed.

A node's text is its only part that every pass leaves as it is. Its first line is the module that it comes from, each
other line a note: a word, and numbers.
"""

from __future__ import annotations

from typing import Any

from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper

#: Axes of a batch of feature maps, by those that they have in the other layout.
CHANNELS_FIRST, CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]
#: Domain of operators that are neither ONNX' nor QONNX'.
DOMAIN = "hwcodesign"
#: The type that hls4ml is told to give whatever has none of its own, such as a constant without a quantiser.
DEFAULT_TYPE = "fixed<16,6>"
#: Operators of QONNX that quantise.
QUANTISERS = ("Quant", "IntQuant", "BipolarQuant")
#: What the path of a node's module stands behind.
MODULE = "module "


def module_of(node: Any) -> str | None:
    """Returns the path of the module that a node comes from; None if it is not known."""
    first: str = node.doc_string.partition("\n")[0]
    return first.removeprefix(MODULE) if first.startswith(MODULE) else None


def described(node: Any) -> str:
    """Returns a node's operator and module, for errors."""
    return f"layer {module_of(node) or node.name!r} ({node.op_type})"


def with_note(text: str, word: str, *numbers: int) -> str:
    """Returns a node's text with one note more."""
    return "\n".join([text, " ".join([word, *map(str, numbers)])])


def noted(node: Any, word: str) -> str | None:
    """Returns the numbers of a node's note with a word, as text; None if there is none."""
    for line in node.doc_string.split("\n")[1:]:
        first, _, numbers = line.partition(" ")
        if first == word:
            return str(numbers)
    return None


def attributes_of(node: Any) -> dict[str, Any]:
    """Returns the attributes of a node by their names."""
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def replace_attributes(node: Any, values: dict[str, Any]) -> None:
    """Gives a node these attributes and no other."""
    del node.attribute[:]
    node.attribute.extend(helper.make_attribute(name, value) for name, value in values.items())


def set_attributes(node: Any, **values: Any) -> None:
    """Sets attributes of a node, and leaves the others as they are."""
    kept = [attribute for attribute in node.attribute if attribute.name not in values]
    made = [helper.make_attribute(name, value) for name, value in values.items()]
    del node.attribute[:]
    node.attribute.extend([*kept, *made])


def remove_unread_constants(graph: ModelWrapper) -> None:
    """Takes constants out of a graph that no node reads any more: hls4ml makes a layer of each."""
    read = {name for node in graph.graph.node for name in node.input}
    constants = graph.graph.initializer
    for place in reversed(range(len(constants))):
        if constants[place].name not in read:
            del constants[place]
