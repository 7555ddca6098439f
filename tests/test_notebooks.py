"""The notebooks: run as they stand, on the simulated board and where there is none; each of their asserts counts."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra 'design')")
pytest.importorskip("pynq", reason="pynq is not installed (extra 'pynq')")
pytest.importorskip("matplotlib", reason="matplotlib is not installed (extra 'dev')")
pytest.importorskip("nbclient", reason="nbclient is not installed (extra 'dev')")

import nbformat
from nbclient.exceptions import CellExecutionError

import hwcodesign as hw
from hwcodesign.data import Dataset
from hwcodesign.deployment.bundle import write_bundle
from hwcodesign.design import Design
from hwcodesign.designs.stored import SOURCES
from hwcodesign.errors import SettingsError
from hwcodesign.runtime import selftest
from tests.marks import CAMPAIGN
from tests.notebook_outputs import IMAGES, TAG, Notebook, depends_on_machine, execute, texts

ROOT = Path(hw.__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
NAMES = ("first_steps", "thresholds", "progressive", "budget_control", "power")
#: Bytes of a notebook with its outputs.
MOST_BYTES = 80_000


@pytest.fixture(scope="module")
def bundle(compiled_design: Design, digits_data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As it is copied to a board; not to be changed."""
    folder = tmp_path_factory.mktemp("bundles") / "small"
    test = digits_data.test
    write_bundle(compiled_design, test.images[:IMAGES], folder, labels=test.labels[:IMAGES], wheel=False)
    return folder


@pytest.fixture(scope="module")
def simulated(bundle: Path, compiled_design: Design, digits_data: Dataset) -> Path:
    """The bundle with the RTL that a simulated board is made of, compiled already: a cell's time is limited."""
    compiled_design.run(digits_data.test.images[:1], "board-sim")
    folder = Path(shutil.copytree(bundle, bundle.with_name("simulated")))
    (folder / "rtl").symlink_to(compiled_design.folder / "rtl")
    shutil.copyfile(compiled_design.folder / SOURCES, folder / SOURCES)
    return folder


@pytest.fixture(autouse=True)
def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels import this tree, and compute on one core."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for name in ("HWCODESIGN_BUNDLE", "HWCODESIGN_ON"):
        monkeypatch.delenv(name, raising=False)


def read(name: str, folder: Path = FOLDER) -> Notebook:
    return nbformat.read(folder / f"{name}.ipynb", as_version=4)


def executed(book: Notebook, folder: Path) -> dict[str, str]:
    """What each cell printed, by its id; a cell that fails raises. Saves nothing."""
    execute(book, folder)
    return texts(book)


def pictures(book: Notebook) -> set[str]:
    """Ids of cells that drew something."""
    return {
        cell.id
        for cell in book.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    }


def put_after(book: Notebook, ident: str, code: str) -> None:
    """Insert a code cell."""
    where = [cell.id for cell in book.cells].index(ident)
    book.cells.insert(where + 1, nbformat.v4.new_code_cell(code))


# --- as they lie in the tree ---


def test_the_index_names_every_notebook() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(NAMES)
    assert set(re.findall(r"\]\((\w+)\.ipynb\)", (FOLDER / "README.md").read_text())) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_valid_keeps_small_outputs_and_explains_each_cell_before_it(name: str) -> None:
    book = read(name)
    assert (FOLDER / f"{name}.ipynb").stat().st_size < MOST_BYTES
    nbformat.validate(book)
    assert book.cells[0].source.startswith("# ")
    for before, cell in zip(book.cells, book.cells[1:], strict=False):
        assert before.cell_type == "markdown" or cell.cell_type == "markdown"
    for cell in book.cells:
        assert cell.metadata in ({}, {"tags": [TAG]})
        assert re.fullmatch(r"[a-z-]+", cell.id), "ids are names, so that they do not change from save to save"
        if cell.cell_type == "code":
            assert cell.execution_count is None
            assert {output.get("name", *output.get("data", ())) for output in cell.outputs} <= {"stdout", "image/png"}
    assert pictures(book) >= _DRAWN[name]
    assert len({cell.id for cell in book.cells}) == len(book.cells)


# --- run ---

_DRAWN = {
    "first_steps": {"images", "all", "left", "answers"},
    "thresholds": {"curves", "show", "during"},
    "progressive": {"wall", "adaptive", "order", "anytime"},
    "budget_control": {"path", "response"},
    "power": set(),
}


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_on_the_simulated_board(name: str, simulated: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HWCODESIGN_BUNDLE", str(simulated))
    monkeypatch.setenv("HWCODESIGN_ON", "board-sim")
    book = read(name)
    kept, varying = texts(book), depends_on_machine(book)
    assert varying == {"progressive": {"async"}, "power": {"record"}}.get(name, set())
    said = executed(book, FOLDER)
    fixed = {ident: text for ident, text in said.items() if ident not in varying}
    assert fixed == {ident: kept[ident] for ident in fixed}, "python -m tests.notebook_outputs keeps them anew"
    assert [ident for ident in varying if not kept[ident]] == []
    assert "runs on: board-sim" in said["open" if name == "first_steps" else "setup"]
    assert pictures(book) >= _DRAWN[name]
    if name == "first_steps":
        assert said["same"] == f"{IMAGES} records of board-sim equal those of software\n"
        assert int(re.findall(r"cycles +(\d+)", said["one"])[0]) > 0
    if name == "budget_control":
        assert re.search(r"controlled, on board-sim: .*; thresholds were moved \d+ times", said["control"])
        assert "third 1: 0 alarms\nthird 2: " in said["monitor"]
        assert said["monitor"].count("These samples differ from the fitting split") >= 1
    if name == "power":
        assert said["energy"] == "energy of an image: not measured (this ran on board-sim, not on a board)\n"
        assert re.fullmatch(r"\d+ images in .* s on board-sim: .* images/s by the computer's clock\n", said["record"])


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ("first_steps", "power") else CAMPAIGN) for name in NAMES]
)
def test_a_bundles_own_notebook_runs_as_it_lies_and_says_that_there_is_no_board(name: str, bundle: Path) -> None:
    book = read(name, bundle / "notebooks")
    said = executed(book, bundle / "notebooks")
    opened = said["open" if name == "first_steps" else "setup"]
    assert "runs on: software" in opened
    assert "on='auto' runs in software: PYNQ finds no board" in opened
    assert pictures(book) >= _DRAWN[name]


def test_a_notebook_without_a_design_stops_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    with pytest.raises(CellExecutionError, match=r"\.\. has no design\.json: it is not a design"):
        executed(read("first_steps"), tmp_path / "notebooks")


# --- what depends on other packages ---


def test_without_ipywidgets_there_are_no_sliders_and_it_is_said(bundle: Path) -> None:
    book = read("thresholds")
    put_after(book, "setup", "import sys\nsys.modules['ipywidgets'] = None  # as if it were not installed")
    said = executed(book, bundle / "notebooks")
    assert said["sliders"].startswith("ipywidgets is not installed: no sliders here. Change the numbers")


def test_sliders_choose_thresholds(bundle: Path) -> None:
    pytest.importorskip("ipywidgets", reason="ipywidgets is not installed (extra 'dev')")
    book = read("thresholds")
    chosen = "(steps[0][0], steps[3][1])"
    put_after(book, "sliders", f"sliders['exit_1'].index = 3\nassert accelerator.thresholds == {chosen}")
    assert executed(book, bundle / "notebooks")["sliders"] == ""


def test_power_is_measured_where_there_are_sensors(bundle: Path, tmp_path: Path) -> None:
    """PYNQ's recorder and its sensor of a file of the system's, in which a constant stands."""
    pytest.importorskip("pandas", reason="pandas is not installed (extra 'dev')")
    (tmp_path / "power1_input").write_text("2500000\n")
    book = read("power")
    sensor = f"SysFSSensor({str(tmp_path / 'power1_input')!r}, 'W', 'rail', 1e-6)"
    put_after(book, "sensors", f"from pynq.pmbus import SysFSSensor\nsensors = [{sensor}]")
    for cell in book.cells:
        cell.source = cell.source.replace("seconds = 3.0", "seconds = 1.0")
    put_after(book, "energy", "assert np.isclose(energies['rail'], 2.5 * elapsed / count, rtol=1e-6)")
    said = executed(book, bundle / "notebooks")
    assert re.search(r"rail +2\.500 W +2\.500 W +\d+\.\d uJ +0\.0 uJ", said["energy"])
    assert "plot" in pictures(book)


# --- where they are delivered ---


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder on the path with the entry points that pyproject.toml gives, as installers write them."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    folder = tmp_path_factory.mktemp("installed")
    metadata = folder / f"hwcodesign-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: hwcodesign\nVersion: {project['version']}\n")
    (metadata / "entry_points.txt").write_text(
        "\n".join(
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
            for group, entries in project["entry-points"].items()
        )
    )
    return folder


def test_pynq_delivers_them_where_it_is_called(installed: Path, tmp_path: Path) -> None:
    pynq = Path(sys.executable).with_name("pynq")
    done = subprocess.run(
        [str(pynq), "get-notebooks", "hwcodesign", "-p", ".", "--device", "Pynq-Z2"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{installed}:{ROOT}", "PATH": f"{pynq.parent}:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    delivered = tmp_path / "hwcodesign"
    assert {path.name for path in delivered.iterdir()} >= {f"{name}.ipynb" for name in NAMES} | {"README.md"}
    assert (delivered / "first_steps.ipynb").read_bytes() == (FOLDER / "first_steps.ipynb").read_bytes()


def test_a_bundle_carries_them_with_labelled_images_and_stays_whole_when_they_change(
    bundle: Path, digits_data: Dataset, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    files = selftest.check_files(folder)
    (folder / "notebooks" / "power.ipynb").write_text("saved by Jupyter")
    assert selftest.check_files(folder) == files
    assert "`notebooks/` shows all this" in (folder / "README.md").read_text()
    with np.load(folder / "test_images.npz", allow_pickle=False) as test:
        assert np.array_equal(test["images"], digits_data.test.images[:IMAGES])
        assert np.array_equal(test["labels"], digits_data.test.labels[:IMAGES])
    (folder / "test_images.npz").unlink()
    with pytest.raises(hw.HwcodesignError, match=r"test_images\.npz is missing or was altered"):
        selftest.check_files(folder)


def test_labels_of_other_images_are_refused(compiled_design: Design, digits_data: Dataset, tmp_path: Path) -> None:
    test = digits_data.test
    with pytest.raises(SettingsError, match="399 labels are not those of 400 images"):
        write_bundle(compiled_design, test.images, tmp_path / "out", labels=test.labels[1:], wheel=False)
