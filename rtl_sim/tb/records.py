"""sample_t, past_t and record_t of hwc_pkg as integers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

_SAMPLE = (("sample_id", 32), ("stamp", 32), ("label", 16), ("agreements", 8), ("seen", 1), ("bank", 1), ("error", 1))


@dataclass(frozen=True)
class Sample:
    """sample_t; the first field is the highest."""

    sample_id: int
    stamp: int
    label: int
    agreements: int
    seen: int
    bank: int
    error: int

    @property
    def code(self) -> int:
        code = 0
        for name, width in _SAMPLE:
            code = code << width | getattr(self, name)
        return code


def with_past(sample: Sample, labels: Iterable[int], scores: Iterable[int]) -> int:
    """A sample_t with a past_t for each exit above it, the first lowest, as an integer."""
    code, shift = sample.code, sum(width for _, width in _SAMPLE)
    for label, score in zip(labels, scores, strict=True):
        code |= (label << 32 | score & 0xFFFFFFFF) << shift
        shift += 48
    return code


@dataclass(frozen=True)
class Record:
    """record_t."""

    sample_id: int
    cycles: int
    score: int
    label: int
    exit_index: int
    final: bool
    error: int
    bank: int = 0

    @property
    def code(self) -> int:
        flags = int(self.final) | self.error << 1 | self.bank << 7
        code = flags << 8 | self.exit_index
        code = code << 16 | self.label
        for word in (self.score & 0xFFFFFFFF, self.cycles, self.sample_id):
            code = code << 32 | word
        return code

    @classmethod
    def of(cls, code: int) -> Record:
        score = code >> 64 & 0xFFFFFFFF
        flags = code >> 120
        return cls(
            code & 0xFFFFFFFF,
            code >> 32 & 0xFFFFFFFF,
            score - (score >> 31 << 32),
            code >> 96 & 0xFFFF,
            code >> 112 & 0xFF,
            bool(flags & 1),
            flags >> 1 & 1,
            flags >> 7,
        )
