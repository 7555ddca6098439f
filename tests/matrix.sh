#!/bin/sh
# Run the main job and some tests on every Python that is found, with each NumPy that it has: NumPy 1 where there is one
# (not from Python 3.13 on), and NumPy 2. Each has an environment of its own, without PYNQ, which needs NumPy 1 (make
# test and make pynq4 have it). MATRIX_PYTHONS names the interpreters, MATRIX_NUMPYS the major versions of NumPy, and
# MATRIX_ENVS a folder that keeps environments.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "${MATRIX_ENVS:-}" ]; then
    mkdir -p "$MATRIX_ENVS"
    environments=$(cd "$MATRIX_ENVS" && pwd)
else
    environments=$(mktemp -d)
    trap 'rm -rf "$environments"' EXIT
fi
index=${TORCH_INDEX:-}
tests="tests/test_fixedpoint.py tests/test_kernels.py tests/test_policies.py tests/test_native_engine.py tests/test_data.py
    tests/test_stored_fields.py tests/test_files.py tests/test_trust_score.py tests/test_to_onnx.py"
table="$environments/table"
: >"$table"

install() { # environment, interpreter, constraints
    "$2" -m venv "$1" || return
    pip="$1/bin/python -m pip install --quiet --no-compile --constraint $3"
    if [ -n "$index" ]; then
        $pip --no-deps --retries 0 --timeout 20 --index-url "$index" torch || echo "no PyTorch from $index"
    fi
    $pip --editable "$root[all]" pytest filelock && touch "$1/.installed"
}

try() { # name, interpreter, requirement of NumPy
    environment="$environments/$1"
    mkdir -p "$environment"
    # the pins, but for NumPy's
    sed "s/^numpy==.*/$3/" "$root/constraints.txt" >"$environment.txt"
    found=- job=- tested=-
    if [ -e "$environment/.installed" ] || install "$environment" "$2" "$environment.txt"; then
        found=$("$environment/bin/python" -c 'import numpy, platform; print(platform.python_version(), numpy.__version__)')
        work=$(mktemp -d)
        (cd "$work" && "$environment/bin/hwcodesign" --quiet run digits >run.log 2>&1) && job=passed || {
            job=FAILED
            tail -30 "$work/run.log"
        }
        rm -rf "$work"
        # shellcheck disable=SC2086
        (cd "$root" && OMP_NUM_THREADS=1 "$environment/bin/python" -m pytest -q -p no:cacheprovider $tests) \
            && tested=passed || tested=FAILED
    else
        job="not installed"
    fi
    echo "$1|$found|$job|$tested" >>"$table"
}

for python in ${MATRIX_PYTHONS:-python3.11 python3.12 python3.13}; do
    # a name on PATH may be a shim without an interpreter behind it
    if ! version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null); then
        echo "$python|not found||" >>"$table"
        continue
    fi
    for major in ${MATRIX_NUMPYS:-1 2}; do
        case $version-$major in
        3.1[12]-1) try "$version-numpy1" "$python" "numpy<2" ;;
        *-1) echo "$version-numpy1|there is none||" >>"$table" ;;
        *) try "$version-numpy2" "$python" "numpy>=2,<3" ;;
        esac
    done
done
awk -F'|' 'BEGIN { form = "%-16s %-16s %-14s %s\n"; printf form, "", "Python, NumPy", "main job", "tests" }
    { printf form, $1, $2, $3, $4 }' "$table"
! grep -q "FAILED\|not installed" "$table" && grep -q "passed" "$table"
