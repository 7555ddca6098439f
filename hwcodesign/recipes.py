"""Recipes: a Python file that exports `RECIPE`, with everything a run needs.

A recipe is code and is executed: run only recipes that you would run as a script.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch

from hwcodesign.data import Dataset
from hwcodesign.errors import RecipeError
from hwcodesign.fitting.request import PolicyRequest
from hwcodesign.frontend.settings import CompileSettings
from hwcodesign.networks.float_network import FloatNetwork
from hwcodesign.recipe_files import find_recipe
from hwcodesign.training import Quantisation, TrainingSettings, untrained
from hwcodesign.training.published import published_weights, read_weights

if TYPE_CHECKING:
    from hwcodesign.networks.network import MultiExitNetwork


@dataclass(frozen=True)
class Recipe:
    """A recipe is a network with its data, training, policy and hardware settings.

    Attributes:
        name: of the folder that results go to, and of the accelerator.
        network: makes the untrained network; called after the first phase's seed is set.
        data: loads the data set.
        training: phases, one after the other.
        policy: how thresholds are chosen.
        compile: how hardware sources are generated.
        quantisation: how an integer network is made of the trained one, where `network` makes a `FloatNetwork`.
        simulated: images, the first of the test split, on which a run compares C simulation and RTL with Brevitas and
            measures cycles; None: all. Those of a large network would take days.

    Raises:
        RecipeError: `simulated` is below 1.
    """

    name: str
    network: Callable[[], MultiExitNetwork]
    data: Callable[[], Dataset]
    training: tuple[TrainingSettings, ...]
    policy: PolicyRequest
    compile: CompileSettings = field(default_factory=CompileSettings)
    quantisation: Quantisation | None = None
    simulated: int | None = None

    def __post_init__(self) -> None:
        if self.simulated is not None and self.simulated < 1:
            raise RecipeError(
                f"recipe {self.name}: simulated={self.simulated} must be at least 1 image; leave it out for all"
            )

    def build(self) -> MultiExitNetwork:
        """Returns the untrained network, the same every time.

        Raises:
            RecipeError: it is in floating point, and the recipe does not say how it is quantised, or the reverse.
        """
        torch.manual_seed(self.training[0].seed)
        network = self.network()
        if isinstance(network, FloatNetwork) and self.quantisation is None:
            raise RecipeError(
                f"recipe {self.name}: its network computes in floating point, so say how it is quantised: "
                "quantisation=hwcodesign.Quantisation()"
            )
        if self.quantisation is not None and not isinstance(network, FloatNetwork):
            raise RecipeError(
                f"recipe {self.name}: its network is quantised, so nothing is left for quantisation=… to do: leave "
                "it out"
            )
        return network

    def published(self) -> MultiExitNetwork:
        """Returns the trained network that comes with the package, quantised as the recipe says.

        Raises:
            CheckpointError: none comes with it, or the files are damaged, or of another version of the recipe.
        """
        network = self.build()
        if isinstance(network, FloatNetwork) and self.quantisation is not None:
            network = untrained(network, self.quantisation)
        read_weights(published_weights(self.name), network)
        return network


def load_recipe(name: str) -> Recipe:
    """Executes a recipe.

    Args:
        name: see `recipe_files.find_recipe`.

    Raises:
        RecipeError: there is no such recipe, it fails, or it exports no `RECIPE`.
    """
    path = find_recipe(name)
    spec = importlib.util.spec_from_file_location(f"hwcodesign_recipe_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise RecipeError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.path.insert(0, str(path.resolve().parent))  # for files beside it, such as a criterion's
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise RecipeError(f"recipe {path} failed: {error!r}") from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    recipe: Any = getattr(module, "RECIPE", None)
    if not isinstance(recipe, Recipe):
        raise RecipeError(f"{path} exports no RECIPE of type hwcodesign.Recipe")
    return recipe
