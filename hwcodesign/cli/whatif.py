"""This command says what becomes of a design if images are other than those that it was fitted to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hwcodesign.cli.app import Data, Json, Out, RecipeName, opened, show, verb

#: Below the recipe's results.
_FOLDER = "whatif"


@verb
def whatif(
    recipe: RecipeName,
    design: Annotated[Path | None, typer.Option(help="folder of a design; by default the recipe's")] = None,
    link: Annotated[
        str, typer.Option(help="Mbit/s, milliseconds of delay, and images/s of the machine behind it")
    ] = "100,5,2000",
    swap_ms: Annotated[float, typer.Option(help="milliseconds in which a stage is swapped for another")] = 8.0,
    cascade: Annotated[
        Path | None, typer.Option(help="folder of a design of a smaller network, which answers first")
    ] = None,
    out: Out = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Predict the throughput for other images: other orders and rates, an attack, deeper buffers, a link, a cascade.

    The model of the queues between stages answers; nothing is simulated. Charts are written beside the results.
    """
    job = opened(recipe, out, data, writes=True)
    from hwcodesign.design import load
    from hwcodesign.report.whatif_charts import write_chart
    from hwcodesign.search.answers import Answers, link_of

    way = link_of(link)
    found = load(design or job.folder / "design")
    smaller = load(cascade) if cascade is not None else None
    answers = Answers.of(found, job.recipe.data().test, way, swap_ms / 1000, smaller)
    folder = job.folder / _FOLDER
    written = [write_chart(folder, chart) for chart in answers.charts]
    result: dict[str, Any] = {**answers.to_json(), "charts": [str(path) for path in written]}
    show(result, json, f"{answers.text}\n\ncharts: {folder}")
