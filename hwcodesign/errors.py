"""This module defines errors that a user can act on: each names the value, the place and what to do.

Everything that the package raises on purpose derives from `HwcodesignError`. The command line prints such an error
without a traceback, and a caller can distinguish it from a bug.
"""

from __future__ import annotations


class HwcodesignError(Exception):
    """This is the base class of all deliberate errors."""


class FieldError(HwcodesignError, ValueError):
    """A field of a stored file has the wrong type, range or length. Readers of a file raise their own error for it."""


class FormatError(HwcodesignError, ValueError):
    """Hardware cannot hold a number format, or a value is outside its format."""


class AccumulatorError(FormatError):
    """An accumulator could round or overflow.

    Attributes:
        would_do: the type that holds every sum, as hls4ml writes types.
    """

    def __init__(self, message: str, would_do: str) -> None:
        super().__init__(f"{message}; {would_do} would do")
        self.would_do = would_do


class NetworkError(HwcodesignError, ValueError):
    """The stages, heads or quantisers of a network do not fit together."""


class UnsupportedLayerError(HwcodesignError, TypeError):
    """The hardware flow does not support a layer."""


class PolicyError(HwcodesignError, ValueError):
    """A criterion, threshold or budget is out of range, or a policy belongs to another network."""


class ImagesError(HwcodesignError, ValueError):
    """Images have the wrong shape, type or range."""


class DataError(HwcodesignError, FileNotFoundError):
    """A data set is missing, or its files are not what their names say."""


class TrainingError(HwcodesignError, ArithmeticError):
    """Training diverged."""


class CheckpointError(HwcodesignError, ValueError):
    """A checkpoint is truncated, altered, or of another network."""


class DesignError(HwcodesignError, ValueError):
    """A design folder is incomplete, altered, or of another version."""


class BusyError(HwcodesignError, OSError):
    """Another process is working in a folder."""


class RecipeError(HwcodesignError, ValueError):
    """A recipe was not found, or it does not export `RECIPE`."""


class SettingsError(HwcodesignError, ValueError):
    """A setting is out of range, or names something that does not exist."""


class DoesNotFitError(SettingsError):
    """A design is estimated to take more than its board has."""


class MissingExtraError(HwcodesignError, ImportError):
    """A command needs an optional extra that is not installed."""


class ToolError(HwcodesignError, RuntimeError):
    """An external tool is missing or failed."""


class SimulationError(HwcodesignError, RuntimeError):
    """A simulation ended in a state in which it must not end."""


class MismatchError(HwcodesignError, AssertionError):
    """Two backends that must agree bit for bit do not agree."""


class BoardError(HwcodesignError, RuntimeError):
    """A board is missing, is not in the expected state, or is in use."""


class TransferError(BoardError):
    """A batch did not come back completely. A driver recovers and tries again."""
