"""Expected outputs that tell a right module from a wrong one: a bench whose every output is 0 would show nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

#: Share of a lane's beats that its commonest value may have.
_MOST = 0.75

#: Codes by beat and lane.
Beats = Sequence[Sequence[int]]


def why_not_telling(expected: Beats, wrong: Iterable[Beats] = ()) -> str | None:
    """Says what wrong module would pass with these expected outputs; None where they tell.

    Args:
        expected: outputs, several beats of one or more lanes.
        wrong: what modules with typical mistakes would give instead.
    """
    for lane, codes in enumerate(zip(*expected, strict=True)):
        value, count = Counter(codes).most_common(1)[0]
        if count > _MOST * len(codes):
            return f"lane {lane} is {value} in {count} of {len(codes)} beats"
    if [*expected[-1:], *expected[:-1]] == list(expected):
        return "outputs one beat late would be the same"
    for number, outputs in enumerate(wrong):
        if list(outputs) == list(expected):
            return f"wrong outputs {number} are the same"
    return None


def require_telling(expected: Beats, wrong: Iterable[Beats] = ()) -> None:
    """Asserts that every lane takes several values, and that wrong outputs, or ones a beat late, would differ."""
    reason = why_not_telling(expected, wrong)
    assert reason is None, f"these expected outputs would not show a fault: {reason}"


def require_telling_beats(expected: Sequence[int]) -> None:
    """`require_telling` of beats with one lane."""
    require_telling([[beat] for beat in expected])
