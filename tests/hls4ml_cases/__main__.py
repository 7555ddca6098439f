"""Runs hls4ml's tests of its PyTorch and ONNX front ends through StreamRTL; see the package."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from hwcodesign.storage.files import sha256, sha256_file, write_json, write_text
from tests.hls4ml_cases.document import document, share
from tests.hls4ml_cases.measure import BARE, WRONG, Outcome, measure
from tests.hls4ml_cases.plugin import Capture, Case
from tests.hls4ml_cases.settings import SETTINGS, SUMS_HELD
from tests.hls4ml_cases.source import hls4ml_tests

_ROOT = Path(__file__).resolve().parents[2]
#: What a result depends on.
_SOURCES = ("hwcodesign", "rtl_sim/rtl", "rtl_sim/drive", "tests/hls4ml_cases")
#: hls4ml's tests that convert models of PyTorch and ONNX. `test_backend_config`, `test_fifo_depth` and
#: `test_serialization` import TensorFlow; their models are among these, too.
_FILES = (
    "test_pytorch_api.py", "test_batchnorm_pytorch.py", "test_merge_pytorch.py", "test_upsampling_pytorch.py",
    "test_zeropadding_pytorch_onnx.py", "test_sequential_parsing_pytorch.py", "test_extensions_pytorch.py",
    "test_layernorm_pytorch.py", "test_recurrent_pytorch.py", "test_multiout_onnx.py", "test_qonnx.py",
)  # fmt: skip
#: Those whose models are downloaded.
_DOWNLOADED = ("test_tfc_2w2a", "test_cnv_2w2a", "test_jet_tagging")


def _kept(case: Case, setting: str, rtl: bool, results: Path) -> Outcome:
    """The outcome of a case, from its file where it ran before."""
    place = results / f"{sha256(f'{case.name} {setting} {rtl}'.encode())[:16]}.json"
    if not place.exists():
        write_json(place, dataclasses.asdict(measure(case, setting, rtl)))
    data = json.loads(place.read_text())
    return Outcome(**{**data, "layers": tuple(data["layers"])})


def _digest() -> str:
    files = sorted(
        path
        for folder in _SOURCES
        for path in (_ROOT / folder).rglob("*")
        if path.suffix in (".py", ".sv", ".cpp", ".h")
    )
    return sha256("\n".join(f"{path.relative_to(_ROOT)} {sha256_file(path)}" for path in files).encode())[:16]


def outcomes(selected: list[str], results: Path, *, rtl: bool) -> list[Outcome]:
    """Runs hls4ml's tests, and measures each model that they convert in both settings.

    Args:
        selected: parts of names of tests; all if there are none.
        results: folder in which outcomes are kept, by a digest of all sources.
        rtl: whether to run RTL beside the kernels in NumPy.
    """
    found: list[Outcome] = []
    place = results / _digest()
    place.mkdir(parents=True, exist_ok=True)

    def take(case: Case) -> None:
        for setting in SETTINGS:
            one = _kept(case, setting, rtl and setting == SUMS_HELD, place)
            found.append(one)
            print(f"{one.verdict:15} {one.case} ({one.setting}) {one.words}"[:240], flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "hls4ml"
        shutil.copytree(hls4ml_tests(), root)
        tests = root / "test" / "pytest"
        left_out = " or ".join(_DOWNLOADED)
        wanted = f"({' or '.join(selected)}) and not ({left_out})" if selected else f"not ({left_out})"
        options = ["-q", "-s", "--no-header", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(tests)]
        capture = Capture(take, Path(scratch))
        pytest.main(
            [*options, "-W", "ignore", "-k", wanted, *(str(tests / name) for name in _FILES)], plugins=[capture]
        )
    for name, error in capture.failed.items():
        print(f"{name} converted nothing: {error}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tests", nargs="*", help="parts of names of hls4ml's tests; all by default")
    parser.add_argument("--software", action="store_true", help="leave out the RTL")
    parser.add_argument("--results", type=Path, default=Path("build/hls4ml_cases"), help="where outcomes are kept")
    parser.add_argument("--write", type=Path, help="document to write the tables to")
    options = parser.parse_args()
    found = outcomes(options.tests, options.results.resolve(), rtl=not options.software)
    if options.write:
        write_text(options.write, document(found, f"python -m tests.hls4ml_cases {' '.join(sys.argv[1:])}"))
    exact, right = share(found)
    print(f"{exact} of {right} models that hls4ml computes rightly are exact with accumulators set")
    bad = [one for one in found if one.verdict in (WRONG, BARE)]
    if bad:
        raise SystemExit("\n".join(f"{one.verdict}: {one.case} ({one.setting}): {one.words}" for one in bad))


if __name__ == "__main__":
    main()
