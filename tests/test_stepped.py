"""The accelerator as an object that is stepped does what it does in a batch, cycle for cycle."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest

from hwcodesign.errors import SettingsError
from hwcodesign.images import pack_words
from hwcodesign.interface import register_map as registers
from hwcodesign.interface.modes import exit_control
from hwcodesign.interface.records import FLAG_ERROR, RECORD_DTYPE, Records
from hwcodesign.simulation.rtl import RtlSimulation, Stalls
from hwcodesign.simulation.stepped import SteppedAccelerator
from rtl_sim.tb.small_accelerators import Codes, images, plain
from tests.stress import written

SAMPLES = 60
STILLNESS = 20_000


@pytest.fixture(scope="module")
def simulation(tmp_path_factory: pytest.TempPathFactory) -> RtlSimulation:
    return written(plain("stepped"), tmp_path_factory.mktemp("stepped"))


@pytest.fixture
def stepped(simulation: RtlSimulation) -> Iterator[SteppedAccelerator]:
    with SteppedAccelerator(simulation.library(), STILLNESS) as accelerator:
        yield accelerator


def _codes(simulation: RtlSimulation, samples: int = SAMPLES, seed: int = 1) -> Codes:
    return images(simulation.accelerator, samples, seed)


def _words(simulation: RtlSimulation, codes: Codes) -> np.ndarray:
    return np.ascontiguousarray(pack_words(codes, simulation.accelerator.input_format)).reshape(-1)


def _configure(stepped: SteppedAccelerator, simulation: RtlSimulation) -> None:
    for k, code in enumerate(exit_control(simulation.accelerator.policy).codes):
        stepped.write(registers.THRESHOLD.address(k), code & 0xFFFFFFFF)
    stepped.write(registers.CONTROL.offset, registers.CONTROL.field("commit").mask)
    while registers.STATUS.field("commit_pending").extract(stepped.read(registers.STATUS.offset)):
        pass


def _ran(stepped: SteppedAccelerator, words: np.ndarray, samples: int = SAMPLES, steps: int = 1_000_000) -> Records:
    """All records of one batch, a step after the other."""
    found = np.zeros(2 * samples, np.uint64)
    stepped.accept(found)
    stepped.offer(words)
    while not stepped.ended:
        assert stepped.advance(steps) > 0, f"it stands still:\n{stepped.state}"
    assert stepped.sent == len(words)
    return found[: stepped.taken].view(RECORD_DTYPE)


@pytest.mark.parametrize("steps", [1, 7, 1_000_000])
def test_records_and_their_cycles_are_those_of_a_batch_however_it_is_stepped(
    simulation: RtlSimulation, stepped: SteppedAccelerator, steps: int
) -> None:
    codes = _codes(simulation)
    expected = simulation.run(codes, exit_control(simulation.accelerator.policy)).records
    _configure(stepped, simulation)
    assert _ran(stepped, _words(simulation, codes), steps=steps).tolist() == expected.tolist()


def test_stalls_are_those_of_a_batch_with_the_same_seed(simulation: RtlSimulation, stepped: SteppedAccelerator) -> None:
    stalls, codes = Stalls(0.4, 0.3, seed=9), _codes(simulation)
    expected = simulation.run(codes, exit_control(simulation.accelerator.policy), stalls=stalls).records
    _configure(stepped, simulation)
    stepped.stall(stalls)
    assert _ran(stepped, _words(simulation, codes)).tolist() == expected.tolist()


def test_streams_go_on_while_registers_are_read_and_written(
    simulation: RtlSimulation, stepped: SteppedAccelerator
) -> None:
    """Nothing is lost, doubled or slowed down by accesses alone, without any other cycle."""
    codes = _codes(simulation)
    expected = simulation.run(codes, exit_control(simulation.accelerator.policy)).records
    _configure(stepped, simulation)
    found = np.zeros(2 * SAMPLES, np.uint64)
    stepped.accept(found)
    stepped.offer(_words(simulation, codes))
    while not stepped.ended:
        assert stepped.read(registers.ID.offset) == registers.ID.field("magic").reset
        stepped.write(registers.THRESHOLD.address(0), 5)  # staged, never committed
    assert found.view(RECORD_DTYPE).tolist() == expected.tolist()


def test_a_batch_without_last_leaves_its_records_and_does_not_end(
    simulation: RtlSimulation, stepped: SteppedAccelerator
) -> None:
    found, words = np.zeros(2 * SAMPLES, np.uint64), _words(simulation, _codes(simulation))
    stepped.accept(found)
    stepped.offer(words, last=None)
    while stepped.advance(1_000):
        pass
    assert (stepped.sent, stepped.taken, stepped.ended) == (len(words), 2 * SAMPLES, False)


def test_last_at_a_wrong_word_damages_one_sample_and_ends_the_batch(
    simulation: RtlSimulation, stepped: SteppedAccelerator
) -> None:
    words = _words(simulation, _codes(simulation))
    each = len(words) // SAMPLES
    found = np.zeros(2 * SAMPLES, np.uint64)
    stepped.accept(found)
    stepped.offer(words, last=each + 1, upto=each + 2)
    while stepped.advance(1_000):
        pass
    records = found[: stepped.taken].view(RECORD_DTYPE)
    assert (stepped.sent, stepped.ended, len(records)) == (each + 2, True, 2)
    assert (records["flags"][np.argsort(records["sample_id"])] & FLAG_ERROR).tolist() == [0, FLAG_ERROR]
    assert registers.STATUS.field("error").extract(stepped.read(registers.STATUS.offset)) == 1


def test_a_dropped_last_lets_two_packets_run_into_each_other(
    simulation: RtlSimulation, stepped: SteppedAccelerator
) -> None:
    stepped.write(registers.RECORDS_PER_PACKET.offset, 5)
    found = np.zeros(2 * SAMPLES, np.uint64)
    stepped.accept(found, drop_from=1, drops=1)
    stepped.offer(_words(simulation, _codes(simulation)))
    while stepped.advance(1_000):
        pass
    assert (stepped.taken, stepped.ended, stepped.dropped) == (2 * 2 * 5, True, 0)


def test_what_is_stuck_comes_to_a_standstill_and_goes_on_when_it_may(
    simulation: RtlSimulation, stepped: SteppedAccelerator
) -> None:
    codes = _codes(simulation)
    expected = simulation.run(codes, exit_control(simulation.accelerator.policy)).records
    _configure(stepped, simulation)
    first, rest = np.zeros(2 * SAMPLES, np.uint64), np.zeros(2 * SAMPLES, np.uint64)
    stepped.accept(first, upto=7)
    stepped.offer(_words(simulation, codes))
    passed = stepped.advance(10_000_000)
    assert STILLNESS < passed < 10_000_000
    assert (stepped.advance(1), stepped.taken) == (0, 7)
    assert "STALLED" in stepped.state or "waits" in stepped.state
    stepped.accept(rest)
    while not stepped.ended:
        assert stepped.advance(1_000) > 0
    records = np.concatenate([first[:7], rest[: stepped.taken]]).view(RECORD_DTYPE)
    for name in ("sample_id", "label", "exit", "score", "flags"):
        ordered = records[np.argsort(records["sample_id"])]
        assert ordered[name].tolist() == expected[np.argsort(expected["sample_id"])][name].tolist(), name


def test_a_reset_forgets_everything_and_the_next_batch_is_the_first(
    simulation: RtlSimulation, stepped: SteppedAccelerator
) -> None:
    codes = _codes(simulation)
    expected = simulation.run(codes, exit_control(simulation.accelerator.policy)).records
    stepped.offer(_words(simulation, codes)[:50])  # in the middle of a sample
    stepped.advance(40)
    stepped.reset()
    assert stepped.cycles == 0
    assert stepped.advance(10) == 0, "nothing is to be sent or taken"
    _configure(stepped, simulation)
    assert _ran(stepped, _words(simulation, codes)).tolist() == expected.tolist()


def test_it_simulates_more_than_200_000_cycles_a_second(simulation: RtlSimulation, stepped: SteppedAccelerator) -> None:
    words = _words(simulation, _codes(simulation, 2_000))
    started = time.process_time()
    _ran(stepped, words, samples=2_000)
    assert stepped.cycles / (time.process_time() - started) > 200_000


def test_stillness_must_be_a_cycle_or_more(simulation: RtlSimulation) -> None:
    with pytest.raises(SettingsError, match="stillness=0 must be at least one cycle"):
        SteppedAccelerator(simulation.library(), 0)
