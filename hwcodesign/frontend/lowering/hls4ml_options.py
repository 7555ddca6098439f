"""This module says in the words of hls4ml's configuration which types would do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hwcodesign.fixedpoint import FixedPoint


def accumulators(graph: Any, formats: Mapping[str, FixedPoint]) -> str:
    """Returns Python that sets the accumulators of layers, to be run between configuration and conversion.

    Args:
        graph: hls4ml ModelGraph.
        formats: sufficient accumulators by name of the layer.
    """
    types = {name: f"{'' if fmt.signed else 'u'}fixed<{fmt.width},{fmt.integer}>" for name, fmt in formats.items()}
    held = graph.config.config["HLSConfig"].get("LayerName")
    if not held:  # a configuration of the granularity 'model'
        whole = {name: {"Precision": {"accum": text}} for name, text in types.items()}
        return f"config['LayerName'] = {whole}"
    return "; ".join(
        f"config['LayerName']['{name}']['Precision']['accum'] = '{text}'"
        if isinstance(held.get(name, {}).get("Precision"), dict)
        else f"config['LayerName']['{name}'] = {{'Precision': {{'accum': '{text}'}}}}"
        for name, text in types.items()
    )


def narrower(graph: Any, name: str) -> str:
    """Returns Python that gives a layer, and the model's inputs, fewer bits."""
    types = {"result": "fixed<16,6>", "weight": "fixed<8,2>", "accum": "auto"}
    held = graph.config.config["HLSConfig"].get("LayerName")
    if not held:
        return "config['Model']['Precision'] = {'default': 'fixed<16,6>', 'accum': 'fixed<44,24>'}"
    return (
        "config['Model']['Precision']['default'] = 'fixed<16,6>'; "
        f"config['LayerName']['{name}']['Precision'].update({types})"
    )
