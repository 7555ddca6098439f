"""This module finds a softmax at the end of a head. Hardware decides on logits, whose order a softmax keeps."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional

from hwcodesign.errors import NetworkError

SOFTMAXES = (nn.Softmax, nn.LogSoftmax, nn.Softmax2d)
#: Functions of torch that compute one, and methods of tensors.
SOFTMAX_FUNCTIONS = (
    *(functional.softmax, functional.log_softmax, torch.softmax, torch.log_softmax),
    *("softmax", "log_softmax"),
)


def refuse_softmax(k: int, head: nn.Module) -> None:
    """Refuses a head that ends in a softmax.

    Args:
        k: number of the head.
        head: the head.

    Raises:
        NetworkError: it does; the message says how it is left off.
    """
    last = _last(head)
    if isinstance(last, SOFTMAXES):
        raise NetworkError(
            f"head {k} ends in {type(last).__name__}: stop at its logits, whose order it keeps, or give "
            "leave_off_softmax=True, and it is left off"
        )


def without_softmax(head: nn.Module) -> nn.Module:
    """Returns a head without a softmax at its end, or the head itself if it has none.

    A head that is no `nn.Sequential` stays as it is.
    """
    if not isinstance(head, nn.Sequential) or not isinstance(_last(head), SOFTMAXES):
        return head
    *kept, (name, last) = head.named_children()
    if not isinstance(last, SOFTMAXES):
        kept.append((name, without_softmax(last)))
    return nn.Sequential(OrderedDict(kept))


def _last(head: nn.Module) -> nn.Module:
    """Returns the last layer of a sequence, of a sequence in it too."""
    while isinstance(head, nn.Sequential) and len(head):
        head = head[-1]
    return head
