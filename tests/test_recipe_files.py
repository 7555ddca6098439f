"""What is told of recipes without executing them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import hwcodesign as hw
from hwcodesign.errors import RecipeError
from hwcodesign.recipe_files import RecipeFile, find_recipe, recipe_names


def described(folder: Path, text: str) -> RecipeFile:
    path = folder / "mine.py"
    path.write_text(text)
    return RecipeFile(path)


@pytest.mark.parametrize("name", recipe_names())
def test_what_is_read_of_a_recipe_is_what_executing_it_gives(name: str) -> None:
    file, recipe = RecipeFile(find_recipe(name)), hw.load_recipe(name)
    assert file.name == recipe.name
    loader = recipe.data
    own = loader.__module__ == f"hwcodesign_recipe_{name}"
    assert file.data == ("its own" if own else loader.__name__)
    assert find_recipe(recipe.name) == file.path, "its name finds it"
    assert re.fullmatch(r"[A-Z].*[\w.:)]", file.about), "its first line says what it is"
    assert file.about == str(ast.get_docstring(ast.parse(file.path.read_text()))).partition("\n")[0]


def test_no_two_recipes_have_one_name_or_say_the_same_of_themselves() -> None:
    files = [RecipeFile(find_recipe(name)) for name in recipe_names()]
    assert len({file.path for file in files}) == len({file.name for file in files}) == len(files) > 0
    assert len({file.about for file in files}) == len(files)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "RECIPE = made(name='one')",
        "RECIPE = hw.Recipe(name=chosen())",
        "RECIPE = hw.Recipe(name='one')\nRECIPE = dataclasses.replace(RECIPE, name='two')",
        "if chance:\n    RECIPE = hw.Recipe(name='one')",
        "BASE = hw.load_recipe(chosen())\nRECIPE = dataclasses.replace(BASE)",
        "for BASE in [hw.load_recipe('digits')]:\n    RECIPE = dataclasses.replace(BASE)",
    ],
)
def test_what_only_executing_a_recipe_would_tell_is_not_guessed(tmp_path: Path, text: str) -> None:
    file = described(tmp_path, text)
    assert (file.name, file.data, file.about) == (None, None, "")


def test_a_recipe_made_from_another_has_its_settings(tmp_path: Path) -> None:
    text = '"""Mine.\n\nMore."""\n_A, _B = 1, hw.load_recipe("digits")\nRECIPE = dataclasses.replace(_B, name="mine")\n'
    file = described(tmp_path, text)
    assert (file.name, file.data, file.about) == ("mine", "digits", "Mine.")


def test_a_file_that_is_no_python_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"mine\.py is not Python text: .*line 1"):
        _ = described(tmp_path, "RECIPE =").name


def test_a_mistyped_recipe_is_refused_with_what_was_probably_meant() -> None:
    known = ", ".join(recipe_names())
    with pytest.raises(RecipeError, match=rf"recipe 'digts' is not known: did you mean 'digits'\? Known: {known}"):
        find_recipe("digts")
    with pytest.raises(RecipeError, match="recipe 'blenet' may be blenet_fashion or blenet_mnist: give the whole name"):
        find_recipe("blenet")
