"""build_block.tcl, which builds one HLS block, run by Tcl itself with stand-ins for Vitis HLS's commands."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from hwcodesign.backends.vitis.blocks import blocks_of
from hwcodesign.designs.boards import BOARDS
from hwcodesign.storage.installed import shared_folder
from rtl_sim.tb.small_accelerators import plain

pytestmark = pytest.mark.skipif(shutil.which("tclsh") is None, reason="tclsh is not installed")

_STEPS = ["csim_design", "csynth_design", "cosim_design", "export_design"]
#: Each command prints itself; synthesis, co-simulation and export leave what `found` says.
_STAND_INS = """\
foreach command {open_project set_top add_files open_solution set_part create_clock set_clock_uncertainty csim_design} {
    proc $command args "puts \\"> $command \\$args\\"; fails $command"
}
proc fails {command} {
    if {[info exists ::found($command)]} { error $::found($command) }
}
proc leave {path text} {
    file mkdir [file dirname $path]
    set channel [open $path w]
    puts $channel $text
    close $channel
}
proc csynth_design args {
    puts "> csynth_design"
    leave one_prj/solution1/syn/report/csynth.xml "<EstimatedClockPeriod>$::found(period)</EstimatedClockPeriod>
        <Interval-min>1</Interval-min><Interval-max>$::found(interval)</Interval-max>"
}
proc cosim_design args {
    puts "> cosim_design $args"
    leave one_prj/solution1/sim/report/one_cosim.rpt "|   Verilog|  $::found(cosim)|"
}
proc export_design args {
    puts "> export_design $args"
    if {$::found(exported)} { leave one_prj/solution1/impl/ip/component.xml "" }
}
"""
_FOUND = {"period": "7.9", "interval": "1", "cosim": "Pass", "exported": "1"}


def build(folder: Path, *arguments: str, settings: str = "", **found: str) -> tuple[int, list[str]]:
    """Exit status, and the lines printed, of a block whose tools find what is given."""
    shutil.copyfile(shared_folder("hls") / "tcl/build_block.tcl", folder / "build_block.tcl")
    (folder / "block.tcl").write_text(
        f"set block_name one\nset part xc7z020clg400-1\nset clock_period 8\nset expected_interval 1\n{settings}\n"
    )
    pairs = " ".join(f"{name} {{{value}}}" for name, value in {**_FOUND, **found}.items())
    script = folder / "run.tcl"
    script.write_text(f"{_STAND_INS}array set found {{{pairs}}}\nsource build_block.tcl\n")
    done = subprocess.run(
        ["tclsh", str(script), *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("board", "period", "part"), [("pynq-z2", "10", "xc7z020clg400-1"), ("zc706", "8", "xc7z045ffg900-2")]
)
def test_generated_blocks_are_built_for_their_board(board: str, period: str, part: str) -> None:
    blocks = {block.name: block for block in blocks_of(plain("sample"), BOARDS[board])}
    for name, interval in (("fork0", ""), ("buffer0", "1"), ("merge", "1")):
        text = blocks[name].files["block.tcl"]
        settings = dict(line.split(maxsplit=2)[1:] for line in text.splitlines())
        assert settings["block_name"] == name
        assert (settings["clock_period"], settings["part"]) == (period, part)
        assert settings.get("expected_interval", "") == interval


def ran(lines: list[str]) -> list[str]:
    commands = [line.split()[1] for line in lines if line.startswith("> ")]
    return [command for command in commands if command in _STEPS]


def test_a_block_that_meets_everything_is_built(tmp_path: Path) -> None:
    status, lines = build(tmp_path, "export=1")
    assert (status, lines[-1]) == (0, "INFO: one is built")
    assert ran(lines) == _STEPS
    assert "INFO: clock 7.9 ns, interval 1 to 1 cycles" in lines
    assert "> create_clock -period 8 -name default" in lines
    assert "> set_clock_uncertainty 27% default" in lines


@pytest.mark.parametrize(
    ("found", "message", "steps"),
    [
        ({"csim_design": "2 mismatches"}, "C SIMULATION: 2 mismatches", 1),
        ({"period": "8.1"}, "the estimated clock period is 8.1 ns, longer than 8 ns", 2),
        ({"interval": "2"}, "the interval is 2 cycles instead of 1", 2),
        ({"interval": "0"}, "the interval is 0 cycles instead of 1", 2),
        ({"cosim": "Fail"}, "co-simulation did not pass", 3),
        ({"exported": "0"}, "no IP was exported", 4),
    ],
)
def test_a_step_that_fails_ends_the_build(tmp_path: Path, found: dict[str, str], message: str, steps: int) -> None:
    status, lines = build(tmp_path, "export=1", **found)
    assert (status, lines[-1]) == (1, f"ERROR: {message}")
    assert ran(lines) == _STEPS[:steps]


def test_arguments_come_after_options_and_these_after_the_blocks_own(tmp_path: Path) -> None:
    assert ran(build(tmp_path)[1]) == _STEPS[:3]
    assert ran(build(tmp_path, settings="set opt(cosim) 0")[1]) == _STEPS[:2]
    (tmp_path / "build_opt.tcl").write_text("array set opt {csim 0 cosim 1}\n")
    assert ran(build(tmp_path, settings="set opt(cosim) 0")[1]) == _STEPS[1:3]
    assert ran(build(tmp_path, "csim=1", "synth=0", settings="set opt(cosim) 0")[1]) == [_STEPS[0], _STEPS[2]]
    status, lines = build(tmp_path, "cosmi=1")
    assert (status, lines[-1]) == (1, "ERROR: unknown step cosmi; there are: cosim csim export reset synth")
