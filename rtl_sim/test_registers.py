"""The register block: its one description, everything made from it, and the shell of an accelerator around a core."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from hwcodesign.backends.streamrtl.register_block import RegisterBlock, generate, python_constants, read_registers
from hwcodesign.errors import SettingsError
from hwcodesign.interface import register_map
from hwcodesign.interface.registers import Count, Field
from hwcodesign.simulation.cocotb_runner import Bench, run_bench
from hwcodesign.storage.installed import shared_folder
from hwcodesign.tools.verilator import find_verilator

_TB = shared_folder("rtl_sim") / "tb"


def _write(block: RegisterBlock, folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{block.package_name}.sv", folder / f"{block.module_name}.sv"]
    files[0].write_text(block.package)
    files[1].write_text(block.module)
    return files


def test_driver_constants_are_those_of_the_description() -> None:
    text = Path(register_map.__file__).read_text()
    assert text == python_constants(read_registers()), "run python -m hwcodesign.backends.streamrtl.register_block"
    assert read_registers() == register_map.REGISTERS


def test_the_same_text_every_time_whatever_the_folder() -> None:
    assert generate(3, "a") == generate(3, "a")


def test_offsets_do_not_depend_on_exits() -> None:
    few, many = generate(1, "a").offsets, generate(64, "a").offsets
    assert few.items() <= many.items()
    assert len(many) == len(set(many.values())) == len(few) + 63 + 63 + 62
    assert max(many.values()) < 4096


@pytest.mark.parametrize("exits", [1, 2, 64])
def test_verilator_takes_it_beside_another(exits: int, tmp_path: Path) -> None:
    """Two accelerators in one design, all warnings on but those waived in the files themselves."""
    files = [*_write(generate(exits, "one"), tmp_path), *_write(generate(2, "other"), tmp_path)]
    for top in ("one_registers", "other_registers"):
        command = ["verilator", "--lint-only", "-Wall", "--top-module", top, *map(str, files)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=find_verilator().environment)
        assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_c_header_has_the_same_numbers(tmp_path: Path) -> None:
    block = generate(3, "acc")
    (tmp_path / "acc_registers.h").write_text(block.header)
    checks = [
        f"static_assert(ACC_{name.replace('[', '(').replace(']', ')')} == {v});" for name, v in block.offsets.items()
    ]
    for register in block.registers:
        for field in register.fields:
            name = f"ACC_{register.name}_{field.name.upper()}"
            checks.append(f"static_assert({name}_MASK == {field.mask}u && {name}_SHIFT == {field.low}u);")
    (tmp_path / "check.cpp").write_text('#include "acc_registers.h"\n' + "\n".join(checks))
    subprocess.run(["g++", "-std=c++17", "-Wall", "-Werror", "-fsyntax-only", "check.cpp"], check=True, cwd=tmp_path)


def test_documentation_names_every_field() -> None:
    block = generate(2, "a")
    for register in block.registers:
        assert f"`{register.name}" in block.documentation
        assert register.description in block.documentation
        for field in register.fields:
            assert f"`{field.name}`" in block.documentation
    assert "2 exits" not in block.documentation


def test_fields() -> None:
    field = Field("code", 4, 8, "rw", 0, "")
    assert field.insert(-1) == 0xFF0
    assert field.extract(field.insert(0x5A, 0xFFFFFFFF)) == 0x5A
    assert field.insert(0, 0xFFFFFFFF) == 0xFFFFF00F
    with pytest.raises(SettingsError, match="256 does not fit the 8 bits of register field code"):
        field.insert(256)
    with pytest.raises(KeyError, match="STATUS has no field 'eror', but error"):
        register_map.STATUS.field("eror")
    assert Count.BUFFERS.of(1) == 1


@pytest.mark.parametrize("exits", [0, 65])
def test_exits_out_of_range_are_refused(exits: int) -> None:
    with pytest.raises(SettingsError, match=f"{exits} exits"):
        generate(exits, "a")


@pytest.mark.parametrize("prefix", ["", "A", "1a", "a-b", "a;b"])
def test_prefixes_that_are_no_names_are_refused(prefix: str) -> None:
    with pytest.raises(SettingsError, match="prefix"):
        generate(2, prefix)


def test_the_shell_is_wired_as_generated_designs_are() -> None:
    text = re.sub(r"\s+", "", (_TB / "shell.sv").read_text())
    for port, expression in generate(3, "shell").control_ports:
        assert f".{port}({expression})".replace(" ", "") in text, port


def test_the_shell_works(tmp_path: Path) -> None:
    sources = [*_write(generate(3, "shell"), tmp_path / "generated"), _TB / "shell.sv"]
    bench = Bench("shell", "shell_bench", {}, sources=sources)
    run_bench(bench, tmp_path / "run")
