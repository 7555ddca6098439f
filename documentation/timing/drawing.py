"""Draws timing diagrams with WaveDrom."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import wavedrom

from documentation.timing.diagrams import Data, Diagram, Found
from hwcodesign.interface.records import RECORD_DTYPE

#: On a dark page the picture is shown in inverted brightness.
_STYLE = "@media (prefers-color-scheme: dark) { svg { filter: invert(1) hue-rotate(180deg) } }"


def bit_wave(name: str, values: Sequence[int]) -> dict[str, Any]:
    """A bit's wave."""
    before, wave = -1, ""
    for value in values:
        wave += "." if value == before else str(value)
        before = value
    return {"name": name, "wave": wave}


def data_wave(name: str, values: Sequence[int], valid: Sequence[int], names: Mapping[int, str]) -> dict[str, Any]:
    """A wave of data where they are valid, by their names or in hexadecimal; data that stay are drawn as one."""
    wave, data, before = "", [], -1
    for value, is_valid in zip(values, valid, strict=True):
        now = value if is_valid else -2
        if now == before:
            wave += "."
        elif is_valid:
            wave += "="
            data.append(names.get(value, f"{value:X}"))
        else:
            wave += "x"
        before = now
    return {"name": name, "wave": wave, "data": data}


def waves(diagram: Diagram, found: Found) -> dict[str, Any]:
    """WaveJSON of what was found."""
    cycles = len(next(iter(found.values())))
    signals: list[Any] = [{"name": "clk_i", "wave": "p" + "." * (cycles - 1)}]
    for group, ports in diagram.shown.items():
        drawn = [
            data_wave(port.name, found[port.name], [bool(value) for value in found[port.valid]], diagram.names)
            if isinstance(port, Data)
            else bit_wave(port, found[port])
            for port in ports
        ]
        signals += [{}, *(drawn if len(drawn) == 1 else [[group, *drawn]])]
    return {"signal": signals, "head": {"text": diagram.title, "tick": 0}, "config": {"hscale": 1}}


def format_bits(width: int, integer: int) -> dict[str, Any]:
    """WaveJSON of an unsigned fixed-point format: what each bit counts."""
    places = [place - (width - integer) for place in range(width)]
    names = [f"{2**place}" if place >= 0 else f"1/{2**-place}" for place in places]
    return {"reg": [{"name": name, "bits": 1} for name in names], "config": {"bits": width, "hspace": 420}}


def record_bits() -> dict[str, Any]:
    """WaveJSON of an exit record: four rows of 32 bits."""
    fields = RECORD_DTYPE.fields
    assert fields is not None
    drawn = [{"name": name, "bits": 8 * kind.itemsize} for name, (kind, *_) in fields.items()]
    return {"reg": drawn, "config": {"lanes": 4, "bits": 128, "hspace": 720}}


def svg(wave_json: dict[str, Any]) -> str:
    """The picture."""
    text: str = wavedrom.render(json.dumps(wave_json)).tostring()
    if "</style>" not in text:
        text = text.replace("<defs", "<style></style><defs", 1)
    return text.replace("</style>", f"{_STYLE}</style>", 1) + "\n"
