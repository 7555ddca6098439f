"""The public names of the package, in an order to read them in; mkdocstrings shows the docstring of each."""

from __future__ import annotations

import ast

from documentation.repository import ROOT

#: Each heading with its names. A test holds this to `hwcodesign.__all__`.
GROUPS = {
    "Networks": (
        "MultiExitNetwork", "FloatNetwork", "attach_exits", "quantise", "quantisation_noise", "fold_batch_norms",
    ),
    "ONNX files": ("from_onnx", "module_from_onnx", "to_onnx", "exit_rule"),
    "Training": ("train", "TrainingSettings", "Quantisation"),
    "Policies": ("fit_policy", "PolicyRequest", "ExitPolicy", "ExitCosts", "Criterion", "register_criterion"),
    "Designs": ("compile", "CompileSettings", "LayerSettings", "Fit", "Design", "load", "load_criterion"),
    "Running": (
        "ProgressiveAccelerator", "TransferSettings", "Mode", "StreamController", "ControlSettings", "ExitMonitor",
    ),
    "Recipes": ("Recipe", "load_recipe"),
    "Numbers": ("FixedPoint",),
    "Progress and errors": ("show_progress", "HwcodesignError", "MissingExtraError"),
}  # fmt: skip
#: Functions that read data sets, and what they return.
DATA = (
    "Dataset",
    "Split",
    "digits.digits",
    "idx.mnist",
    "idx.fashion_mnist",
    "cifar.cifar10",
    "cifar.cifar100",
    "cifar.cifar10_jpeg",
    "time_series.japanese_vowels",
    "image_folders.image_folders",
    "numpy_files.npz",
    "tables.tables",
    "time_series.read_ts",
    "random_inputs.random_inputs",
)
#: What is used beside the names of the package: by an exit criterion of one's own, and for a board.
MORE = {
    "For an exit criterion of your own": ("policies.criterion.ScoreInputs", "policies.heads.Heads"),
    "Bundles: hwcodesign.deployment.bundle": ("deployment.bundle.write_bundle", "deployment.bundle.Bundle"),
}
#: Modules of which everything public is shown, and the headings above.
MODULES = {
    "Quantised layers: hwcodesign.layers": "hwcodesign.networks.layers",
    "Progress of long work: hwcodesign.progress": "hwcodesign.progress",
}


def defined_in(module: str) -> list[str]:
    """Public classes and functions that a module defines, in the order of its source."""
    nodes = ast.parse((ROOT / module.replace(".", "/")).with_suffix(".py").read_text()).body
    names = [node.name for node in nodes if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return [f"{module}.{name}" for name in names if not name.startswith("_")]


def public_names() -> str:
    """A section for each public name, in groups."""
    groups = {heading: [f"hwcodesign.{name}" for name in names] for heading, names in GROUPS.items()}
    groups |= {heading: defined_in(module) for heading, module in MODULES.items()}
    groups |= {heading: [f"hwcodesign.{name}" for name in names] for heading, names in MORE.items()}
    groups["Data sets: hwcodesign.data"] = [f"hwcodesign.data.{name}" for name in DATA]
    return "\n".join(
        part for heading, names in groups.items() for part in (f"## {heading}\n", *(f"::: {name}\n" for name in names))
    )
