"""Runs notebooks, and keeps small outputs in them: `python -m tests.notebook_outputs`.

They run on the simulated board, with the small network whose weights are kept, so that their outputs are the same on
every machine. A cell whose text depends on the machine has the tag `depends-on-machine`; it is kept, and not compared.
Pictures are kept with few colours, and not compared.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from PIL import Image

from tests.documents import ROOT

Notebook = nbformat.NotebookNode
FOLDER = ROOT / "notebooks"
TAG = "depends-on-machine"
#: Images of the test split that are in the bundle.
IMAGES = 120
_COLOURS, _WIDTH = 24, 620


def execute(book: Notebook, folder: Path) -> None:
    """Run all cells; one that fails raises. Saves nothing."""
    NotebookClient(book, timeout=120, resources={"metadata": {"path": str(folder)}}).execute()


def texts(book: Notebook) -> dict[str, str]:
    """What each code cell printed, by its id."""
    return {
        cell.id: "".join(output.text for output in cell.outputs if output.output_type == "stream")
        for cell in book.cells
        if cell.cell_type == "code"
    }


def depends_on_machine(book: Notebook) -> set[str]:
    """Ids of the cells with the tag."""
    return {cell.id for cell in book.cells if TAG in cell.metadata.get("tags", ())}


def keep_small(book: Notebook) -> None:
    """Leave of the outputs what a reader needs: printed text, and pictures with few colours."""
    for cell in book.cells:
        if cell.cell_type != "code":
            continue
        cell.execution_count, cell.metadata = None, {key: cell.metadata[key] for key in cell.metadata if key == "tags"}
        printed = texts(book)[cell.id]
        kept = [nbformat.v4.new_output("stream", name="stdout", text=printed)] if printed else []
        for output in cell.outputs:
            if picture := output.get("data", {}).get("image/png"):
                kept.append(nbformat.v4.new_output("display_data", {"image/png": _smaller(picture)}))
        cell.outputs = kept
    book.metadata.pop("widgets", None)


def _smaller(png: str) -> str:
    image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    if image.width > _WIDTH:
        image = image.resize((_WIDTH, round(image.height * _WIDTH / image.width)), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.quantize(_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return base64.b64encode(out.getvalue()).decode()


def main() -> None:
    from hwcodesign.compilation import compile
    from hwcodesign.data.digits import digits
    from hwcodesign.deployment.bundle import write_bundle
    from hwcodesign.designs.stored import SOURCES
    from tests.small_network import fitted, trained

    network, data = trained(), digits()
    with tempfile.TemporaryDirectory() as scratch:
        design = compile(network, fitted(network, data.fitting), out=Path(scratch) / "small")
        bundle, test = Path(scratch) / "bundle", data.test
        write_bundle(design, test.images[:IMAGES], bundle, labels=test.labels[:IMAGES], wheel=False)
        (bundle / "rtl").symlink_to(design.folder / "rtl")
        shutil.copyfile(design.folder / SOURCES, bundle / SOURCES)
        os.environ |= {"HWCODESIGN_BUNDLE": str(bundle), "HWCODESIGN_ON": "board-sim", "PYTHONPATH": str(ROOT)}
        for path in sorted(FOLDER.glob("*.ipynb")):
            book = nbformat.read(path, as_version=4)
            execute(book, FOLDER)
            keep_small(book)
            path.write_text(nbformat.writes(book, indent=1).rstrip() + "\n")
            print(f"{path.name}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
