"""This module writes exits as `If` nodes: a branch gives the answer, the other holds the rest of the network.

The decision is in integer operators, on the codes of logits, as the policy takes it everywhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from hwcodesign.errors import PolicyError
from hwcodesign.networks.onnx_models.graph import Graph
from hwcodesign.policies import ExitPolicy

#: Criteria that are written, and names of what a conditional file gives.
CRITERIA, LABEL, LEFT_AT = ("margin", "max_softmax"), "label", "exit"


@dataclass
class _Body:
    """A graph in the making, whose tensors have names that no other graph of the file has."""

    place: str
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def constant(self, value: NDArray[Any], name: str | None = None) -> str:
        name = name or f"{self.place}/constant{len(self.constants)}"
        self.constants.append(onnx.numpy_helper.from_array(value, name))
        return name

    def node(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = f"{self.place}/{operator.lower()}{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(operator, list(inputs), [output or name], name=name, **attributes))
        return output or name

    def answer(self, logits: str, k: int) -> tuple[str, str]:
        """Adds the label of an exit, and its number."""
        label = self.node("ArgMax", logits, axis=1, keepdims=0, output=f"{self.place}/{LABEL}")
        left_at = self.node("Constant", value_ints=[k], output=f"{self.place}/{LEFT_AT}")
        return label, left_at

    def graph(self, outputs: Sequence[str], inputs: Sequence[Any] = ()) -> Any:
        given = [onnx.helper.make_tensor_value_info(name, TensorProto.INT64, [1]) for name in outputs]
        return onnx.helper.make_graph(self.nodes, self.place, list(inputs), given, self.constants)


def check_policy(policy: ExitPolicy) -> None:
    """Refuses a policy that has no integer operators here.

    Raises:
        PolicyError: the criterion is none of these, or thresholds differ by class.
    """
    if policy.criterion_name not in CRITERIA:
        raise PolicyError(
            f"criterion {policy.criterion_name} is not written to ONNX: fit a policy of {' or '.join(CRITERIA)}, or "
            "write the file without conditional=True, and decide on its logits"
        )
    if any(exit_.class_offsets for exit_ in policy.exits):
        raise PolicyError("thresholds by class are not written to ONNX: fit the policy without class_thresholds")


def conditional_graph(graph: Graph, policy: ExitPolicy) -> Any:
    """Returns a graph in ONNX that computes one image, and nothing behind the exit at which it leaves.

    Args:
        graph: gives the logits of every exit.
        policy: of criterion "margin" or "max_softmax".
    """
    given = onnx.helper.make_tensor_value_info(graph.input_name, TensorProto.FLOAT, [1, *graph.input_shape])
    body = _rest(graph, policy, 0, set())
    del body.output[:]
    body.input.append(given)
    body.output.extend(onnx.helper.make_tensor_value_info(name, TensorProto.INT64, [1]) for name in (LABEL, LEFT_AT))
    body.node[-1].output[:] = [LABEL, LEFT_AT]
    return body


def _rest(graph: Graph, policy: ExitPolicy, k: int, done: set[str]) -> Any:
    """Returns the graph of exit k and what is behind it."""
    body, logits = _Body(f"from exit {k}"), graph.outputs[k]
    for node in graph.before(logits):
        if not done & set(node.outputs):
            body.nodes.append(node.proto)
            done |= set(node.outputs)
            for name in node.inputs:
                if name in graph.constants and name not in done:
                    body.constant(graph.constants[name], name)
                    done.add(name)
    if k == len(graph.outputs) - 1:
        return body.graph(body.answer(logits, k))
    condition = _condition(body, policy, k, logits)
    leave = _Body(f"leave at exit {k}")
    answer, rest = leave.graph(leave.answer(logits, k)), _rest(graph, policy, k + 1, done)
    body.node("If", condition, then_branch=answer, else_branch=rest)
    outputs = [f"{body.place}/{name}" for name in (LABEL, LEFT_AT)]
    body.nodes[-1].output[:] = outputs
    return body.graph(outputs)


def _condition(body: _Body, policy: ExitPolicy, k: int, logits: str) -> str:
    """Adds the decision of an exit on the codes of its logits."""
    exit_ = policy.exits[k]
    step = body.constant(np.array(exit_.logits.scale, np.float32))
    codes = body.node("Cast", body.node("Div", logits, step), to=TensorProto.INT64)
    code = exit_.threshold_code
    if policy.criterion_name == "margin":
        tops = body.node("TopK", codes, body.constant(np.array([2])), axis=1, output=f"{body.place}/two largest")
        body.nodes[-1].output.append(f"{body.place}/their classes")
        first, second = (body.node("Gather", tops, body.constant(np.array(i)), axis=1) for i in (0, 1))
        return body.node("GreaterOrEqual", body.node("Sub", first, second), body.constant(np.array(code)))
    table = exit_.parameters.exponential
    largest = body.node("ReduceMax", codes, body.constant(np.array([1])), keepdims=1)
    index = body.node("Sub", largest, codes)
    if table.shift:
        index = body.node("Div", index, body.constant(np.array(1 << table.shift)))
    index = body.node("Min", index, body.constant(np.array(table.length - 1)))
    looked_up = body.node("Gather", body.constant(np.array(table.exponential)), index, axis=0)
    total = body.node("ReduceSum", looked_up, body.constant(np.array([1])), keepdims=0)
    return body.node("LessOrEqual", total, body.constant(np.array(-code)))
