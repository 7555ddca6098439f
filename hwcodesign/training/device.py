"""This module puts a network on the device that it is trained on, and takes it back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from hwcodesign.errors import SettingsError


def device_named(name: str) -> torch.device:
    """Returns a device by torch's name for it.

    Raises:
        SettingsError: torch does not know it, or cannot compute on it here.
    """
    try:
        device = torch.device(name)
    except RuntimeError:
        raise SettingsError(f"device={name!r} is none of torch's: give cpu, cuda, or cuda:1 for a second one") from None
    if device.type == "meta":
        raise SettingsError(f"device={name!r} has no numbers to train: give cpu or cuda")
    try:
        torch.zeros(1, device=device)
    except (AssertionError, RuntimeError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise SettingsError(
            f"device={name!r} is not there for torch {torch.__version__} ({reason}): install a torch that was built "
            "for it, or leave out the device to train on the CPU"
        ) from None
    return device


@contextmanager
def placed(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Puts a network on a device within the block; afterwards it is back in the CPU's memory, whatever happened."""
    network.to(device)
    try:
        yield
    finally:
        network.to("cpu")
