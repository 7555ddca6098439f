"""A name that is not known is refused with what was probably meant."""

from __future__ import annotations

from hwcodesign.choices import not_known

BOARDS = ("pynq-z1", "pynq-z2", "kv260")


def test_the_nearest_name_is_proposed_and_all_are_listed() -> None:
    assert (
        not_known("board 'kv620'", "kv620", BOARDS)
        == "board 'kv620' is not known: did you mean 'kv260'? Known: pynq-z1, pynq-z2, kv260"
    )


def test_nothing_is_proposed_where_nothing_is_near() -> None:
    assert not_known("board 'de10'", "de10", BOARDS) == "board 'de10' is not known. Known: pynq-z1, pynq-z2, kv260"


def test_case_makes_no_difference() -> None:
    assert "did you mean 'kv260'?" in not_known("board 'KV260'", "KV260", BOARDS)
    assert "did you mean 'pynq-z2'?" in not_known("board 'PYNQ-Z2'", "PYNQ-Z2", BOARDS)
    assert "did you mean 'PYNQ-Z2'?" in not_known("board 'pynq-z2'", "pynq-z2", ["PYNQ-Z2"])


def test_short_names_are_proposed_and_not_listed() -> None:
    text = not_known("recipe 'digts'", "digts", ["digits_lenet", "gated_digits"], short=["digits"])
    assert text == "recipe 'digts' is not known: did you mean 'digits'? Known: digits_lenet, gated_digits"
