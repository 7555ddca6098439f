"""This module builds constant matrix-vector products as graphs of shifts and additions that share common parts of sums.

da4ml finds the graphs (Sun et al., "da4ml: Distributed Arithmetic for Real-time Neural Networks on FPGAs", arXiv
2507.04535). It runs in a process of its own. Numba compiles it, which takes minutes the first time; small products are
found sooner without Numba, and this must be set before da4ml is loaded. Its result is checked here, symbolically: every
node is a linear form of the inputs, and the forms of the outputs must be the matrix.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import FormatError, ToolError

#: Weights up to which da4ml is interpreted: seconds, where compiling it would take minutes. Results are the same.
INTERPRETED = 512
#: Seconds after which the search for a graph is given up.
LIMIT = 1800.0
#: A weight must be exact in float32, which da4ml calculates in.
_LARGEST = 1 << 20

Matrix = NDArray[np.int64]


@dataclass(frozen=True)
class Adder:
    """An adder computes (left << left_shift) + (right << right_shift), or the difference. One of the shifts is 0.

    Attributes:
        left, right: numbers of nodes: inputs come first, then adders.
    """

    left: int
    right: int
    left_shift: int
    right_shift: int
    subtract: bool


class Output(NamedTuple):
    """An output is a node's value times 2**shift, exact, and negated if `negated`; zero if there is no node."""

    node: int | None
    shift: int
    negated: bool


@dataclass(frozen=True, eq=False)
class AdderGraph:
    """An adder graph is a list of adders in an order in which each reads only earlier nodes.

    Attributes:
        inputs: number of inputs.
        low, high: least and greatest value of an input.
        adders: adders; their numbers begin at `inputs`.
        outputs: outputs in the order of the matrix.
    """

    inputs: int
    low: int
    high: int
    adders: tuple[Adder, ...]
    outputs: tuple[Output, ...]

    @cached_property
    def forms(self) -> Matrix:
        """Returns the nodes as linear forms, (nodes, inputs)."""
        forms = np.zeros((self.inputs + len(self.adders), self.inputs), np.int64)
        forms[: self.inputs] = np.eye(self.inputs, dtype=np.int64)
        for i, adder in enumerate(self.adders, self.inputs):
            right = forms[adder.right] << adder.right_shift
            forms[i] = (forms[adder.left] << adder.left_shift) + (-right if adder.subtract else right)
        return forms

    @cached_property
    def matrix(self) -> Matrix:
        """Returns the matrix that the graph computes, (inputs, outputs)."""
        columns = np.zeros((self.inputs, len(self.outputs)), np.int64)
        for i, output in enumerate(self.outputs):
            if output.node is not None:
                column = self.forms[output.node] << max(output.shift, 0)
                if (column % (1 << max(-output.shift, 0))).any():
                    raise ToolError(f"da4ml {da4ml_version()} gave a sum that is a fraction: choose another strategy")
                columns[:, i] = (column >> max(-output.shift, 0)) * (-1 if output.negated else 1)
        return columns

    @cached_property
    def ranges(self) -> list[tuple[int, int]]:
        """Returns the least and the greatest value of each node."""
        return [form_range(form, self.low, self.high) for form in self.forms]

    @cached_property
    def depths(self) -> list[int]:
        """Returns the number of adders on the longest way from an input to each node."""
        depths = [0] * self.inputs
        for adder in self.adders:
            depths.append(1 + max(depths[adder.left], depths[adder.right]))
        return depths

    @cached_property
    def adder_bits(self) -> int:
        """Returns the bits of all adders, without those that a shift passes through: about the number of LUTs."""
        bits = 0
        for i, adder in enumerate(self.adders, self.inputs):
            low, high = self.ranges[i]
            free = adder.right_shift if adder.subtract else max(adder.left_shift, adder.right_shift)
            bits += max(0, bits_of(low, high) - free)
        return bits


def form_range(form: Matrix, low: int, high: int) -> tuple[int, int]:
    """Returns the least and the greatest value of a linear form of inputs from `low` to `high`."""
    positive, negative = int(form[form > 0].sum()), int(form[form < 0].sum())
    return positive * low + negative * high, positive * high + negative * low


def bits_of(low: int, high: int) -> int:
    """Returns the bits that hold all values from `low` to `high`, at least 1; in two's complement if low < 0."""
    if low < 0:
        return max((-low - 1).bit_length(), high.bit_length()) + 1
    return max(1, high.bit_length())


def da4ml_version() -> str:
    """Returns the version of da4ml.

    Raises:
        ToolError: it is not installed.
    """
    try:
        return importlib.metadata.version("da4ml")
    except importlib.metadata.PackageNotFoundError:
        raise ToolError(
            "distributed arithmetic needs da4ml: pip install 'hwcodesign[design]' brings it; or choose another strategy"
        ) from None


def adder_graph(weights: Matrix, low: int, high: int, limit: float = LIMIT) -> AdderGraph:
    """Returns the smallest graph that da4ml finds, measured by the bits of its adders.

    Args:
        weights: (inputs, outputs) integers.
        low, high: least and greatest value of an input.
        limit: time limit in seconds.

    Raises:
        FormatError: a weight is too large.
        ToolError: da4ml is missing, fails or takes too long, or its graph is that of another matrix.
    """
    if weights.ndim != 2 or int(np.abs(weights).max(initial=0)) > _LARGEST:
        raise FormatError(f"distributed arithmetic takes a matrix of weights up to {_LARGEST} in magnitude")
    da4ml_version()
    rows, columns = np.flatnonzero(weights.any(axis=1)), np.flatnonzero(weights.any(axis=0))
    graphs = [AdderGraph(len(weights), low, high, (), (Output(None, 0, False),) * weights.shape[1])]
    if len(rows):
        found = _solve(weights[np.ix_(rows, columns)], low, high, limit)
        graphs = [_Builder(weights.shape, low, high).build(stages, rows, columns) for stages in found]
    best = min(graphs, key=lambda graph: (graph.adder_bits, max(graph.depths)))
    if not np.array_equal(best.matrix, weights):
        raise ToolError(f"da4ml {da4ml_version()} gave a graph of another matrix: choose another strategy")
    return best


def _solve(weights: Matrix, low: int, high: int, limit: float) -> list[Any]:
    """All graphs that da4ml proposes, as it describes them."""
    request = json.dumps({"weights": weights.tolist(), "low": low, "high": high})
    compiled = weights.size > INTERPRETED
    answer: list[Any] = json.loads(_answer(request, compiled, limit))
    return answer


@lru_cache(maxsize=64)
def _answer(request: str, compiled: bool, limit: float) -> str:
    """What da4ml answers; the same question is asked once a process."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": str(int(not compiled))}
    command = [sys.executable, "-c", _SOLVER]
    try:
        done = subprocess.run(
            command, input=request, capture_output=True, text=True, timeout=limit, env=environment, check=False
        )
    except subprocess.TimeoutExpired:
        raise ToolError(f"da4ml took longer than {limit:g} s for one layer: choose another strategy for it") from None
    if done.returncode != 0:
        raise ToolError(f"da4ml failed:\n{done.stderr[-4000:]}")
    return done.stdout.splitlines()[-1]


#: Depth constraints are those that da4ml's own `solve` goes through; it compares them by numbers of adders, we by bits.
_SOLVER = """
import json, sys
from math import ceil, log2
import numpy as np
from da4ml.cmvm.api import jit_solve
from da4ml.cmvm.types import QInterval

request = json.load(sys.stdin)
weights = np.array(request["weights"], np.float32)
intervals = [QInterval(float(request["low"]), float(request["high"]), 1.0)] * len(weights)
answer = []
for depth in range(-1, ceil(log2(len(weights))) + 1):
    found = jit_solve(weights, "wmc", "auto", -1, depth, intervals, [0.0] * len(weights), -1, -1)
    answer.append([
        {
            "in_shifts": [int(s) for s in stage.inp_shifts],
            "nodes": [[int(op.id0), int(op.id1), int(op.opcode), int(op.data)] for op in stage.ops],
            "out_nodes": [int(i) for i in stage.out_idxs],
            "out_shifts": [int(s) for s in stage.out_shifts],
            "out_negated": [bool(n) for n in stage.out_negs],
        }
        for stage in found.solutions
    ])
print()
print(json.dumps(answer))
"""


class _Term(NamedTuple):
    """A node's value times 2**exponent, negated if so."""

    node: int
    exponent: int
    negated: bool


class _Builder:
    """Turns da4ml's stages, whose values are fractions with signs beside them, into a graph of integers."""

    def __init__(self, shape: tuple[int, ...], low: int, high: int) -> None:
        self.shape, self.low, self.high = shape, low, high
        self.adders: list[Adder] = []
        self.known: dict[Adder, int] = {}

    def build(self, stages: Sequence[Any], rows: NDArray[np.intp], columns: NDArray[np.intp]) -> AdderGraph:
        terms: list[_Term | None] = [_Term(int(row), 0, False) for row in rows]
        for stage in stages:
            terms = self._stage(stage, terms)
        outputs = [Output(None, 0, False)] * self.shape[1]
        for column, term in zip(columns, terms, strict=True):
            if term is not None:
                outputs[column] = Output(term.node, term.exponent, term.negated)
        return _used(AdderGraph(self.shape[0], self.low, self.high, tuple(self.adders), tuple(outputs)))

    def _stage(self, stage: Any, inputs: Sequence[_Term | None]) -> list[_Term | None]:
        values: list[_Term | None] = []
        for left, right, kind, data in stage["nodes"]:
            if kind == -1:
                values.append(_scaled(inputs[left], stage["in_shifts"][left], False))
            elif kind in {0, 1}:
                values.append(self._add(values[left], _scaled(values[right], data, kind == 1)))
            else:
                raise ToolError(f"da4ml {da4ml_version()} gave an operation that is not known, {kind}")
        return [
            _scaled(values[node], shift, negated) if node >= 0 else None
            for node, shift, negated in zip(stage["out_nodes"], stage["out_shifts"], stage["out_negated"], strict=True)
        ]

    def _add(self, left: _Term | None, right: _Term | None) -> _Term | None:
        if left is None or right is None:
            return right if left is None else left
        if left.negated and not right.negated:
            left, right = right, left
        exponent = min(left.exponent, right.exponent)
        subtract = left.negated != right.negated
        shifts = left.exponent - exponent, right.exponent - exponent
        adder = Adder(left.node, right.node, *shifts, subtract)
        if adder not in self.known:
            self.known[adder] = self.shape[0] + len(self.adders)
            self.adders.append(adder)
        return _Term(self.known[adder], exponent, left.negated)


def _scaled(term: _Term | None, exponent: int, negate: bool) -> _Term | None:
    if term is None:
        return None
    return _Term(term.node, term.exponent + exponent, term.negated != negate)


def _used(graph: AdderGraph) -> AdderGraph:
    """The graph without adders that no output needs."""
    needed = {output.node for output in graph.outputs if output.node is not None}
    for i in reversed(range(len(graph.adders))):
        if graph.inputs + i in needed:
            needed |= {graph.adders[i].left, graph.adders[i].right}
    numbers = {i: i for i in range(graph.inputs)}
    adders: list[Adder] = []
    for i, adder in enumerate(graph.adders, graph.inputs):
        if i in needed:
            numbers[i] = graph.inputs + len(adders)
            left, right = numbers[adder.left], numbers[adder.right]
            adders.append(Adder(left, right, adder.left_shift, adder.right_shift, adder.subtract))
    outputs = tuple(Output(None if o.node is None else numbers[o.node], o.shift, o.negated) for o in graph.outputs)
    return AdderGraph(graph.inputs, graph.low, graph.high, tuple(adders), outputs)
