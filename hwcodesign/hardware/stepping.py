"""This module runs networks of automata: it computes the cycle of every output beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import SimulationError
from hwcodesign.hardware import automata, events
from hwcodesign.hardware.meeting import OFFERED
from hwcodesign.hardware.timing import Automaton, Node, Queue

#: Beats in a queue that offers, from which on more change nothing: one is taken in a cycle at most, and one comes.
_SOME = 2
#: Input beats for whose cycles there is room at first.
_ROOM = 1 << 14


class Network:
    """A network is a list of nodes, each of which reads only earlier ones; if several read one, an eager fork is
    between.

    The output of the last node is always ready.

    Args:
        nodes: at least one.
        offered: number of input beats that are offered, without a pause; endless by default.
        keeps_cycles: whether the cycle of each input beat is kept, for `taken_in`.
    """

    def __init__(self, nodes: Sequence[Node], offered: int = -1, *, keeps_cycles: bool = False) -> None:
        self._net = _after_reset(nodes, offered)
        if keeps_cycles:
            self._net = self._net._replace(taken_in=np.zeros(_ROOM, np.int64))
        #: Where the queues that offer beats on several inputs have the number of beats that they hold.
        self._offering = [
            int(self._net.node["s_at"][i]) + automata.S_HELD
            for i, node in enumerate(nodes)
            if node.automaton == Queue(OFFERED)
        ]

    def until(self, given: int) -> bool:
        """Steps until the last node has given `given` beats in all; returns False if it never will."""
        return self._advance(events.GIVEN, given)

    def until_taken(self, taken: int) -> bool:
        """Steps until `taken` input beats are taken in all; returns False if they never will be."""
        return self._advance(events.TAKEN, taken)

    def taken_in(self, beat: int) -> int:
        """Returns the cycle in which an input beat is taken, and steps to it if that is still to come.

        Raises:
            SimulationError: it never is.
        """
        if beat >= self.taken and not self.until_taken(beat + 1):
            raise SimulationError(f"the cycle model stands still before it takes beat {beat}")
        return int(self._net.taken_in[beat])

    def _advance(self, which: int, wanted: int) -> bool:
        while self._net.counts[which] < wanted:
            if not events.advance(self._net, which, wanted):
                return False
            kept = self._net.taken_in
            if 0 < len(kept) == self.taken:
                self._net = self._net._replace(taken_in=np.concatenate([kept, np.zeros_like(kept)]))
        return True

    @property
    def cycles(self) -> int:
        """Returns the number of cycles stepped so far."""
        return int(self._net.counts[events.CYCLE])

    @property
    def taken(self) -> int:
        """Returns the number of input beats taken so far."""
        return int(self._net.counts[events.TAKEN])

    @property
    def is_offered(self) -> bool:
        """Returns whether more input beats are offered."""
        return bool(self._net.counts[events.OFFERED])

    def phase(self, beats_in: Sequence[int]) -> tuple[bytes, tuple[int, ...]]:
        """Returns everything that decides what comes next while input is offered: the state, and the beats of a sample
        that are taken at each input. How many beats wait in an endless queue that offers them decides nothing.

        Args:
            beats_in: beats of a sample, of the network's input or of each queue that offers.
        """
        state, taken = self._net.s, [self.taken]
        if self._offering:
            state = state.copy()
            taken = [self.taken - int(state[at]) for at in self._offering]
            state[self._offering] = np.minimum(state[self._offering], _SOME)
        parts = tuple(done % beats for done, beats in zip(taken, beats_in, strict=True))
        return bytes(state.tobytes() + self._net.edge["done"].tobytes()), parts

    def most_held(self, node: int) -> int:
        """Returns the most beats that a queue held after any cycle."""
        return int(self._net.node["most"][node])


def run(nodes: Sequence[Node], samples: int, beats_in: int, beats_out: int) -> list[int]:
    """Computes the cycles at which samples leave the last node complete, with input always valid and output always
    ready.

    Args:
        nodes: nodes of a network.
        samples: number of samples to run.
        beats_in, beats_out: beats per sample at the network's input and output.

    Returns:
        For each sample the cycle of its last output beat; the first input beat is offered in cycle 0.

    Raises:
        SimulationError: the network stands still.
    """
    return ends_of(Network(nodes, samples * beats_in), samples, (beats_in,), beats_out)


def ends_of(network: Network, samples: int, beats_in: Sequence[int], beats_out: int) -> list[int]:
    """Steps a network until samples have left it, or until it repeats; returns the cycles of their last output beats.

    Args:
        network: network that nothing has left yet.
        samples, beats_out: as of `run`.
        beats_in: as of `Network.phase`.

    Raises:
        SimulationError: the network stands still.
    """
    ends: list[int] = []
    seen: dict[tuple[bytes, tuple[int, ...]], int] = {}
    while len(ends) < samples:
        ends.append(end_of_sample(network, len(ends), beats_out))
        number = len(ends) - 1
        first = seen.setdefault(network.phase(beats_in), number)
        if first < number and network.is_offered:  # from here on it repeats
            period, cycles = number - first, ends[number] - ends[first]
            while len(ends) < samples:
                ends.append(ends[-period] + cycles)
    return ends


def end_of_sample(network: Network, sample: int, beats_out: int) -> int:
    """Returns the cycle of a sample's last output beat.

    Args:
        network: network that is stepped on.
        sample: number of the next sample, from 0.
        beats_out: output beats per sample.

    Raises:
        SimulationError: the network stands still.
    """
    if not network.until((sample + 1) * beats_out):
        raise SimulationError(f"the cycle model stands still after {sample} samples")
    return network.cycles - 1


class State:
    """A state is one automaton by itself, stepped with signals from outside.

    Args:
        automaton: the automaton, which begins after reset.
    """

    def __init__(self, automaton: Automaton) -> None:
        self._net = _after_reset([Node(automaton, (-1,) * automaton.encoding.inputs)], -1)

    def valid(self) -> bool:
        """Returns whether the output is valid; it depends on registers only."""
        return bool(self._net.s[0])

    def ready(self, inputs: Sequence[bool], output: bool) -> list[bool]:
        """Returns ready of each input, given the inputs' valid signals and the output's ready."""
        self._set(inputs, output)
        automata.ready_of(self._net, 0)
        return [bool(value) for value in self._net.edge["fresh"]]

    def clock(self, inputs: Sequence[bool], output: bool) -> None:
        """Steps over the clock edge, given which inputs had a valid signal and whether the output was ready."""
        self._set(inputs, output)
        automata.clock(self._net, 0)

    def _set(self, inputs: Sequence[bool], output: bool) -> None:
        self._net.edge["seen"] = inputs
        self._net.node["output"][0] = output


def _after_reset(nodes: Sequence[Node], offered: int) -> automata.Net:
    """A network as arrays.

    Args:
        nodes: each reads only earlier ones.
        offered: input beats; -1: endless.
    """
    encodings = [node.automaton.encoding for node in nodes]
    count = len(nodes)
    sources = [source if source >= 0 else count for node in nodes for source in node.sources]
    node, edge = np.zeros(count + 1, automata.NODE), np.zeros(len(sources), automata.EDGE)
    node["kind"][:-1] = [encoding.kind for encoding in encodings]
    node["p_at"][:-1] = _starts([len(encoding.parameters) for encoding in encodings])[:-1]
    for name, lengths in (
        ("s", [encoding.words for encoding in encodings]),
        ("edge", [len(each.sources) for each in nodes]),
    ):
        starts = _starts(lengths)
        node[f"{name}_at"][:-1], node[f"{name}_end"][:-1] = starts[:-1], starts[1:]
    readers = _starts([sources.count(source) for source in range(count + 1)])
    node["reader_at"], node["reader_end"] = readers[:-1], readers[1:]
    node["output"] = node["reader_at"] == node["reader_end"]  # nothing is ready yet, and where nobody reads all is
    node["awake"][:-1] = True
    node["until"] = events.NEVER
    node["valid"][-1] = offered != 0
    edge["owner"] = [i for i, each in enumerate(nodes) for _ in each.sources]
    edge["source"] = sources
    edge["reader"] = sorted(range(len(sources)), key=lambda k: sources[k])
    edge["seen"] = (edge["source"] == count) & node["valid"][-1]
    words = [encoding.words for encoding in encodings]
    return automata.Net(
        node,
        edge,
        p=np.array([value for encoding in encodings for value in encoding.parameters] or [0], np.int64),
        s=np.zeros(sum(words), np.int64),
        counts=np.array([0, offered, 0, 0, events.NEVER, 1], np.int64),
        before=np.zeros(max(words), np.int64),
        taken_in=np.zeros(0, np.int64),
    )


def _starts(lengths: Sequence[int]) -> NDArray[np.int64]:
    """Where each of several runs begins, and where the last one ends."""
    return np.cumsum([0, *lengths]).astype(np.int64)
