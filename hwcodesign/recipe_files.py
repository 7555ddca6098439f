"""This module finds recipe files, and reads what their text says without executing them.

Executing a recipe imports PyTorch, which takes seconds. Listing recipes, and finding the results of a recipe, do not
need it.
"""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hwcodesign.choices import not_known
from hwcodesign.errors import RecipeError
from hwcodesign.storage.installed import shared_folder

#: What a recipe may be made by, with its settings as keywords.
_MAKERS = ("Recipe", "replace")


def recipe_names() -> list[str]:
    """Returns the names of the recipes that come with the package."""
    return sorted(path.stem for path in shared_folder("models").glob("*.py"))


def find_recipe(name: str) -> Path:
    """Returns the file of a recipe.

    Args:
        name: path of a recipe file, or the name of one that comes with the package; the part before the first
            underscore does where it is unique ("digits" for digits_lenet).

    Raises:
        RecipeError: there is no such recipe.
    """
    if name.endswith(".py") or "/" in name:
        path = Path(name)
        if not path.is_file():
            raise RecipeError(f"there is no recipe file {name}")
        return path
    names = recipe_names()
    matches = [stem for stem in names if stem == name] or [stem for stem in names if _short(stem) == name]
    if len(matches) > 1:
        raise RecipeError(f"recipe {name!r} may be {' or '.join(matches)}: give the whole name")
    if not matches:
        short = [key for key, count in Counter(map(_short, names)).items() if count == 1]
        raise RecipeError(f"{not_known(f'recipe {name!r}', name, names, short=short)}, or the path of a recipe file")
    return shared_folder("models") / f"{matches[0]}.py"


def _short(stem: str) -> str:
    return stem.split("_", maxsplit=1)[0]


@dataclass(frozen=True)
class RecipeFile:
    """A recipe file gives access to the text of a recipe.

    Attributes:
        path: path of the file.

    Raises:
        RecipeError: when a property is requested: the file is not Python text.
    """

    path: Path

    @property
    def about(self) -> str:
        """Returns the first line of its docstring; empty if it has none."""
        return (ast.get_docstring(self._text) or "").partition("\n")[0]

    @property
    def name(self) -> str | None:
        """Returns `RECIPE.name`; None if only executing the recipe would tell."""
        value = self._setting("name")
        return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None

    @property
    def data(self) -> str | None:
        """Returns the name of the function that loads `RECIPE`'s data set; "its own" if the recipe defines one.

        The value is None if only executing the recipe would tell.
        """
        value = self._setting("data")
        if not isinstance(value, ast.Name):
            return None
        own = any(isinstance(item, ast.FunctionDef) and item.name == value.id for item in self._text.body)
        return "its own" if own else value.id

    @cached_property
    def _text(self) -> ast.Module:
        try:
            return ast.parse(self.path.read_bytes())
        except (SyntaxError, ValueError) as error:
            raise RecipeError(f"recipe {self.path} is not Python text: {error}") from None

    def _setting(self, key: str) -> ast.expr | None:
        """Returns what `RECIPE` is given for a setting, here or in the recipe from which it was made."""
        made = self._assigned("RECIPE")
        if not isinstance(made, ast.Call) or _called(made) not in _MAKERS:
            return None
        given = [keyword.value for keyword in made.keywords if keyword.arg == key]
        if given:
            return given[0]
        if _called(made) != "replace" or not made.args or not isinstance(made.args[0], ast.Name):
            return None
        origin = self._assigned(made.args[0].id)
        if not isinstance(origin, ast.Call) or _called(origin) != "load_recipe" or not origin.args:
            return None
        name = origin.args[0]
        if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
            return None
        return RecipeFile(find_recipe(name.value))._setting(key)

    def _assigned(self, name: str) -> ast.expr | None:
        """Returns the value of a name that the module assigns once, and only outside functions and classes."""
        if sum(_is_stored(node, name) for node in ast.walk(self._text)) != 1:
            return None
        for statement in self._text.body:
            if isinstance(statement, ast.Assign):
                for target in statement.targets:
                    found = _matched(target, statement.value, name)
                    if found is not None:
                        return found
        return None


def _called(call: ast.Call) -> str:
    """Returns the last part of what is called: "replace" of `dataclasses.replace`."""
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_stored(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store)


def _matched(target: ast.expr, value: ast.expr, name: str) -> ast.expr | None:
    """Returns what a name is assigned, alone or as one of several: `a, b = x, y`."""
    if isinstance(target, ast.Name):
        return value if target.id == name else None
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts, strict=False)
        return next((found for left, right in pairs if (found := _matched(left, right, name)) is not None), None)
    return None
