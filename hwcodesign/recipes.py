"""Recipes: a Python file that exports `RECIPE`, with everything a run needs.

A recipe is code and is executed: run only recipes that you would run as a script.
"""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch

from hwcodesign.data import Dataset
from hwcodesign.errors import RecipeError
from hwcodesign.fitting.request import PolicyRequest
from hwcodesign.frontend.settings import CompileSettings
from hwcodesign.networks.float_network import FloatNetwork
from hwcodesign.networks.layers import Precision
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
        network: makes the untrained network, of `precision` where there is one; called after the first phase's seed is
            set.
        data: loads the data set.
        training: phases, one after the other.
        policy: how thresholds are chosen.
        compile: how hardware sources are generated.
        quantisation: how an integer network is made of the trained one, where `network` makes a `FloatNetwork`.
        simulated: images, the first of the test split, on which a run compares C simulation and RTL with Brevitas and
            measures cycles; None: all. Those of a large network would take days.
        precision: what `network` is called with, where it makes a quantised network of any bits; None: it is called
            with nothing.

    Raises:
        RecipeError: `simulated` is below 1, or there is a precision beside a quantisation, which has its own.
    """

    name: str
    network: Callable[..., MultiExitNetwork]
    data: Callable[[], Dataset]
    training: tuple[TrainingSettings, ...]
    policy: PolicyRequest
    compile: CompileSettings = field(default_factory=CompileSettings)
    quantisation: Quantisation | None = None
    simulated: int | None = None
    precision: Precision | None = None

    def __post_init__(self) -> None:
        if self.simulated is not None and self.simulated < 1:
            raise RecipeError(
                f"recipe {self.name}: simulated={self.simulated} must be at least 1 image; leave it out for all"
            )
        if self.precision is not None and self.quantisation is not None:
            raise RecipeError(
                f"recipe {self.name}: precision=… is for a network that is made quantised; give the bits of a network "
                "that is quantised later as quantisation=hwcodesign.Quantisation(precision=…)"
            )

    def build(self) -> MultiExitNetwork:
        """Returns the untrained network, the same every time.

        Raises:
            RecipeError: it is in floating point, and the recipe does not say how it is quantised, or the reverse.
        """
        torch.manual_seed(self.training[0].seed)
        network = self.new_network()
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

    def new_network(self) -> MultiExitNetwork:
        """Returns what `network` makes; its weights are drawn anew.

        Raises:
            RecipeError: `network` takes a precision, and the recipe has none, or the reverse.
        """
        given = () if self.precision is None else (self.precision,)
        try:
            inspect.signature(self.network).bind(*given)
        except TypeError as error:
            raise RecipeError(
                f"recipe {self.name}: its function network is called with {'the precision' if given else 'nothing'} "
                f"({error}): let it take a precision where the recipe gives precision=layers.Precision(…), and nothing "
                "where it does not"
            ) from None
        return self.network(*given)

    def with_bits(self, weights: int, activations: int) -> Recipe:
        """Returns the recipe of the same network with other bits of weights and activations, which must be trained.

        Layers whose precision the recipe's quantisation gives by name keep it.

        Raises:
            RecipeError: the bits of its network are not the recipe's.
            SettingsError: there is no such precision.
        """
        name = f"{self.name}_w{weights}a{activations}"
        if self.quantisation is not None:
            precision = replace(self.quantisation.precision, weights=weights, activations=activations)
            return replace(self, name=name, quantisation=replace(self.quantisation, precision=precision))
        if self.precision is None:
            raise RecipeError(
                f"recipe {self.name} does not say the bits of its network: let the function that makes the network "
                "take a precision, and give precision=layers.Precision(…) in the recipe"
            )
        return replace(self, name=name, precision=replace(self.precision, weights=weights, activations=activations))

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
