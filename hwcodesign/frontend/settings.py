"""This module has the settings of a compilation; they are checked once, where they are made."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

import numpy as np

from hwcodesign.choices import not_known
from hwcodesign.designs.boards import Board, board_named
from hwcodesign.errors import SettingsError
from hwcodesign.hardware.implementation import CHOICES, DISTRIBUTED, MEMORY, REGISTERS

#: Generators. Each also writes what those after it write.
BACKENDS = ("streamrtl", "vitis")
#: Strategies that hls4ml's Vitis projects do not have, and what they get instead.
VITIS_STRATEGIES = {"distributed_arithmetic": "latency"}


def _is_count(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 1


@dataclass(frozen=True)
class LayerSettings:
    """The layer settings say how one layer is folded in hardware.

    Attributes:
        reuse: how often each multiplier is used for one pixel or sample (hls4ml's ReuseFactor).
        strategy: hls4ml's Strategy: "latency", "resource" or, in StreamRTL only, "distributed_arithmetic", which uses
            adders without multipliers and without reuse. None keeps the design's strategy.
        windows: where a convolution in StreamRTL has its windows: whole ones in "registers", or in "memory", from which
            they are read word by word, as is right for many channels. None keeps the design's.
        weights: where a layer in StreamRTL has weights that it reads word by word: "auto" lets synthesis choose by
            their number, "block" is block RAM. None keeps the design's.
        pixels: how many pixels of a row a convolution in StreamRTL takes in a beat, with the multipliers for all
            windows that begin in it. Layers behind it without weights take the beats that come.

    Raises:
        SettingsError: a name is not known, or a number out of range.
    """

    reuse: int = 1
    strategy: str | None = None
    windows: str | None = None
    weights: str | None = None
    pixels: int = 1

    def __post_init__(self) -> None:
        for name in ("reuse", "pixels"):
            if not _is_count(getattr(self, name)):
                raise SettingsError(f"{name} {getattr(self, name)!r} is not a positive whole number")
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if value is not None and value not in known:
                raise SettingsError(not_known(f"{name} {value!r}", value, known))


@dataclass(frozen=True)
class Fit:
    """A fit is a wish by which layers choose how they are built and folded in StreamRTL; Vitis projects keep `reuse`.

    Without a number it asks for the highest throughput that the board has room for.

    Attributes:
        images_per_second: throughput at the board's clock, for samples that leave as those of the fitting split did.
        latency_us: mean microseconds of an image alone at the board's clock, from its first word to its record, for
            images that leave as those of the fitting split did.

    Raises:
        SettingsError: a number is not above zero.
    """

    images_per_second: float | None = None
    latency_us: float | None = None

    def __post_init__(self) -> None:
        for name, value in self._asked:
            if not value > 0:
                raise SettingsError(f"{name}={value:g} must be above 0")

    @property
    def _asked(self) -> list[tuple[str, float]]:
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return [(name, value) for name, value in values if value is not None]

    @property
    def is_board(self) -> bool:
        """Returns whether it asks for the highest throughput that the board has room for."""
        return not self._asked

    @classmethod
    def parse(cls, text: str) -> Fit:
        """Reads what `hwcodesign compile --fit` takes: `board`, or `images_per_second=8000,latency_us=200`, or one of
        these.

        Args:
            text: the wish as the command line has it.

        Raises:
            SettingsError: it is neither.
        """
        if text == "board":
            return cls()
        asked, names = {}, [field.name for field in fields(cls)]
        for part in text.split(","):
            name, _, value = part.partition("=")
            try:
                if name not in names or name in asked:
                    raise ValueError
                asked[name] = float(value)
            except ValueError:
                raise SettingsError(
                    f"fit {text!r} is neither 'board' nor {' or '.join(f'{name!r} = a number' for name in names)}, or "
                    "both with a comma between them"
                ) from None
        return cls(**asked)

    def __str__(self) -> str:
        return ",".join(f"{name}={value:.12g}" for name, value in self._asked) or "board"


@dataclass(frozen=True)
class CompileSettings:
    """The compile settings say how hardware sources are generated.

    Attributes:
        backend: generator; "vitis" writes one Vitis HLS project per segment and block, "streamrtl" writes the whole
            accelerator in SystemVerilog, and the Vitis projects beside it.
        board: name of the board, which sets device and clock.
        reuse, strategy, windows, weights: `LayerSettings` of every layer that is not in `layers`.
        layers: settings by torch layer name, for example "stages.0.conv".
        buffer_samples: number of samples that each conditional buffer holds. None takes the least number that hardly
            slows down samples which leave as those of the fitting split did, or 2 where nothing was fitted or no RTL is
            written.
        fit: a wish by which all layers with weights choose all of these, except those in `layers`.
        oversize: whether a design is written, with a warning, although it is estimated to take more than the board has.

    Raises:
        SettingsError: a name is not known, a number is out of range, Vitis projects do not have a strategy, or a wish
            is given without RTL.
    """

    backend: str = "streamrtl"
    board: str = "pynq-z2"
    reuse: int = 1
    strategy: str = "latency"
    windows: str = "registers"
    weights: str = "auto"
    layers: Mapping[str, LayerSettings] = field(default_factory=lambda: MappingProxyType({}))
    buffer_samples: int | None = None
    fit: Fit | None = None
    oversize: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.board, str):
            raise SettingsError(f"board={self.board!r}: give a board's name, or the path of its file as text")
        if self.backend not in BACKENDS:
            raise SettingsError(not_known(f"backend {self.backend!r}", self.backend, BACKENDS))
        if self.fit is not None and not isinstance(self.fit, Fit):
            raise SettingsError(f"fit={self.fit!r} is no wish: give hw.Fit(images_per_second=8000), or hw.Fit()")
        if not isinstance(self.layers, Mapping):
            raise SettingsError(f"layers={self.layers!r}: give a dict from layers' names to hw.LayerSettings")
        for layer, own in self.layers.items():
            if not isinstance(own, LayerSettings):
                raise SettingsError(f"layers[{layer!r}]={own!r}: give hw.LayerSettings(reuse=4)")
        if self.buffer_samples is not None and not _is_count(self.buffer_samples):
            raise SettingsError(
                f"buffer_samples={self.buffer_samples!r}: a conditional buffer holds one whole sample at least, and no "
                "parts of one"
            )
        _ = self.target
        if self.fit is not None and not self.has_rtl:
            raise SettingsError(
                f"fit={str(self.fit)!r} chooses units of StreamRTL, which backend={self.backend!r} does not write: use "
                "backend='streamrtl', or give reuse"
            )
        for settings in (self.default, *map(self.of, self.layers)):
            if not self.has_rtl and settings.strategy in VITIS_STRATEGIES:
                raise SettingsError(
                    f"strategy {settings.strategy!r} is not available in Vitis projects, because hls4ml 1.3 writes it "
                    "wrongly under a namespace: use backend='streamrtl', or strategy='latency'"
                )
            if settings.strategy == DISTRIBUTED and settings.windows == MEMORY:
                raise SettingsError(
                    f"strategy {DISTRIBUTED!r} multiplies whole windows, but windows={MEMORY!r} reads them word by "
                    f"word: use windows={REGISTERS!r}, or strategy='latency'"
                )
            if not self.has_rtl and settings.pixels > 1:
                raise SettingsError(
                    f"pixels={settings.pixels} is for StreamRTL, and hls4ml's Vitis projects take a pixel in a beat: "
                    "use backend='streamrtl', or pixels=1"
                )

    @classmethod
    def asked(cls, **asked: Any) -> CompileSettings:
        """Makes settings from keywords.

        Args:
            asked: fields of the settings and their values.

        Raises:
            SettingsError: a keyword is no field of the settings; or as when they are made.
        """
        names = [setting.name for setting in dataclasses.fields(cls)]
        for name in asked:
            if name not in names:
                raise SettingsError(not_known(f"setting {name!r} of compile", name, names))
        if isinstance(asked.get("fit"), str):
            asked["fit"] = Fit.parse(asked["fit"])
        return cls(**asked)

    @property
    def target(self) -> Board:
        """Returns the board."""
        return board_named(self.board)

    @property
    def has_rtl(self) -> bool:
        """Tells whether SystemVerilog is written."""
        return self.backend == "streamrtl"

    @property
    def default(self) -> LayerSettings:
        """Returns the settings of every layer that is not named."""
        return LayerSettings(self.reuse, self.strategy, self.windows, self.weights)

    def of(self, module: str) -> LayerSettings:
        """Returns the settings of a layer.

        Args:
            module: name of the torch layer, for example "stages.0.conv".
        """
        named = self.layers.get(module, self.default)
        chosen = {name: getattr(named, name) or getattr(self, name) for name in CHOICES}
        return LayerSettings(named.reuse, **chosen, pixels=named.pixels)
