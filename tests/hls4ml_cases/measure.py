"""What becomes of a model through StreamRTL, held with `==` to hls4ml's own C++ of it."""

from __future__ import annotations

import copy
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hls4ml.converters import convert_from_onnx_model, convert_from_pytorch_model
from hls4ml.utils import config_from_onnx_model, config_from_pytorch_model
from numpy.typing import NDArray

from hwcodesign.errors import HwcodesignError, MismatchError
from hwcodesign.frontend.readings import onnx, pytorch  # noqa: F401  # before a test's own execution is replaced
from hwcodesign.storage.cache import kept
from hwcodesign.storage.files import sha256, sha256_file
from tests.drawn_graphs import quiet
from tests.generated_graphs import vitis_predict
from tests.hls4ml_cases.plugin import Case
from tests.hls4ml_cases.reference import reference_outputs
from tests.hls4ml_cases.settings import SUMS_HELD, configured

#: Verdicts. An "hls4ml wrong" is one whose C++ stops, or whose values are not near the model's own; "no model" is one
#: that PyTorch itself does not compute.
EXACT, REFUSED, HLS4ML_WRONG, WRONG, BARE, NOT_CONVERTED, NO_MODEL = (
    "exact", "refused", "hls4ml wrong", "wrong", "bare exception", "not by hls4ml", "no model",
)  # fmt: skip
#: Layers whose models do not count.
OUT_OF_SCOPE = {"GRU", "LSTM", "SimpleRNN", "LayerNormalization", "MultiHeadAttention"}
#: Samples of a test that are run, and as many random ones beside them; of large inputs fewer, so many values in all.
_SAMPLES, _VALUES = 12, 8_000
#: How far from the model's own values hls4ml's tests let its C++ be.
_CLOSE = 0.05


@dataclass(frozen=True)
class Outcome:
    """What became of a model.

    Attributes:
        case, setting: which model, and in which of `SETTINGS`.
        verdict: one of the constants above.
        words: of the error, or what hls4ml gets wrong.
        layers: classes of hls4ml's layers that it has.
        values: how many were compared.
        where: "software", or "software and RTL".
    """

    case: str
    setting: str
    verdict: str
    words: str
    layers: tuple[str, ...] = ()
    values: int = 0
    where: str = ""


@dataclass(frozen=True)
class _Pair:
    """A model that hls4ml has converted, with what it is run on."""

    case: Case
    setting: str
    config: dict[str, Any]
    vitis: Any
    inputs: list[NDArray[np.float64]]

    def outcome(self, verdict: str, words: str = "", values: int = 0, where: str = "") -> Outcome:
        return Outcome(self.case.name, self.setting, verdict, words, tuple(sorted(self.layers)), values, where)

    @property
    def layers(self) -> set[str]:
        return {str(layer.class_name) for layer in self.vitis.get_layers()} - {"Input", "InputLayer"}

    def theirs(self) -> Any:
        """What hls4ml's C++ computes, or the error at which it stops."""
        try:
            return _cpp(self.vitis, self.inputs)
        except Exception as error:
            return error

    def is_close(self, outputs: Any) -> bool:
        """Tells whether outputs are near the model's own, for the test's inputs; those of an error are not."""
        if isinstance(outputs, Exception):
            return False
        tests = [x[: len(x) // 2] for x in self.inputs]
        got = flat(outputs, len(self.inputs[0]))[: len(tests[0])]
        wanted = reference_outputs(self.case, self.config, tests)
        return any(each.shape == got.shape and bool(np.abs(each - got).max() <= _CLOSE) for each in wanted)


def measure(case: Case, setting: str, rtl: bool) -> Outcome:
    """Converts a model for both backends and compares what they compute."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _measured(case, setting, rtl, Path(folder))


def _measured(case: Case, setting: str, rtl: bool, folder: Path) -> Outcome:
    if case.error is not None:
        return Outcome(case.name, setting, *_configuration(case))
    assert case.config is not None
    config = configured(case.config, setting, _quantised(case))
    try:
        vitis = _converted(case, config, "Vitis", folder / "vitis")
    except Exception as error:
        ours = _attempt(case, config, folder)
        bare = isinstance(ours, Exception) and not isinstance(ours, HwcodesignError)
        return Outcome(case.name, setting, BARE if bare else NOT_CONVERTED, _line(ours if bare else error))
    pair = _Pair(case, setting, config, vitis, _samples(case, vitis))
    ours = _attempt(case, config, folder)
    if isinstance(ours, MismatchError):
        return pair.outcome(*_misread(pair, ours))
    if isinstance(ours, Exception):
        if not isinstance(ours, HwcodesignError):
            return pair.outcome(BARE, _line(ours))
        # as configured, sums may well overflow; and types of these settings are too coarse for recurrent layers
        if setting == SUMS_HELD and not pair.layers & OUT_OF_SCOPE and not pair.is_close(pair.theirs()):
            return pair.outcome(HLS4ML_WRONG, f"refused: {_line(ours)}")
        return pair.outcome(REFUSED, _line(ours))
    try:
        return _compared(pair, ours, rtl and pair.inputs[0][0].size <= _VALUES)
    except Exception as error:
        return pair.outcome(REFUSED if isinstance(error, HwcodesignError) else BARE, _line(error))


def _misread(pair: _Pair, error: MismatchError) -> tuple[str, str]:
    """Judges a refusal that says hls4ml misread a model, by its C++, with other weights if the test's hide it."""
    if "PyTorch itself does not compute" in str(error):
        return NO_MODEL, _line(error)
    if not pair.is_close(pair.theirs()):
        return HLS4ML_WRONG, f"refused: {_line(error)}"
    other = copy.deepcopy(pair.case)
    if other.front_end == "pytorch":
        torch.manual_seed(1)
        for parameter in other.model.parameters():
            torch.nn.init.uniform_(parameter, -0.5, 0.5)
        with tempfile.TemporaryDirectory() as folder:
            vitis = _converted(other, pair.config, "Vitis", Path(folder))
            redrawn = _Pair(other, pair.setting, pair.config, vitis, pair.inputs)
            if not redrawn.is_close(redrawn.theirs()):
                return HLS4ML_WRONG, f"refused; right by the test's weights alone: {_line(error)}"
    return REFUSED, _line(error)


def _compared(pair: _Pair, model: Any, rtl: bool) -> Outcome:
    samples, given = len(pair.inputs[0]), pair.inputs[0] if len(pair.inputs) == 1 else pair.inputs
    ours, where = flat(model.predict(given, on="software"), samples), "software"
    if rtl:
        where = "software and RTL"
        with quiet():
            model.compile()
        if not np.array_equal(ours, flat(model.predict(given), samples)):
            return pair.outcome(WRONG, "software and RTL differ", ours.size, where)
    theirs = pair.theirs()
    stops = isinstance(theirs, Exception)
    if not stops and np.array_equal(ours, flat(theirs, samples)):
        return pair.outcome(EXACT, "", ours.size, where)
    words = f"hls4ml's C++ {'stops: ' + _line(theirs) if stops else 'gives other values than the model'}"
    if pair.is_close(ours) and not pair.is_close(theirs):
        return pair.outcome(HLS4ML_WRONG, f"{words}; StreamRTL gives the model's", ours.size, where)
    return pair.outcome(WRONG, words, ours.size, where)


def _configuration(case: Case) -> tuple[str, str]:
    """What StreamRTL says of a model that hls4ml makes no configuration of."""
    configure = config_from_pytorch_model if case.front_end == "pytorch" else config_from_onnx_model
    try:
        with quiet():
            configure(case.model, **{**case.arguments, "backend": "StreamRTL"})
    except HwcodesignError as error:
        return NOT_CONVERTED, _line(error)
    except Exception as error:
        return BARE, _line(error)
    return NOT_CONVERTED, _line(case.error)


def _attempt(case: Case, config: dict[str, Any], folder: Path) -> Any:
    """StreamRTL's model of a case, or the error that it raised."""
    try:
        model = _converted(case, config, "StreamRTL", folder / "rtl")
        with quiet():
            model.config.backend.segment(model)
    except Exception as error:
        return error
    return model


def _converted(case: Case, config: dict[str, Any], backend: str, folder: Path) -> Any:
    convert = convert_from_pytorch_model if case.front_end == "pytorch" else convert_from_onnx_model
    with quiet():
        return convert(
            copy.deepcopy(case.model), hls_config=copy.deepcopy(config), output_dir=str(folder), backend=backend,
            io_type="io_stream",
        )  # fmt: skip


def _quantised(case: Case) -> bool:
    return case.front_end == "onnx" and any("Quant" in node.op_type for node in case.model.graph.node)


def _samples(case: Case, vitis: Any) -> list[NDArray[np.float64]]:
    """(N, *shape) for each input of the model: the test's own, up to half of N in [0, 1), and as many in any range."""
    rng = np.random.default_rng(1)
    sizes = [tuple(int(size) for size in variable.shape) for variable in vitis.get_input_variables()]
    given = case.inputs if len(case.inputs) == len(sizes) else [np.zeros((0, *size)) for size in sizes]
    most = max(1, min(_SAMPLES, _VALUES // int(np.prod(sizes[0]))))
    return [
        np.concatenate(
            [
                np.concatenate([np.asarray(x, np.float64).reshape(-1, *size), rng.random((most, *size))])[:most],
                rng.normal(size=(most, *size)),
            ]
        )
        for x, size in zip(given, sizes, strict=True)
    ]


def _cpp(model: Any, inputs: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """hls4ml's C++, compiled and run; its outputs are kept on this machine under the digest of its sources."""
    with quiet():
        model.write()
    folder = Path(model.config.get_output_dir())
    stamp = str(model.config.get_config_value("Stamp"))
    sources = sorted(path for path in folder.rglob("*") if path.suffix in (".h", ".cpp", ".txt", ".dat"))
    texts = [f"{path.relative_to(folder)} {_digest(path, stamp)}" for path in sources]
    digest = sha256("\n".join([*texts, *(sha256(x.tobytes()) for x in inputs)]).encode())

    def make(place: Path) -> None:
        large = inputs[0][0].size > _VALUES  # which g++ had better optimise
        outputs = vitis_predict(model, inputs[0] if len(inputs) == 1 else inputs, "-O2" if large else "-O0")
        np.save(place / "outputs.npy", outputs)

    return np.asarray(np.load(kept("hls4ml-outputs", f"{digest} 1", make) / "outputs.npy"), np.float64)


def _digest(path: Path, stamp: str) -> str:
    return sha256(path.read_text().replace(stamp, "").encode()) if path.suffix in (".h", ".cpp") else sha256_file(path)


def flat(outputs: Any, samples: int) -> NDArray[np.float64]:
    """(N, values) of all outputs of a model, one behind the other."""
    given = outputs if isinstance(outputs, list) else [outputs]
    return np.concatenate([np.asarray(each, np.float64).reshape(samples, -1) for each in given], axis=1)


def _line(error: Any) -> str:
    text = " ".join(str(error).split()).removeprefix("myproject: ") or repr(error)
    return text if isinstance(error, HwcodesignError) else f"{type(error).__name__}: {text[:200]}"
