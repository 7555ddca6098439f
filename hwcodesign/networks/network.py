"""This module defines the multi-exit network: quantised stages in a row, with a head behind each."""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from brevitas.proxy.quant_proxy import QuantProxyFromInjector
from numpy.typing import NDArray
from torch import Tensor, nn

from hwcodesign.designs.costs import ExitCosts
from hwcodesign.errors import ImagesError, NetworkError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.images import AXES, channels_last, encode_images
from hwcodesign.networks.boundaries import (
    Boundary,
    Quantisers,
    boundary_of,
    scale_check,
    stage_boundaries,
    with_format,
    with_formats,
)
from hwcodesign.networks.layers import tensors_of, value_of, values_of
from hwcodesign.networks.observers import unobserved
from hwcodesign.networks.refused import refuse_layers
from hwcodesign.networks.softmax import refuse_softmax, without_softmax
from hwcodesign.policies import ExitPolicy
from hwcodesign.progress import task

_REFERENCE_BATCH = 500
#: By words of errors of Brevitas.
_WAYS_OUT = {
    "Scaling factors are different": ". Add values, and quantise the sum: quantiser(value_of(x) + value_of(y)), with "
    "hwcodesign.layers.value_of"
}


class MultiExitNetwork(nn.Module):
    """A multi-exit network has stages in a row and one head per stage, each an `nn.Module` of Brevitas layers.

    Stage k+1 reads what stage k wrote, head k reads it too and ends in logits (N, classes). Every stage and head
    ends in a fixed-point quantiser whose scale is a power of two. In a gated network each head gives one output more,
    last and on the same quantiser: its gate, which the criterion "gate" leaves by.

    A stage may give a tuple of tensors, for example at several scales, or with a residual edge that an exit cuts. The
    next stage then takes as many arguments; the head takes those that it names in `head_reads`. Each tensor ends in a
    quantiser of its own, or is an argument of the stage that is handed on as it came.

    Args:
        stages, heads: lists of equal length. A single stage makes a network without early exits, to compare with.
        input_format: format of the images' values.
        input_shape: (C, H, W) of images, (C, L) of sequences, or (F,) of vectors.
        gates: whether the last output of each head is a gate instead of a class.
        head_reads: for each head, the positions of the tensors of its stage that it takes; by default all of them.
        leave_off_softmax: whether a softmax at the end of a head is left off. It keeps the order of logits, and
            criteria that need probabilities compute them; without this, such a head is refused.

    Raises:
        NetworkError: the numbers of stages and heads, their tensors and shapes, or the quantisers on their boundaries
            do not fit.
    """

    def __init__(
        self,
        stages: Sequence[nn.Module],
        heads: Sequence[nn.Module],
        input_format: FixedPoint,
        input_shape: Sequence[int],
        *,
        gates: bool = False,
        head_reads: Sequence[Sequence[int]] | None = None,
        leave_off_softmax: bool = False,
    ) -> None:
        super().__init__()
        if len(stages) != len(heads) or not stages:
            raise NetworkError(
                f"{len(stages)} stages and {len(heads)} heads: a multi-exit network has one head per stage, "
                "and one stage or more"
            )
        if len(input_shape) not in AXES or min(input_shape) < 1:
            raise NetworkError(f"input_shape {tuple(input_shape)} is not {', '.join(reversed(AXES.values()))}")
        if leave_off_softmax:
            heads = [without_softmax(head) for head in heads]
        for k, head in enumerate(heads):
            refuse_softmax(k, head)
            refuse_layers(f"heads.{k}", head)
        for k, stage in enumerate(stages):
            refuse_layers(f"stages.{k}", stage)
        self.stages = nn.ModuleList(stages)
        self.heads = nn.ModuleList(heads)
        self.gates = gates
        self.input_format = input_format
        self.input_shape = tuple(int(size) for size in input_shape)
        weights = [id(parameter) for part in (*stages, *heads) for parameter in part.parameters()]
        if len(set(weights)) != len(weights):
            raise NetworkError(
                "a layer is used in two stages or heads: in hardware each has its own, so make one for each"
            )
        #: For each head, the positions of the tensors of its stage that it takes; None for all.
        self.head_reads = None if head_reads is None else tuple(tuple(reads) for reads in head_reads)
        if self.head_reads is not None and len(self.head_reads) != len(heads):
            raise NetworkError(f"head_reads has {len(self.head_reads)} entries for {len(heads)} heads: give each one")
        self.check()

    @property
    def exits(self) -> int:
        """Returns the number of exits."""
        return len(self.heads)

    @property
    def classes(self) -> int:
        """Returns the number of classes."""
        return self.head_shapes()[0][0] - int(self.gates)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Computes the logits of every exit, first exit first.

        Args:
            x: (N, *input_shape) values; rounded half to even to the input format.

        Returns:
            K tensors (N, classes) of real values on the logits' grid; gates are not among them.
        """
        return [self.class_logits(outputs) for outputs in self.head_outputs(x)]

    def head_outputs(self, x: Tensor) -> list[Tensor]:
        """Computes all outputs of the heads: logits, and in a gated network the gates behind them.

        Args:
            x: as for `forward`.

        Returns:
            K tensors (N, classes), in a gated network (N, classes + 1).
        """
        outputs: list[Tensor] = []
        for k, given in enumerate(self.features(x)):
            outputs.append(value_of(self.heads[k](*self.head_inputs(k, given))))
        return outputs

    def head_inputs(self, k: int, given: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Returns those tensors of stage k that its head takes.

        Args:
            k: index of the stage, from 0.
            given: tensors that the stage gave, (N, …) each.
        """
        return tuple(given[i] for i in self.reads_of(k, len(given)))

    def reads_of(self, k: int, tensors: int) -> tuple[int, ...]:
        """Returns the positions of the tensors of stage k that its head takes.

        Args:
            tensors: number of those that the stage gives.

        Raises:
            NetworkError: they are not there, or named twice.
        """
        if self.head_reads is None:
            return tuple(range(tensors))
        reads = self.head_reads[k]
        if not reads or len(set(reads)) != len(reads) or not set(reads) <= set(range(tensors)):
            raise NetworkError(
                f"head_reads[{k}] is {reads}, but stage {k} gives {tensors} tensor{'s' if tensors > 1 else ''}: name "
                f"one or more of 0 to {tensors - 1}, each once"
            )
        return reads

    def class_logits(self, outputs: Tensor) -> Tensor:
        """Returns the logits (N, classes) in a head's outputs."""
        return outputs[:, :-1] if self.gates else outputs

    def features(self, x: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Yields each stage's tensors in turn, computed when they are requested.

        Args:
            x: (N, *input_shape) values.
        """
        x = self.on_input_grid(x)
        given: tuple[Tensor, ...] = (x,)
        for stage in self.stages:
            given = values_of(stage(*given))
            yield given

    def on_input_grid(self, x: Tensor) -> Tensor:
        """Returns the values of a batch as the network takes them: rounded half to even to the input format.

        Args:
            x: (N, *input_shape) values.
        """
        fmt = self.input_format
        return torch.clamp(torch.round(x / fmt.scale), fmt.min_code, fmt.max_code) * fmt.scale

    def values(self, images: NDArray[Any]) -> Tensor:
        """Returns images as float32 values of the input format.

        Args:
            images: (N, *input_shape) values or codes.

        Raises:
            ImagesError: they do not fit the network.
        """
        codes = encode_images(images, self.input_format, self.input_shape)
        return torch.from_numpy(self.input_format.decode(codes).astype(np.float32))

    def check(self) -> None:
        """Checks the shapes of all boundaries and the scales of all quantisers, on one blank image.

        Raises:
            NetworkError: it names the stage, head or quantiser, and what does not fit.
        """
        hooks = [
            module.register_forward_hook(scale_check(name))
            for name, module in self.named_modules()
            # one that is switched off passes on what it is given: a sum whose bias Brevitas counts as a zero point
            if isinstance(module, QuantProxyFromInjector) and module.is_quant_enabled
        ]
        try:
            _, heads = self.boundaries()
        finally:
            for hook in hooks:
                hook.remove()
        self.check_heads([boundary.shape for boundary in heads])

    def check_heads(self, shapes: Sequence[tuple[int, ...]]) -> None:
        """Checks that all heads give the same number of logits.

        Args:
            shapes: of the heads' outputs, without the batch.

        Raises:
            NetworkError: they do not.
        """
        least = 2 + int(self.gates)
        if len(set(shapes)) != 1 or len(shapes[0]) != 1 or shapes[0][0] < least:
            behind = ", and a gate behind them" if self.gates else ""
            raise NetworkError(
                f"heads give {', '.join(map(str, shapes))} a sample: each must give the same number of logits, two or "
                f"more{behind}"
            )

    def check_trainable(self) -> None:
        """Refuses a network that does not train; here it does nothing.

        Raises:
            NetworkError: in a network whose scales are constants.
        """

    def check_calibrated(self) -> None:
        """Checks that quantisers of activations with observed or learned scales have processed data.

        Scales that are given (constants, weights' own ranges, logits of fixed range) need no data.

        Raises:
            NetworkError: it names the quantisers that have not processed data.
        """
        unseen = unobserved(self, self.boundaries)
        if unseen:
            more = f" and {len(unseen) - 1} more" if len(unseen) > 1 else ""
            raise NetworkError(
                f"quantiser {unseen[0]!r}{more} was never calibrated: its scale must be observed on data, and it has "
                "processed none; train the network, load its weights, or run images through it in training mode"
            )

    def head_shapes(self) -> list[tuple[int, ...]]:
        """Returns the shape of every head's output without the batch, found on one blank image.

        Raises:
            NetworkError: a stage or head cannot take what it is given.
        """
        return [shape for _, shape in self._shapes()]

    def tensor_shapes(self) -> list[tuple[tuple[int, ...], ...]]:
        """Returns the shapes of every stage's tensors without the batch; raises as `head_shapes`."""
        return [shapes for shapes, _ in self._shapes()]

    def _shapes(self) -> list[tuple[tuple[tuple[int, ...], ...], tuple[int, ...]]]:
        shapes = []
        with Evaluating(self), torch.no_grad():
            given: tuple[Tensor, ...] = (self.blank(),)
            for k, (stage, head) in enumerate(zip(self.stages, self.heads, strict=True)):
                given = values_of(_run(f"stage {k}", stage, *given))
                output = value_of(_run(f"head {k}", head, *self.head_inputs(k, given)))
                shapes.append((tuple(tuple(tensor.shape[1:]) for tensor in given), tuple(output.shape[1:])))
        return shapes

    def blank(self) -> Tensor:
        """Returns one blank image, (1, *input_shape), of the type and on the device of the parameters."""
        parameter = next(self.parameters(), torch.zeros(()))
        return torch.zeros((1, *self.input_shape), dtype=parameter.dtype, device=parameter.device)

    def boundaries(self) -> tuple[list[tuple[Boundary, ...]], list[Boundary]]:
        """Returns format and shape of every stage's tensors and of every head's output, as they are now.

        Raises:
            NetworkError: the last head leaves out a tensor of its stage, or a tensor does not end in a fixed-point
                quantiser; the message names it.
        """
        stages: list[tuple[Boundary, ...]] = []
        heads: list[Boundary] = []
        with Evaluating(self), torch.no_grad(), Quantisers(self) as quantisers:
            given: tuple[Tensor, ...] = (self.blank(),)
            quantised: tuple[Any, ...] = (with_format(given[0], self.input_format),)
            before: tuple[Boundary, ...] = (Boundary(self.input_format, self.input_shape),)
            for k, (stage, head) in enumerate(zip(self.stages, self.heads, strict=True)):
                written = with_formats(stage, quantised, tensors_of(_run(f"stage {k}", stage, *given)), given)
                stages.append(stage_boundaries(f"stage {k}", written, given, before, quantisers))
                quantised = tuple(
                    tensor if boundary.handed_on is None else quantised[boundary.handed_on]
                    for tensor, boundary in zip(written, stages[-1], strict=True)
                )
                given, before = tuple(value_of(tensor) for tensor in written), stages[-1]
                output = _run(f"head {k}", head, *self.head_inputs(k, given))
                heads.append(boundary_of(f"head {k}", output, quantisers))
            if len(self.head_inputs(self.exits - 1, given)) != len(given):
                raise NetworkError(f"the last stage gives {len(given)} tensors, of which its head leaves some out")
        return stages, heads

    def costs(self) -> ExitCosts:
        """Returns the multiply-accumulates of convolutions and linear layers, including padding."""
        counts: dict[str, int] = {}

        def count(name: str) -> Any:
            def hook(module: nn.Module, _: Any, output: Any) -> None:
                shape = value_of(output).shape
                weight = cast(Tensor, module.weight)
                pixels = math.prod(shape[2:]) if weight.dim() > 2 else 1
                counts[name] = counts.get(name, 0) + pixels * weight.numel()

            return hook

        hooks = [
            module.register_forward_hook(count(".".join(name.split(".")[:2])))
            for name, module in self.named_modules()
            if isinstance(module, nn.Linear | nn.modules.conv._ConvNd)
        ]
        try:
            self.head_shapes()
        finally:
            for hook in hooks:
                hook.remove()
        return ExitCosts(
            tuple(counts.get(f"stages.{k}", 0) for k in range(self.exits)),
            tuple(counts.get(f"heads.{k}", 0) for k in range(self.exits)),
        )

    def reference(self) -> MultiExitNetwork:
        """Returns a frozen float64 copy, which computes the integers of the network whatever the width of its sums."""
        return copy.deepcopy(self).eval().double()

    def integers(self, images: NDArray[Any]) -> tuple[list[tuple[NDArray[np.int64], ...]], list[NDArray[np.int64]]]:
        """Computes the codes of every stage's tensors and of every head's output, with Brevitas in float64.

        Args:
            images: (N, *input_shape) values or codes.

        Returns:
            For every stage its tensors, channels last, sequences as images of one row; and head outputs: logits
            (N, classes), in a gated network (N, classes + 1) with the gates last.

        Raises:
            ImagesError: there are no images, or they do not fit the network.
        """
        codes = encode_images(images, self.input_format, self.input_shape)
        if not len(codes):
            raise ImagesError("there are no images: give at least one")
        network = self.reference()
        stage_formats, head_formats = network.boundaries()
        stages: list[list[list[NDArray[np.int64]]]] = [[[] for _ in tensors] for tensors in stage_formats]
        heads: list[list[NDArray[np.int64]]] = [[] for _ in head_formats]
        with torch.no_grad(), task(f"computing {len(codes)} images in Brevitas", len(codes), "images") as reported:
            for start in range(0, len(codes), _REFERENCE_BATCH):
                x = torch.from_numpy(self.input_format.decode(codes[start : start + _REFERENCE_BATCH]))
                for k, given in enumerate(network.features(x)):
                    for tensor, boundary, parts in zip(given, stage_formats[k], stages[k], strict=True):
                        parts.append(channels_last(_codes(tensor, boundary.format)))
                    logits = value_of(network.heads[k](*network.head_inputs(k, given)))
                    heads[k].append(_codes(logits, head_formats[k].format))
                reported.advance(len(x))
        features = [tuple(np.concatenate(parts) for parts in tensors) for tensors in stages]
        return features, [np.concatenate(parts) for parts in heads]

    def logits(self, images: NDArray[Any]) -> list[NDArray[np.int64]]:
        """Computes the integer outputs of every head with Brevitas in float64, as policies read them.

        Args:
            images: (N, *input_shape) values or codes.

        Returns:
            K arrays (N, classes); of a gated network (N, classes + 1), where the gate is last and no class.
        """
        return self.integers(images)[1]

    def to_onnx(self, path: Path | str, *, conditional: bool = False, policy: ExitPolicy | None = None) -> None:
        """Writes the network to an ONNX file, as `hwcodesign.to_onnx` does.

        Args:
            path, conditional, policy: as for that.
        """
        from hwcodesign.networks.onnx_models.writing import to_onnx  # noqa: PLC0415  # which needs this class

        to_onnx(self, path, conditional=conditional, policy=policy)

    def digest(self) -> str:
        """Returns the SHA-256 hash of names, shapes and values of all parameters and buffers, and of the input."""
        more = " gates" if self.gates else ""
        more += f" {self.head_reads}" if self.head_reads is not None else ""
        digest = hashlib.sha256(f"{self.input_format} {self.input_shape}{more}".encode())
        for name, tensor in sorted(self.state_dict().items()):
            array = tensor.detach().cpu().numpy()
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


class Evaluating:
    """It sets evaluation mode within a block, and restores the former modes after it."""

    def __init__(self, network: nn.Module) -> None:
        self._modes = {module: module.training for module in network.modules()}
        self._network = network

    def __enter__(self) -> None:
        self._network.eval()

    def __exit__(self, *_: object) -> None:
        for module, training in self._modes.items():
            module.training = training


def _codes(tensor: Tensor, fmt: FixedPoint) -> NDArray[np.int64]:
    codes = tensor.detach().numpy() / fmt.scale
    if not np.isfinite(codes).all():
        raise NetworkError("a stage or head gives values that are not finite: training diverged, or weights are NaN")
    result = codes.astype(np.int64)
    if not np.array_equal(result, codes):
        raise NetworkError(f"values of a boundary are not on the grid of {fmt}: its quantiser is not deterministic")
    return result


def _run(name: str, module: nn.Module, *given: Tensor) -> Any:
    try:
        return module(*given)
    except NetworkError:
        raise
    except (RuntimeError, ValueError, TypeError) as error:
        shapes = " and ".join(str(tuple(tensor.shape[1:])) for tensor in given)
        advice = next((way for words, way in _WAYS_OUT.items() if words in str(error)), "")
        raise NetworkError(f"{name} cannot take its input of shape {shapes}: {error}{advice}") from error
