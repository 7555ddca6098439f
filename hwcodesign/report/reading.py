"""This module reads the report of an earlier run."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from hwcodesign.errors import DesignError, FieldError
from hwcodesign.report.schema import REPORT_VERSION, Report
from hwcodesign.storage.fields import read_json, shown


def read_report(path: Path) -> Report:
    """Reads a report.

    Raises:
        DesignError: the file is missing, is not JSON or no report, or has another version.
    """
    try:
        content = read_json(path)
    except FieldError as error:
        raise DesignError(f"{path} is not JSON ({error}): run the recipe again") from None
    if not isinstance(content, dict) or "comparisons" not in content:
        raise DesignError(f"{path} is not a report of hwcodesign: run the recipe again")
    version = content.get("report_version")
    if version != REPORT_VERSION:
        raise DesignError(f"{path} has report version {shown(version)}, not {REPORT_VERSION}: run the recipe again")
    return cast(Report, content)
