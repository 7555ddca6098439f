"""The three modes of inference, and what a run is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from hwcodesign.choices import not_known
from hwcodesign.errors import PolicyError
from hwcodesign.policies import ExitPolicy, Threshold, subnet_codes


class Mode(str, Enum):
    """How samples leave."""

    ADAPTIVE = "adaptive"  #: at the first sure exit
    SUBNET = "subnet"  #: at one given exit, always
    ANYTIME = "anytime"  #: a record at every exit reached, stopping at the first sure one


@dataclass(frozen=True)
class ExitControl:
    """What the decision units are set to during a run.

    Attributes:
        codes: threshold codes, one per exit.
        anytime: emit a record at every exit reached.
    """

    codes: tuple[int, ...]
    anytime: bool


def exit_control(
    policy: ExitPolicy,
    mode: Mode | str = Mode.ADAPTIVE,
    *,
    thresholds: Sequence[Threshold] | None = None,
    leave_at: int | None = None,
) -> ExitControl:
    """Registers' contents for a mode.

    Args:
        policy: whose thresholds hold unless `thresholds` are given.
        mode: adaptive, subnet or anytime.
        thresholds: in the criterion's unit, one per exit but the last.
        leave_at: the exit of subnet mode.

    Raises:
        PolicyError: an unknown mode, a threshold out of range, or an argument that the mode does not take.
    """
    try:
        mode = Mode(mode)
    except ValueError:
        raise PolicyError(not_known(f"mode {mode!r}", str(mode), [m.value for m in Mode])) from None
    if mode is Mode.SUBNET:
        if leave_at is None or thresholds is not None:
            raise PolicyError("subnet mode takes leave_at, the exit at which every sample leaves, and no thresholds")
        return ExitControl(subnet_codes(len(policy.exits), leave_at), anytime=False)
    if leave_at is not None:
        raise PolicyError(f"leave_at belongs to subnet mode, not to {mode.value}")
    codes = policy.threshold_codes if thresholds is None else policy.codes_of(thresholds)
    return ExitControl(codes, anytime=mode is Mode.ANYTIME)
