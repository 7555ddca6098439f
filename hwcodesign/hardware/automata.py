"""This module holds the control logic of each module, compiled: ready of its inputs, and its state after the edge.

These are the automata that `timing` names. A state is a row of integers; the first one says whether the output is
valid, which depends on registers alone.

A cycle has two halves. In the first, valid signals settle in data order and ready signals against it. In the second, at
the clock edge, every automaton takes note of the transfers (valid and ready) at its ports.

Compiled code is kept between runs; numba compiles again when this file changes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba import njit

from hwcodesign.hardware.timing import STAGES_PER_WORD, Kind

_Function = TypeVar("_Function", bound=Callable[..., Any])

#: As plain integers, which compiled code can hold.
PIPELINE, _WINDOWS, QUEUE, _SPLIT, _FRAMES = map(
    int, (Kind.PIPELINE, Kind.WINDOWS, Kind.QUEUE, Kind.SPLIT, Kind.FRAMES)
)
_UNPACKER, _DECIDER, _BUFFER, _PACKER = map(int, (Kind.UNPACKER, Kind.DECIDER, Kind.BUFFER, Kind.PACKER))
_COPIES, _WORDS = int(Kind.COPIES), int(Kind.WORDS)

#: Bits of a word of a shift register.
_WORD = (1 << STAGES_PER_WORD) - 1

#: A node: an automaton of a network. The row behind the last node stands for the network's own input.
NODE = np.dtype(
    [
        ("kind", np.int64),  # of automaton
        ("p_at", np.int64),  # where its parameters begin
        ("s_at", np.int64),  # where its state begins,
        ("s_end", np.int64),  # and ends
        ("edge_at", np.int64),  # where its inputs begin among the edges,
        ("edge_end", np.int64),  # and end
        ("reader_at", np.int64),  # where the edges that read its output begin, in the order of the edges' `reader`,
        ("reader_end", np.int64),  # and end
        ("valid", np.bool_),  # of its output
        ("output", np.bool_),  # ready of its output: of all that read it
        ("awake", np.bool_),  # whether it must be looked at in this cycle
        ("since", np.int64),  # while it counts and rests: the cycle that its state is of,
        ("until", np.int64),  # and the one in which it must be looked at again; else `events.NEVER`
        ("most", np.int64),  # beats that it held at most, where it is a queue
    ]
)
#: An edge: an input of a node.
EDGE = np.dtype(
    [
        ("owner", np.int64),  # the node that reads
        ("source", np.int64),  # the node that is read
        ("seen", np.bool_),  # valid at this input
        ("ready", np.bool_),
        ("fresh", np.bool_),  # ready as it was last computed
        ("done", np.bool_),  # whether it has taken the beat that others behind the same fork still wait for
        ("reader", np.int64),  # of all edges in the order of what they read, the one in this place
    ]
)


class Net(NamedTuple):
    """A net holds the nodes and edges of a network.

    Attributes:
        node: (nodes + 1,) of `NODE`.
        edge: (edges,) of `EDGE`.
        p, s: parameters and states, int64.
        counts: counters of `events`.
        before: memory for one state.
        taken_in: cycles in which the first input beats were taken, as many as have room; nothing where they are not
            kept.
    """

    node: Any
    edge: Any
    p: Any
    s: Any
    counts: Any
    before: Any
    taken_in: Any


#: Numba's types do not know `_nrt`: reference counts of arrays, without which code is ten times as fast. Nothing here
#: makes an array.
_jit: Any = njit


def compiled(function: _Function) -> _Function:
    """Compiles a function that only compiled functions call."""
    made: _Function = _jit(_nrt=False)(function)
    return made


def entry(function: _Function) -> _Function:
    """Compiles a function that Python calls, and keeps the result beside its file or in numba's cache of the user.

    While it runs, other threads of Python may, too.
    """
    try:
        made: _Function = _jit(cache=True, nogil=True, _nrt=False)(function)
    except RuntimeError:  # there is nowhere to keep it
        return compiled(function)
    return made


# In all functions below, p and s are the parameters and states of a whole network, one behind the other; a and b say
# where those of this automaton begin. What is there stands before each kind: P_ its parameters, as `timing` lists them,
# S_ its state, which begins with the valid signal of its output. `offered` is the valid signal of its input, `output`
# the ready of its output.

# A shift register of valid bits: its words, the newest stage lowest, and the last stage's bit in the last of them.


@compiled
def _shift(p: Any, a: int, s: Any, b: int, new: int) -> int:
    """Shift a bit in; 1 where the last stage's is set then, else 0."""
    words = p[a]
    for word in range(words - 1):
        old = s[b + word]
        s[b + word] = (old << 1 | new) & _WORD
        new = old >> (STAGES_PER_WORD - 1)
    last = b + words - 1
    s[last] = (s[last] << 1 | new) & (2 * p[a + 1] - 1)
    return 1 if s[last] & p[a + 1] else 0


P_FOLDS, P_BEATS, _P_WITHOUT, P_WORDS, P_LAST_BIT = range(5)
S_FOLD, S_BEAT, S_PIPE = range(1, 4)


@compiled
def _pipeline_clock(p: Any, a: int, s: Any, b: int, offered: bool, output: bool) -> None:
    if s[b] and not output:
        return
    done = 0
    if offered:
        s[b + S_FOLD] += 1
        if s[b + S_FOLD] == p[a + P_FOLDS]:
            s[b + S_FOLD] = 0
            done = 1 if s[b + S_BEAT] >= p[a + _P_WITHOUT] else 0
            s[b + S_BEAT] += 1
            if s[b + S_BEAT] == p[a + P_BEATS]:
                s[b + S_BEAT] = 0
    s[b] = _shift(p, a + P_WORDS, s, b + S_PIPE, done)


_P_HEIGHT, _P_KERNEL_Y, _P_STRIDE_Y, _P_TOP, _P_OUT_HEIGHT, _P_ROW_BEATS, _P_LEAD, _P_EVERY, _P_COLUMNS = range(9)
#: Row and column of the next beat to be written, rows counted on from the sample of the present pass; the pass; and
#: the columns read in it; whether a column that was read waits for its place in the window, and as `_ENDS` if a window
#: ends with it. Valid: a window has not been taken.
_S_ROW, _S_COLUMN, _S_PASS, _S_READ, _S_WAITS = range(1, 6)
_ENDS = 2


@compiled
def _first_row(p: Any, a: int, pass_: int) -> int:
    """The first row of the image that a pass keeps."""
    row: int = min(p[a + _P_HEIGHT], max(0, pass_ * p[a + _P_STRIDE_Y] - p[a + _P_TOP]))
    return row


@compiled
def _windows_ready(p: Any, a: int, s: Any, b: int) -> bool:
    ahead, pass_ = s[b + _S_ROW] - p[a + _P_KERNEL_Y], s[b + _S_PASS]
    if ahead < _first_row(p, a, pass_):
        return True
    next_base = p[a + _P_HEIGHT] if pass_ == p[a + _P_OUT_HEIGHT] - 1 else _first_row(p, a, pass_ + 1)
    return bool(ahead < next_base and s[b + _S_COLUMN] < s[b + _S_READ])


@compiled
def _windows_clock(p: Any, a: int, s: Any, b: int, offered: bool, output: bool) -> None:
    accepted = offered and _windows_ready(p, a, s, b)
    if s[b] == 0 or output:
        s[b] = 1 if s[b + _S_WAITS] == _ENDS else 0
        s[b + _S_WAITS] = 0
    if s[b + _S_WAITS] == 0 and _column_is_there(p, a, s, b):
        _read_column(p, a, s, b)
    if accepted:
        s[b + _S_COLUMN] += 1
        if s[b + _S_COLUMN] == p[a + _P_ROW_BEATS]:
            s[b + _S_ROW] += 1
            s[b + _S_COLUMN] = 0


@compiled
def _column_is_there(p: Any, a: int, s: Any, b: int) -> bool:
    if s[b + _S_READ] >= p[a + _P_ROW_BEATS]:
        return True
    # a pass wholly above the image waits for its first row, lest windows come of a sample that never does
    below = s[b + _S_PASS] * p[a + _P_STRIDE_Y] - p[a + _P_TOP] + p[a + _P_KERNEL_Y] - 1
    needed = min(max(below, 0), p[a + _P_HEIGHT] - 1)
    row = s[b + _S_ROW]
    return bool(row > needed or (row == needed and s[b + _S_COLUMN] > s[b + _S_READ]))


@compiled
def _read_column(p: Any, a: int, s: Any, b: int) -> None:
    behind = s[b + _S_READ] - p[a + _P_LEAD]
    s[b + _S_WAITS] = _ENDS if behind >= 0 and behind % p[a + _P_EVERY] == 0 else 1
    s[b + _S_READ] += 1
    if s[b + _S_READ] == p[a + _P_COLUMNS]:
        s[b + _S_READ] = 0
        s[b + _S_PASS] += 1
        if s[b + _S_PASS] == p[a + _P_OUT_HEIGHT]:
            s[b + _S_PASS] = 0
            s[b + _S_ROW] -= p[a + _P_HEIGHT]


_P_ROWS_IN, _P_ROW_WORDS, _P_ROWS_READ, _P_ROWS_ON, _P_ABOVE, _P_PASSES, _P_PASS_STEPS = range(7)
#: Rows accepted, counted from the first one of the image of the present pass, and words of the next one; the pass, and
#: its words given. Valid: a word has not been taken.
_S_ROWS, _S_ROW_WORDS, _S_OF_PASS, _S_OF_STEP = range(1, 5)


@compiled
def _words_ready(p: Any, a: int, s: Any, b: int) -> bool:
    first = s[b + _S_OF_PASS] * p[a + _P_ROWS_ON] - p[a + _P_ABOVE]
    base = min(p[a + _P_ROWS_IN], max(0, first))
    return bool(s[b + _S_ROWS] < base + p[a + _P_ROWS_READ] + p[a + _P_ROWS_ON])


@compiled
def _words_clock(p: Any, a: int, s: Any, b: int, offered: bool, output: bool) -> None:
    accepted = offered and _words_ready(p, a, s, b)
    if s[b] == 0 or output:
        lowest = s[b + _S_OF_PASS] * p[a + _P_ROWS_ON] - p[a + _P_ABOVE] + p[a + _P_ROWS_READ] - 1
        s[b] = 1 if s[b + _S_ROWS] > min(max(lowest, 0), p[a + _P_ROWS_IN] - 1) else 0
        if s[b]:
            s[b + _S_OF_STEP] += 1
            if s[b + _S_OF_STEP] == p[a + _P_PASS_STEPS]:
                s[b + _S_OF_STEP] = 0
                s[b + _S_OF_PASS] += 1
                if s[b + _S_OF_PASS] == p[a + _P_PASSES]:
                    s[b + _S_OF_PASS] = 0
                    s[b + _S_ROWS] -= p[a + _P_ROWS_IN]
    if accepted:
        s[b + _S_ROW_WORDS] += 1
        if s[b + _S_ROW_WORDS] == p[a + _P_ROW_WORDS]:
            s[b + _S_ROWS] += 1
            s[b + _S_ROW_WORDS] = 0


_P_QUEUE_DEPTH = 0
S_HELD = 1


@compiled
def _queue_clock(p: Any, a: int, s: Any, b: int, offered: bool, output: bool) -> None:
    held = s[b + S_HELD]
    left = held - 1 if output and held > 0 else held
    s[b + S_HELD] = left + 1 if offered and held < p[a + _P_QUEUE_DEPTH] else left
    s[b] = 1 if s[b + S_HELD] > 0 else 0


_P_PIECES = 0
_S_PIECES_LEFT = 1


@compiled
def _split_ready(s: Any, b: int, output: bool) -> bool:
    return bool(s[b + _S_PIECES_LEFT] == 0 or (s[b + _S_PIECES_LEFT] == 1 and output))


@compiled
def _split_clock(p: Any, a: int, s: Any, b: int, offered: bool, output: bool) -> None:
    taken = offered and _split_ready(s, b, output)
    if s[b + _S_PIECES_LEFT] > 0 and output:
        s[b + _S_PIECES_LEFT] -= 1
    if taken:
        s[b + _S_PIECES_LEFT] = p[a + _P_PIECES]
    s[b] = 1 if s[b + _S_PIECES_LEFT] > 0 else 0


_P_FRAME_BEATS, _P_STEPS, _P_STEPS_PER_BEAT = range(3)
#: Halves that wait to be read or are being read; the beat next to be written; the step next to be made; steps of the
#: beat that is being put together; and whether a beat is in the first of the reader's two stages, valid in the second.
_S_FULL, _S_WRITTEN, _S_STEP, _S_PUT, _S_FIRST_STAGE = range(1, 6)


@compiled
def _frames_clock(p: Any, a: int, s: Any, b: int, offered: bool, output: bool) -> None:
    written = offered and s[b + _S_FULL] < 2
    stepped = s[b + _S_FULL] > 0
    if s[b] and not output:  # the reader stalls as a whole
        stepped = False
    else:
        done = 0
        if stepped:
            s[b + _S_PUT] += 1
            if s[b + _S_PUT] == p[a + _P_STEPS_PER_BEAT]:
                s[b + _S_PUT] = 0
                done = 1
        s[b] = s[b + _S_FIRST_STAGE]
        s[b + _S_FIRST_STAGE] = done
    if written:
        s[b + _S_WRITTEN] += 1
        if s[b + _S_WRITTEN] == p[a + _P_FRAME_BEATS]:
            s[b + _S_WRITTEN] = 0
            s[b + _S_FULL] += 1
    if stepped:
        s[b + _S_STEP] += 1
        if s[b + _S_STEP] == p[a + _P_STEPS]:
            s[b + _S_STEP] = 0
            s[b + _S_FULL] -= 1


_P_ROWS, _P_IN_ROW, _P_DOWN, _P_ACROSS, _P_LAST_DOWN, _P_LAST_ACROSS, _P_ZEROS = range(7)
#: The copy that is next: row and column of its pixel, and which copy of it, down and across.
_S_OF_ROW, _S_OF_COLUMN, _S_DOWN, _S_ACROSS = range(1, 5)


@compiled
def _is_shown(p: Any, a: int, s: Any, b: int) -> bool:
    """Whether an input pixel is given itself."""
    return bool(s[b + _S_DOWN] == 0 and (not p[a + _P_ZEROS] or s[b + _S_ACROSS] == 0))


@compiled
def _ends_across(p: Any, a: int, s: Any, b: int) -> bool:
    last = s[b + _S_OF_COLUMN] == p[a + _P_IN_ROW] - 1
    return bool(s[b + _S_ACROSS] == (p[a + _P_LAST_ACROSS] if last else p[a + _P_ACROSS]) - 1)


@compiled
def _copies_ready(p: Any, a: int, s: Any, b: int, output: bool) -> bool:
    able = (output or s[b] == 0) and _is_shown(p, a, s, b)
    return bool(able and (p[a + _P_ZEROS] or _ends_across(p, a, s, b)))


@compiled
def _copies_clock(p: Any, a: int, s: Any, b: int, offered: bool, output: bool) -> None:
    if s[b] and not output:
        return
    s[b] = 1 if offered or not _is_shown(p, a, s, b) else 0
    if s[b] == 0:
        return
    if not _ends_across(p, a, s, b):
        s[b + _S_ACROSS] += 1
        return
    s[b + _S_ACROSS] = 0
    s[b + _S_OF_COLUMN] += 1
    if s[b + _S_OF_COLUMN] < p[a + _P_IN_ROW]:
        return
    s[b + _S_OF_COLUMN] = 0
    s[b + _S_DOWN] += 1
    last = s[b + _S_OF_ROW] == p[a + _P_ROWS] - 1
    if s[b + _S_DOWN] == (p[a + _P_LAST_DOWN] if last else p[a + _P_DOWN]):
        s[b + _S_DOWN] = 0
        s[b + _S_OF_ROW] = 0 if last else s[b + _S_OF_ROW] + 1


_P_LANES, _P_CHANNELS, _P_SAMPLE_WORDS, _P_LAST_LANES = range(4)
_S_LANES_HELD, _S_WORD = range(1, 3)


@compiled
def _lanes_left(p: Any, a: int, s: Any, b: int, output: bool) -> int:
    """Lanes that stay when this cycle's pixel has gone."""
    left: int = s[b + _S_LANES_HELD] - p[a + _P_CHANNELS] if output and s[b] else s[b + _S_LANES_HELD]
    return left


@compiled
def _unpacker_clock(p: Any, a: int, s: Any, b: int, offered: bool, output: bool) -> None:
    left = _lanes_left(p, a, s, b, output)
    if offered and left < p[a + _P_CHANNELS]:
        last = s[b + _S_WORD] == p[a + _P_SAMPLE_WORDS] - 1
        left += p[a + _P_LAST_LANES] if last else p[a + _P_LANES]
        s[b + _S_WORD] = 0 if last else s[b + _S_WORD] + 1
    s[b + _S_LANES_HELD] = left
    s[b] = 1 if left >= p[a + _P_CHANNELS] else 0


_P_INTERVAL, _P_DECISION_WORDS = range(2)
#: Cycles until the next logits are taken, and a shift register.
_S_OCCUPIED, _S_DECISIONS = range(1, 3)


@compiled
def _decider_clock(p: Any, a: int, s: Any, b: int, offered: bool, output: bool) -> None:
    if s[b] and not output:
        return
    taken = offered and s[b + _S_OCCUPIED] == 0
    s[b + _S_OCCUPIED] = p[a + _P_INTERVAL] - 1 if taken else max(0, s[b + _S_OCCUPIED] - 1)
    s[b] = _shift(p, a + _P_DECISION_WORDS, s, b + _S_DECISIONS, 1 if taken else 0)


_P_BUFFER_BEATS, _P_BUFFER_DEPTH, _P_KEEP = range(3)
#: Beats held; decisions held, in the register before it, which holds two; and the beat of the sample that is next.
_S_BEATS_HELD, _S_DECIDED, _S_NEXT_BEAT = range(1, 4)


@compiled
def _buffer_clock(p: Any, a: int, s: Any, b: int, offered: bool, decided: bool, output: bool) -> None:
    beats, keep = p[a + _P_BUFFER_BEATS], p[a + _P_KEEP]
    held, decisions = s[b + _S_BEATS_HELD], s[b + _S_DECIDED]
    drop = decisions > 0 and not keep and held >= beats
    pop = decisions > 0 and keep and held > 0 and (output or s[b] == 0)
    last = s[b + _S_NEXT_BEAT] == beats - 1
    if decided and decisions < 2:
        s[b + _S_DECIDED] += 1
    if drop or (pop and last):
        s[b + _S_DECIDED] -= 1
    if offered and held < p[a + _P_BUFFER_DEPTH]:
        s[b + _S_BEATS_HELD] += 1
    if pop:
        s[b + _S_BEATS_HELD] -= 1
        s[b + _S_NEXT_BEAT] = 0 if last else s[b + _S_NEXT_BEAT] + 1
        s[b] = 1
    elif output:
        s[b] = 0
    if drop:
        s[b + _S_BEATS_HELD] -= beats


#: Which word of a record is offered, the first or the second; 0: none. Valid: the second.
_S_OFFERED = 1


@compiled
def _packer_ready(s: Any, b: int, output: bool) -> bool:
    return bool(s[b + _S_OFFERED] == 0 or (s[b + _S_OFFERED] == 2 and output))


@compiled
def _packer_clock(s: Any, b: int, offered: bool, output: bool) -> None:
    if s[b + _S_OFFERED] == 1:  # taken at once
        s[b + _S_OFFERED] = 2
    elif _packer_ready(s, b, output):
        s[b + _S_OFFERED] = 1 if offered else 0
    s[b] = 1 if s[b + _S_OFFERED] == 2 else 0


@compiled
def all_seen(net: Net, i: int) -> bool:
    """Returns whether all inputs of a node are valid."""
    for k in range(net.node[i].edge_at, net.node[i].edge_end):  # noqa: SIM110  # numba has no all()
        if not net.edge[k].seen:
            return False
    return True


@entry
def ready_of(net: Net, i: int) -> None:
    """Writes the ready signals of a node's inputs into the edges' `fresh`."""
    p, s, node, edge = net.p, net.s, net.node[i], net.edge
    a, b, k, output = node.p_at, node.s_at, node.edge_at, node.output
    if node.kind == PIPELINE:
        able = all_seen(net, i) and (output or s[b] == 0) and s[b + S_FOLD] == p[a + P_FOLDS] - 1
        for port in range(k, node.edge_end):
            edge[port].fresh = able
    elif node.kind == QUEUE:
        edge[k].fresh = s[b + S_HELD] < p[a + _P_QUEUE_DEPTH]
    elif node.kind == _WINDOWS:
        edge[k].fresh = _windows_ready(p, a, s, b)
    elif node.kind == _WORDS:
        edge[k].fresh = _words_ready(p, a, s, b)
    elif node.kind == _SPLIT:
        edge[k].fresh = _split_ready(s, b, output)
    elif node.kind == _FRAMES:
        edge[k].fresh = s[b + _S_FULL] < 2
    elif node.kind == _COPIES:
        edge[k].fresh = _copies_ready(p, a, s, b, output)
    elif node.kind == _UNPACKER:
        edge[k].fresh = _lanes_left(p, a, s, b, output) < p[a + _P_CHANNELS]
    elif node.kind == _DECIDER:
        edge[k].fresh = (output or s[b] == 0) and s[b + _S_OCCUPIED] == 0
    elif node.kind == _BUFFER:
        edge[k].fresh = s[b + _S_BEATS_HELD] < p[a + _P_BUFFER_DEPTH]
        edge[k + 1].fresh = s[b + _S_DECIDED] < 2
    elif node.kind == _PACKER:
        edge[k].fresh = _packer_ready(s, b, output)


@entry
def clock(net: Net, i: int) -> None:
    """Updates a node's state at the clock edge."""
    p, s, node, edge = net.p, net.s, net.node[i], net.edge
    a, b, k, output = node.p_at, node.s_at, node.edge_at, node.output
    offered = edge[k].seen
    if node.kind == PIPELINE:
        _pipeline_clock(p, a, s, b, all_seen(net, i), output)
    elif node.kind == QUEUE:
        _queue_clock(p, a, s, b, offered, output)
    elif node.kind == _WINDOWS:
        _windows_clock(p, a, s, b, offered, output)
    elif node.kind == _WORDS:
        _words_clock(p, a, s, b, offered, output)
    elif node.kind == _SPLIT:
        _split_clock(p, a, s, b, offered, output)
    elif node.kind == _FRAMES:
        _frames_clock(p, a, s, b, offered, output)
    elif node.kind == _COPIES:
        _copies_clock(p, a, s, b, offered, output)
    elif node.kind == _UNPACKER:
        _unpacker_clock(p, a, s, b, offered, output)
    elif node.kind == _DECIDER:
        _decider_clock(p, a, s, b, offered, output)
    elif node.kind == _BUFFER:
        _buffer_clock(p, a, s, b, offered, edge[k + 1].seen, output)
    elif node.kind == _PACKER:
        _packer_clock(s, b, offered, output)
