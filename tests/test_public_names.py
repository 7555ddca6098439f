"""Public names are documented: each parameter, shapes of arrays, units of real numbers, and errors that are raised.

What a docstring says of a parameter is found as the site shows it, by griffe.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("griffe", reason="griffe is not installed (extra 'docs')")
pytest.importorskip("torch", reason="torch is not installed (extra 'design')")

import griffe

import hwcodesign as hw
from documentation.api import DATA, MODULES, defined_in

#: Annotations of arrays, in whose places a docstring gives a shape.
_ARRAYS = re.compile(r"\bNDArray\b|\bTensor\b|\bRecords\b|\bIntegers\b")
_SHAPE = re.compile(r"\((?:[A-Z]|n|1|\*input_shape)\b[^)]*[,)]|any shape|same shape|as (?:for|in) `")
_REAL = re.compile(r"\bfloat\b|\bThreshold\b")
#: Words that say what a real number counts.
_UNITS = re.compile(
    r"unit|fraction|seconds|second|microseconds|cycles|MHz|confidence|accuracy|rate|probability|cost|share|percent|"
    r"false-alarm|threshold|temperature|weights|as (?:for|in) `|see `"
)
#: Errors that tell of a bug, not of what a user did.
_OF_BUGS = {"NotImplementedError", "AssertionError", "AttributeError"}


def public_objects() -> dict[str, Any]:
    """Public classes and functions, by the name that a user writes."""
    found = {f"hw.{name}": getattr(hw, name) for name in hw.__all__}
    shown = [*(f"hwcodesign.data.{name}" for name in DATA), *(n for m in MODULES.values() for n in defined_in(m))]
    for name in shown:
        module, _, own = name.rpartition(".")
        found[name.removeprefix("hwcodesign.")] = getattr(importlib.import_module(module), own)
    return {
        name: value
        for name, value in found.items()
        if callable(value) and not isinstance(value, ModuleType) and not issubclass(type(value), type(hw.Mode))
        if not (inspect.isclass(value) and issubclass(value, Exception))
    }


def members(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A name, and the public methods that its class defines."""
    yield name, value
    for key, member in vars(value).items() if inspect.isclass(value) else ():
        function = member.fget if isinstance(member, property) else getattr(member, "__func__", member)
        if not key.startswith("_") and inspect.isfunction(function):
            yield f"{name}.{key}", function


NAMES = {name: value for public, thing in public_objects().items() for name, value in members(public, thing)}
DOCUMENTED = {name: text for name, value in NAMES.items() if (text := inspect.getdoc(value))}


def gaps(value: Any, text: str) -> list[str]:
    """What a docstring leaves out of a function, or of a class and its constructor."""
    signature = inspect.signature(value)
    is_protocol = getattr(value, "_is_protocol", False)  # which nobody makes
    own = [p for p in signature.parameters.values() if p.name not in {"self", "cls"} and not p.name.startswith("_")]
    parameters = [] if is_protocol else own
    words = set(re.findall(r"\w+", text))
    missing = [f"parameter {p.name}" for p in parameters if p.name not in words]
    annotations = " ".join(str(part) for part in [*(p.annotation for p in parameters), signature.return_annotation])
    if _ARRAYS.search(annotations) and not _SHAPE.search(text):
        missing.append("shape")
    described = descriptions(text)
    missing += [
        f"unit of {p.name}"
        for p in parameters
        if _REAL.search(str(p.annotation)) and not _UNITS.search(described.get(p.name, text))
    ]
    return missing + [f"error {error}" for error in sorted(raised(value) - words)]


def descriptions(text: str) -> dict[str, str]:
    """What the sections of a docstring say of each parameter or attribute, its own name included."""
    found: dict[str, str] = {}
    for section in griffe.Docstring(text).parse("google", warnings=False):
        if section.kind.value in {"parameters", "attributes"}:
            for entry in section.value:
                found |= {name.strip(): f"{name} {entry.description}" for name in entry.name.split(",")}
    return found


def raised(value: Any) -> set[str]:
    """The deliberate errors that a function's own text raises, or a class' when it is made."""
    function = getattr(value, "__post_init__", value.__init__) if inspect.isclass(value) else value
    if not inspect.isfunction(function) or getattr(value, "_is_protocol", False):
        return set()
    if function.__code__.co_filename.startswith("<"):  # which dataclasses made
        return set()
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    names = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    return {name for name in names if name.endswith("Error")} - _OF_BUGS


def test_there_are_many_and_each_has_a_docstring_of_its_own_or_inherited() -> None:
    assert len(NAMES) > 150
    overriding = [name.rpartition(".") for name in NAMES if name not in DOCUMENTED]
    assert [name for owner, _, name in overriding if inspect.getdoc(getattr(NAMES[owner], name)) is None] == []


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_docstring_has_parameters_shapes_units_and_errors(name: str) -> None:
    assert gaps(NAMES[name], DOCUMENTED[name]) == []


def test_each_gap_is_found() -> None:
    def drops(part: float, codes: hw.ExitPolicy) -> Any:
        if part > 1:
            raise ValueError(part)
        return codes

    def says(text: str, function: Callable[..., Any] = drops) -> list[str]:
        return gaps(function, text)

    whole = (
        "Drops some.\n\nArgs:\n    part: a fraction of all.\n    codes: a policy.\n\nRaises:\n    ValueError: too much."
    )
    assert says(whole) == []
    assert says(whole.replace("    codes: a policy.\n", "")) == ["parameter codes"]
    assert says(whole.replace("a fraction of all", "how much")) == ["unit of part"]
    assert says(whole.split("\n\nRaises", maxsplit=1)[0]) == ["error ValueError"]
    assert "shape" in gaps(hw.FixedPoint.encode, "Converts values; raises FormatError.")
