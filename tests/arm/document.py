"""docs/arm.md: what was compared on ARM machines, and the instructions of an image there."""

from __future__ import annotations

from collections.abc import Sequence

from hwcodesign.native.library import flags
from tests.arm.checks import Found
from tests.arm.guest import ALONE
from tests.arm.subjects import Subject

_HEAD = """\
# The native engine on ARM

`python -m tests.arm --write docs/arm.md` writes this page; `make verify` runs it. The processors of PYNQ boards are
ARM's. Here qemu-user stands in for them. It runs Debian's own Python and NumPy for these machines, and the engine,
which Debian's g++ cross-compiles with the flags that the engine takes on such a machine itself. Like the processors,
qemu refuses unaligned access where an instruction does not allow it. Nothing was run on a board.

## What is equal

All comparisons are of integers, in `==`, with what NumPy computes on the machine that writes this page.

"""
_COUNTS = """\

## Instructions of an image

These are instructions that qemu counted between two calls, those of Python included. **They are not times**: processors
need different times for different instructions, and for memory. *With exits*: images leave as the design's policy
says, and all are computed in one call. *Every exit*: so are all exits of all images. *Alone*: with exits, the average
of {alone} images, each of which is a call of `Design.run`. A call of fewer images costs more for each, because
Python's part is the same. There is one thread, and the same calls were made twice before.

| machine | design | | native | NumPy | NumPy/native |
|---|---|---|---:|---:|---:|
"""


def document(draws: int, policies: int, subjects: Sequence[Subject], found: Sequence[Found]) -> str:
    """The page."""
    lines = ["| machine | what | computed by |", "|---|---|---|"]
    for one in found:
        first = f"| `{one.machine.name}` |"
        lines.append(f"{first} outputs of {one.segments:,} drawn segments | {'; '.join(one.ways)} |")
        lines.append(f"{first} labels and scores of {policies} drawn policies, 200 samples each | numpy |")
        for subject in subjects:
            what = f"{subject.name}, records of {len(subject.images)} images, with exits ({_leave(subject)})"
            lines.append(f"{first} {what}, and of every exit | native; numpy |")
    rows = [
        f"| `{one.machine.name}` | {name} | {what} | {native:,.0f} | {numpy:,.0f} | {numpy / native:.1f} |"
        for one in found
        for name, counts in one.counts.items()
        for what, native, numpy in (
            ("with exits", counts["native"].together, counts["numpy"].together),
            ("every exit", counts["native"].full, counts["numpy"].full),
            ("alone", counts["native"].alone, counts["numpy"].alone),
        )
    ]
    tail = ["", "## Machines", ""]
    for one in found:
        machine = one.machine
        tail += [
            f"* `{machine.name}`: {machine.processor}, as in {machine.chip}. Python {one.python}.",
            f"  NumPy {one.numpy}, which multiplies with {machine.blas}.",
            "  The engine is compiled with",
            f"  `{' '.join(flags(machine.name))}`.",
        ]
    drawn = f"""
Of the segments, {draws} begin with each kind of kernel (`tests/drawn_kernels.py`); of the policies, equally many have
each criterion.
"""
    return _HEAD + "\n".join(lines) + "\n" + drawn + _COUNTS.format(alone=ALONE) + "\n".join([*rows, *tail, ""])


def _leave(subject: Subject) -> str:
    """Says how many images leave at each exit."""
    return ", ".join(f"{count} at exit {k}" for k, count in enumerate(subject.exits))
