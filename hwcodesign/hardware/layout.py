"""This module lays out generated SystemVerilog like hand-written modules: as verible does with the flags of rtl_sim.

Generated sources are read in waveforms and tool logs. verible itself is not installed where they are generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_INDENT = "  "
_COMMENTS = ("//", "/*")


@dataclass(frozen=True)
class Port:
    """A port is one port of a module.

    Attributes:
        name: ends with _i if it is an input, unless its bus says so.
        output: whether it is an output.
        dimensions: text between the brackets of its packed dimensions, the outermost first: ("3:0", "7:0").
    """

    name: str
    output: bool
    dimensions: tuple[str, ...] = ()


def range_of(bits: int) -> str:
    """Returns the text between the brackets of a packed dimension."""
    return f"{bits - 1}:0"


def stream_ports(name: str, lanes: int, width: int, *, output: bool) -> tuple[Port, Port, Port]:
    """Returns the ports of a stream that a module takes or, if it is an output, gives."""
    own, other = ("o", "i") if output else ("i", "o")
    return (
        Port(f"{name}_valid_{own}", output),
        Port(f"{name}_ready_{other}", not output),
        Port(f"{name}_data_{own}", output, (range_of(lanes), range_of(width))),
    )


def module_lines(
    name: str, parameters: Sequence[str], groups: Sequence[tuple[str, Sequence[Port]]], imports: Sequence[str] = ()
) -> list[str]:
    """Writes a module up to the end of its ports, and an empty line.

    Args:
        name: name of the module.
        parameters: lines between `#(` and `)`; none if the module has no parameters.
        groups: ports that belong together, each group with a comment that may be empty.
        imports: packages.
    """
    opening = ["#(", *(_INDENT + line for line in parameters), ") ("] if parameters else ["("]
    if imports:
        lines = [f"module {name}", *(f"{_INDENT}import {package}::*;" for package in imports), *opening]
    else:
        lines = [f"module {name} {opening[0]}", *opening[1:]]
    for i, (comment, ports) in enumerate(groups):
        lines += [""] if i else []
        lines += [f"{_INDENT}// {comment}"] if comment else []
        lines += [f"{_INDENT}{line}," for line in _port_lines(ports)]
    lines[-1] = lines[-1].removesuffix(",")
    return [*lines, ");", ""]


def _port_lines(ports: Sequence[Port]) -> list[str]:
    """Ports in columns, without commas."""
    depth = max(len(port.dimensions) for port in ports)
    widths = [
        max((len(port.dimensions[i]) for port in ports if i < len(port.dimensions)), default=0) for i in range(depth)
    ]
    if len({port.output for port in ports}) == 1:
        kinds = {False: "input wire logic", True: "output logic"}
    else:
        kinds = {False: "input  wire logic", True: "output logic     "}
    lines = []
    for port in ports:
        padded = [f"[{text:>{width}}]" for text, width in zip(port.dimensions, widths, strict=False)]
        padded += [" " * (width + 2) for width in widths[len(port.dimensions) :]]
        lines.append(" ".join([kinds[port.output], *(["".join(padded)] if widths else []), port.name]))
    return lines


def instance_lines(module: str, label: str, connections: Sequence[str], parameters: Sequence[str] = ()) -> list[str]:
    """Writes an instance, one connection per line.

    Args:
        module: name of the module.
        label: name of the instance.
        connections: connections without commas; with line ends they take several lines; comments are allowed.
        parameters: lines between `#(` and `)`, with commas, as `systemverilog.parameter_lines` gives them.
    """
    lines = [f"{_INDENT}{module} {label} ("]
    if parameters:
        inside = [2 * _INDENT + line for line in parameters]
        lines = [f"{_INDENT}{module} #(", *inside, f"{_INDENT}) {label} ("]
    last = max(i for i, text in enumerate(connections) if not text.startswith(_COMMENTS))
    for i, text in enumerate(connections):
        comma = "" if text.startswith(_COMMENTS) or i == last else ","
        lines += [2 * _INDENT + line for line in f"{text}{comma}".split("\n")]
    return [*lines, f"{_INDENT});"]


def input_stream(port: str, net: str, data: str = "") -> list[str]:
    """Connects a stream's three ports at the receiver.

    Args:
        port, net: prefixes of the ports and of the nets.
        data: prefix of the data's net if it is not that of the handshake.
    """
    return [f".{port}_valid_i({net}_valid)", f".{port}_ready_o({net}_ready)", f".{port}_data_i({data or net}_data)"]


def output_stream(port: str, net: str) -> list[str]:
    """Connects a stream's three ports at the sender."""
    return [f".{port}_valid_o({net}_valid)", f".{port}_ready_i({net}_ready)", f".{port}_data_o({net}_data)"]


def left_open(*ports: str) -> list[str]:
    """Connects outputs that nobody reads, without a warning."""
    return [
        "/* verilator lint_off PINCONNECTEMPTY */",
        *(f".{port}()" for port in ports),
        "/* verilator lint_on PINCONNECTEMPTY */",
    ]
