"""This module makes the register block of an accelerator: everything comes from one SystemRDL file.

PeakRDL writes the SystemVerilog. The driver's constants (`hwcodesign/interface/register_map.py`), the C header and the
documentation are written here, from the same compiled description. After a change of rtl_sim/rdl/accelerator.rdl,
`python -m hwcodesign.backends.streamrtl.register_block` writes the driver's constants anew.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

from peakrdl_regblock import RegblockExporter  # type: ignore[import-untyped]  # it has no types
from peakrdl_regblock.cpuif.axi4lite import AXI4Lite_Cpuif_flattened  # type: ignore[import-untyped]  # it has no types
from peakrdl_regblock.udps import ALL_UDPS  # type: ignore[import-untyped]  # it has no types
from systemrdl.compiler import RDLCompiler
from systemrdl.node import AddrmapNode, FieldNode, RegNode, RootNode

from hwcodesign.errors import SettingsError
from hwcodesign.interface.registers import Count, Field, Register
from hwcodesign.storage.cache import scratch_folder
from hwcodesign.storage.files import write_text
from hwcodesign.storage.installed import shared_folder

#: Bits of a byte address: 4 KiB, so that no two addresses of an interconnect's smallest range are the same register.
ADDRESS_WIDTH = 12

#: Arrays have room for so many.
MOST_EXITS = 64

#: Warnings of Verilator that PeakRDL's output gives rise to.
_WAIVED = ("GENUNNAMED", "MULTIDRIVEN", "UNUSEDPARAM", "UNUSEDSIGNAL")


@dataclass(frozen=True)
class RegisterBlock:
    """A register block holds the registers of one accelerator.

    Attributes:
        exits: number of exits of the accelerator, the last one included.
        package_name, package: SystemVerilog package with the types of the ports `hwif_in` and `hwif_out`.
        module_name, module: SystemVerilog module with an AXI4-Lite slave `s_axil_`.
        hwif_in_type, hwif_out_type: types of those ports.
        registers: registers by ascending offset.
        control_ports: ports of accelerator_control, and what in hwif_in and hwif_out each is wired to.
        documentation: Markdown.
        header: C and C++ constants.
    """

    exits: int
    package_name: str
    package: str
    module_name: str
    module: str
    registers: tuple[Register, ...]
    control_ports: tuple[tuple[str, str], ...]
    documentation: str
    header: str

    @property
    def hwif_in_type(self) -> str:
        """Returns the type of the port `hwif_in`."""
        return f"{self.package_name}::accelerator__in_t"

    @property
    def hwif_out_type(self) -> str:
        """Returns the type of the port `hwif_out`."""
        return f"{self.package_name}::accelerator__out_t"

    @property
    def offsets(self) -> dict[str, int]:
        """Returns the offset of each register by its name; arrays are NAME[0], NAME[1] and so on."""
        return {
            register.name if register.count is Count.ONE else f"{register.name}[{i}]": register.address(i)
            for register in self.registers
            for i in range(register.count.of(self.exits))
        }


def generate(exits: int, prefix: str) -> RegisterBlock:
    """Makes the register block of an accelerator; the text is the same every time.

    Args:
        exits: number of exits of the accelerator, the last one included.
        prefix: prefix of the names of module and package, so that several accelerators fit into one design.

    Raises:
        SettingsError: exits or prefix out of range.
    """
    if not 1 <= exits <= MOST_EXITS:
        raise SettingsError(f"an accelerator of {exits} exits has no register map: 1 to {MOST_EXITS} are possible")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", prefix):
        raise SettingsError(f"{prefix!r} is no prefix of names: use lower-case letters, digits and underscores")
    module, package = f"{prefix}_registers", f"{prefix}_registers_pkg"
    root = _elaborate(exits)
    with scratch_folder() as folder:
        RegblockExporter().export(
            root,
            folder,
            cpuif_cls=AXI4Lite_Cpuif_flattened,
            module_name=module,
            package_name=package,
            address_width=ADDRESS_WIDTH,
            default_reset_activelow=True,
            default_reset_async=False,
        )
        texts = [(Path(folder) / f"{name}.sv").read_text(encoding="utf-8") for name in (package, module)]
    registers = read_registers()
    return RegisterBlock(
        exits=exits,
        package_name=package,
        package=_waived(texts[0]),
        module_name=module,
        module=_waived(texts[1]),
        registers=registers,
        control_ports=_control_ports(exits),
        documentation=documentation(registers),
        header=c_header(registers, exits, prefix),
    )


def read_registers() -> tuple[Register, ...]:
    """Reads the registers that rtl_sim/rdl/accelerator.rdl describes, by ascending offset."""
    exits = 5  # so that the length of an array tells what it has one of
    top = _elaborate(exits).children()[0]
    assert isinstance(top, AddrmapNode)
    counts = {count.of(exits): count for count in Count}
    return tuple(_register(node, counts) for node in top.registers())


def _elaborate(exits: int) -> RootNode:
    compiler = RDLCompiler()
    for udp in ALL_UDPS:
        compiler.register_udp(udp)
    compiler.compile_file(str(shared_folder("rtl_sim") / "rdl" / "accelerator.rdl"))
    return compiler.elaborate(
        top_def_name="accelerator", parameters={"EXITS": exits, "BUFFERS": Count.BUFFERS.of(exits)}
    )


def _register(node: RegNode, counts: dict[int, Count]) -> Register:
    length = 1
    if node.is_array:
        assert node.array_dimensions is not None
        (length,) = node.array_dimensions
        assert node.array_stride == 4, f"{node.inst_name}: registers of an array lie 4 bytes apart"
    return Register(
        node.inst_name,
        node.raw_address_offset,
        counts[length],
        tuple(_field(field) for field in node.fields()),
        node.get_property("desc") or "",
    )


def _field(node: FieldNode) -> Field:
    access = "r" * node.is_sw_readable + "w" * node.is_sw_writable
    reset = node.get_property("reset")
    assert reset is None or isinstance(reset, int)
    constant = node.inst_name == "exits"  # of one accelerator, not of all
    return Field(
        node.inst_name,
        node.low,
        node.width,
        access,
        0 if constant or reset is None else reset,
        node.get_property("desc") or "",
    )


def _control_ports(exits: int) -> tuple[tuple[str, str], ...]:
    def array(text: str, count: int) -> str:
        return "{" + ", ".join(text.format(k) for k in reversed(range(count))) + "}"

    return (
        ("staged_thresholds_i", array("hwif_out.THRESHOLD[{}].code.value", exits)),
        ("staged_anytime_i", "hwif_out.MODE.anytime.value"),
        ("soft_reset_i", "hwif_out.CONTROL.soft_reset.value"),
        ("snapshot_i", "hwif_out.CONTROL.snapshot.value"),
        ("commit_i", "hwif_out.CONTROL.commit.value"),
        ("commit_pending_o", "hwif_in.STATUS.commit_pending.next"),
        ("draining_o", "hwif_in.STATUS.draining.next"),
        ("resetting_o", "hwif_in.STATUS.resetting.next"),
        ("in_flight_o", "hwif_in.STATUS.in_flight.next"),
        ("cycles_o", "{hwif_in.CYCLES_HIGH.count.next, hwif_in.CYCLES_LOW.count.next}"),
        ("accepted_o", "hwif_in.ACCEPTED.count.next"),
        ("input_stalls_o", "hwif_in.INPUT_STALLS.count.next"),
        ("output_stalls_o", "hwif_in.OUTPUT_STALLS.count.next"),
        ("finals_o", array("hwif_in.FINALS[{}].count.next", exits)),
        ("high_water_o", array("hwif_in.HIGH_WATER[{}].beats.next", Count.BUFFERS.of(exits))),
    )


def _waived(text: str) -> str:
    off = "".join(f"/* verilator lint_off {rule} */\n" for rule in _WAIVED)
    on = "".join(f"/* verilator lint_on {rule} */\n" for rule in _WAIVED)
    return f"{off}{text.rstrip()}\n{on}"


def documentation(registers: tuple[Register, ...]) -> str:
    """Returns a Markdown table of registers and fields."""
    lines = [
        "| offset | register | bits | field | access | after reset | meaning |",
        "|---|---|---|---|---|---|---|",
    ]
    for register in registers:
        name = register.name if register.count is Count.ONE else f"{register.name}[k]"
        offset = f"0x{register.offset:03X}" + ("" if register.count is Count.ONE else " + 4k")
        per = "" if register.count is Count.ONE else f" ({register.count.value})"
        lines.append(f"| {offset} | `{name}` | | | | | {register.description}{per} |")
        for field in register.fields:
            top = field.low + field.width - 1
            bits = str(top) if field.width == 1 else f"{top}:{field.low}"
            reset = f"0x{field.reset:X}" if field.reset else "0" if "w" in field.access else ""
            lines.append(f"| | | {bits} | `{field.name}` | {field.access} | {reset} | {field.description} |")
    return "\n".join(lines) + "\n"


def c_header(registers: tuple[Register, ...], exits: int, prefix: str) -> str:
    """Returns the constants of one accelerator for C and C++."""
    name = prefix.upper()
    lines = [
        "/* Registers of an accelerator, from rtl_sim/rdl/accelerator.rdl: byte offsets, masks, places of fields. */",
        f"#ifndef {name}_REGISTERS_H",
        f"#define {name}_REGISTERS_H",
        "",
        f"#define {name}_EXITS {exits}u",
    ]
    for register in registers:
        macro = f"{name}_{register.name}"
        lines += ["", f"/* {register.description} */"]
        if register.count is Count.ONE:
            lines.append(f"#define {macro} 0x{register.offset:03x}u")
        else:
            lines.append(f"#define {macro}(k) (0x{register.offset:03x}u + 4u * (k))")
            lines.append(f"#define {macro}_LENGTH {register.count.of(exits)}u")
        for field in register.fields:
            lines.append(f"#define {macro}_{field.name.upper()}_MASK 0x{field.mask:08x}u")
            lines.append(f"#define {macro}_{field.name.upper()}_SHIFT {field.low}u")
            if field.reset:
                lines.append(f"#define {macro}_{field.name.upper()}_RESET 0x{field.reset:x}u")
    return "\n".join([*lines, "", "#endif", ""])


def python_constants(registers: tuple[Register, ...]) -> str:
    """Returns the text of hwcodesign/interface/register_map.py."""
    lines = [
        '"""The registers of every accelerator, written from rtl_sim/rdl/accelerator.rdl; a test compares the two.',
        "",
        "`python -m hwcodesign.backends.streamrtl.register_block` writes this file again.",
        '"""',
        "",
        "from hwcodesign.interface.registers import Count, Field, Register",
        "",
    ]
    for register in registers:
        lines += [
            f"{register.name} = Register(",
            f'    "{register.name}",',
            f"    0x{register.offset:03X},",
            f"    Count.{register.count.name},",
            "    (",
            *(line for field in register.fields for line in _field_lines(field)),
            "    ),",
            *_literal(register.description, 4),
            ")",
            "",
        ]
    names = [f"    {register.name}," for register in registers]
    return "\n".join([*lines, "#: By ascending offset.", "REGISTERS = (", *names, ")", ""])


def _field_lines(field: Field) -> list[str]:
    values = (f'"{field.name}"', str(field.low), str(field.width), f'"{field.access}"', f"0x{field.reset:X}")
    arguments = [f"            {value}," for value in values]
    return ["        Field(", *arguments, *_literal(field.description, 12), "        ),"]


def _literal(text: str, indent: int) -> list[str]:
    """Lines of a string argument, broken where the formatter allows 120 columns."""
    quote = "'" if '"' in text else '"'
    assert quote not in text, text
    whole = len(text) + indent + 3 <= 120
    pieces = [text] if whole else textwrap.wrap(text, 110 - indent, drop_whitespace=False)
    lines = [f"{' ' * indent}{quote}{piece}{quote}" for piece in pieces]
    return [*lines[:-1], f"{lines[-1]},"]


def main() -> None:
    """Writes the driver's constants."""
    path = Path(__file__).resolve().parents[2] / "interface" / "register_map.py"
    write_text(path, python_constants(read_registers()))
    print(path)


if __name__ == "__main__":
    main()
