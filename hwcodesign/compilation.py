"""Network and policy to a design folder: QONNX, kernels, hardware sources, manifest."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hwcodesign.backends.streamrtl.boundaries import with_own_lanes
from hwcodesign.backends.streamrtl.choice import Request, with_throughput, within_board
from hwcodesign.backends.streamrtl.hardware import Hardware
from hwcodesign.backends.streamrtl.keywords import KEYWORDS
from hwcodesign.backends.streamrtl.project_files import write_accelerator
from hwcodesign.backends.streamrtl.resources import AcceleratorEstimate, DoesNotFitWarning
from hwcodesign.backends.vitis.project_files import write_blocks, write_model, write_segment
from hwcodesign.design import Design
from hwcodesign.designs.accelerator import Accelerator
from hwcodesign.designs.stored import DESIGN_VERSION, MANIFEST, POLICY, WEIGHTS, write_sources
from hwcodesign.errors import DoesNotFitError, FormatError, SettingsError
from hwcodesign.frontend.conversion import (
    asked_for,
    check_layers,
    convert,
    module_of,
    sparsities,
    warn_of_other_reuse,
)
from hwcodesign.frontend.lowering import implementations, lower
from hwcodesign.frontend.segment_check import check_reading
from hwcodesign.frontend.settings import CompileSettings, Fit
from hwcodesign.frontend.widths import check_widths
from hwcodesign.hardware.implementation import MOST_REUSE, Implementations
from hwcodesign.hardware.parallelism import check_products
from hwcodesign.kernels import Arrays, Segment
from hwcodesign.networks.export import ExportedSegment, export_network
from hwcodesign.networks.network import MultiExitNetwork
from hwcodesign.policies import ExitPolicy
from hwcodesign.policies.own_criteria import FOLDER as CRITERION
from hwcodesign.policies.own_criteria import files_of
from hwcodesign.progress import task
from hwcodesign.simulation import rtl
from hwcodesign.storage.cache import scratch_folder
from hwcodesign.storage.files import replaced_folder, sha256_file, sha256_json, write_json
from hwcodesign.storage.installed import shared_folder
from hwcodesign.storage.paths import check_folder

#: Samples of a conditional buffer where nothing is known of the samples to come: one decided on, and one behind it.
_BUFFER_SAMPLES = 2
#: Letters of an accelerator's name: files are called after it and a layer of it.
_LONGEST_NAME = 64
_TOOLS = ("torch", "brevitas", "qonnx", "hls4ml", "peakrdl-regblock", "numpy", "hwcodesign")


def compile(
    network: MultiExitNetwork,
    policy: ExitPolicy,
    settings: CompileSettings | None = None,
    *,
    out: Path | str,
    name: str | None = None,
    **asked: Any,
) -> Design:
    """Generates hardware sources and everything that runs them.

    Args:
        network: a trained network.
        policy: the policy that was fitted on it.
        settings: how sources are generated.
        out: folder of the design; an earlier design there is replaced as a whole.
        name: name of the accelerator; by default the folder's.
        asked: the fields of `CompileSettings`, in the place of one: board, reuse, …

    Returns:
        The design, as `hwcodesign.load(out)` would.

    Warns:
        DoesNotFitWarning: `settings.oversize`, and the design is estimated to take more than the board has.

    Raises:
        DoesNotFitError: the design is estimated to take more than the board has; before anything in `out` changes.
        NetworkError, SettingsError, UnsupportedLayerError, FormatError, PolicyError: likewise.
        MismatchError: what hardware would compute is not what the network computes; likewise.
    """
    if settings is not None and asked:
        raise SettingsError(f"give settings, or their fields {', '.join(asked)}, not both")
    settings = settings or CompileSettings.asked(**asked)
    out = Path(out)
    check_target(out)
    target = settings.target
    identifier = _identifier(name or out.resolve().name)
    network.check()
    network.check_calibrated()
    if settings.has_rtl and settings.fit is None:
        check_widths(network, settings)
    with task(f"generating hardware sources for {target.name}"), replaced_folder(out) as generated:
        segments, chosen, kept = _write_segments(network, settings, generated)
        with task("comparing the kernels with the network"):
            check_reading(network, segments)
        accelerator = Accelerator(
            identifier,
            network.input_shape,
            tuple(segments[0::2]),
            tuple(segments[1::2]),
            policy,
            settings.buffer_samples or _BUFFER_SAMPLES,
            chosen,
            tuple(network.reads_of(k, len(stage.outputs)) for k, stage in enumerate(segments[0::2])),
        )
        hardware = cycles = None
        if settings.fit is not None:
            accelerator = _fitted(accelerator, kept, settings, settings.fit)
        if settings.has_rtl:
            with task("predicting cycles"):
                hardware = Hardware.of(with_own_lanes(accelerator))
                if settings.buffer_samples is None and settings.fit is None and policy.fitted_on.exit_rate:
                    hardware = hardware.with_buffers(policy.fitted_on.exit_rate)
                accelerator, cycles = hardware.accelerator, hardware.to_json()
            _check_size(AcceleratorEstimate.of(hardware), settings)
        with task("writing sources"):
            blocks = write_blocks(accelerator, target, generated / "vitis")
            write_model(accelerator, generated / "csim")
            if hardware:
                write_accelerator(hardware, generated / rtl.FOLDER)
            own = files_of(policy.criterion_name)
            if own:
                own.copy(generated / CRITERION)
        manifest = {
            "design_version": DESIGN_VERSION,
            "backend": settings.backend,
            "board": target.to_json(),
            "settings": {
                "reuse": settings.reuse,
                "strategy": settings.strategy,
                "windows": settings.windows,
                "weights": settings.weights,
                "fit": str(settings.fit) if settings.fit is not None else None,
                "layers": {key: vars(value) for key, value in sorted(settings.layers.items())},
                "buffer_samples": accelerator.buffer_samples,
            },
            "network_sha256": network.digest(),
            "projects": [segment.name for segment in segments] + blocks,
            "cycles": cycles,
            "tools": {tool: _version(tool) for tool in _TOOLS} | {"python": platform.python_version()},
            "criterion": own.to_json() if own else None,
            "sources_sha256": write_sources(generated),
            **_write_weights(accelerator, generated),
        }
        write_json(generated / POLICY, policy.to_json())
        write_json(generated / MANIFEST, manifest)
    return Design(accelerator, out, manifest)


def _check_size(estimate: AcceleratorEstimate, settings: CompileSettings) -> None:
    """Refuses a design that is larger than the board, or warns of it where it is to be written in any case."""
    estimate.check_memories(settings.target)
    misfit = estimate.misfit(settings.target)
    if misfit is None:
        return
    if not settings.oversize:
        raise DoesNotFitError(
            f"{misfit}. Give these layers a higher reuse factor, let all layers choose with fit='board' (--fit board), "
            "choose a larger board, or take the design as it is, for simulation, with oversize=True (--oversize)"
        )
    warnings.warn(misfit, DoesNotFitWarning, stacklevel=3)


def _fitted(
    accelerator: Accelerator, kept: dict[str, Implementations], settings: CompileSettings, fit: Fit
) -> Accelerator:
    """Returns the accelerator with its layers built as the wish asks for."""
    with task(f"choosing how layers are built: {fit}"):
        request = Request(accelerator, kept, settings.target, keeps_buffers=settings.buffer_samples is not None)
        if fit.is_board:
            return within_board(request)
        return with_throughput(request, fit.images_per_second, fit.latency_us)


def _write_segments(
    network: MultiExitNetwork, settings: CompileSettings, folder: Path
) -> tuple[list[Segment], dict[str, Implementations], dict[str, Implementations]]:
    """Exports, converts and lowers every stage and head, and writes its QONNX graph and its Vitis project.

    Returns:
        Kernels; how each segment's are to be built; and those of these that the user named.
    """
    exported = export_network(network, folder / "qonnx")
    check_layers(settings, exported)
    segments: list[Segment] = []
    chosen: dict[str, Implementations] = {}
    kept: dict[str, Implementations] = {}
    with task("converting with hls4ml", len(exported), "segments") as reported:
        for segment in exported:
            project = folder / "vitis" / segment.name
            reported.advance(0, f"{segment.name}: converting")
            graph = convert(segment, settings, "Vitis", project)
            reported.advance(0, f"{segment.name}: lowering to kernels")
            kernels = lowered(segment, graph)
            found = implementations(graph, kernels)
            warn_of_other_reuse(segment, settings, found)
            built = _asked_for(segment, settings, kernels, found) if settings.has_rtl else found
            chosen[segment.name] = built
            named = {name: module_of(segment, name) for name in built}
            kept[segment.name] = {name: built[name] for name, module in named.items() if module in settings.layers}
            segments.append(_checked(kernels, segment))
            reported.advance(0, f"{segment.name}: writing its Vitis project")
            write_segment(graph, segment.name, project)
            reported.advance()
    return segments, chosen, kept


def _asked_for(
    segment: ExportedSegment, settings: CompileSettings, kernels: Segment, found: Implementations
) -> Implementations:
    """The implementations that were asked for, if StreamRTL can have them.

    Raises:
        SettingsError: a layer would multiply too much in a cycle.
    """
    asked = asked_for(segment, settings, kernels, found)
    checked = asked
    if settings.fit is not None:  # layers that choose make no more products than can be simulated
        checked = {
            name: built if module_of(segment, name) in settings.layers else replace(built, reuse_factor=MOST_REUSE)
            for name, built in asked.items()
        }
    check_products(kernels, checked, lambda name: module_of(segment, name) or name)
    return asked


def _write_weights(accelerator: Accelerator, folder: Path) -> dict[str, Any]:
    """Write weights.npz; returns the accelerator's part of the manifest, with the hashes that seal it."""
    arrays: Arrays = {}
    data = accelerator.to_json(arrays)
    np.savez(folder / WEIGHTS, **arrays)
    return {
        "accelerator": data,
        "policy_sha256": sha256_json(accelerator.policy.to_json()),
        "weights_sha256": sha256_file(folder / WEIGHTS),
    }


def check_target(out: Path) -> None:
    """Refuses a folder that `compile` must not replace or use.

    Raises:
        SettingsError: naming the folder.
    """
    check_folder(out)
    if out.exists() and not (out.is_dir() and ((out / MANIFEST).exists() or not any(out.iterdir()))):
        raise SettingsError(f"out={str(out)!r} exists and is no design: name another folder, since compile replaces it")


def check_compiles(network: MultiExitNetwork, settings: CompileSettings) -> None:
    """Runs export, conversion and lowering without keeping anything, and refuses what `compile` would refuse.

    Args:
        settings: as `compile` will get them.

    Raises:
        SettingsError, UnsupportedLayerError, FormatError: as `compile`.
    """
    network.check()
    if settings.has_rtl and settings.fit is None:
        check_widths(network, settings)
    with task("checking that the network fits the hardware flow"), scratch_folder() as scratch:
        exported = export_network(network, scratch)
        check_layers(settings, exported)
        with task("converting with hls4ml", len(exported), "segments") as reported:
            for segment in exported:
                reported.advance(0, segment.name)
                graph = convert(segment, settings, "Vitis", scratch / segment.name)
                kernels = lowered(segment, graph)
                if settings.has_rtl:
                    _asked_for(segment, settings, kernels, implementations(graph, kernels))
                _checked(kernels, segment)
                reported.advance()


def lowered(segment: ExportedSegment, graph: Any) -> Segment:
    """Returns the kernels of an exported segment.

    Args:
        graph: what `convert` made of it.

    Raises:
        UnsupportedLayerError, FormatError: as `compile`.
    """
    return lower(
        segment.name,
        graph,
        segment.inputs,
        handed_on=segment.handed_on,
        read=segment.read,
        sparsities=sparsities(segment, graph),
    )


def _checked(segment: Segment, exported: ExportedSegment) -> Segment:
    """Refuse a segment whose results hls4ml understood otherwise than Brevitas."""
    for i, (result, wanted) in enumerate(zip(segment.results, exported.outputs, strict=True)):
        got = result.format
        if (got.width, got.integer, got.signed) != (wanted.width, wanted.integer, wanted.signed):
            raise FormatError(
                f"{segment.output_name(i)} ends in {got} in hls4ml but in {wanted} in Brevitas: "
                "end it in a fixed-point quantiser of its own, such as hwcodesign.layers.relu or .logits"
            )
    return segment


def _identifier(text: str) -> str:
    """A name for SystemVerilog, C++ and files; not one of a module that the accelerator is made of.

    Raises:
        SettingsError: it is too long for the names of files that are made from it.
    """
    name = re.sub(r"[^0-9a-zA-Z]+", "_", text).strip("_").lower()
    if len(name) > _LONGEST_NAME:
        raise SettingsError(
            f"name {text[:20]!r}… has {len(name)} letters: give one of at most {_LONGEST_NAME}, name='…' if the "
            "folder's is not to be used"
        )
    modules = {path.stem for path in (shared_folder("rtl_sim") / "rtl").glob("*.sv")}
    free = re.match(r"[a-z]", name) and name not in KEYWORDS and name not in modules
    return name if free else f"design_{name}"


def _version(tool: str) -> str:
    try:
        return importlib.metadata.version(tool)
    except importlib.metadata.PackageNotFoundError:
        return "not installed as a package"
