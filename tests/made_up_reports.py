"""Reports and outcomes that no run has made, for tests of what is drawn from them."""

from __future__ import annotations

import numpy as np

from hwcodesign.policies import NEVER
from hwcodesign.report.outcomes import Outcomes, Pictures, SampleScores
from hwcodesign.report.schema import (
    REPORT_VERSION,
    CurvePoint,
    HardwareReport,
    KernelReport,
    Report,
    SegmentReport,
)


def curve(k: int, rate: list[float]) -> list[CurvePoint]:
    """Ends with the point that is fitted for criterion k."""
    return [
        {"accuracy": 0.96 - 0.0025 * k, "macs_fraction": 0.4 + 0.05 * k, "exit_rate": rate},
        {"accuracy": 0.97 - 0.0025 * k, "macs_fraction": 0.4562 + 0.05 * k, "exit_rate": rate},
    ]


def hardware(exits: int) -> HardwareReport:
    cycles = [137, 1_055, *(1_100 + 1_000 * k for k in range(1, 8))][:exits]
    return {
        "clock_mhz": 100.0,
        "cycles_per_image": 72.2,
        "images_per_second": 1e8 / 72.2,
        "bound": 72.0,
        "exits": [
            {"latency_predicted": c, "latency": c, "interval_predicted": 72, "interval": 72 + k}
            for k, c in enumerate(cycles)
        ],
        "stages": [72 + 10 * k for k in range(exits)],
        "decisions": [5 + k for k in range(exits)],
        "buffer_samples": 2,
        "buffers": [(3, 4)] * (exits - 1),
        "deadlines": [
            {"cycles": float(c), "accuracy": 0.9725 + 0.0075 * k, "final": min(1.0, 0.92 + 0.08 * k)}
            for k, c in enumerate(cycles)
        ],
    }


def taken(lut: int) -> dict[str, int]:
    return {"lut": lut, "ff": 2 * lut, "dsp": 1, "bram18": 3, "uram": 0, "lutram": 0}


def segment(name: str) -> SegmentReport:
    kernel: KernelReport = {
        "name": "conv0",
        "kind": "conv2d",
        "reads": "8x8x1 of ufixed<5,1>",
        "writes": "8x8x8 of ufixed<5,2,RND_CONV,SAT>",
        "weights": "fixed<4,1>",
        "macs": 1000,
        "parameters": 80,
        "unit": "conv2d",
        "folding": "reuse factor 1, latency",
        "latency": 94,
        "interval": 72,
        "resources": taken(100),
    }
    tensor = "8x8x8 of ufixed<5,2>"
    named: list[KernelReport] = [{**kernel, "name": f"conv{n}"} for n in range(3)]  # type: ignore[typeddict-item]
    return {"name": name, "reads": tensor, "writes": tensor, "latency": 94, "interval": 72, "kernels": named}


def make_outcomes(exits: int, samples: int = 60, seed: int = 0) -> Outcomes:
    """Random scores and labels of three classes, and thresholds among the scores."""
    rng = np.random.default_rng(seed)

    def split(count: int) -> SampleScores:
        truth = rng.integers(0, 3, count)
        labels = np.where(rng.random((exits, count)) < 0.7, truth, rng.integers(0, 3, (exits, count)))
        return SampleScores(rng.integers(-50, 50, (exits, count)), labels, truth)

    fitting, test = split(samples // 2), split(samples)
    codes = tuple(rng.integers(-20, 30, exits - 1).tolist())
    steps = np.full((exits - 1, 242), NEVER, np.int64)
    for k, code in enumerate(codes):
        chosen = np.unique([*range(-50, 50, 7), code])
        steps[k, : len(chosen)] = chosen
    values = np.where(steps == NEVER, np.nan, steps / 10)
    leaves = np.concatenate([test.scores[:-1] >= np.array(codes)[:, None], np.ones((1, samples), bool)])
    pixels = rng.integers(0, 256, (4, 8, 8)).astype(np.uint8)
    pictures = Pictures(np.array([0, 1, 2, 3]), np.array([0, 1, 0, 1], np.uint8), pixels)
    return Outcomes(fitting, test, leaves.argmax(axis=0), codes, steps, values, pictures)


def make_report(exits: int = 3, mismatches: int = 0, cheap: bool = True) -> Report:
    rate = [1 / exits] * exits
    criteria = ("max_softmax", "entropy", "margin", "patience")
    return {
        "report_version": REPORT_VERSION,
        "name": "digits-small",
        "dataset": "digits",
        "seed": 7,
        "exits": exits,
        "classes": 10,
        "splits": {"training": 1000, "fitting": 397, "test": 400},
        "policy": {
            "criterion": "max_softmax",
            "unit": "probability",
            "thresholds": [0.9125, *[None] * (exits - 2)][: exits - 1],
            "method": "accuracy_drop=0.005",
            "float_disagreement": 0.0025,
        },
        "accuracy": {
            "early_exit": 0.97,
            "last_exit": 0.9725,
            "each_exit": [0.9 + 0.0725 * k / max(1, exits - 1) for k in range(exits)],
            "best_single_exit": {"exit": 0, "accuracy": 0.9, "macs_fraction": 0.3} if cheap else None,
        },
        "exit_rate": rate,
        "exit_accuracy": [0.9925, *[None] * (exits - 2), 0.9325][-exits:],
        "macs": {"full": 1_234_568, "at_exit": [370_370 + 1000 * k for k in range(exits)], "average": 563_210.4},
        "macs_fraction": 0.4562,
        "criteria": {
            name: {
                "accuracy": 0.97 - 0.0025 * k,
                "macs_fraction": 0.4562 + 0.05 * k,
                "exit_rate": rate,
                "float_disagreement": 0.0025,
                "note": "cannot leave with two exits" if name == "patience" else "",
            }
            for k, name in enumerate(criteria)
        },
        "curves": {name: curve(k, rate) for k, name in enumerate(criteria)},
        "left_out": {"gate": "heads give none"},
        "hardware": hardware(exits),
        "network": [segment(f"{kind}{k}") for k in range(exits) for kind in ("stage", "head")],
        "resources": {
            "board": "pynq-z2",
            "capacity": {"lut": 53_200, "ff": 106_400, "dsp": 220, "bram18": 280, "uram": 0, "lutram": 0},
            "blocks": [(f"stage{k}", taken(100 * (k + 1))) for k in range(exits)],
            "estimated": taken(100 * exits * (exits + 1) // 2),
            "missing": [],
        },
        "operations": [
            {
                "part": f"{kind}{k}",
                "exit": k,
                "macs": 1000 * (kind != "buffer"),
                "bit_products": 20_000,
                "moved_bits": 500,
            }
            for k in range(exits)
            for kind in ("stage", "head", *(["buffer"] if k < exits - 1 else []))
        ],
        "comparisons": [
            {
                "backends": ["software", "csim"],
                "what": f"records ({name})",
                "samples": 400,
                "values": 2000,
                "mismatches": mismatches if name == "margin" else 0,
            }
            for name in criteria
        ],
        "overthinking": 6,
        "seconds": {"training": 41.25, "compiling": 8.5},
        "versions": {"hwcodesign": "0.1.0", "numpy": "1.26.4"},
        "provenance": {
            "recipe": "digits.py",
            "recipe_sha256": "0" * 64,
            "commit": None,
            "host": "here",
            "machine": "Linux x86_64",
            "cores": 2,
            "date": "2026-01-01 00:00 UTC",
            "hashes": {"network": "1" * 64},
        },
    }
