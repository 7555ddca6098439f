"""The accelerator holds segments, exit decisions and buffers, and everything that identifies a design. NumPy only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hwcodesign.choices import not_known
from hwcodesign.designs.costs import ExitCosts
from hwcodesign.errors import DesignError, FieldError, HwcodesignError, PolicyError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.implementation import Implementation, Implementations
from hwcodesign.hardware.units import check_implementations
from hwcodesign.kernels import (
    Arrays,
    Held,
    Segment,
    check_connections,
    kernel_from_json,
    kernel_to_json,
    shape_from_json,
)
from hwcodesign.policies import ExitPolicy
from hwcodesign.storage.fields import Field, shown
from hwcodesign.storage.files import sha256, sha256_json

#: Decisions that a conditional buffer takes ahead of the samples that they are on.
DECISIONS_AHEAD = 2
_PARTS = ("name", "input_shape", "buffer_samples", "stages", "heads", "implementations", "policy")
_FIELDS = (*_PARTS, "configuration_hash")
#: Of a stored accelerator.
_MOST_EXITS, _MOST_KERNELS, _MOST_LONG = 256, 2**12, 2**20


@dataclass(frozen=True, eq=False)
class Accelerator:
    """The accelerator holds the kernels, decisions and buffers of one design.

    Attributes:
        name: identifier in generated sources.
        input_shape: (C, H, W) of the images.
        stages, heads: the stages and the heads, one each per exit.
        policy: criterion, tables and default thresholds.
        buffer_samples: number of samples that each conditional buffer holds.
        implementations: how kernels are built, by segment; of those that it does not name, as by default.

    Raises:
        PolicyError: the policy is for other logits or another number of exits.
        DesignError: stages and heads do not fit together, or implementations are of kernels that are not there.
    """

    name: str
    input_shape: tuple[int, int, int]
    stages: tuple[Segment, ...]
    heads: tuple[Segment, ...]
    policy: ExitPolicy
    buffer_samples: int = 2
    implementations: Mapping[str, Implementations] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for k, (stage, head) in enumerate(zip(self.stages, self.heads, strict=True)):
            readers = [head, *self.stages[k + 1 : k + 2]]
            for reader in readers:
                if (reader.input_format, reader.input_shape) != (stage.output_format, stage.output_shape):
                    raise DesignError(
                        f"{reader.name} reads {reader.input_format} {reader.input_shape}, "
                        f"but {stage.name} writes {stage.output_format} {stage.output_shape}"
                    )
        segments = {segment.name: segment for segment in self.segments}
        for name, implementations in self.implementations.items():
            if name not in segments:
                raise DesignError(not_known(f"segment {name!r} of implementations", name, sorted(segments)))
            check_implementations(segments[name], implementations)
        formats = [head.output_format for head in self.heads]
        wanted = [exit_.logits for exit_ in self.policy.exits]
        if formats != wanted or {head.output_shape for head in self.heads} != {(self.policy.columns,)}:
            gate = " and a gate" if self.policy.gated else ""
            raise PolicyError(
                f"the policy decides on {self.policy.classes} logits{gate} of {', '.join(map(str, wanted))}, "
                f"the heads give {', '.join(f'{h.output_shape} of {h.output_format}' for h in self.heads)}: "
                "fit the policy on this network"
            )

    @property
    def exits(self) -> int:
        """Returns the number of exits."""
        return len(self.heads)

    @property
    def input_format(self) -> FixedPoint:
        """Returns the format of the images."""
        return self.stages[0].input_format

    @property
    def segments(self) -> tuple[Segment, ...]:
        """Returns all segments, in the order stage0, head0, stage1, head1 and so on."""
        return tuple(segment for pair in zip(self.stages, self.heads, strict=True) for segment in pair)

    @cached_property
    def macs(self) -> ExitCosts:
        """Returns the multiply-accumulates of the kernels."""
        return ExitCosts(tuple(s.macs for s in self.stages), tuple(h.macs for h in self.heads))

    @property
    def blocks(self) -> tuple[str, ...]:
        """Returns the names of everything around the segments, in the order in which data meets it."""
        early = [f"{block}{k}" for k in range(self.exits - 1) for block in ("fork", "decision", "buffer")]
        return (*early, f"decision{self.exits - 1}", "merge")

    def least_buffer_beats(self, k: int) -> int:
        """Returns the beats that the buffer behind stage k must hold at least: one whole sample. With less, the fork
        would wait for a decision that waits for the fork.
        """
        return beats_of(self.stages[k].output_shape)

    def buffer_beats(self, k: int) -> int:
        """Returns the beats that the buffer behind each stage holds."""
        return self.least_buffer_beats(k) * self.buffer_samples

    @property
    def waiting_decisions(self) -> int:
        """Returns the number of decisions that wait in a FIFO in front of each buffer, in addition to the two that it
        takes ahead. There is one for each sample if the buffer holds more than two samples, so that easy samples are
        decided while a hard one in front of them waits.
        """
        return self.buffer_samples if self.buffer_samples > DECISIONS_AHEAD else 0

    @cached_property
    def configuration_hash(self) -> str:
        """Returns the SHA-256 hash of all that is fixed at compile time: kernels and how they are built, weights,
        criterion and tables, but not thresholds.
        """
        arrays: Arrays = {}
        data = self._to_json(arrays)
        exits = [
            {key: value for key, value in exit_.items() if not key.startswith("threshold")}
            for exit_ in data["policy"]["exits"]
        ]
        data["policy"] = {
            "criterion": self.policy.criterion_name,
            **({"gated": True} if self.policy.gated else {}),
            "temperature": data["policy"]["temperature"],
            "parameters": data["policy"]["parameters"],
            "exits": exits,
        }
        weights = {
            key: sha256(str(array.shape).encode() + array.astype("<f8").tobytes()) for key, array in arrays.items()
        }
        return sha256_json({"design": data, "weights": weights})

    def to_json(self, arrays: Arrays) -> dict[str, Any]:
        """Returns plain data, and adds the weights to `arrays`."""
        return {**self._to_json(arrays), "configuration_hash": self.configuration_hash}

    def _to_json(self, arrays: Arrays) -> dict[str, Any]:
        return {
            "name": self.name,
            "input_shape": list(self.input_shape),
            "buffer_samples": self.buffer_samples,
            "stages": [_segment_to_json(segment, arrays) for segment in self.stages],
            "heads": [_segment_to_json(segment, arrays) for segment in self.heads],
            "implementations": {
                segment.name: {
                    kernel: implementation.to_json()
                    for kernel, implementation in sorted(self.implementations.get(segment.name, {}).items())
                }
                for segment in self.segments
            },
            "policy": self.policy.to_json(),
        }

    @classmethod
    def from_json(cls, data: Any, arrays: Mapping[str, Held]) -> Accelerator:
        """Reads what `to_json` wrote.

        Raises:
            DesignError: fields or arrays are missing, have another type or shape, are out of range or do not fit
                together; or the weights do not match the configuration hash.
        """
        stored = Field(data, "accelerator")
        try:
            accelerator = cls._from_fields(stored, arrays)
            recorded = stored.fields(_FIELDS)["configuration_hash"].sha256()
        except HwcodesignError as error:
            raise DesignError(f"the design file is incomplete or damaged: {error}; compile the design again") from None
        if accelerator.configuration_hash != recorded:
            raise DesignError(
                f"the design's configuration hash is {accelerator.configuration_hash[:12]}…, its file says "
                f"{recorded[:12]}…: a file was altered; compile the design again"
            )
        return accelerator

    @classmethod
    def _from_fields(cls, stored: Field, arrays: Mapping[str, Held]) -> Accelerator:
        fields = stored.fields(_FIELDS)
        name = fields["name"].name()
        channels, height, width = fields["input_shape"].integers(1, _MOST_LONG, 3, 3)
        exits, left = len(fields["stages"].items(1, _MOST_EXITS)), dict(arrays)
        stages, heads = (
            tuple(
                _segment_from_json(item, f"{kind}{k}", left)
                for k, item in enumerate(fields[f"{kind}s"].items(exits, exits))
            )
            for kind in ("stage", "head")
        )
        if stages[0].input_shape != (height, width, channels):
            raise FieldError(
                f"{stored.place}.input_shape is {(channels, height, width)}, but stage0 reads {stages[0].input_shape}"
            )
        policy, buffered = ExitPolicy.from_json(fields["policy"].value), fields["buffer_samples"].integer(1, _MOST_LONG)
        built = fields["implementations"].fields([segment.name for segment in (*stages, *heads)])
        implementations = {segment: _implementations_from_json(item) for segment, item in built.items()}
        if left:
            raise FieldError(f"array {shown(min(left))} is in the file of arrays, but no kernel uses it")
        return cls(name, (channels, height, width), stages, heads, policy, buffered, implementations)


def beats_of(shape: tuple[int, ...]) -> int:
    """Returns the beats of a streamed tensor: one for each pixel, or one for a vector."""
    return math.prod(shape[:-1])


def _segment_to_json(segment: Segment, arrays: Arrays) -> dict[str, Any]:
    return {
        "name": segment.name,
        "input_format": segment.input_format.to_json(),
        "input_shape": list(segment.input_shape),
        "kernels": [kernel_to_json(kernel, f"{segment.name}.{kernel.name}.", arrays) for kernel in segment.kernels],
    }


def _implementations_from_json(stored: Field) -> Implementations:
    return {kernel: Implementation.from_json(item) for kernel, item in stored.mapping(_MOST_KERNELS).items()}


def _segment_from_json(stored: Field, name: str, arrays: dict[str, Held]) -> Segment:
    fields = stored.fields(("name", "input_format", "input_shape", "kernels"))
    if fields["name"].value != name:
        raise fields["name"].wrong(repr(name))
    segment = Segment(
        name,
        FixedPoint.from_json(fields["input_format"]),
        shape_from_json(fields["input_shape"]),
        fields["kernels"].tuple_of(lambda item: kernel_from_json(item, arrays), 0, _MOST_KERNELS),
    )
    check_connections(segment)
    return segment
