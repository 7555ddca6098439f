from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.hls4ml_cases.measure import measure
from tests.hls4ml_cases.plugin import Capture, Case
from tests.hls4ml_cases.settings import SETTINGS
from tests.hls4ml_cases.source import hls4ml_tests

FILES = [
    "test_pytorch_api.py",
    "test_batchnorm_pytorch.py",
    "test_merge_pytorch.py",
    "test_qonnx.py",
    "test_upsampling_pytorch.py",
    "test_zeropadding_pytorch_onnx.py",
    "test_sequential_parsing_pytorch.py",
    "test_multiout_onnx.py",
    "test_extensions_pytorch.py",
    "test_layernorm_pytorch.py",
    "test_recurrent_pytorch.py",
]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("select", nargs="*")
    p.add_argument("--rtl", action="store_true")
    p.add_argument("--settings", nargs="*", default=list(SETTINGS))
    p.add_argument("--out", type=Path)
    o = p.parse_args()
    out = []
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "hls4ml"
        shutil.copytree(hls4ml_tests(), root)

        def take(case: Case):
            for s in o.settings:
                t = time.time()
                r = measure(case, s, o.rtl)
                out.append(r)
                print(
                    f"{r.case:70} {s[:4]} {r.verdict:14} {time.time() - t:.1f}s {'+'.join(r.layers)} {r.words[:300]}",
                    file=sys.__stderr__,
                    flush=True,
                )
                if o.out:
                    o.out.write_text(json.dumps([dataclasses.asdict(x) for x in out], indent=1))

        cap = Capture(take, Path(scratch))
        tests = root / "test" / "pytest"
        args = [
            "-q",
            "-s",
            "--no-header",
            "-p",
            "no:cacheprovider",
            "-c",
            "/dev/null",
            "--rootdir",
            str(tests),
            *(str(tests / f) for f in FILES),
        ]
        if o.select:
            args += ["-k", " or ".join(o.select)]
        pytest.main(args, plugins=[cap])
        for k, v in cap.failed.items():
            print("FAILED", k, v)


main()
