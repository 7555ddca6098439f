"""This module says what exit decisions are made of: exit_decision with its score unit, for all criteria."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from hwcodesign.hardware.resources.digits import SHIFT_REGISTER
from hwcodesign.hardware.resources.figures import Part, index_bits
from hwcodesign.hardware.resources.memories import rom
from hwcodesign.hardware.resources.streams import stream_fifo, stream_fork, stream_register
from hwcodesign.kernels.decision import Decision
from hwcodesign.systemverilog import Rom

#: Bits of what travels with a sample, and of what each exit leaves of it.
SAMPLE, PAST = 91, 48
#: Of them, those that an exit changes or that carry no news behind it.
_LABEL, _SEEN = 16, 1
_SCORE = 32
#: Bits of each limb of a wide product.
_LIMB = 17
#: Enabled cycles of a table_lookup.
_LOOKUP = 4


def decision_parts(decision: Decision) -> tuple[Part, ...]:
    """Returns the modules of a decision unit, without a score unit that is not hwcodesign's own."""
    make = _SCORE_UNITS.get(decision.unit.module)
    return (*_exit_decision(decision), *(make(decision) if make else ()))


def is_estimated(decision: Decision) -> bool:
    """Returns whether the score unit is one of hwcodesign's own, so that its resources can be estimated."""
    return decision.unit.module in _SCORE_UNITS


def _exit_decision(decision: Decision) -> Iterator[Part]:
    classes, width, lanes = decision.classes, decision.logits.width, decision.per_cycle
    folds, levels, label = decision.interval, (lanes - 1).bit_length(), index_bits(classes)
    latency = folds + levels + 1
    waits = lanes * width * -(-latency // 32)
    short = latency < SHIFT_REGISTER
    logic = {
        "code bits": classes * width if folds > 1 else classes * int(decision.logits.signed),
        "counter bits": index_bits(folds),
        "one": 1,
    }
    ff = classes * width + 1 + index_bits(folds) + (lanes * width * latency if short else 0)
    yield Part("exit_decision", logic, ff, lutram=0 if short else waits)
    yield _find_top(lanes, width, label, decision.unit.second)
    if decision.unit.gate:
        yield stream_fifo(width, latency // folds + 2)
    score_latency = decision.unit.latency(folds, levels)
    if score_latency >= folds:
        yield stream_fifo(label, score_latency // folds + 1)
    if decision.class_offsets is not None:
        yield Part("class_offset", {"score bits": _SCORE, "label bits": label, "one": 1}, _SCORE + label + 1)
    yield from _verdict(decision, label)


def _verdict(decision: Decision, label: int) -> Iterator[Part]:
    extra = (decision.exit_index + 1) * PAST if decision.unit.past else 0
    held = SAMPLE - _LABEL - _SEEN + label + _SCORE + extra
    last = decision.is_last
    logic = {"label bits": label, "last": int(last), "early": int(not last)}
    yield Part("exit_verdict", logic, 2 * held + 2 + (0 if last else 4))
    if not last:
        yield stream_fork(3)


def _find_top(lanes: int, width: int, label: int, second: bool) -> Part:
    nodes, level, compared = lanes, 0, 0
    ff = lutram = 0
    while nodes > 1:
        level += 1
        pairs, nodes = nodes // 2, -(-nodes // 2)
        ff += nodes * (width * (2 if second and level > 1 else 1) + min(level, label)) + 3
        if second and level == 1:
            ff += pairs * width
        compared += pairs
    lane = index_bits(lanes)
    ff += width * (4 if second else 2) + 2 * lane + 3 * label + 2 - lane
    bits = width * (2 if second else 1)
    logic = {"compared bits": compared * bits, "best bits": bits, "label bits": label + lane, "one": 1}
    return Part("find_top", logic, ff, lutram=lutram)


def _score_margin(decision: Decision) -> Iterator[Part]:
    width = decision.logits.width
    yield Part("score_margin", {"bits": width, "one": 1}, width + 1)


def _score_cdln(decision: Decision) -> Iterator[Part]:
    width = decision.logits.width
    yield Part("score_cdln", {"bits": width, "one": 1}, 3 * width + 4)


def _score_gate(decision: Decision) -> Iterator[Part]:
    yield Part("score_gate", {"one": 1}, decision.logits.width + 1)


def _score_patience(_: Decision) -> Iterator[Part]:
    yield Part("score_patience", {"one": 1}, 1)


def _score_max_softmax(decision: Decision) -> Iterator[Part]:
    width = _fraction(decision) + decision.classes.bit_length()
    yield Part("score_max_softmax", {"bits": width + 1}, width + 2)
    yield from _table_sum(decision, "exponential", width)


def _score_entropy(decision: Decision) -> Iterator[Part]:
    fraction = _fraction(decision)
    exponent, total, weighted = _sizes(decision.classes, fraction)
    product = weighted + 1 + fraction + 2
    chains = exponent + _SCORE + weighted
    logic = {"shifted bits": product - fraction, "score bits": 2 * _SCORE, "one": 1}
    yield Part("score_entropy", logic, 2 * _SCORE + 5, lutram=chains)
    yield from _table_sum(decision, "exponential", total)
    yield from _table_sum(decision, "weighted", weighted)
    yield from _sum_log_reciprocal(decision)
    yield _wide_product(weighted + 1, fraction + 2)


def _score_eenet(decision: Decision) -> Iterator[Part]:
    fraction, lanes, folds = _fraction(decision), decision.per_cycle, decision.interval
    exponent, total, weighted = _sizes(decision.classes, fraction)
    dot = 17 + fraction + decision.classes.bit_length() + 2
    nats, exits = fraction + 6, decision.exit_index + 1
    ff = lanes * 18 + 3 * dot + _SCORE + 20 + index_bits(folds)
    logic = {
        "weight bits": lanes * 18 * (folds > 1) * -(-folds // 64),
        "sum bits": 3 * dot + 3 * _SCORE,
        "votes": exits * exits if exits > 1 else 0,
        "one": 1,
    }
    yield Part("score_eenet", logic, ff, lutram=exponent + dot)
    yield _lookups(decision, "exponential")
    yield _fold_sum(decision, total)
    yield _fold_sum(decision, dot)
    yield _wide_product(fraction + 2, 18, lanes)
    yield from _table_sum(decision, "weighted", weighted)
    yield from _sum_log_reciprocal(decision)
    yield _wide_product(weighted + 1, 18)
    yield _wide_product(dot, fraction + 2)
    yield _wide_product(nats, 18)
    if decision.exit_index:
        earlier = decision.exit_index
        data = earlier * PAST + SAMPLE
        yield Part("past_scores", {"sum bits": (earlier - 1) * _SCORE}, dsp=2 * earlier)
        yield stream_register(_SCORE * earlier + data)
        yield stream_register(_SCORE + data)


def _sizes(classes: int, fraction: int) -> tuple[int, int, int]:
    """Bits of an exponent, of the sum of exponentials, and of the sum of weighted ones."""
    growth = classes.bit_length() - 1
    largest = (189 << fraction) // 512 + 1
    return growth.bit_length(), fraction + 1 + growth, ((classes - 1) * largest).bit_length()


def _image(decision: Decision, name: str) -> Rom:
    return next(image for image in decision.unit.roms if name in image.name)


def _fraction(decision: Decision) -> int:
    """Bits after the point of an exponential, which is at most 1."""
    return _image(decision, "exponential").width - 1


def _columns(image: Rom) -> int:
    """Bits of its words that are not the same in all."""
    ones = zeros = 0
    for word in image.words:
        ones |= word
        zeros |= ~word & ((1 << image.width) - 1)
    return (ones & zeros).bit_count()


def _table_sum(decision: Decision, name: str, width: int) -> Iterator[Part]:
    yield Part("table_sum", {"one": 1}, _LOOKUP)
    yield _lookups(decision, name)
    yield _fold_sum(decision, width)


def _lookups(decision: Decision, name: str) -> Part:
    image, width = _image(decision, name), decision.logits.width
    words, bits = len(image.words), _columns(image)
    memory = rom(words, bits)
    ff = width + index_bits(words) + bits * (1 if memory.registers_inside else 2)
    logic = {"code bits": width, "table bits": bits * -(-words // 64) if memory.is_logic else 0}
    return Part("table_lookup", logic, ff, bram18=memory.bram18, number=decision.per_cycle)


def _fold_sum(decision: Decision, width: int) -> Part:
    lanes, folds = decision.per_cycle, decision.interval
    nodes, passed, adders = lanes, 0, 1
    ff = width + index_bits(folds) + 1
    lutram = 0
    while nodes > 1:
        odd = nodes % 2 == 1
        passed = passed + 1 if odd else 0
        adders += nodes // 2
        nodes = -(-nodes // 2)
        ff += nodes * width + 3
        if passed == SHIFT_REGISTER - 1:
            ff, lutram = ff - SHIFT_REGISTER * width, width
    masked = width * (folds * lanes - decision.classes)
    logic = {"adder bits": adders * width, "masked bits": masked, "counter bits": index_bits(folds), "one": 1}
    return Part("fold_sum", logic, ff, lutram=lutram)


def _sum_log_reciprocal(decision: Decision) -> Iterator[Part]:
    fraction, mantissa = _fraction(decision), index_bits(len(_image(decision, "logarithm").words))
    exponent, total, _ = _sizes(decision.classes, fraction)
    skipped = fraction - mantissa
    slope = fraction + skipped + 3
    memories = [
        rom(len(image.words), _columns(image))
        for image in (_image(decision, "logarithm"), _image(decision, "reciprocal"))
    ]
    nats = fraction + 6
    ff = total + mantissa + 3 * (fraction + 1) + 3 * nats + exponent + 2 * (skipped + 1)
    logic = {"shifted bits": total * exponent, "sum bits": 3 * fraction, "one": 1}
    yield Part("sum_log_reciprocal", logic, ff, 1, sum(m.bram18 for m in memories), 2 * (fraction + 1) + exponent + 3)
    yield _wide_product(slope, fraction + 2)


def _wide_product(one: int, other: int, number: int = 1) -> Part:
    """Products of limbs in DSP blocks; their first sums are added there as well."""
    limbs = [-(-(width - 1) // _LIMB) for width in (one, other)]
    width = one + other
    dsp = limbs[0] * limbs[1]
    rows = limbs[1]
    late = max(0, limbs[0] - 2) * rows + rows - 1
    ff = width * (rows + 1) if dsp > 1 else 0
    return Part("wide_product", {"late bits": late * width}, ff, dsp, number=number)


#: By module.
_SCORE_UNITS: Mapping[str, Callable[[Decision], Iterator[Part]]] = {
    "score_cdln": _score_cdln,
    "score_eenet": _score_eenet,
    "score_entropy": _score_entropy,
    "score_gate": _score_gate,
    "score_margin": _score_margin,
    "score_max_softmax": _score_max_softmax,
    "score_patience": _score_patience,
}
