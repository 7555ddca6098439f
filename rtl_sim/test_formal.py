"""The exit control, proved: and every proof is sharp enough to see a fault."""

from __future__ import annotations

import os

import pytest
from tb.drawn_policies import drawn_policy

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels.decision import Decision
from hwcodesign.policies import CRITERIA
from hwcodesign.verification.formal import Change, Proof, counterexample, prove, score_unit_proofs

_CAMPAIGN = pytest.mark.skipif("HWCODESIGN_CAMPAIGN" not in os.environ, reason="one of a campaign's many proofs")

_BUFFER = ("stream_register", "read_ahead_ram", "conditional_buffer")
_PATH = (*_BUFFER, "stream_fork")
_MERGE = ("stream_register", "record_merge")

_PROOFS = {
    "fork": Proof("fork_properties", ("stream_fork",)),
    "buffer of one sample": Proof("buffer_properties", _BUFFER, {"Beats": 2, "Depth": 2}),
    "buffer": Proof("buffer_properties", _BUFFER, {"Beats": 3, "Depth": 5}),
    "buffer of several RAMs": Proof("buffer_properties", _BUFFER, {"Beats": 3, "Depth": 5, "BankWords": 2}),
    "exit path, buffer of one sample": Proof("exit_path_properties", _PATH, {"Beats": 2, "Depth": 2}),
    "merge": Proof("merge_properties", _MERGE, {"Exits": 3}),
    "two tensors": Proof("tensor_pair_properties", _PATH, parts=("buffer_properties",)),
}
_MORE = {
    "fork to two": Proof("fork_properties", ("stream_fork",), {"Outputs": 2}),
    "buffer of one beat": Proof("buffer_properties", _BUFFER, {"Beats": 1, "Depth": 1}),
    "buffer of several beats": Proof("buffer_properties", _BUFFER, {"Beats": 1, "Depth": 3}),
    "buffer of two samples": Proof("buffer_properties", _BUFFER, {"Beats": 4, "Depth": 8}),
    "buffer of one beat, of several RAMs": Proof(
        "buffer_properties", _BUFFER, {"Beats": 1, "Depth": 3, "BankWords": 2}
    ),
    "buffer of one sample, of two RAMs": Proof("buffer_properties", _BUFFER, {"Beats": 4, "Depth": 4, "BankWords": 2}),
    "exit path, samples of one beat": Proof("exit_path_properties", _PATH, {"Beats": 1, "Depth": 1}),
    "exit path, patient surroundings": Proof(
        "exit_path_properties",
        _PATH,
        {"Beats": 3, "Depth": 3, "InWaits": 2, "HeadWaits": 3, "HeadLatency": 9, "OutWaits": 4},
    ),
    "exit path, more room": Proof("exit_path_properties", _PATH, {"Beats": 2, "Depth": 5}),
    "merge of one": Proof("merge_properties", _MERGE, {"Exits": 1}),
    "two tensors, more room": Proof(
        "tensor_pair_properties",
        _PATH,
        {"FirstBeats": 1, "FirstDepth": 3, "SecondBeats": 3, "SecondDepth": 4},
        parts=("buffer_properties",),
    ),
    "merge of four": Proof("merge_properties", _MERGE, {"Exits": 4}),
}

#: proof, changes, cycles in which the fault must show, and what it must break
_FAULTS: dict[str, tuple[Proof, tuple[Change, ...], int, str]] = {
    "a buffer one beat short of a sample deadlocks": (
        Proof("exit_path_properties", _PATH, {"Beats": 3, "Depth": 2}),
        (Change("conditional_buffer", "if (Depth < Beats)", "if (Depth == 0)"),),
        14,
        "nothing goes on",
    ),
    "a drop before the sample is wholly in": (
        _PROOFS["buffer of one sample"],
        (Change("conditional_buffer", "!keep && level_q >= LevelBits'(Beats)", "!keep && level_q != '0"),),
        10,
        "",
    ),
    "a lost drop": (
        _PROOFS["exit path, buffer of one sample"],
        (Change("conditional_buffer", "decided && !keep && level_q", "1'b0 && !keep && level_q"),),
        14,
        "nothing goes on",
    ),
    "a decision that counts twice": (
        _PROOFS["buffer of one sample"],
        (Change("conditional_buffer", "drop || (pop &&", "(pop &&"),),
        10,
        "",
    ),
    "a beat that is read ahead before it is in the memory": (
        _PROOFS["buffer of several RAMs"],
        (Change("conditional_buffer", "level_q == (drop ?", "level_q == (1'b0 ?"),),
        10,
        "the beat that is read ahead is another one",
    ),
    "a beat that the fork gives twice": (
        _PROOFS["fork"],
        (Change("stream_fork", "taken_q <= in_ready_o ? '0 : taken;", "taken_q <= '0;"),),
        8,
        "",
    ),
    "a fork that tells one buffer twice": (
        _PROOFS["two tensors"],
        (Change("stream_fork", "in_valid_i ? ~taken_q : '0", "{Outputs{in_valid_i}}"),),
        8,
        "told another sample's decision",
    ),
    "a fork that forgets the second buffer": (
        _PROOFS["two tensors"],
        (Change("stream_fork", "in_ready_o = &taken;", "in_ready_o = taken[0];"),),
        8,
        "missed a decision",
    ),
    "a merge that prefers the shallow": (
        _PROOFS["merge"],
        (
            Change("record_merge", "if (in_valid_i[k]) winner", "if (in_valid_i[k] && !in_valid_i[0]) winner"),
            Change("record_merge", "((in_valid_i >> k) >> 1) == '0", "(k == 0 || !in_valid_i[0])"),
        ),
        8,
        "a shallower record goes first",
    ),
    "a merge that takes what it cannot hold": (
        _PROOFS["merge"],
        (Change("record_merge", "in_ready_o[k] = room && (", "in_ready_o[k] = ("),),
        8,
        "a record was lost or doubled",
    ),
    "a merge that goes on measuring": (
        _PROOFS["merge"],
        (Change("record_merge", "waits_q[k] ? cycles_q[k] : now_i", "1'b0 ? cycles_q[k] : now_i"),),
        8,
        "first offer",
    ),
}


@pytest.mark.parametrize("name", _PROOFS)
def test_the_exit_control_is_proved(name: str) -> None:
    prove(_PROOFS[name])


def _score_unit(criterion: str) -> Decision:
    """Of the second of three exits: three classes in two cycles."""
    return Decision.of(drawn_policy(criterion, [FixedPoint(4, 2)] * 3, 3), 1, 2)


#: Criteria whose proofs take the most time.
_DEEP = {"eenet", "entropy"}


@pytest.mark.parametrize(
    "criterion", [pytest.param(name, marks=_CAMPAIGN if name in _DEEP else ()) for name in sorted(CRITERIA)]
)
def test_a_score_unit_gives_one_score_a_start_when_it_says_and_holds_it(criterion: str) -> None:
    for proof in score_unit_proofs(_score_unit(criterion)):
        prove(proof)


@pytest.mark.parametrize(
    ("criterion", "module", "old", "new", "says"),
    [
        ("margin", "score_margin", "valid_o <= start_i;", "valid_o <= start_i || valid_o;", "is not offered"),
        (
            "max_softmax",
            "table_sum",
            "{start_q[Lookup-1:1], start_i}",
            "{start_q[Lookup-2:1], start_i, 1'b0}",
            "is not",
        ),
        ("cdln", "score_cdln", "end else if (en_i) begin", "end else begin", "moves while its unit is not enabled"),
    ],
)
def test_a_score_that_comes_late_twice_or_in_a_pause_is_seen(
    criterion: str, module: str, old: str, new: str, says: str
) -> None:
    failed = [
        sentence
        for proof in score_unit_proofs(_score_unit(criterion))
        for sentence in counterexample(proof, (Change(module, old, new),), 16)
    ]
    assert any(says in sentence for sentence in failed), failed


def test_a_deep_score_unit_that_moves_in_a_pause_is_seen() -> None:
    timed, _ = score_unit_proofs(_score_unit("entropy"))
    change = Change("score_entropy", "end else if (en_i) begin", "end else begin")
    failed = counterexample(timed, (change,), 26)
    assert failed == ["a score is not offered Latency enabled cycles after its start"]


@_CAMPAIGN
@pytest.mark.parametrize("name", _MORE)
def test_more_sizes_are_proved(name: str) -> None:
    prove(_MORE[name])


@pytest.mark.parametrize("name", _FAULTS)
def test_a_fault_is_seen(name: str) -> None:
    proof, changes, cycles, broken = _FAULTS[name]
    failed = counterexample(proof, changes, cycles)
    assert failed
    assert not broken or any(broken in sentence for sentence in failed), failed
