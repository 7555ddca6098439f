"""This module defines the multi-exit network in floating point, which is trained and then quantised."""

from __future__ import annotations

from typing import NoReturn

from torch import Tensor

from hwcodesign.errors import NetworkError
from hwcodesign.networks.network import MultiExitNetwork


class FloatNetwork(MultiExitNetwork):
    """A float network is a multi-exit network of plain torch layers: no value in it is rounded, not even its input.

    It trains by every strategy. What needs integers (fitting a policy, compiling) refuses it; `hwcodesign.quantise`
    makes an integer network of it. Stages and heads are any modules that torch.fx can trace; `hwcodesign.attach_exits`
    makes them of a network that has one exit.

    Args:
        stages, heads, input_format, input_shape, gates, head_reads, leave_off_softmax: as for `MultiExitNetwork`.

    Raises:
        NetworkError: the numbers of stages and heads, or their shapes, do not fit.
    """

    def on_input_grid(self, x: Tensor) -> Tensor:
        """Returns the values as they are.

        Args:
            x: (N, *input_shape) values.
        """
        return x

    def check(self) -> None:
        """Checks the shapes of all heads, on one blank image.

        Raises:
            NetworkError: it names the stage or head, and what does not fit.
        """
        self.check_heads(self.head_shapes())

    def check_calibrated(self) -> NoReturn:
        """Raises NetworkError: there is nothing to calibrate yet."""
        self._refuse()

    def boundaries(self) -> NoReturn:
        """Raises NetworkError: its tensors have no formats."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise NetworkError(
            "this network computes in floating point: hwcodesign.quantise(network, calibration=images) makes its "
            "numbers integers"
        )
