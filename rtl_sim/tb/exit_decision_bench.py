"""The decision unit against the policy that it implements, and its latency and interval against the cycle formulas."""

from __future__ import annotations

import json
import os
from typing import Any

import cocotb
import numpy as np
from beats import pack, seeded
from drawn_policies import drawn_policy
from numpy.typing import NDArray
from ports import Ports, Sink, Source
from records import Record, Sample, with_past
from telling import require_telling

from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.kernels.decision import Decision
from hwcodesign.policies import NEVER
from hwcodesign.policies.criterion import History
from hwcodesign.storage.fields import Field

CASE = json.loads(os.environ["HWC_CASE"])
LOGITS = FixedPoint.from_json(Field(CASE["logits"], "logits"))
POLICY = drawn_policy(
    CASE["criterion"],
    [LOGITS] * CASE["exits"],
    CASE["classes"],
    temperature=CASE["temperature"],
    by_class=CASE["by_class"],
    gated=CASE["gated"],
)
EXIT = CASE["exit_index"]
UNIT = Decision.of(POLICY, EXIT, CASE["per_cycle"])
SAMPLES = 60


def _logits(draw: np.random.Generator) -> NDArray[np.int64]:
    """(SAMPLES, outputs of a head) random codes, ties and extremes among them."""
    fmt, columns = UNIT.logits, POLICY.columns
    spread = draw.integers(0, fmt.width, (SAMPLES, 1))
    centre = draw.integers(fmt.min_code, fmt.max_code + 1, (SAMPLES, 1))
    noise = draw.integers(-(2**spread), 2**spread + 1, (SAMPLES, columns))
    logits = np.clip(centre + noise, fmt.min_code, fmt.max_code)
    logits[:4] = fmt.min_code
    logits[1, -1] = logits[2, 0] = logits[3] = fmt.max_code
    if POLICY.gated:  # nothing like the logits, above and below all of them
        logits[:, -1] = draw.integers(fmt.min_code, fmt.max_code + 1, SAMPLES)
        logits[:2, -1] = fmt.max_code, fmt.min_code
    return logits


class Cases:
    """Random logits and what the policy makes of them.

    Attributes:
        logits: (N, C) integers, ties and extremes among them; with gates (N, C + 1).
        samples, history: information that travels beside them.
        thresholds, anytime: of the two banks.
        records, keeps, nexts: what is expected, in order.
    """

    def __init__(self, rng: Any, anytime: tuple[int, int]) -> None:
        draw = np.random.default_rng(rng.getrandbits(32))
        *earlier, self.logits = (_logits(draw) for _ in range(EXIT + 1))
        self.history = History.empty(SAMPLES)
        if POLICY.criterion.reads_past and earlier:
            labels_before, scores_before = POLICY.score_exits(earlier)
            # half of the samples: an exit that this one agrees with
            again = draw.random((EXIT, SAMPLES)) < 0.5
            labels_before = np.where(again, POLICY.labels(self.logits), labels_before)
            self.history = History(labels_before.T, scores_before.T)
        labels = POLICY.labels(self.logits)
        self.samples = [self._sample(rng, label) for label in labels.tolist()]
        before = [s.agreements if s.seen and s.label == z else None for s, z in zip(self.samples, labels, strict=True)]
        agreements = np.array([0 if a is None else min(a + 1, 255) for a in before])
        scores = POLICY.scores(EXIT, self.logits, agreements, self.history)
        history = self.history.then(labels, scores) if POLICY.criterion.reads_past else self.history
        require_telling([[int(score)] for score in scores])
        require_telling([[int(label)] for label in labels])
        self.thresholds = tuple(int(rng.choice([NEVER, *scores.tolist()])) for _ in range(2))
        self.anytime = anytime
        self.records: list[int] = []
        self.keeps: list[int] = []
        self.nexts: list[int] = []
        for n, (s, score, label, agreed) in enumerate(zip(self.samples, scores, labels, agreements, strict=True)):
            threshold = self.thresholds[s.bank]
            leaves = UNIT.is_last or (int(score) >= threshold and threshold != NEVER)
            if leaves or anytime[s.bank]:
                record = Record(s.sample_id, s.stamp, int(score), int(label), EXIT, leaves, s.error, s.bank)
                self.records.append(record.code)
            if not UNIT.is_last:
                self.keeps.append(int(not leaves))
                if not leaves:
                    later = Sample(s.sample_id, s.stamp, int(label), int(agreed), 1, s.bank, s.error)
                    self.nexts.append(with_past(later, history.labels[n].tolist(), history.scores[n].tolist()))

    @staticmethod
    def _sample(rng: Any, label: int) -> Sample:
        previous = label if rng.random() < 0.7 else rng.randrange(1 << 16)
        count = rng.choice([0, 1, 254, 255, rng.randrange(256)])
        bits = [rng.getrandbits(1) for _ in range(3)]
        return Sample(rng.getrandbits(32), rng.getrandbits(32), previous, count, *bits)

    def ports(self, dut: Any, rng: Any, idle: float, stall: float) -> Ports:
        dut.threshold_i.value = pack(self.thresholds, 32)
        dut.anytime_i.value = pack(self.anytime, 1)
        beats = [pack(z, UNIT.logits.width) for z in self.logits]
        past = zip(self.samples, self.history.labels.tolist(), self.history.scores.tolist(), strict=True)
        infos = [with_past(sample, labels, scores) for sample, labels, scores in past]
        return Ports(
            dut,
            {"logits": [Source(beats, idle)], "sample": [Source(infos, idle)]},
            {"record": [Sink(stall)], "release": [Sink(stall)], "next": [Sink(stall)]},
            rng,
            {"release": "release_keep"},
        )

    def check(self, ports: Ports) -> None:
        got = {prefix: sinks[0].beats for prefix, sinks in ports.outputs.items()}
        for i, (beat, wanted) in enumerate(zip(got["record"], self.records, strict=True)):
            assert beat == wanted, f"record {i}: {Record.of(beat)} instead of {Record.of(wanted)}"
        assert got["release"] == self.keeps
        assert got["next"] == self.nexts

    @property
    def outputs(self) -> int:
        return len(self.records) + len(self.keeps) + len(self.nexts)


@cocotb.test()
@cocotb.parametrize(idle=[0.0, 0.6], stall=[0.0, 0.7], anytime=[(0, 0), (1, 0), (1, 1)])
async def decides_as_the_policy(dut: Any, idle: float, stall: float, anytime: tuple[int, int]) -> None:
    rng = seeded()
    keeps = []
    for _ in range(3):
        cases = Cases(rng, anytime)
        keeps += cases.keeps
        ports = cases.ports(dut, rng, idle, stall)
        await ports.run(cases.outputs)
        cases.check(ports)
    assert UNIT.is_last or set(keeps) == {0, 1}, "samples that leave and samples that stay"


@cocotb.test()
async def takes_the_cycles_it_says(dut: Any) -> None:
    cases = Cases(seeded(), (1, 1) if UNIT.interval > 1 else (0, 0))
    ports = cases.ports(dut, seeded(), 0.0, 0.0)
    await ports.run(cases.outputs)
    accepted = ports.inputs["logits"][0].accepted
    assert np.diff(accepted).tolist() == [UNIT.interval] * (SAMPLES - 1)
    first = ports.outputs["record" if UNIT.is_last or UNIT.interval > 1 else "release"][0].offered
    assert first == [cycle + UNIT.latency for cycle in accepted]


@cocotb.test()
async def outputs_do_not_wait_for_one_another(dut: Any) -> None:
    """But in anytime mode, where a sample goes on only after its record was taken."""
    if UNIT.is_last:
        return
    for anytime in ((0, 0), (1, 1)):
        cases = Cases(seeded(), anytime)
        ports = cases.ports(dut, seeded(), 0.0, 0.0)
        ports.outputs["record"][0].stall = 1.0
        await ports.reset()
        for _ in range(UNIT.latency + UNIT.interval * SAMPLES):
            await ports.cycle()
        # the first sample with a record keeps it, and with it all that follow
        settled = cases.keeps.index(0) + 1 if 0 in cases.keeps else SAMPLES
        if anytime[0]:
            settled = 1 - cases.keeps[0]
        assert ports.outputs["release"][0].beats == cases.keeps[:settled]
        assert len(ports.outputs["next"][0].beats) == sum(cases.keeps[:settled])


@cocotb.test()
async def refinements_go_before_their_samples(dut: Any) -> None:
    if UNIT.is_last:
        return
    rng = seeded()
    cases = Cases(rng, (1, 1))
    ports = cases.ports(dut, rng, 0.2, 0.6)
    await ports.run(cases.outputs)
    taken = {prefix: sinks[0].taken for prefix, sinks in ports.outputs.items()}
    staying = [i for i, keep in enumerate(cases.keeps) if keep]
    for i, onward in zip(staying, taken["next"], strict=True):
        assert taken["record"][i] < min(onward, taken["release"][i]), f"sample {i} overtook its record"
