"""Boards that users describe in files, and parts of boards."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hwcodesign.designs.boards import BOARDS, Board, Processor, board_named, board_of
from hwcodesign.errors import SettingsError
from hwcodesign.hardware.resources.figures import Resources
from hwcodesign.storage.fields import Field

DOCS = Path(__file__).resolve().parent.parent / "docs"
(EXAMPLE,) = re.findall(r"```toml\n(.*?)```", (DOCS / "boards.md").read_text(), re.DOTALL)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my.toml"
    path.write_text(EXAMPLE)
    return path


def test_a_board_is_a_file(file: Path) -> None:
    capacity = Resources(lut=17_600, ff=35_200, dsp=80, bram18=120)
    board = Board("my-board", "xc7z010clg400-1", 100.0, Processor.ZYNQ_7000, "", capacity)
    assert board_named(str(file)) == board


@pytest.mark.parametrize("board", BOARDS.values(), ids=lambda board: board.name)
def test_a_design_keeps_all_that_its_board_is(board: Board) -> None:
    assert board_of(Field(board.to_json(), "board")) == board


def test_a_part_has_the_same_fraction_of_everything(file: Path) -> None:
    half = board_named(f"{file}@8800")
    assert half.capacity == Resources(lut=8_800, ff=17_600, dsp=40, bram18=60)
    assert (half.name, half.part, half.clock_mhz) == ("my-board@8800", "xc7z010clg400-1", 100.0)
    zc706 = board_named("zc706@10930")  # a twentieth
    assert zc706.capacity == Resources(lut=10_930, ff=21_860, dsp=45, bram18=54)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("lut = 17_600\n", "", "capacity.lut is missing"),
        ("lut = 17_600", "lut = 0", "capacity.lut is 0, and must be a whole number from 1 to"),
        ("lut = 17_600", "luts = 5\nlut = 4", "capacity has 'luts', which is none of lut, ff, dsp"),
        ("clock_mhz = 100 ", "clock_mhz = '100' ", "clock_mhz is '100', and must be a number from 1 to 1000"),
        ('"zynq-7000"', '"zynq"', "processor 'zynq' is not known: did you mean 'zynq-7000'"),
        ('"my-board"', '"My Board"', "name is 'My Board', and must be a name of small letters"),
        ("name = ", "name ", "Expected '=' after a key"),
    ],
)
def test_a_file_that_describes_no_board_is_refused(file: Path, old: str, new: str, message: str) -> None:
    text = EXAMPLE.replace(old, new, 1)
    assert text != EXAMPLE
    file.write_text(text)
    with pytest.raises(SettingsError, match=rf"my\.toml does not describe a board: .*{re.escape(message)}"):
        board_named(str(file))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("zc707", r"board 'zc707' is not known: did you mean 'zc706'\? Known: "),
        ("zc707@5", r"board 'zc707' is not known: did you mean 'zc706'"),
        ("none.toml", r"board 'none\.toml' is no file: name one, or one of pynq-z1, "),
        ("zc706@", r"board 'zc706@': give the LUTs of the part behind @, 1 to 218600"),
        ("zc706@0", "give the LUTs of the part behind @, 1 to 218600"),
        ("zc706@300000", "give the LUTs of the part behind @, 1 to 218600"),
        ("zc706@some", "give the LUTs of the part behind @, 1 to 218600"),
    ],
)
def test_a_board_that_is_not_known_is_refused(name: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        board_named(name)
