"""The accelerator holds segments, exit decisions and buffers, and everything that identifies a design. NumPy only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hwcodesign.choices import not_known
from hwcodesign.designs.costs import ExitCosts
from hwcodesign.errors import DesignError, FieldError, HwcodesignError, PolicyError
from hwcodesign.fixedpoint import FixedPoint
from hwcodesign.hardware.implementation import MOST_PIXELS, Implementation, Implementations
from hwcodesign.hardware.stream import Stream, whole_pixels
from hwcodesign.hardware.units import check_implementations
from hwcodesign.images import stream_shape, words_per_sample
from hwcodesign.kernels import (
    MOST_TENSORS,
    Arrays,
    Held,
    Segment,
    TensorType,
    check_connections,
    kernel_from_json,
    kernel_to_json,
    tensor_to_json,
    tensors_from_json,
)
from hwcodesign.kernels.kernel import Shape
from hwcodesign.kernels.tensor import suffix
from hwcodesign.policies import ExitPolicy
from hwcodesign.storage.fields import Field, shown
from hwcodesign.storage.files import sha256, sha256_json

#: Decisions that a conditional buffer takes ahead of the samples that they are on.
DECISIONS_AHEAD = 2
_PARTS = (
    *("name", "input_shape", "buffer_samples", "stages", "heads", "head_reads", "lanes"),
    *("image_pixels", "implementations", "policy"),
)
_FIELDS = (*_PARTS, "configuration_hash")
#: Of a stored accelerator.
_MOST_EXITS, _MOST_KERNELS, _MOST_LONG = 256, 2**12, 2**20


@dataclass(frozen=True, eq=False)
class Accelerator:
    """The accelerator holds the kernels, decisions and buffers of one design.

    Attributes:
        name: identifier in generated sources.
        input_shape: (C, H, W) of images, (C, L) of sequences, or (F,) of vectors.
        stages, heads: the stages and the heads, one each per exit. A stage reads all tensors of the one before it.
        policy: criterion, tables and default thresholds.
        buffer_samples: number of samples that each conditional buffer holds.
        implementations: how kernels are built, by segment; of those that it does not name, as by default.
        head_reads: for each head, the positions of the tensors of its stage that it reads; by default all.
        lanes: for each tensor of each stage, the number of elements in a beat of its stream; by default a pixel with
            all its channels, or a whole vector; or several pixels of a row.
        image_pixels: number of pixels of a row of the images that come in a beat.

    Raises:
        PolicyError: the policy is for other logits or another number of exits.
        DesignError: stages and heads do not fit together, implementations are of kernels that are not there, or beats
            do not make pixels.
    """

    name: str
    input_shape: Shape
    stages: tuple[Segment, ...]
    heads: tuple[Segment, ...]
    policy: ExitPolicy
    buffer_samples: int = 2
    implementations: Mapping[str, Implementations] = field(default_factory=dict)
    head_reads: tuple[tuple[int, ...], ...] = ()
    lanes: tuple[tuple[int, ...], ...] = ()
    image_pixels: int = 1

    def __post_init__(self) -> None:
        if not self.head_reads:
            object.__setattr__(self, "head_reads", tuple(tuple(range(len(stage.outputs))) for stage in self.stages))
        self._check_boundaries()
        if not self.lanes:
            whole = tuple(tuple(tensor.shape[-1] for tensor in stage.results) for stage in self.stages)
            object.__setattr__(self, "lanes", whole)
        self._check_lanes()
        segments = {segment.name: segment for segment in self.segments}
        for name, implementations in self.implementations.items():
            if name not in segments:
                raise DesignError(not_known(f"segment {name!r} of implementations", name, sorted(segments)))
            check_implementations(segments[name], implementations)
        logits = [head.results for head in self.heads]
        wanted = [exit_.logits for exit_ in self.policy.exits]
        if logits != [(TensorType(fmt, (self.policy.columns,)),) for fmt in wanted]:
            gate = " and a gate" if self.policy.gated else ""
            raise PolicyError(
                f"the policy decides on {self.policy.classes} logits{gate} of {', '.join(map(str, wanted))}, "
                f"the heads give {', '.join(_listed(results) for results in logits)}: fit the policy on this network"
            )

    def _check_boundaries(self) -> None:
        """Checks that segments read what the stages before them write, and that nothing is written for nobody."""
        if len(self.stages[0].inputs) != 1:
            raise DesignError(f"stage0 has {len(self.stages[0].inputs)} inputs: it reads images, which are one tensor")
        for k, (stage, head, reads) in enumerate(zip(self.stages, self.heads, self.head_reads, strict=True)):
            given = stage.results
            if not reads or len(set(reads)) != len(reads) or not set(reads) <= set(range(len(given))):
                raise DesignError(
                    f"head_reads of {head.name} is {reads}: it reads one tensor or more of the {len(given)} of "
                    f"{stage.name}, each once"
                )
            if k == self.exits - 1 and len(reads) != len(given):
                raise DesignError(f"{head.name} reads {len(reads)} of the {len(given)} tensors of the last stage")
            readers = [(head, tuple(given[i] for i in reads))]
            readers += [(after, given) for after in self.stages[k + 1 : k + 2]]
            for reader, offered in readers:
                if reader.inputs != offered:
                    raise DesignError(
                        f"{reader.name} reads {_listed(reader.inputs)}, but {stage.name} writes {_listed(offered)}; "
                        "where a stage ends in a layer that does not quantise, such as average pooling, put "
                        "layers.identity behind it"
                    )

    def _check_lanes(self) -> None:
        if [len(lanes) for lanes in self.lanes] != [len(stage.results) for stage in self.stages]:
            raise DesignError(f"lanes is {self.lanes}: it has a number for each tensor of each of {self.exits} stages")
        for stage, given in zip(self.stages, self.lanes, strict=True):
            for tensor, lanes in zip(stage.results, given, strict=True):
                if lanes < 1 or not _makes_pixels(lanes, tensor.shape):
                    raise DesignError(
                        f"{stage.name} writes {tensor} in beats of {lanes} elements, which do not make pixels of "
                        f"{tensor.shape[-1]}: lanes must divide it, or be pixels that divide a row"
                    )
        image = self.stages[0].inputs[0].shape
        if self.image_pixels < 1 or not _makes_pixels(self.image_pixels * image[-1], image):
            raise DesignError(
                f"image_pixels is {self.image_pixels}: images of {image} have rows of {(1, *image)[-2]} pixels, which "
                "beats must divide"
            )

    @property
    def exits(self) -> int:
        """Returns the number of exits."""
        return len(self.heads)

    @property
    def input_format(self) -> FixedPoint:
        """Returns the format of the images."""
        return self.stages[0].inputs[0].format

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
        early = [name for k in range(self.exits - 1) for name in self._blocks_behind(k)]
        return (*early, f"decision{self.exits - 1}", "merge")

    def _blocks_behind(self, k: int) -> Iterator[str]:
        tensors = range(len(self.stages[k].outputs))
        yield from (f"fork{k}{suffix(i)}" for i in tensors if i in self.head_reads[k])
        yield f"decision{k}"
        yield from (f"release_fork{k}{suffix(i)}" for i in tensors[1:])
        yield from (f"buffer{k}{suffix(i)}" for i in tensors)

    def stream(self, k: int, i: int = 0) -> Stream:
        """Returns the stream in which a tensor of stage k leaves it, waits, and comes to those that read it."""
        return Stream.of(self.stages[k].results[i].shape, self.lanes[k][i])

    def beat_bits(self, k: int, i: int = 0) -> int:
        """Returns the bits of a beat of a tensor of stage k."""
        return self.lanes[k][i] * self.stages[k].results[i].format.width

    def reads(self, number: int) -> tuple[tuple[int, int], ...]:
        """Returns for each input of a segment the stage and the number of its output; nothing for images.

        Args:
            number: number of the segment in `segments`.
        """
        k, is_head = divmod(number, 2)
        if is_head:
            return tuple((k, i) for i in self.head_reads[k])
        return tuple((k - 1, i) for i in range(len(self.lanes[k - 1]))) if k else ()

    def given(self, number: int) -> tuple[Stream, ...]:
        """Returns the streams that a segment reads; segments are numbered as in `segments`."""
        found = tuple(self.stream(k, i) for k, i in self.reads(number))
        return found or (self.images,)

    @property
    def image_words(self) -> int:
        """Returns the words of an image on the bus, one of which comes in a cycle."""
        return words_per_sample(self.input_format, self.input_shape)

    @property
    def images(self) -> Stream:
        """Returns the stream in which images come to the first stage."""
        shape = self.stages[0].inputs[0].shape
        return Stream.of(shape, self.image_pixels * shape[-1])

    def taken(self, number: int) -> tuple[Stream, ...]:
        """Returns the streams that a segment writes; segments are numbered as in `segments`."""
        k, is_head = divmod(number, 2)
        if is_head:
            return whole_pixels(self.heads[k].results)
        return tuple(self.stream(k, i) for i in range(len(self.lanes[k])))

    def least_buffer_beats(self, k: int, i: int = 0) -> int:
        """Returns the beats that the buffer of a tensor of stage k must hold at least: one whole sample. With less, the
        fork would wait for a decision that waits for the fork.
        """
        return self.stream(k, i).beats

    def buffer_beats(self, k: int, i: int = 0) -> int:
        """Returns the beats that the buffer of a tensor of stage k holds."""
        return self.least_buffer_beats(k, i) * self.buffer_samples

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
            "head_reads": [list(reads) for reads in self.head_reads],
            "lanes": [list(lanes) for lanes in self.lanes],
            "image_pixels": self.image_pixels,
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
        input_shape = fields["input_shape"].integers(1, _MOST_LONG, 1, 3)
        exits, left = len(fields["stages"].items(1, _MOST_EXITS)), dict(arrays)
        stages, heads = (
            tuple(
                _segment_from_json(item, f"{kind}{k}", left)
                for k, item in enumerate(fields[f"{kind}s"].items(exits, exits))
            )
            for kind in ("stage", "head")
        )
        if stages[0].inputs[0].shape != stream_shape(input_shape):
            raise FieldError(
                f"{stored.place}.input_shape is {input_shape}, but stage0 reads {stages[0].inputs[0].shape}"
            )
        reads = tuple(
            item.integers(0, MOST_TENSORS, 1, MOST_TENSORS) for item in fields["head_reads"].items(exits, exits)
        )
        lanes = tuple(item.integers(1, _MOST_LONG, 1, MOST_TENSORS) for item in fields["lanes"].items(exits, exits))
        policy, buffered = ExitPolicy.from_json(fields["policy"].value), fields["buffer_samples"].integer(1, _MOST_LONG)
        image_pixels = fields["image_pixels"].integer(1, MOST_PIXELS)
        built = fields["implementations"].fields([segment.name for segment in (*stages, *heads)])
        implementations = {segment: _implementations_from_json(item) for segment, item in built.items()}
        if left:
            raise FieldError(f"array {shown(min(left))} is in the file of arrays, but no kernel uses it")
        return cls(name, input_shape, stages, heads, policy, buffered, implementations, reads, lanes, image_pixels)


def _makes_pixels(lanes: int, shape: Shape) -> bool:
    """Whether beats of so many elements are parts of pixels, or pixels of a row."""
    pixels, rest = divmod(lanes, shape[-1])
    return shape[-1] % lanes == 0 or (not rest and len(shape) > 1 and shape[-2] % pixels == 0)


def _listed(tensors: Sequence[TensorType]) -> str:
    return " and ".join(map(str, tensors)) or "nothing"


def _segment_to_json(segment: Segment, arrays: Arrays) -> dict[str, Any]:
    return {
        "name": segment.name,
        "inputs": [tensor_to_json(tensor) for tensor in segment.inputs],
        "kernels": [kernel_to_json(kernel, f"{segment.name}.{kernel.name}.", arrays) for kernel in segment.kernels],
        "outputs": list(segment.outputs),
    }


def _implementations_from_json(stored: Field) -> Implementations:
    return {kernel: Implementation.from_json(item) for kernel, item in stored.mapping(_MOST_KERNELS).items()}


def _segment_from_json(stored: Field, name: str, arrays: dict[str, Held]) -> Segment:
    fields = stored.fields(("name", "inputs", "kernels", "outputs"))
    if fields["name"].value != name:
        raise fields["name"].wrong(repr(name))
    segment = Segment(
        name,
        tensors_from_json(fields["inputs"]),
        fields["kernels"].tuple_of(lambda item: kernel_from_json(item, arrays), 0, _MOST_KERNELS),
        fields["outputs"].tuple_of(Field.text, 1, MOST_TENSORS),
    )
    check_connections(segment)
    return segment
