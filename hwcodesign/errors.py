"""Errors a user can act on: each names the value, the place and the way out.

Everything the package raises on purpose derives from `HwcodesignError`, so that the command line
can print it without a traceback and a caller can tell it from a bug.
"""

from __future__ import annotations


class HwcodesignError(Exception):
    """Base of all deliberate errors."""


class FieldError(HwcodesignError, ValueError):
    """A field of a stored file of another type, range or length than it must have; its readers make it their own."""


class FormatError(HwcodesignError, ValueError):
    """A number format that hardware cannot hold, or a value outside its format."""


class NetworkError(HwcodesignError, ValueError):
    """A network whose stages, heads or quantisers do not fit together."""


class UnsupportedLayerError(HwcodesignError, TypeError):
    """A layer that the hardware flow cannot take."""


class PolicyError(HwcodesignError, ValueError):
    """A criterion, threshold or budget out of its range, or a policy for another network."""


class ImagesError(HwcodesignError, ValueError):
    """Images of the wrong shape, type or range."""


class DataError(HwcodesignError, FileNotFoundError):
    """A data set that is not there or not what its name says."""


class TrainingError(HwcodesignError, ArithmeticError):
    """Training that diverged."""


class CheckpointError(HwcodesignError, ValueError):
    """A checkpoint that is truncated, altered, or of another network."""


class DesignError(HwcodesignError, ValueError):
    """A design folder that is incomplete, altered, or of another version."""


class BusyError(HwcodesignError, OSError):
    """A folder that another process is working in."""


class RecipeError(HwcodesignError, ValueError):
    """A recipe that cannot be found or does not export `RECIPE`."""


class SettingsError(HwcodesignError, ValueError):
    """A setting out of range or naming something that does not exist."""


class MissingExtraError(HwcodesignError, ImportError):
    """A verb that needs an optional extra which is not installed."""


class ToolError(HwcodesignError, RuntimeError):
    """An external tool that is missing or failed."""


class SimulationError(HwcodesignError, RuntimeError):
    """A simulation that ended in a state it must not end in."""


class MismatchError(HwcodesignError, AssertionError):
    """Two backends that must agree bit for bit and do not."""


class BoardError(HwcodesignError, RuntimeError):
    """A board that is not there, is not as it should be, or is in use."""


class TransferError(BoardError):
    """A batch that did not come back whole; a driver recovers and tries again."""
