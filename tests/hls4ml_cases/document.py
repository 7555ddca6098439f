"""The page on hls4ml's own models: counts, counts by kind of layer, and every id with its verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version

from tests.hls4ml_cases.measure import (
    BARE,
    EXACT,
    HLS4ML_WRONG,
    NO_MODEL,
    NOT_CONVERTED,
    OUT_OF_SCOPE,
    REFUSED,
    WRONG,
    Outcome,
)  # fmt: skip
from tests.hls4ml_cases.settings import SETTINGS, SUMS_HELD

VERDICTS = (EXACT, REFUSED, HLS4ML_WRONG, WRONG, BARE, NO_MODEL, NOT_CONVERTED)


def share(outcomes: Sequence[Outcome]) -> tuple[int, int]:
    """Of models that hls4ml converts and computes rightly, without layers that are out of scope: how many are exact, of
    how many.
    """
    within = [one for one in outcomes if one.setting == SUMS_HELD and not set(one.layers) & OUT_OF_SCOPE]
    right = [one for one in within if one.verdict in (EXACT, REFUSED, WRONG, BARE)]
    return sum(one.verdict == EXACT for one in right), len(right)


def document(outcomes: Sequence[Outcome], command: str) -> str:
    """Markdown with the command that repeats it."""
    exact, right = share(outcomes)
    held = [one for one in outcomes if one.setting == SUMS_HELD]
    parallel = [one for one in held if "io_stream" not in one.case and not _streams_by_itself(one.case)]
    wrong = sum(one.verdict == HLS4ML_WRONG for one in parallel)
    text = f"""# hls4ml's own models through StreamRTL

This page shows what becomes of the models in hls4ml's own tests when they are converted with `backend="StreamRTL"`. It
has every PyTorch, ONNX and QONNX model in the tests of hls4ml {version("hls4ml")} that needs no download, converted
with `io_type="io_stream"`. {len(parallel)} of them hls4ml itself tests with `io_parallel` alone; {wrong} of those are
among the ones that its streams get wrong.

    {command}

The command fetches hls4ml's source distribution, runs its tests up to each `predict`, and converts each model for
StreamRTL and for Vitis. It compares StreamRTL's kernels with hls4ml's own C++ in `==`, on the test's samples and on
random ones. With accumulators set, it also compares them with the RTL, cycle by cycle; the three models on images of
256 and 512 pixels run without RTL. Results are kept, so that a run that was stopped goes on. On one core the first run
takes about 40 minutes, because g++ and Verilator compile each model; `--software` leaves out the RTL.

Each model is measured in two settings. *As configured* takes the test's own configuration. *Accumulators set* gives
sums the type `fixed<44,24>`, and values and weights, where nothing quantises them, hls4ml's default type
`fixed<16,6>`. As configured, most models are refused, because hls4ml's default accumulator `fixed<16,6>` rounds and
overflows, and an accumulator of StreamRTL is exact. The error says which types would do, as Python that is run on the
configuration.

* *exact*: all values are equal.
* *refused*: an error of hwcodesign names the layer and a way out; its words are below.
* *hls4ml wrong*: hls4ml's C++ stops, or gives values that are more than 0.05 from those of PyTorch or ONNX. StreamRTL
  gives the model's, or refuses because hls4ml misread the model.
* *no model*: PyTorch itself does not compute the model for the shape in the test.
* *not by hls4ml*: hls4ml does not convert it for Vitis with streams.

**With accumulators set, {exact} of {right} models are exact ({100 * exact / max(right, 1):.0f} %)**, of those that
hls4ml converts and computes rightly, and that have no recurrent, attention or layer normalisation layer.

| setting | {" | ".join(VERDICTS)} |
|---|{"---:|" * len(VERDICTS)}
"""
    for setting in SETTINGS:
        counts = Counter(one.verdict for one in outcomes if one.setting == setting)
        text += f"| {setting} | {' | '.join(str(counts[verdict]) for verdict in VERDICTS)} |\n"
    text += _by_layer([one for one in outcomes if one.setting == SUMS_HELD])
    for setting in SETTINGS:
        text += _listed(setting, [one for one in outcomes if one.setting == setting])
    return text


def _streams_by_itself(case: str) -> bool:
    """Tells whether a test asks for streams without a parameter for it."""
    return any(name in case for name in ("sep_conv", "branched_model", "tiny_unet"))


def _by_layer(outcomes: Sequence[Outcome]) -> str:
    text = (
        "\n## By kind of layer, with accumulators set\n\nA model counts under each class of hls4ml's that it has.\n\n"
    )
    text += f"| layer | {' | '.join(VERDICTS[:-1])} |\n|---|{'---:|' * (len(VERDICTS) - 1)}\n"
    for layer in sorted({layer for one in outcomes for layer in one.layers}):
        counts = Counter(one.verdict for one in outcomes if layer in one.layers)
        text += f"| `{layer}` | {' | '.join(str(counts[verdict]) for verdict in VERDICTS[:-1])} |\n"
    return text


def _listed(setting: str, outcomes: Sequence[Outcome]) -> str:
    text = f"\n## Each model, {setting}\n\n| test | verdict | layers | words |\n|---|---|---|---|\n"
    for one in sorted(outcomes, key=lambda one: (VERDICTS.index(one.verdict), one.case)):
        verdict = f"{one.verdict}, {one.values:,} values in {one.where}" if one.values else one.verdict
        words = one.words.replace("|", "\\|")
        text += f"| `{one.case.replace('|', ' ')}` | {verdict} | {', '.join(one.layers)} | {words} |\n"
    return text
