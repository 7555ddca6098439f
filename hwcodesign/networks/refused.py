"""This module refuses layers that this flow never takes, by name, before anything else looks at a network."""

from __future__ import annotations

from torch import nn

from hwcodesign.errors import UnsupportedLayerError
from hwcodesign.networks.softmax import SOFTMAXES

_RECURRENT = "recurrent layers have no kernel: use nn.Conv1d over the sequence, with dilation for a long one"
_NORM = "it needs the statistics of each sample: use nn.BatchNorm1d or nn.BatchNorm2d, with a quantiser behind it"
_ATTENTION = "attention multiplies tensors by one another, which has no kernel: use convolutions"
#: Why, and what to do.
_NEVER: dict[type[nn.Module], str] = {
    nn.RNNBase: _RECURRENT,
    nn.RNNCellBase: _RECURRENT,
    nn.LayerNorm: _NORM,
    nn.GroupNorm: _NORM,
    nn.modules.instancenorm._InstanceNorm: _NORM,
    nn.RMSNorm: _NORM,
    nn.LocalResponseNorm: _NORM,
    nn.MultiheadAttention: _ATTENTION,
    nn.TransformerEncoderLayer: _ATTENTION,
    nn.TransformerDecoderLayer: _ATTENTION,
    nn.Embedding: "a table of vectors has no kernel: look words up before the network, and feed it the vectors",
    nn.Bilinear: "a product of two tensors has no kernel: use nn.Linear on both, joined by torch.cat",
    **dict.fromkeys(
        SOFTMAXES,
        "a softmax inside a network divides by a sum: use nn.Sigmoid before a quantiser, or stop at logits",
    ),
}


def refuse_layers(path: str, module: nn.Module) -> None:
    """Refuses a stage or head with a layer that there will be no hardware for.

    Args:
        path: torch name of the stage or head.
        module: stage or head.

    Raises:
        UnsupportedLayerError: it names the layer, and says what to use.
    """
    for name, part in module.named_modules():
        way_out = next((text for known, text in _NEVER.items() if isinstance(part, known)), None)
        if isinstance(part, nn.modules.batchnorm._NormBase) and part.running_mean is None:
            way_out = "without statistics of its own it needs those of each batch: give it track_running_stats=True"
        if way_out is not None:
            where = f"{path}.{name}" if name else path
            raise UnsupportedLayerError(f"layer {where!r} ({type(part).__name__}) is not taken: {way_out}")
