"""This module steps networks of automata from event to event; it is compiled, because they take millions of cycles.

Two kinds of automata rest: one whose state did not change at a clock edge, and one that only counts. They need no look
until a signal at one of their ports changes, or the count ends. Most of a network rests in most cycles; when all of it
rests, time jumps. A state is brought up to date, under the signals that it had, before one of them changes. So the
states are those of stepping every automaton in every cycle.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hwcodesign.hardware import automata, timing
from hwcodesign.hardware.automata import (
    P_FOLDS,
    P_LAST_BIT,
    P_WORDS,
    PIPELINE,
    QUEUE,
    S_FOLD,
    S_HELD,
    S_PIPE,
    Net,
    all_seen,
    clock,
    compiled,
    entry,
    ready_of,
)
from hwcodesign.storage.files import sha256_file

#: What `advance` counts: cycles; input beats still to be offered (negative: endless) and taken; output beats given;
#: no node that counts need be looked at before this cycle; whether any node is awake.
CYCLE, OFFERED, TAKEN, GIVEN, NEXT, BUSY = range(6)
#: A cycle that never comes.
NEVER = 1 << 62


@compiled
def _cycles_of_rest(net: Net, i: int) -> int:
    """Cycles for which a node only counts while its signals stay, its valid low and its inputs not ready.

    To be asked behind a clock edge at which its inputs were not ready.
    """
    p, s, a, b = net.p, net.s, net.node[i].p_at, net.node[i].s_at
    if net.node[i].kind != PIPELINE or s[b] or p[a + P_WORDS] != 1:
        return 0
    rest = p[a + P_FOLDS] - 1 - s[b + S_FOLD] if all_seen(net, i) else NEVER
    bits = s[b + S_PIPE]
    if bits:
        stages = -1  # that a bit may move without making the output valid
        while bits < p[a + P_LAST_BIT]:
            bits <<= 1
            stages += 1
        rest = min(rest, stages)
    return rest


@compiled
def _wake(net: Net, i: int) -> None:
    """Have a node looked at in this cycle, its state up to date, so that signals at its ports may change."""
    node = net.node[i]
    if node.awake:
        return
    node.awake = True
    net.counts[BUSY] = 1
    if node.until < NEVER:
        node.until = NEVER
        cycles, b = net.counts[CYCLE] - node.since, node.s_at
        if all_seen(net, i):
            net.s[b + S_FOLD] += cycles
        if net.s[b + S_PIPE]:
            net.s[b + S_PIPE] <<= cycles


@compiled
def _let_rest(net: Net, i: int, changed: bool) -> None:
    """Decide behind a clock edge, in the cycle that then begins, whether a node must be looked at in it."""
    node, now = net.node[i], net.counts[CYCLE]
    node.awake = changed
    if changed and not net.edge[node.edge_at].ready:
        rest = _cycles_of_rest(net, i)
        if rest > 0:
            node.awake = False
            node.since, node.until = now, now + rest
            net.counts[NEXT] = min(net.counts[NEXT], now + rest)
    if node.awake:
        net.counts[BUSY] = 1


@compiled
def _tell_source(net: Net, i: int) -> None:
    """Tell a node whether all that read it take its beat or have taken it, when one of them has changed."""
    node = net.node[i]
    output = True
    for at in range(node.reader_at, node.reader_end):
        k = net.edge[at].reader
        output = output and (net.edge[k].done or net.edge[k].ready)
    if output != node.output:
        if i < len(net.node) - 1:
            _wake(net, i)
        node.output = output


@compiled
def _tell_readers(net: Net, i: int) -> None:
    """Tell those that read a node what they see, when its valid signal or their part of a fork has changed."""
    node = net.node[i]
    for at in range(node.reader_at, node.reader_end):
        k = net.edge[at].reader
        seen = node.valid and not net.edge[k].done
        if seen != net.edge[k].seen:
            _wake(net, net.edge[k].owner)
            net.edge[k].seen = seen


@compiled
def _settle_ready(net: Net) -> None:
    """The first half of a cycle: ready signals settle, against the order of data."""
    for i in range(len(net.node) - 2, -1, -1):
        if net.node[i].awake:
            ready_of(net, i)
            for k in range(net.node[i].edge_at, net.node[i].edge_end):
                if net.edge[k].fresh != net.edge[k].ready:
                    net.edge[k].ready = net.edge[k].fresh
                    _tell_source(net, net.edge[k].source)


@compiled
def _clock_all(net: Net) -> None:
    """The second half: the clock edge."""
    for i in range(len(net.node) - 1):
        node = net.node[i]
        if node.awake:
            for at in range(node.s_at, node.s_end):
                net.before[at - node.s_at] = net.s[at]
            clock(net, i)
            changed = False
            for at in range(node.s_at, node.s_end):
                changed = changed or net.before[at - node.s_at] != net.s[at]
            _let_rest(net, i, changed)
            if node.kind == QUEUE:
                node.most = max(node.most, net.s[node.s_at + S_HELD])


@compiled
def _clock_forks(net: Net) -> None:
    """Eager forks: each reader takes a beat when it can; the beat has gone when all have it."""
    for i in range(len(net.node)):
        node = net.node[i]
        if not node.valid or node.reader_end - node.reader_at < 2:
            continue
        changed, gone = False, node.output
        for at in range(node.reader_at, node.reader_end):
            k = net.edge[at].reader
            done = not gone and (net.edge[k].done or net.edge[k].ready)
            changed = changed or done != net.edge[k].done
            net.edge[k].done = done
        if changed:
            _tell_source(net, i)
            _tell_readers(net, i)


@compiled
def _settle_valid(net: Net) -> None:
    """Valid signals settle in the order of data, behind a clock edge."""
    last = len(net.node) - 1
    for i in range(last + 1):
        valid = net.s[net.node[i].s_at] != 0 if i < last else net.counts[OFFERED] != 0
        if valid != net.node[i].valid:
            net.node[i].valid = valid
            _tell_readers(net, i)


@compiled
def _count(net: Net, cycles: int) -> None:
    """Count cycles in which the signals at the network's ports stay."""
    last = len(net.node) - 1
    if net.node[last].valid and net.node[last].output:
        taken = net.counts[TAKEN]
        for beat in range(taken, min(taken + cycles, len(net.taken_in))):
            net.taken_in[beat] = net.counts[CYCLE] + beat - taken
        net.counts[TAKEN] += cycles
        net.counts[OFFERED] -= cycles
    net.counts[CYCLE] += cycles
    if net.node[last - 1].valid:
        net.counts[GIVEN] += cycles


@compiled
def _jump(net: Net, which: int, wanted: int) -> bool:
    """Go to the next cycle in which something changes, while all nodes rest; False where nothing ever will."""
    last = len(net.node) - 1
    cycles = net.counts[NEXT] - net.counts[CYCLE]
    if which == GIVEN and net.node[last - 1].valid:
        cycles = min(cycles, wanted - net.counts[GIVEN])
    if which == TAKEN and net.node[last].valid and net.node[last].output:
        cycles = min(cycles, wanted - net.counts[TAKEN])
    if net.node[last].valid and net.node[last].output:
        if net.counts[OFFERED] > 0:
            cycles = min(cycles, net.counts[OFFERED])
        if len(net.taken_in) > 0:
            cycles = min(cycles, len(net.taken_in) - net.counts[TAKEN])
    if cycles >= NEVER // 2:
        return False
    _count(net, cycles)
    return True


@compiled
def _end_counts(net: Net) -> None:
    """Wake nodes whose count ends in this cycle, and note when the next one does."""
    net.counts[NEXT] = NEVER
    for i in range(len(net.node) - 1):
        if net.node[i].until == net.counts[CYCLE]:
            _wake(net, i)
        net.counts[NEXT] = min(net.counts[NEXT], net.node[i].until)


@compiled
def _is_full(net: Net) -> bool:
    """Whether there is no room for the cycle of the next input beat."""
    return bool(0 < len(net.taken_in) == net.counts[TAKEN])


def _advance(_sources: str) -> Any:
    """Make `advance`.

    Args:
        _sources: digest of the other files that it is compiled from. Numba compiles a function again when its own file
            or what it closes over changes; of functions in other files it would go on using what it once compiled.
    """

    @entry
    def advance(net: Net, which: int, wanted: int) -> bool:
        assert _sources
        while net.counts[which] < wanted and not _is_full(net):
            if net.counts[BUSY]:
                _settle_ready(net)
                net.counts[BUSY] = 0
                _count(net, 1)
                _clock_all(net)
                _clock_forks(net)
            elif not _jump(net, which, wanted):
                return False
            _settle_valid(net)
            if net.counts[CYCLE] == net.counts[NEXT]:
                _end_counts(net)
        for i in range(len(net.node) - 1):
            _wake(net, i)
        return True

    return advance


#: Step a network until GIVEN, or TAKEN, is as wanted, or there is no room for further cycles of input beats, its output
#: always ready; then states are those of the present cycle. False where nothing changes any more before that.
advance = _advance("".join(sha256_file(Path(str(module.__file__))) for module in (automata, timing)))
