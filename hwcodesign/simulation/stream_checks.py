"""Which streams SystemVerilog modules have at their ports, and a checker bound to each of them, for simulation."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hwcodesign.storage.installed import shared_folder

#: Beats of a sample, by module and by the prefix of a stream's ports.
Beats = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class PortStream:
    """A port stream is a stream at the ports of a module.

    Attributes:
        name: prefix of its ports.
        valid, ready: its handshake's ports.
        data: its other ports.
        shared: whether handshakes side by side offer the same data.
    """

    name: str
    valid: str
    ready: str
    data: tuple[str, ...]
    shared: bool


def checker_source() -> Path:
    """Returns the file of the module that checks a stream."""
    return shared_folder("rtl_sim") / "checks" / "stream_checker.sv"


def module_name(text: str) -> str:
    """Returns the name of the module in a file; empty if there is none."""
    found = re.search(r"^module\s+(\w+)", text, re.MULTILINE)
    return found[1] if found else ""


def port_streams(text: str) -> list[PortStream]:
    """Returns the streams at a module's ports; none if it has no `clk_i` and `rst_ni` to check them by.

    Args:
        text: of its file, ports declared as this project does: one a line, `<stream>_valid_i` or `_o` and so on.
    """
    header = re.search(r"^module\s.*?^\);", re.sub(r"//.*", "", text), re.MULTILINE | re.DOTALL)
    if header is None:
        return []
    ports: dict[str, str] = {}  # a declaration by the name at its end
    for line in re.findall(r"^\s*(?:input|output)\s.*", header[0], re.MULTILINE):
        declared = line.strip().rstrip(",")
        ports[declared.split()[-1]] = re.sub(r"\s+", "", declared)
    if not {"clk_i", "rst_ni"} <= ports.keys():
        return []
    streams = []
    for valid, declaration in ports.items():
        match = re.fullmatch(r"(\w+)_valid_([io])", valid)
        if match is None:
            continue
        name, ready = match[1], f"{match[1]}_ready_{'o' if match[2] == 'i' else 'i'}"
        data = tuple(port for port in ports if re.fullmatch(rf"{name}_(?!valid_|ready_)[a-z]+_[io]", port))
        if ready in ports:
            several = re.search(r"\[.*?\]", declaration)
            shared = several is not None and not any(several[0] in ports[port] for port in data)
            streams.append(PortStream(name, valid, ready, data, shared))
    return streams


def bindings(texts: Iterable[str], beats: Beats | None = None) -> str:
    """Returns SystemVerilog that binds a checker to every stream at the ports of modules.

    Args:
        texts: of the modules' files.
        beats: of streams that have the same number of beats in every sample; others are not counted.
    """
    lines = ["// What simulation checks of every stream.", ""]
    for text in texts:
        module = module_name(text)
        for stream in port_streams(text):
            data = f"{{{', '.join(stream.data)}}}" if stream.data else "1'b0"
            sizes = [
                f".Streams($bits({stream.valid}))",
                f".Width({f'$bits({data})' if stream.data else '1'})",
                f".Shared(1'b{int(stream.shared or not stream.data)})",
                f".Beats({(beats or {}).get(module, {}).get(stream.name, 1)})",
            ]
            ports = [
                *(".clk_i(clk_i)", ".rst_ni(rst_ni)", f".valid_i({stream.valid})", f".ready_i({stream.ready})"),
                f".data_i({data})",
            ]
            lines.append(
                f"bind {module} stream_checker #({', '.join(sizes)}) u_check_{stream.name} ({', '.join(ports)});"
            )
    return "\n".join(lines) + "\n"
