"""Planted faults: patches that apply, tests that exist, and a runner that tells what is caught from what survives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.__main__ import Verdict, document, try_all
from tests.mutants.checkout import git_apply
from tests.mutants.faults import ROOT, PlantedFault, planted_faults, read_fault

FAULTS = planted_faults()

_TEST = "tests/test_choices.py::test_case_makes_no_difference"


def patch(folder: Path, name: str, old: str, new: str, test: str = _TEST) -> PlantedFault:
    """A fault in one line of hwcodesign/choices.py."""
    path = folder / f"{name}.patch"
    lines = (ROOT / "hwcodesign/choices.py").read_text().splitlines()
    at = lines.index(old) if old in lines else 0
    path.write_text(
        f"Fault: {name}.\nTest: {test}\n\n--- a/hwcodesign/choices.py\n+++ b/hwcodesign/choices.py\n"
        f"@@ -{at},3 +{at},3 @@\n {lines[at - 1]}\n-{old}\n+{new}\n {lines[at + 1]}\n"
    )
    return read_fault(path)


def test_every_patch_applies() -> None:
    refused = {fault.name: git_apply(ROOT, fault.path, "--check") for fault in FAULTS}
    assert {name: problem for name, problem in refused.items() if problem} == {}


def test_every_test_that_a_fault_names_exists_and_runs_by_default(request: pytest.FixtureRequest) -> None:
    here = {name for item in request.session.items for name in (item.nodeid, item.nodeid.partition("[")[0])}
    named = sorted({test for fault in FAULTS for test in fault.tests} - here)
    if not named:
        return  # all tests were collected in this process
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *named]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


def test_every_module_of_systemverilog_has_a_fault_and_every_sentence_is_one() -> None:
    planted = {file for fault in FAULTS for file in fault.files}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "rtl_sim/rtl").glob("*.sv")}
    assert modules - planted == set()
    assert [f.says for f in FAULTS if not (f.says[0].isupper() and f.says.endswith(".") and ". " not in f.says)] == []
    assert len({fault.says for fault in FAULTS}) == len(FAULTS)


def test_a_caught_fault_is_told_from_one_that_survives_and_from_what_cannot_be_tried(tmp_path: Path) -> None:
    line = next(line for line in (ROOT / "hwcodesign/choices.py").read_text().splitlines() if ".lower(), by" in line)
    caught = patch(tmp_path, "caught", line, line.replace(".lower()", ""))
    survives = patch(tmp_path, "survives", line, f"{line}  # still")
    stale = patch(tmp_path, "stale", "what is not there", "anything")
    unknown = patch(tmp_path, "unknown", line, line.replace(".lower()", ""), f"{_TEST}_at_all")
    said: list[str] = []
    broken, verdicts = try_all([caught, survives, stale, unknown], 1, said.append)
    assert [verdict.caught_by for verdict in verdicts] == [_TEST, "", "", ""]
    assert len(broken) == 1
    assert f"{_TEST}_at_all does not pass without any fault" in broken[0]
    assert verdicts[1].text == "SURVIVED"
    assert "the patch does not apply: " in verdicts[2].text
    assert "pytest ended with 4" in verdicts[3].text
    assert "not found" in said[0]


def test_a_patch_that_lacks_its_sentence_tests_or_diff_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.patch"
    for text in ("", "Fault: one.\n\n--- a/x\n+++ b/x\n", "Fault: one.\nTest: t\n", "Test: t\n\n--- a/x\n+++ b/x\n"):
        path.write_text(text)
        with pytest.raises(ValueError, match="give one line 'Fault: …', a line 'Test: …' for each test, then a diff"):
            read_fault(path)
    with pytest.raises(ValueError, match="no fault is called nothing: tests/mutants has "):
        planted_faults(["nothing"])


def test_the_table_has_a_row_for_each_fault() -> None:
    verdicts = [Verdict(FAULTS[0], FAULTS[0].tests[0]), Verdict(FAULTS[1])]
    text = document(verdicts)
    assert "1 of 2 are caught." in text
    head, _, *rows = text[text.index("| file") :].splitlines()
    assert head == "| file | fault | tests that must catch it | caught by |"
    assert rows[0].startswith(f"| `{FAULTS[0].files[0]}` | {FAULTS[0].says} | `{FAULTS[0].tests[0]}`")
    assert rows[1].endswith("| SURVIVED |")


def test_the_document_is_of_these_faults() -> None:
    text = (ROOT / "docs/mutants.md").read_text()
    assert [fault.name for fault in FAULTS if fault.says.replace("|", "\\|") not in text] == []
    assert "SURVIVED" not in text
