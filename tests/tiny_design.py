"""A design of two exits that compiles in seconds, and caches for what is compiled of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

import hwcodesign as hw
from hwcodesign.simulation.verilated_units import runtime_of
from hwcodesign.tools.verilator import find_verilator
from tests.test_reading_check import network_of, plain_stage

#: Images for it.
IMAGES = np.random.default_rng(0).integers(0, 32, (6, 1, 6, 6))


def compiled(out: Path) -> hw.Design:
    """Writes the design; it has ROM images."""
    network = network_of(plain_stage(), (1, 6, 6), 27)
    policy = hw.fit_policy(network, None, criterion="margin", thresholds=[0.5])
    return hw.compile(network, policy, out=out, reuse=9)


def with_runtime(cache: Path) -> Path:
    """Puts a copy of Verilator's runtime into a cache, which is made if it is not there, and returns the cache."""
    runtime = runtime_of(find_verilator(), None).folder
    (cache / "hwcodesign").mkdir(parents=True, mode=0o700, exist_ok=True)
    shutil.copytree(runtime, cache / "hwcodesign" / runtime.name)  # with its times: g++ compares those of headers
    return cache
