"""This module turns errors of hls4ml's front ends into errors that name the layer and a way out.

hls4ml 1.3 calls a backend's own code only after a model is read, and has no hook before. What `parse_pytorch_model`,
`parse_onnx_model` or the graph's optimisers raise would reach the user as it is, for example as a bare KeyError. Four
functions of hls4ml are therefore wrapped; they do something else only if the backend is StreamRTL.
`config_from_pytorch_model` and `config_from_onnx_model` are wrapped when the plugin is registered, because they ask the
backend for nothing before they read the model. `pytorch_to_hls` and `onnx_to_hls`, which conversions call, are wrapped
when a conversion asks the backend for its settings.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from types import ModuleType
from typing import Any

from hwcodesign.errors import HwcodesignError, UnsupportedLayerError
from hwcodesign.frontend import ways_out

_CONFIGURED = ("config_from_pytorch_model", "config_from_onnx_model")
_CONVERTED = ("pytorch_to_hls", "onnx_to_hls")
_WRAPPED = "_hwcodesign_refuses"


def guard_configurations(backend: str) -> None:
    """Makes hls4ml's `config_from_…_model` raise our errors for what they cannot read for a backend.

    Args:
        backend: name of the backend.
    """
    of_backend = functools.partial(_is_for, backend)
    for name in _CONFIGURED:
        _wrap(("hls4ml.utils.config", "hls4ml.utils"), name, of_backend)


def guard_conversions(backend: str) -> None:
    """Makes hls4ml's conversions raise our errors for what they cannot read for a backend."""
    for name in _CONVERTED:
        _wrap(("hls4ml.converters",), name, lambda given: _is_for(backend, given.get("config", {})))


def _is_for(backend: str, given: Any) -> bool:
    name = given.get("backend", given.get("Backend"))
    return isinstance(name, str) and name.lower() == backend.lower()


def _wrap(modules: tuple[str, ...], name: str, concerns: Callable[[dict[str, Any]], bool]) -> None:
    """Replaces a function of hls4ml where it is bound, once."""
    home = sys.modules.get(modules[0]) or importlib.import_module(modules[0])
    original = getattr(home, name)
    if hasattr(original, _WRAPPED):
        return
    signature = inspect.signature(original)

    @functools.wraps(original)
    def refusing(*args: Any, **kwargs: Any) -> Any:
        try:
            return original(*args, **kwargs)
        except HwcodesignError:
            raise
        except Exception as error:
            given = signature.bind_partial(*args, **kwargs).arguments
            if not concerns(given):
                raise
            raise refusal(error, _what(given)) from error

    setattr(refusing, _WRAPPED, True)
    for module in modules:
        bound: ModuleType | None = sys.modules.get(module)
        if getattr(bound, name, None) is original:
            setattr(bound, name, refusing)


def _what(given: dict[str, Any]) -> str:
    config = given.get("config")
    return str(config.get("ProjectName", "the model")) if isinstance(config, dict) else "the model"


def refusal(error: Exception, what: str) -> UnsupportedLayerError:
    """Returns our error for an error that hls4ml raised while it read a model.

    Args:
        error: error with its traceback.
        what: what was read.
    """
    place, way_out = _place(error)
    return UnsupportedLayerError(f"{what}: hls4ml cannot read {place}: {reason(error)}; {way_out}")


def of_segment(error: Exception, modules: Mapping[str, str]) -> tuple[str, str]:
    """Describes where hls4ml stopped in an exported stage or head, and how to change the PyTorch module.

    Args:
        modules: torch name of each node of its graph.
    """
    told = _told(error, lambda found, _: ways_out.of_segment(found, modules))
    return told or ("it", ways_out.LAYERS)


def reason(error: Exception) -> str:
    """Returns the message of another package's error, on one line."""
    plain = type(error) is Exception or isinstance(error, RuntimeError)
    return " ".join((str(error) if plain else repr(error)).split()).rstrip(".") or type(error).__name__


def _place(error: Exception) -> tuple[str, str]:
    """Returns where hls4ml stopped, and what to do about it."""
    told = _told(error, lambda found, variables: ways_out.of(found, variables, error))
    if told is not None:
        return told
    if type(error).__name__ == "TraceError":
        return (
            "its forward",
            "write it without conditions and loops that depend on values, and without what torch.fx cannot trace",
        )
    return "it", "say it in layers of torch.nn, or of QONNX with its channels last, that hls4ml knows"


def _told(error: Exception, tell: Callable[[Any, dict[str, Any]], tuple[str, str] | None]) -> tuple[str, str] | None:
    """Returns the answer of `tell` about the first node or layer at which hls4ml stopped, from where the error was
    raised outwards.
    """
    for variables in _frames(error):
        for name in ("node", "layer", "self"):
            told = tell(variables.get(name), variables)
            if told is not None:
                return told
    return None


def _frames(error: BaseException) -> Iterator[dict[str, Any]]:
    """Yields the local variables of the functions that an error passed, the innermost first."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        frames.append(trace.tb_frame)
        trace = trace.tb_next
    for frame in reversed(frames):
        yield frame.f_locals
