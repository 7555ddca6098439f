"""This module translates pooling of windows and of whole images."""

from __future__ import annotations

from typing import Any

from hwcodesign.fixedpoint import FixedPoint, Overflow
from hwcodesign.frontend.lowering.reading import NO_PADDING, Reading, lowers
from hwcodesign.frontend.lowering.weighted import all_padding, check_windows, own_padding
from hwcodesign.kernels import AveragePool2D, GlobalPool, Kernel, MaxPool2D


@lowers("Pooling1D", "Pooling2D")
def _windows(layer: Any, reading: Reading) -> None:
    own, before = own_padding(layer), reading.padded(layer)
    if any(own) and reading.cpp:
        raise reading.unsupported(
            layer,
            "is padded, which hls4ml's streams do not support (its own simulation stops there)",
            "put zeros in front of it where they change nothing: behind a ReLU, or where an average counts them",
        )
    if any(own) and any(before):
        raise reading.unsupported(layer, "is padded, and zeros are in front of it, too", "pad once, by zeros alone")
    pool = (int(layer.get_attr("pool_height", 1)), int(layer.get_attr("pool_width")))
    stride = (int(layer.get_attr("stride_height", 1)), int(layer.get_attr("stride_width")))
    padding = all_padding(layer, reading)
    check_windows(layer, reading, pool, stride, int(layer.get_attr("n_filt")), padding)
    source = reading.sources[layer.inputs[0]]
    fields = {**reading.common(layer, [source]), "pool": pool, "stride": stride, "padding": padding}
    if _is_average(layer):
        uncounted = own if not layer.get_attr("count_pad") else NO_PADDING
        kernel: Kernel = AveragePool2D(**fields, uncounted=uncounted, accumulator=reading.accumulator(layer))
    else:
        _comparison(layer, reading, source)
        kernel = MaxPool2D(**fields, ignores_padding=any(own))
    reading.bind(layer, reading.add(kernel))


def _is_average(layer: Any) -> bool:
    return str(layer.get_attr("pool_op")) == "Average"


def _comparison(layer: Any, reading: Reading, source: str) -> FixedPoint:
    """Returns the format in which a maximum is found.

    Raises:
        UnsupportedLayerError: it does not hold every value of the input.
    """
    fmt = reading.formats[source]
    used = reading.format(layer, "accum", layer.get_attr("accum_t").precision)
    whole = used.overflow is not Overflow.SAT_SYM and used.holds(fmt.min_code, fmt.max_code, fmt.fraction)
    if not whole and used.ap_type != fmt.ap_type:
        raise reading.unsupported(
            layer, f"compares in {used}, which does not hold every {fmt}", f"give it the accum type {fmt}"
        )
    return fmt


@lowers("GlobalPooling1D", "GlobalPooling2D")
def _whole(layer: Any, reading: Reading) -> None:
    shape = reading.shapes[reading.source(layer)]
    rows = int(layer.get_attr("in_height", 1))
    columns = int(layer.get_attr("in_width") or layer.get_attr("n_in"))
    axes = list(layer.get_input_node().get_attr("perm") or [0])
    turned = len(axes) > 1 and axes[0] == len(axes) - 1  # a Transpose has just put the channels first
    if shape != (rows, columns, int(layer.get_attr("n_filt"))) or turned:
        raise reading.unsupported(
            layer,
            f"pools a stream of shape {shape} that has its channels first, so hls4ml itself would be wrong",
            "make it a depthwise convolution over the whole image with constant weights",
        )
    fields = {**reading.common(layer), "maximum": not _is_average(layer)}
    accumulator = (
        reading.accumulator(layer) if _is_average(layer) else _comparison(layer, reading, reading.source(layer))
    )
    reading.bind(layer, reading.add(GlobalPool(**fields, accumulator=accumulator)))


@lowers("BorderPoolLayer")
def _border(layer: Any, reading: Reading) -> None:
    padding = own_padding(layer)
    fields = {
        **reading.common(layer),
        "pool": (int(layer.get_attr("pool_height")), int(layer.get_attr("pool_width"))),
        "stride": (int(layer.get_attr("stride_height")), int(layer.get_attr("stride_width"))),
        "padding": padding,
    }
    if layer.get_attr("average"):
        counted = (int(layer.get_attr(f"count_{side}")) for side in ("top", "bottom", "left", "right"))
        top, bottom, left, right = (padded - known for padded, known in zip(padding, counted, strict=True))
        uncounted = top, bottom, left, right
        kernel: Kernel = AveragePool2D(**fields, uncounted=uncounted, accumulator=reading.accumulator(layer))
    else:
        kernel = MaxPool2D(**fields, ignores_padding=True)
    reading.bind(layer, reading.add(kernel))


@lowers("WholeAverageLayer")
def _whole_average(layer: Any, reading: Reading) -> None:
    kernel = GlobalPool(**reading.common(layer), maximum=False, accumulator=reading.accumulator(layer))
    reading.bind(layer, reading.add(kernel))
