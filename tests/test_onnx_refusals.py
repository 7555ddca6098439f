"""What no multi-exit network can be made of is refused before any long work, by the name of the tensor or the node."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

import hwcodesign as hw
from hwcodesign.errors import MismatchError, NetworkError, PolicyError, UnsupportedLayerError
from hwcodesign.networks.onnx_models.conversion import converted
from hwcodesign.networks.onnx_models.opening import open_graph
from hwcodesign.networks.onnx_models.source_check import check_source, drawn_images
from tests.onnx_files import QONNX, Drawing, image_input, nested_ifs, qonnx_resnet, saved, two_outputs

#: Changes a model in place.
Change = Callable[[Any], object]


def refused(path: Path, error: type[Exception], words: str, **asked: Any) -> None:
    with pytest.raises(error, match=words):
        hw.from_onnx(path, **asked)


def changed(path: Path, change: Change) -> Path:
    model = onnx.load(str(path))
    change(model)
    onnx.save(model, str(path))
    return path


def size(model: Any, axis: int) -> Any:
    return model.graph.input[0].type.tensor_type.shape.dim[axis]


def test_a_path_without_a_file_and_a_file_that_is_none(tmp_path: Path) -> None:
    refused(tmp_path / "none.onnx", NetworkError, r"there is no file .*none\.onnx")
    (tmp_path / "text.onnx").write_text("this is no model")
    refused(tmp_path / "text.onnx", NetworkError, "is no ONNX file")
    (tmp_path / "empty.onnx").write_bytes(b"")
    refused(tmp_path / "empty.onnx", NetworkError, "has no nodes")


def test_weights_in_another_file_that_is_not_there(tmp_path: Path) -> None:
    path = two_outputs(tmp_path / "net.onnx")
    model = onnx.load(str(path))
    onnx.save(model, str(path), save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert hw.from_onnx(path).exits == 2  # as long as it is there
    (tmp_path / "weights.bin").unlink()
    refused(path, NetworkError, r"values of '1st net/c:\d+' lie in .*weights\.bin, which is not there: put that file")


MODELS: dict[str, tuple[Change, type[Exception], str]] = {
    "opset too new": (
        lambda model: setattr(model.opset_import[0], "version", 99),
        NetworkError,
        r"ONNX opset 99, and 7 to \d+ are known: export it with opset_version=17",
    ),
    "opset too old": (lambda model: setattr(model.opset_import[0], "version", 6), NetworkError, "ONNX opset 6"),
    "two inputs": (
        lambda model: model.graph.input.append(image_input("other", [1, 3])),
        NetworkError,
        r"has 2 inputs \('in put/0', 'other'\)",
    ),
    "integers": (
        lambda model: setattr(model.graph.input[0].type.tensor_type, "elem_type", TensorProto.UINT8),
        NetworkError,
        "input 'in put/0' is uint8: networks take real values",
    ),
    "dynamic size": (
        lambda model: setattr(size(model, 2), "dim_param", "height"),
        NetworkError,
        r"'in put/0' has the dynamic shape \(1, 3, height, 12\): give input_shape",
    ),
    "batch": (
        lambda model: setattr(size(model, 0), "dim_value", 4),
        NetworkError,
        "takes 4 samples at once: export it with a batch of 1",
    ),
    "what nothing writes": (
        lambda model: model.graph.node[3].input.__setitem__(0, "nowhere"),
        NetworkError,
        r"node '1st net/\w+ no\. \d+' reads 'nowhere', which nothing in front of it writes",
    ),
    "an unknown operator": (
        lambda model: setattr(model.graph.node[1], "op_type", "Einsum"),
        UnsupportedLayerError,
        r"Einsum node '1st net/Relu no\. 1' is not taken: the operators that are taken are Add, ",
    ),
    "an operator of others": (
        lambda model: setattr(model.graph.node[1], "domain", "com.vendor"),
        UnsupportedLayerError,
        r"com\.vendor\.Relu node '1st net/Relu no\. 1' is not taken",
    ),
    "a function on constants alone": (
        lambda model: setattr(model.graph.node[1], "op_type", "Sqrt"),
        UnsupportedLayerError,
        r"Sqrt node '1st net/Relu no\. 1' is taken of constants alone, and '1st net/t\.0' depends on the image",
    ),
    "training mode": (
        lambda model: next(node for node in model.graph.node if "Batch" in node.op_type).attribute.append(
            helper.make_attribute("training_mode", 1)
        ),
        UnsupportedLayerError,
        "is in training mode: export the network in evaluation mode",
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_files_that_hold_no_such_network(name: str, tmp_path: Path) -> None:
    change, error, words = MODELS[name]
    refused(changed(two_outputs(tmp_path / "net.onnx"), change), error, words)


def test_a_shape_that_is_not_the_files(tmp_path: Path) -> None:
    path = two_outputs(tmp_path / "net.onnx")
    words = r"'in put/0' has shape \(1, 3, 12, 12\), and input_shape is \("
    refused(path, NetworkError, words, input_shape=(3, 16, 12))
    refused(path, NetworkError, words, input_shape=(3, 12))


def test_a_loop(tmp_path: Path) -> None:
    draw = Drawing()
    body = helper.make_graph([], "body", [], [])
    y = draw.node("Loop", "", "", "x", body=body)
    path = saved(draw.graph([image_input("x", [1, 3])], {y: [1, 3]}), tmp_path / "net.onnx")
    refused(path, UnsupportedLayerError, r"Loop node '1st net/Loop no\. 0' is not taken: a loop in a graph")


# exits


def test_exits_that_do_not_exist_coincide_or_are_too_few(tmp_path: Path) -> None:
    path = two_outputs(tmp_path / "net.onnx")
    early, last = "exit:1 (early)", "2nd.exit"
    refused(
        path, NetworkError, r"exit '2nd\.exits' is not known: did you mean '2nd\.exit'\?", exits=[early, "2nd.exits"]
    )
    refused(path, NetworkError, r"'exit:1 \(early\)' is named twice", exits=[early, early])
    refused(path, NetworkError, r"exits=\['2nd\.exit'\]: a multi-exit network has two exits or more", exits=[last])
    refused(path, NetworkError, r"exits=\[\]: a multi-exit network has two", exits=[])
    refused(path, NetworkError, r"exits='2nd\.exit': a multi-exit", exits=last)
    changed(path, lambda model: model.graph.node.append(helper.make_node("Identity", [last], ["again"], name="copy")))
    refused(path, NetworkError, r"exits '2nd\.exit' and 'again' are the same tensor", exits=[last, "again"])


def test_a_file_with_one_output(tmp_path: Path) -> None:
    path = changed(two_outputs(tmp_path / "net.onnx"), lambda model: model.graph.output.pop())
    words = r"the file has one output, '2nd\.exit': name the tensors.*module_from_onnx.*attach_exits"
    refused(path, NetworkError, words)
    two = two_outputs(tmp_path / "two.onnx")
    with pytest.raises(NetworkError, match=r"has 2 outputs: hwcodesign\.from_onnx makes"):
        hw.module_from_onnx(two)
    with pytest.raises(NetworkError, match=r"Quant node .* quantises, and exits are attached to networks in floating"):
        hw.module_from_onnx(
            changed(qonnx_resnet(tmp_path / "q.onnx"), lambda model: model.graph.output.__delitem__(slice(2)))
        )


def test_a_head_on_a_tensor_of_the_wrong_rank(tmp_path: Path) -> None:
    path = two_outputs(tmp_path / "net.onnx")
    words = r"exit '1st net/t\.1' has shape \(1, 8, 12, 12\), written by Relu node '1st net/Relu no\. 1': logits are"
    refused(path, NetworkError, words, exits=["1st net/t.1", "2nd.exit"])


def test_logits_that_a_later_exit_reads(tmp_path: Path) -> None:
    draw = Drawing()
    first = draw.head("x", 3, 6)
    last = draw.node("Gemm", draw.node("Relu", first), draw.real(10, 10))
    path = saved(draw.graph([image_input("x", [1, 3, 6, 6])], {first: [1, 10], last: [1, 10]}), tmp_path / "net.onnx")
    refused(path, NetworkError, f"the logits of exit '{re.escape(first)}' are read by layers of another exit")


def test_two_heads_at_one_place(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.node("Relu", draw.conv("x", 3, 4))
    pooled = [draw.node("Flatten", draw.node("GlobalAveragePool", x)) for _ in range(2)]
    first, last = (draw.node("Gemm", each, draw.real(4, 10)) for each in pooled)
    path = saved(draw.graph([image_input("x", [1, 3, 6, 6])], {first: [1, 10], last: [1, 10]}), tmp_path / "net.onnx")
    words = f"the layers of exit '{re.escape(last)}' stand at one place with exit '{re.escape(first)}'"
    refused(path, NetworkError, words)


def test_a_head_on_the_image(tmp_path: Path) -> None:
    draw = Drawing()
    first, last = draw.head("x", 3, 6), draw.head(draw.conv("x", 3, 4), 4, 6)
    path = saved(draw.graph([image_input("x", [1, 3, 6, 6])], {first: [1, 10], last: [1, 10]}), tmp_path / "net.onnx")
    refused(path, NetworkError, f"the layers of exit '{re.escape(first)}' read the image itself")


def test_heads_that_give_different_numbers_of_classes(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.node("Relu", draw.conv("x", 3, 4))
    first, last = draw.head(x, 4, 6, classes=3), draw.head(draw.conv(x, 4, 4), 4, 6)
    path = saved(draw.graph([image_input("x", [1, 3, 6, 6])], {first: [1, 3], last: [1, 10]}), tmp_path / "net.onnx")
    refused(path, NetworkError, r"heads give \(3,\), \(10,\) a sample")


# nodes


def network_of(tmp_path: Path, part: Callable[[Drawing, str], str]) -> Path:
    """A part between two exits, which reads 4 channels of 6x6 pixels."""
    draw = Drawing()
    x = draw.node("Relu", draw.conv("x", 3, 4))
    first = draw.head(x, 4, 6)
    y = part(draw, x)
    pooled = draw.node("Flatten", draw.node("GlobalMaxPool", draw.conv(y, 4, 4)))
    last = draw.node("Gemm", pooled, draw.real(4, 10))
    return saved(draw.graph([image_input("x", [1, 3, 6, 6])], {first: [1, 10], last: [1, 10]}), tmp_path / "net.onnx")


PARTS: dict[str, tuple[Callable[[Drawing, str], str], str]] = {
    "a product": (
        lambda draw, x: draw.node("Mul", x, draw.node("Sigmoid", draw.node("Tanh", x))),
        "multiplies tensors by one another, .* opset 14 has HardSwish",
    ),
    "a quotient": (lambda draw, x: draw.node("Div", x, draw.node("Sigmoid", x)), "multiplies tensors by one another"),
    "half of a GELU": (lambda draw, x: draw.node("Erf", x), "is not taken: export GELU to opset 20, which has Gelu; "),
    "computed weights": (
        lambda draw, x: draw.node("MatMul", x, x),
        r"reads '1st net/t\.1', which depends on the image",
    ),
    "constants of pixels": (
        lambda draw, x: draw.node("Add", x, draw.real(6, 6)),
        "may differ by channel, and no further",
    ),
    "a softmax": (
        lambda draw, x: draw.node("Softmax", x, axis=1),
        r"goes over axis 1 of a tensor of shape \(1, 4, 6, 6\)",
    ),
    "a joint of rows": (lambda draw, x: draw.node("Concat", x, x, axis=2), "joins tensors along axis 2: channels"),
    "a mixed batch": (
        lambda draw, x: draw.node("Reshape", x, draw.constant(np.array([4, 1, 6, 6]))),
        r"makes the shape \(4, 1, 6, 6\) of \(1, 4, 6, 6\): the batch",
    ),
    "a turned batch": (lambda draw, x: draw.node("Transpose", x, perm=[1, 0, 2, 3]), "the batch stays first"),
    "a mirror": (
        lambda draw, x: draw.node("Pad", x, draw.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1])), mode="reflect"),
        "does more than to put zeros around an image",
    ),
    "a smooth upsampling": (
        lambda draw, x: draw.node("Resize", x, "", draw.constant(np.array([1, 1, 2, 2], np.float32)), mode="linear"),
        "no upsampling by whole factors that repeats pixels",
    ),
    "an upsampling between pixels": (
        lambda draw, x: draw.node(
            "Resize", x, "", draw.constant(np.array([1, 1, 2, 2], np.float32)), mode="nearest", nearest_mode="floor"
        ),
        "no upsampling by whole factors that repeats pixels",
    ),
    "a mean of rows": (lambda draw, x: draw.node("ReduceMean", x, axes=[3]), r"takes the mean over the axes \[3\]"),
}


@pytest.mark.parametrize("name", PARTS)
def test_nodes_that_hardware_does_not_compute(name: str, tmp_path: Path) -> None:
    part, words = PARTS[name]
    refused(network_of(tmp_path, part), UnsupportedLayerError, rf"^\w+ node '1st net/\w+ no\. \d+' .*{words}")


def test_weights_that_two_layers_share(tmp_path: Path) -> None:
    def part(draw: Drawing, x: str) -> str:
        weights = draw.real(4, 4, 1, 1)
        return draw.node("Relu", draw.node("Conv", draw.node("Relu", draw.node("Conv", x, weights)), weights))

    words = r"Conv node '1st net/Conv no\. 7' shares the weights '1st net/c:4' with Conv node '1st net/Conv no\. 5'"
    refused(network_of(tmp_path, part), UnsupportedLayerError, words)


def test_a_softmax_at_the_end_of_an_exit(tmp_path: Path) -> None:
    path = two_outputs(tmp_path / "net.onnx")
    changed(path, lambda model: model.graph.node.append(helper.make_node("Softmax", ["2nd.exit"], ["p"], name="soft")))
    words = r"exit 'p' is written by Softmax node 'soft'.*leave_off_softmax=True, or exits with '2nd\.exit'"
    refused(path, UnsupportedLayerError, words, exits=["exit:1 (early)", "p"])


# `If` nodes


def outer_if(model: Any) -> Any:
    return model.graph.node[-1]


def branch(node: Any, name: str) -> Any:
    return next(item.g for item in node.attribute if item.name == f"{name}_branch")


def compares_the_image(model: Any) -> None:
    for node in model.graph.node:
        if node.op_type == "Softmax":
            node.input[0] = "image"


def computes_where_it_leaves(model: Any) -> None:
    branch(outer_if(model), "then").node[0].op_type = "Relu"


def answers_something_else(model: Any) -> None:
    branch(outer_if(model), "then").node[0].input[0] = model.graph.node[0].output[0]


def compares_what_is_computed(model: Any) -> None:
    node = next(node for node in model.graph.node if node.op_type == "Greater")
    model.graph.node.insert(len(model.graph.node) - 3, helper.make_node("ReduceMin", [node.input[0]], ["least"]))
    next(node for node in model.graph.node if node.op_type == "Greater").input[1] = "least"


def measures_something_else(model: Any) -> None:
    next(node for node in model.graph.node if node.op_type == "ReduceMax").op_type = "ReduceMin"


def gives_more(model: Any) -> None:
    model.graph.output.append(helper.make_tensor_value_info(model.graph.node[1].output[0], TensorProto.FLOAT, None))


IFS: dict[str, tuple[Change, str]] = {
    "the image": (compares_the_image, r"its condition reads the logits 'image'"),
    "a computing branch": (
        computes_where_it_leaves,
        r"Relu node '0/leave/Identity no\. 0' is in the branch where samples",
    ),
    "another answer": (answers_something_else, r"its condition reads the logits '0/t\.4', and where samples leave"),
    "two tensors": (compares_what_is_computed, "compares two tensors that are computed, none with a constant"),
    "a minimum": (measures_something_else, r"comes from ReduceMin node '0/ReduceMax no\. 6', not from ReduceMax"),
    "more outputs": (gives_more, r"the graph also gives '0/t\.1', which does not come from it"),
}


@pytest.mark.parametrize("name", IFS)
def test_an_if_that_is_no_exit(name: str, tmp_path: Path) -> None:
    change, words = IFS[name]
    path = changed(nested_ifs(tmp_path / "net.onnx"), change)
    refused(path, UnsupportedLayerError, rf"If node '0/If no\. 9' is no exit: .*{words}.*An exit compares ReduceMax")
    with pytest.raises(UnsupportedLayerError, match="is no exit"):
        hw.exit_rule(path)


def test_a_rule_where_there_is_no_if_and_one_of_another_number_of_exits(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=r"has no `If` nodes of one criterion.*hwcodesign\.fit_policy"):
        hw.exit_rule(two_outputs(tmp_path / "net.onnx"))
    rule = hw.exit_rule(nested_ifs(tmp_path / "ifs.onnx", (0.5,)))
    with pytest.raises(PolicyError, match="1 thresholds for 3 exits: this rule is of a network with 2 exits"):
        rule.policy(hw.from_onnx(qonnx_resnet(tmp_path / "q.onnx")))
    with pytest.raises(NetworkError, match=r"computes in floating point: hwcodesign\.quantise"):
        rule.policy(hw.from_onnx(tmp_path / "ifs.onnx"))


# quantisers


def quantised(tmp_path: Path, draw: Drawing, x: str, y: str, features: int = 72) -> Path:
    """Two exits of a QONNX network, behind x and behind y."""
    heads = [
        draw.quant(draw.node("Gemm", draw.node("Flatten", tensor), draw.weights(5, size), transB=1), 8, 0.25)
        for tensor, size in ((x, 72), (y, features))
    ]
    return saved(draw.graph([image_input("x", [1, 2, 6, 6])], {name: [1, 5] for name in heads}), tmp_path / "net.onnx")


#: Arguments of a quantiser between two exits.
QUANTISERS: dict[str, tuple[dict[str, Any], str]] = {
    "scale": ({"scale": 0.3}, "has scale 0.3, which is not a power of two"),
    "zero point": ({"zero": 3}, "has the zero point 3, and fixed point has none"),
    "scales": ({"scale": np.array([0.5, 0.25]).reshape(1, 2, 1, 1)}, "has 2 scales, one a channel"),
    "rounding": ({"rounding": "UP"}, "rounds by UP, which hardware has not: use ROUND"),
    "narrow": ({"signed": False, "narrow": True}, "is unsigned and has a narrow range"),
    "bits": ({"bits": 4.5}, r"has \[4\.5\] bits: give a whole number from 1 to 32"),
    "no scale": ({"scale": 0.0}, "has scale 0, which is not a power of two"),
}


@pytest.mark.parametrize("name", QUANTISERS)
def test_quantisers_that_are_not_of_fixed_point(name: str, tmp_path: Path) -> None:
    changes, words = QUANTISERS[name]
    draw = Drawing()
    x = draw.quant(draw.conv_of(draw.quant("x", 4, 0.25), 2, 2), 4, 0.5)
    wrong: dict[str, Any] = {"bits": 4, "scale": 0.5} | changes
    y = draw.quant(draw.conv_of(x, 2, 2), wrong.pop("bits"), wrong.pop("scale"), **wrong)
    number = draw.nodes[-1].name.rsplit(" ", 1)[1]
    path = quantised(tmp_path, draw, x, y)
    refused(path, NetworkError, rf"^Quant node '1st net/Quant no\. {number}' {words}")


def test_weights_without_a_grid(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.quant(draw.conv_of(draw.quant("x", 4, 0.25), 2, 2), 4, 0.5)
    y = draw.quant(draw.conv(x, 2, 2), 4, 0.5)
    words = r"Conv node '1st net/Conv no\. \d+': weights would need \d+ bits, and may have 16: put a Quant node"
    refused(quantised(tmp_path, draw, x, y), UnsupportedLayerError, words)


def test_weights_of_a_scale_that_is_no_power_of_two(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.quant(draw.conv_of(draw.quant("x", 4, 0.25), 2, 2), 4, 0.5)
    weights = draw.quant(draw.real(2, 2, 1, 1), 4, 0.1)
    number = draw.nodes[-1].name.rsplit(" ", 1)[1]
    path = quantised(tmp_path, draw, x, draw.quant(draw.node("Conv", x, weights), 4, 0.5))
    refused(
        path, NetworkError, rf"^Quant node '1st net/Quant no\. {number}' has scale 0\.1, which is not a power of two"
    )


def test_a_node_that_cuts_bits_off_and_keeps_their_scale(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.quant(draw.conv_of(draw.quant("x", 4, 0.25), 2, 2), 4, 0.5)
    more = [draw.constant(np.float32(value)) for value in (0.5, 0, 4, 2)]
    y = draw.node("Trunc", x, *more, domain=QONNX)
    refused(
        quantised(tmp_path, draw, x, y), NetworkError, r"Trunc node '1st net/Trunc no\. \d+' is a Trunc of the first"
    )


def test_tensors_that_are_not_quantised_where_they_must_be(tmp_path: Path) -> None:
    draw = Drawing()
    plain = draw.conv_of(draw.quant("x", 4, 0.25), 2, 2)
    path = quantised(
        tmp_path, draw, draw.quant(plain, 4, 0.5), draw.quant(draw.conv_of(draw.quant(plain, 6, 0.5), 2, 2), 4, 1)
    )
    refused(
        path, NetworkError, r"branches off behind Conv node '1st net/Conv no\. \d+', where the tensor is not quantised"
    )
    behind = draw.nodes[-1].input[0]
    path = saved(
        draw.graph([image_input("x", [1, 2, 6, 6])], {draw.nodes[-5].output[0]: [1, 5], behind: [1, 5]}),
        tmp_path / "b.onnx",
    )
    refused(
        path, NetworkError, rf"exit '{re.escape(behind)}' is written by Gemm node .* and is not quantised: put a Quant"
    )


def test_an_input_that_nothing_quantises_or_two_in_different_ways(tmp_path: Path) -> None:
    draw = Drawing()
    x = draw.quant(draw.conv_of("x", 2, 2), 4, 0.5)
    y = draw.quant(draw.conv_of(x, 2, 2), 4, 0.5)
    path = quantised(tmp_path, draw, x, y)
    refused(path, NetworkError, "nothing says how the values of 'x' are rounded: give input_format")
    assert hw.from_onnx(path, input_format=hw.FixedPoint(6, 3)).exits == 2
    draw = Drawing()
    x = draw.node("Add", draw.quant("x", 4, 0.25), draw.quant("x", 4, 0.5))
    x = draw.quant(draw.conv_of(draw.quant(x, 5, 0.25), 2, 2), 4, 0.5)
    path = quantised(tmp_path, draw, x, draw.quant(draw.conv_of(x, 2, 2), 4, 0.5))
    refused(path, NetworkError, "quantise the input in different ways")


def test_a_reading_that_differs_from_the_file_is_an_error_that_names_the_first_node(tmp_path: Path) -> None:
    path = qonnx_resnet(tmp_path / "net.onnx")
    network, graph = hw.from_onnx(path), open_graph(path)
    read = converted(graph)
    images = drawn_images(network.input_format, network.input_shape)
    check_source(network.reference(), images, graph, read)
    fourth = [node for node in graph.nodes if node.operator == "Conv"][3]
    name = next(value.node.target for key, value in read.build.values.items() if key == fourth.outputs[0])  # type: ignore[union-attr]
    with torch.no_grad():
        read.whole.get_submodule(name).weight[0] *= -1
        dict(network.named_modules())[f"stages.1.{name}"].weight[0] *= -1
    with pytest.raises(MismatchError, match=re.escape(f"They differ from {fourth} on")):
        check_source(network.reference(), images, graph, read)
