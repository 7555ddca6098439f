#!/bin/sh
# Build the wheel, install it into empty environments elsewhere, run the main job in one, and its design and its bundle
# in another that has NumPy alone. BASE_PYTHON and BASE_NUMPY choose the latter's versions: python3.10 and 1.22.0 are
# the oldest allowed.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$root/.venv/bin/python" -m build --wheel --outdir "$scratch/dist" "$root" >"$scratch/build.log" 2>&1 || { cat "$scratch/build.log"; exit 1; }
wheel=$(echo "$scratch"/dist/*.whl)
cd "$scratch"
# the base install: NumPy alone
"${BASE_PYTHON:-${PYTHON:-python3}}" -m venv base
base/bin/python -m pip install --quiet "numpy==${BASE_NUMPY:-1.26.4}" "$wheel"
# everything, and the main job
"${PYTHON:-python3}" -m venv all
all/bin/python -m pip install --quiet --constraint "$root/constraints.txt" "hwcodesign[all] @ file://$wheel"
all/bin/hwcodesign run digits
all/bin/hwcodesign deploy digits --no-wheel --archive none
base/bin/python -m hwcodesign.runtime.selftest build/digits/digits-pynq-z2
base/bin/python - "$root" <<'PYTHON'
import importlib.metadata
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np

import hwcodesign as hw

assert importlib.util.find_spec("torch") is None, "the base install brought torch"
design = hw.load("build/digits/design")
records = design.run(np.zeros((3, 1, 8, 8), np.uint8), on="software")
assert records["sample_id"].tolist() == [0, 1, 2]
report = json.load(open("build/digits/report.json"))
assert all(line["mismatches"] == 0 and line["values"] > 0 for line in report["comparisons"])
assert Path("build/digits/report.html").stat().st_size < 5_000_000
(notebooks,) = importlib.metadata.entry_points(group="pynq.notebooks", name="hwcodesign")
notebooks.load().copy_notebooks(Path("notebooks"))
delivered, ours = (sorted(path.name for path in Path(folder, "notebooks").glob("*.ipynb")) for folder in (".", sys.argv[1]))
assert delivered == ours, f"notebooks {delivered} are not {ours}"
print("the wheel runs the main job, and its base install runs the design with NumPy", np.__version__)
PYTHON
