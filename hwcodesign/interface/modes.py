"""This module defines the three modes of inference, and the settings of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from hwcodesign.choices import not_known
from hwcodesign.errors import PolicyError
from hwcodesign.policies import ExitPolicy, Threshold, subnet_codes


class Mode(str, Enum):
    """The mode says how samples leave."""

    ADAPTIVE = "adaptive"  #: at the first sure exit
    SUBNET = "subnet"  #: at one given exit, always
    ANYTIME = "anytime"  #: a record at every exit reached, stopping at the first sure one


@dataclass(frozen=True)
class ExitControl:
    """The exit control holds the settings of the decision units during a run.

    Attributes:
        codes: threshold codes, one per exit.
        anytime: whether every exit that a sample reaches sends a record.
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
    """Returns the contents of the registers for a mode.

    Args:
        policy: policy whose thresholds hold unless `thresholds` are given.
        mode: adaptive, subnet or anytime.
        thresholds: in the criterion's unit, one per exit but the last.
        leave_at: exit of subnet mode.

    Raises:
        PolicyError: the mode is unknown, a threshold is out of range, or the mode does not take an argument.
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
