"""This module defines the network that a QONNX file becomes: its scales are given, and do not train."""

from __future__ import annotations

import hashlib
from typing import Any, NoReturn

from hwcodesign.errors import NetworkError
from hwcodesign.networks.network import MultiExitNetwork


class FrozenNetwork(MultiExitNetwork):
    """A frozen network is a quantised network whose weights and scales stay as they were in a file.

    It gives integers, takes a policy and compiles, as every quantised network does; training refuses it.

    Args:
        source_sha256: hash of the graph that it was read from, which scales are a part of.
    """

    def __init__(self, *args: Any, source_sha256: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.source_sha256 = source_sha256
        self.requires_grad_(False)

    def digest(self) -> str:
        """Returns the SHA-256 hash of the network, and of the graph that it was read from."""
        return hashlib.sha256(f"{super().digest()} {self.source_sha256}".encode()).hexdigest()

    def check_trainable(self) -> NoReturn:
        """Raises NetworkError: its scales are fixed."""
        raise NetworkError(
            "this network was read from a QONNX file and is frozen, because its scales are constants: train it where "
            "it came from, or read a network in floating point, train it and use hwcodesign.quantise"
        )
