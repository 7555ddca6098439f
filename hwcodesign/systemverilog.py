"""This module describes SystemVerilog as plain values (an instance of a module, its parameters, its ROM images), and
writes their text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from hwcodesign.errors import FormatError
from hwcodesign.fixedpoint import FixedPoint, Overflow, Rounding

_ROUNDINGS = {
    Rounding.TRN: "Trn",
    Rounding.TRN_ZERO: "TrnZero",
    Rounding.RND: "Rnd",
    Rounding.RND_ZERO: "RndZero",
    Rounding.RND_INF: "RndInf",
    Rounding.RND_MIN_INF: "RndMinInf",
    Rounding.RND_CONV: "RndConv",
}
_OVERFLOWS = {
    Overflow.WRAP: "Wrap",
    Overflow.SAT: "Sat",
    Overflow.SAT_ZERO: "SatZero",
    Overflow.SAT_SYM: "SatSym",
}


#: Longest vector that is written in one number.
_LINE_BITS = 384
#: Columns of a line.
_COLUMNS = 120
_INDENT = "  "


@dataclass(frozen=True)
class Bits:
    """These bits are a sized vector; `value` is its unsigned content.

    Raises:
        FormatError: the value has more bits, or is negative.
    """

    width: int
    value: int

    def __post_init__(self) -> None:
        if self.value >> self.width:
            raise FormatError(f"{self.value} does not fit a vector of {self.width} bits: make it wider")

    @classmethod
    def pack(cls, fields: Iterable[int], width: int) -> Bits:
        """Packs fields of one width, the first lowest; negative ones are in two's complement."""
        value = count = 0
        for count, field in enumerate(fields, 1):
            value |= (field & ((1 << width) - 1)) << ((count - 1) * width)
        return cls(max(1, count * width), value)


@dataclass(frozen=True)
class Name:
    """This is a name of hwc_pkg, for example a value of one of its enums."""

    name: str


@dataclass(frozen=True)
class PackedStruct:
    """These fields are a value of a packed struct of hwc_pkg.

    Attributes:
        type: name of the struct, for example window_t.
        fields: names and values of all fields, in the order of the struct: the first has the highest bits. A plain
            integer stands for a field of 32 bits.

    Raises:
        FormatError: an integer has more than 32 bits.
    """

    type: str
    fields: tuple[tuple[str, int | bool | Bits | Name], ...]

    def __post_init__(self) -> None:
        for name, value in self.fields:
            if isinstance(value, int) and not -(1 << 31) <= value < 1 << 32:
                raise FormatError(
                    f"field {name} of a {self.type} is {value}, which does not fit 32 bits: give Bits of its width"
                )


@dataclass(frozen=True)
class Rom:
    """A ROM image is a file of one hexadecimal word per line, which $readmemh reads.

    Attributes:
        name: name of the file without its suffix, unique in its kernel.
        parameter: parameter of the instance that takes the file's path.
        width: bits of a word.
        words: unsigned words.
    """

    name: str
    parameter: str
    width: int
    words: tuple[int, ...]

    @property
    def text(self) -> str:
        """Returns the content of the file."""
        digits = -(-self.width // 4)
        return "".join(f"{word:0{digits}x}\n" for word in self.words)


Parameter = int | bool | str | Bits | Name | FixedPoint | PackedStruct


@dataclass(frozen=True)
class Instance:
    """An instance is a module of rtl_sim/rtl with its parameters, in the order in which they are written."""

    module: str
    parameters: tuple[tuple[str, Parameter], ...]
    roms: tuple[Rom, ...] = ()


def literal(value: Parameter, scope: str = "hwc_pkg::") -> str:
    """Returns the SystemVerilog text of a parameter.

    Args:
        scope: prefix of names of hwc_pkg; empty where it is imported.
    """
    match value:
        case bool():
            return f"1'b{int(value)}"
        case int():
            return str(value)
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case Bits():
            return f"{value.width}'h{value.value:x}"
        case Name():
            return f"{scope}{value.name}"
        case FixedPoint():
            return _format_literal(value, scope)
        case PackedStruct():
            return f"'{{{', '.join(_fields(value, scope))}}}"


def _format_literal(fmt: FixedPoint, scope: str) -> str:
    sign = "-" if fmt.fraction < 0 else ""
    return (
        f"'{{is_signed: 1'b{int(fmt.signed)}, width: 16'd{fmt.width}, fraction: {sign}16'sd{abs(fmt.fraction)}, "
        f"rounding: {scope}{_ROUNDINGS[fmt.rounding]}, overflow: {scope}{_OVERFLOWS[fmt.overflow]}}}"
    )


def _fields(struct: PackedStruct, scope: str) -> list[str]:
    """Returns the text of each field of a struct; a signed integer is written with its sign in front."""
    texts = []
    for name, value in struct.fields:
        if isinstance(value, int) and not isinstance(value, bool):
            text = f"32'd{value}" if value >= 0 else f"-32'sd{-value}"
        else:
            text = literal(value, scope)
        texts.append(f"{name}: {text}")
    return texts


def parameter_lines(parameters: Sequence[tuple[str, Parameter]]) -> list[str]:
    """Returns the lines between `#(` and `)` of an instance, in a module that imports hwc_pkg.

    Long vectors are concatenations over several lines.
    """
    lines: list[str] = []
    for i, (name, value) in enumerate(parameters):
        if isinstance(value, Bits) and value.width > _LINE_BITS:
            text = concatenated(f".{name}(", _parts(value), ")")
        else:
            text = f".{name}({literal(value, scope='')})"
        lines += f"{text}{',' if i < len(parameters) - 1 else ''}".split("\n")
    return lines


def with_constants(instance: Instance, name: str) -> tuple[list[str], Instance]:
    """Declares the structs among an instance's parameters as constants of the module around it, which imports hwc_pkg.

    Verilator 5.48 loses the type of an assignment pattern that stands in the instance itself, where the type of another
    parameter needs one of its fields and the module has a second instance.

    Args:
        name: end of the constants' names, unique among the instances of the module around it.

    Returns:
        Lines of the declarations, and the instance that names the constants in the place of structs.
    """
    lines: list[str] = []
    parameters: list[tuple[str, Parameter]] = []
    for parameter, value in instance.parameters:
        if isinstance(value, PackedStruct):
            lines += _constant_lines(f"{parameter}_{name}", value)
            parameters.append((parameter, Name(f"{parameter}_{name}")))
        else:
            parameters.append((parameter, value))
    return lines, replace(instance, parameters=tuple(parameters))


def _constant_lines(name: str, value: PackedStruct) -> list[str]:
    """Returns the declaration of a constant, in one line if it fits, else with a line for each field."""
    before, fields = f"{_INDENT}localparam {value.type} {name} = '{{", _fields(value, scope="")
    line = f"{before}{', '.join(fields)}}};"
    if len(line) <= _COLUMNS:
        return [line]
    inside = [f"{3 * _INDENT}{field}," for field in fields]
    return [before, *inside[:-1], inside[-1].removesuffix(","), f"{_INDENT}}};"]


def concatenated(before: str, parts: Sequence[str], after: str, indent: int = 4) -> str:
    """Writes a concatenation in its line, on one line of its own, or with one part per line, whichever fits first.

    Args:
        before, after: text around the braces.
        indent: columns in front of it.
    """
    inside = ", ".join(parts)
    if indent + len(f"{before}{{{inside}}}{after},") <= _COLUMNS:
        return f"{before}{{{inside}}}{after}"
    if indent + len(_INDENT + inside) > _COLUMNS:
        inside = f",\n{_INDENT}".join(parts)
    return f"{before}{{\n{_INDENT}{inside}\n}}{after}"


def _parts(value: Bits) -> list[str]:
    """Returns the parts of a long vector, the highest first."""
    parts = []
    for low in range(0, value.width, _LINE_BITS):
        width = min(_LINE_BITS, value.width - low)
        parts.append(literal(Bits(width, (value.value >> low) & ((1 << width) - 1))))
    parts.reverse()
    return parts
