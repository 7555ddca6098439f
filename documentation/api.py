"""The public names of the package, in an order to read them in; mkdocstrings shows the docstring of each."""

from __future__ import annotations

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
#: Public modules, each member of which is shown.
MODULES = {
    "Quantised layers": "hwcodesign.networks.layers",
    "Data sets": "hwcodesign.data",
}


def public_names() -> str:
    """A section for each public name, in groups."""
    parts = []
    for heading, names in GROUPS.items():
        parts.append(f"## {heading}\n")
        parts += [f"::: hwcodesign.{name}\n" for name in names]
    for heading, module in MODULES.items():
        parts.append(
            f"## {heading}\n\n::: {module}\n    options:\n      show_root_heading: false\n      members: true\n"
        )
    return "\n".join(parts)
