"""The compiled automata, stepped between events, against plain Python ones that are stepped in every cycle."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from hwcodesign.errors import FormatError
from hwcodesign.hardware.movement_timing import Copies, Frames, Split
from hwcodesign.hardware.pace import Pace, settle
from hwcodesign.hardware.shell_timing import Buffer, Decider, Packer, Unpacker
from hwcodesign.hardware.stepping import Network, State, run
from hwcodesign.hardware.timing import Automaton, Node, Pipeline, Queue, Windows, WindowWords
from hwcodesign.hardware.window import Window
from tests import reference_automata as reference
from tests.marks import CAMPAIGN

#: Random networks of chains and forks, and how many of them are always stepped.
_NETWORKS, _FEW = 220, 100
#: Samples: chains repeat after fewer, so that the last ones follow from those before.
_SAMPLES = 6


def _windows(rng: random.Random) -> tuple[Windows, int, int]:
    """Windows of a random geometry, with the beats of a sample before and behind it."""
    height, width = rng.randint(1, 7), rng.choice([1, 2, 3, 4, 5, 6, 7, 8, 12])
    kernel = rng.randint(1, 4), rng.randint(1, 4)
    stride = rng.randint(1, 3), rng.randint(1, 3)
    top, left = rng.randint(0, 2), rng.randint(0, kernel[1] - 1)
    high = max(1, (height + 2 * top - kernel[0]) // stride[0] + 1)
    wide = max(1, (width + 2 * left - kernel[1]) // stride[1] + 1)
    cut = Window((height, width, 1), (high, wide, 1), kernel, stride, (top, left))
    cut = replace(cut, pixels=rng.choice(cut.possible_pixels))
    return cut.timing, cut.reads.beats, cut.writes.beats


def _window_words(rng: random.Random) -> tuple[WindowWords, int, int]:
    """The same, word by word."""
    height, kernel, stride, top = rng.randint(1, 7), rng.randint(1, 4), rng.randint(1, 3), rng.randint(0, 3)
    passes, row, steps = max(1, (height + 2 * top - kernel) // stride + 1), rng.randint(1, 6), rng.randint(1, 5)
    return WindowWords(height, row, kernel, stride, top, passes, steps), height * row, passes * steps


def _copies(rng: random.Random) -> Copies:
    image, factors, zeros = (rng.randint(1, 4), rng.randint(1, 4)), (rng.randint(1, 3), rng.randint(1, 3)), True
    if rng.random() < 0.5:
        return Copies(image, factors, (image[0] * factors[0], image[1] * factors[1]), zeros=False)
    rows, columns = ((size - 1) * factor + rng.randint(1, factor) for size, factor in zip(image, factors, strict=True))
    return Copies(image, factors, (rows, columns), zeros)


def _pipeline(rng: random.Random, beats: int = 1, inputs: int = 1, most_given: int = 1) -> Pipeline:
    folds, given = rng.choice([1, 1, 2, 3, 17, 90]), rng.randint(1, most_given) if most_given > 1 else 1
    return Pipeline(folds, beats, rng.choice([1, 2, 5, 30, 62, 63, 64, 130]), inputs, given)


class _Drawn:
    """A random network that grows node by node; a sample has `beats` beats where it ends."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.nodes: list[Node] = []
        windows, self.beats_in, self.beats = (_windows if rng.random() < 0.6 else _window_words)(rng)
        self.add(windows, -1)

    def add(self, automaton: Automaton, *sources: int) -> int:
        self.nodes.append(Node(automaton, sources or (len(self.nodes) - 1,)))
        return len(self.nodes) - 1

    def extend(self) -> None:
        """One block more, of one that takes a sample's beats in any number."""
        kind = self.rng.choice(["pipeline", "fold beats", "queue", "split", "frames", "fork", "register and fold"])
        divisor = self.rng.choice([d for d in range(1, self.beats + 1) if self.beats % d == 0])
        if kind == "pipeline":
            self.add(_pipeline(self.rng))
        elif kind == "fold beats":
            folded = _pipeline(self.rng, divisor, most_given=divisor)
            self.add(folded)
            self.beats = self.beats // divisor * folded.given
        elif kind == "queue":
            self.add(Queue(self.rng.randint(1, 4)))
        elif kind == "register and fold":
            self.add(Queue(2))
            self.add(_pipeline(self.rng))
        elif kind == "split" and self.beats < 40:
            pieces = self.rng.randint(1, 4)
            self.add(Split(pieces))
            self.beats *= pieces
        elif kind == "frames":
            steps = self.rng.choice([self.beats, 2 * self.beats])
            self.add(Frames(self.beats, steps, steps // divisor))
            self.beats = divisor
        elif kind == "fork":
            self.fork()

    def fork(self) -> None:
        """Two paths of different length from here, and where they meet a queue before each input."""
        source = len(self.nodes) - 1
        ends = []
        for _ in range(2):
            end = source
            for _ in range(self.rng.randint(0, 2)):
                end = self.add(_pipeline(self.rng) if self.rng.random() < 0.7 else Queue(2), end)
            ends.append(self.add(Queue(self.rng.choice([2, 200, 1 << 30])), end))
        self.add(_pipeline(self.rng, inputs=2), *ends)

    @property
    def queues(self) -> list[int]:
        return [i for i, node in enumerate(self.nodes) if isinstance(node.automaton, Queue)]


def _drawn(seed: int) -> _Drawn:
    drawn = _Drawn(random.Random(seed))  # noqa: S311  # repeatable, not secret
    for _ in range(drawn.rng.randint(1, 6)):
        drawn.extend()
    return drawn


def _accelerator(seed: int) -> tuple[list[Node], int]:
    """Words to pixels, stages with heads, decisions and buffers, and records: what the model of every exit has."""
    rng = random.Random(seed)  # noqa: S311
    lanes, channels, pixels = rng.choice([2, 4, 8]), rng.randint(1, 9), rng.randint(1, 12)
    unpacker = Unpacker(lanes, channels, pixels)
    nodes = [Node(unpacker, (-1,))]

    def add(automaton: Automaton, *sources: int) -> int:
        nodes.append(Node(automaton, sources))
        return len(nodes) - 1

    source = 0
    stages = rng.randint(1, 3)
    for k in range(stages):
        feature = add(_pipeline(rng), add(Queue(2), source))
        logits = add(_pipeline(rng, pixels), add(Queue(2), feature))
        interval = rng.randint(1, 12)
        decision = add(Decider(interval, interval + rng.choice([1, 4, 70])), logits)
        if k == stages - 1 and rng.random() < 0.7:
            break
        depth = pixels * rng.randint(2, 4) + 1
        source = add(Buffer(pixels, depth, keep=k < stages - 1), feature, add(Queue(rng.randint(1, 3)), decision))
    return [*nodes, Node(Queue(), (decision,)), Node(Packer(), (len(nodes),))], unpacker.words


@pytest.mark.parametrize(
    "first", [pytest.param(first, marks=CAMPAIGN if first >= _FEW else ()) for first in range(0, _NETWORKS, 20)]
)
def test_random_chains_and_forks_are_stepped_alike(first: int) -> None:
    for seed in range(first, first + 20):
        drawn = _drawn(seed)
        sizes = drawn.beats_in, drawn.beats
        print(f"seed {seed}: {drawn.nodes}")
        assert run(drawn.nodes, _SAMPLES, *sizes) == reference.ends_of(drawn.nodes, _SAMPLES, *sizes)
        network = Network(drawn.nodes, 2 * drawn.beats_in)
        assert network.until(2 * drawn.beats)
        held = [network.most_held(node) for node in drawn.queues]
        assert held == reference.most_held(drawn.nodes, drawn.queues, 2 * drawn.beats_in, 2 * drawn.beats)


@pytest.mark.parametrize("room", [1, 1 << 14])
def test_cycles_of_input_beats_are_kept_whatever_was_waited_for(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of beats that were taken before the network was asked, and of some that it has to be stepped on for."""
    monkeypatch.setattr("hwcodesign.hardware.stepping._ROOM", room)
    for seed in range(20):
        drawn = _drawn(seed)
        print(f"seed {seed}: {drawn.nodes}")
        network = Network(drawn.nodes, keeps_cycles=True)
        assert network.until(2 * drawn.beats)
        beats = network.taken + 2 * drawn.beats_in
        assert [network.taken_in(beat) for beat in range(beats)] == reference.taken_in(drawn.nodes, beats)


@pytest.mark.parametrize("seed", range(40))
def test_random_accelerators_settle_alike(seed: int) -> None:
    nodes, words = _accelerator(seed)
    print(f"seed {seed}: {nodes}")
    expected = reference.pace_of(nodes, words, 1)
    assert isinstance(expected, Pace), "the model's samples leave in a rhythm before it gives up"
    assert settle(Network(nodes), words, 1) == expected


@pytest.mark.parametrize("more", [0, 1])
def test_a_rhythm_is_waited_for_up_to_a_cycle(more: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of samples that leave neither in a rhythm nor before that cycle, none counts but those that all look at."""
    long = [nodes for nodes in map(_accelerator, range(40)) if len(settle(Network(nodes[0]), nodes[1], 1).ends) > 12]
    assert long, "no accelerator is drawn whose samples take long to leave in a rhythm"
    nodes, words = long[0]
    ends = settle(Network(nodes), words, 1).ends
    monkeypatch.setattr("hwcodesign.hardware.pace._MOST_CYCLES", ends[9] + more)
    assert settle(Network(nodes), words, 1).ends == ends[: 9 + more]


def _automata(rng: random.Random) -> list[Automaton]:
    """One of each kind, of random sizes."""
    beats = rng.randint(1, 5)
    return [
        _pipeline(rng, beats, inputs=rng.randint(1, 3), most_given=beats),
        _windows(rng)[0],
        _window_words(rng)[0],
        Queue(rng.randint(1, 4)),
        Split(rng.randint(1, 4)),
        Frames(beats, beats * 2, rng.choice([1, 2 * beats])),
        _copies(rng),
        Unpacker(rng.choice([1, 4, 8]), rng.randint(1, 9), rng.randint(1, 9)),
        Decider(rng.randint(1, 9), rng.choice([1, 9, 80])),
        Buffer(beats, 3 * beats, keep=True),
        Buffer(beats, 3 * beats, keep=False),
        Packer(),
    ]


@pytest.mark.parametrize("seed", range(8))
def test_each_automaton_answers_random_signals_alike(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    for automaton in _automata(rng):
        print(f"seed {seed}: {automaton}")
        compiled, expected = State(automaton), reference.fresh(automaton)
        busy = rng.random()
        shown = set()
        for _ in range(400):
            inputs = [rng.random() < 0.3 + 0.7 * busy for _ in range(automaton.encoding.inputs)]
            output = rng.random() < 0.8
            ready = compiled.ready(inputs, output)
            assert (compiled.valid(), ready) == (expected.valid(), list(expected.ready(inputs, output)))
            shown.add((compiled.valid(), *ready))
            compiled.clock(inputs, output)
            expected.clock(inputs, output)
        assert len(shown) > 1, "its signals never changed, which shows nothing"


def test_a_network_whose_input_has_ended_is_said_to_stand_still() -> None:
    network = Network([Node(Pipeline(folds=3, depth=5), (-1,)), Node(Queue(2), (0,))], offered=4)
    assert network.until(4)
    assert not network.until(5)
    assert network.taken == 4


@pytest.mark.parametrize("field", ["folds", "beats", "depth", "inputs", "given"])
def test_a_pipeline_that_could_never_move_is_refused(field: str) -> None:
    with pytest.raises(FormatError, match=f"Pipeline: {field}=0 must be at least 1"):
        Pipeline(**{field: 0})
