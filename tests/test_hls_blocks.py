"""The HLS blocks, compiled with g++ and run on their own testbenches; and the testbenches, on faulty blocks.

Every instance in hls/tb/instances, and every generated one of hls_instances, is built and run with several seeds. Then
faults are put into copies
of the headers, one at a time: a testbench that still passes has not tested what it claims to.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from hwcodesign.policies import CRITERIA
from tests.hls_instances import GENERATED, criteria_covered, write_instance
from tests.marks import CAMPAIGN

HLS = Path(__file__).resolve().parent.parent / "hls"
INSTANCES = HLS / "tb" / "instances"
KEPT = sorted(path.stem.removesuffix("_tb") for path in INSTANCES.glob("*_tb.cpp"))
NAMES = sorted([*KEPT, *GENERATED])
#: Of blocks of which another case is always run.
_VARIANTS = {
    *("decision_eenet_first", "decision_eenet_last", "decision_entropy_100", "decision_cdln_negative"),
    *("decision_gate_ignored", "decision_gate_unsigned", "decision_margin_2", "buffer_ring"),
}
SEEDS = (1, 2, 3)
SAMPLES = 1000

# ap_types' default constructors read what they are about to initialise; labelled loops are the idiom
FLAGS = ["-O1", "-std=c++11", "-Wall", "-Wextra", "-Werror"]
FLAGS += ["-Wno-unknown-pragmas", "-Wno-unused-label", "-Wno-uninitialized", "-Wno-maybe-uninitialized"]


@dataclass(frozen=True)
class Mutation:
    """A fault: `old`, found once in hls/`header`, becomes `new`; `instance` must notice."""

    name: str
    header: str
    old: str
    new: str
    instance: str


MUTATIONS = [
    Mutation(
        "tie-in-tree",
        "integer_logits.h",
        "right.value > left.value",
        "right.value >= left.value",
        "decision_margin",
    ),
    Mutation(
        "tie-in-folds",
        "integer_logits.h",
        "best.value > top.value",
        "best.value >= top.value",
        "decision_max_softmax",
    ),
    Mutation("unsigned-logits", "raw_code.h", "S ? W : W + 1", "W", "decision_margin_2"),
    Mutation(
        "score-above",
        "exit_decision.h",
        "score >= control.threshold",
        "score > control.threshold",
        "decision_margin",
    ),
    Mutation("never-ignored", "exit_decision.h", " && control.threshold != never", "", "decision_own"),
    Mutation("last-not-last", "exit_decision.h", "CONFIG_T::is_last || (score", "(score", "decision_margin_2"),
    Mutation(
        "anytime-ignored",
        "exit_decision.h",
        "verdict.leave || control.anytime",
        "verdict.leave",
        "decision_patience",
    ),
    Mutation("always-final", "exit_decision.h", "verdict.leave ? flag_final : 0", "flag_final", "decision_margin"),
    Mutation(
        "release-inverted",
        "exit_decision.h",
        "verdict.leave ? 0 : 1",
        "verdict.leave ? 1 : 0",
        "decision_margin",
    ),
    Mutation("seen-ignored", "exit_decision.h", "previous.seen == 0 || ", "", "decision_patience"),
    Mutation("no-saturation", "exit_decision.h", "previous.agreements == 255", "false", "decision_patience"),
    Mutation(
        "margin-to-itself",
        "integer_logits.h",
        "top.label == c ? lowest : codes[c]",
        "top.label == c && false ? lowest : codes[c]",
        "decision_margin",
    ),
    Mutation("table-end", "criteria/exponential.h", "unsigned(tables::length - 1)", "0u", "decision_max_softmax"),
    Mutation(
        "shift-lost",
        "criteria/exponential.h",
        "difference >> tables::shift",
        "difference",
        "decision_entropy_100",
    ),
    Mutation("last-lanes-lost", "criteria/max_softmax.h", "c < CONFIG_T::n_classes", "c < 8", "decision_max_softmax"),
    Mutation("last-exponent", "criteria/exponential.h", "b <= types::growth", "b < types::growth", "decision_entropy"),
    Mutation(
        "mantissa-bit", "criteria/exponential.h", "normal = sum >> e", "normal = sum >> (e / 2)", "decision_entropy"
    ),
    Mutation("cell-left-edge", "criteria/exponential.h", " - ((1u << skipped) / 2)", "", "decision_eenet_first"),
    Mutation(
        "own-score-truncated",
        "criteria/eenet.h",
        "own >> scoring::drop",
        "own / (1 << scoring::drop)",
        "decision_eenet",
    ),
    Mutation("vote-of-itself", "criteria/eenet.h", "b < exits", "b + 1 < exits", "decision_eenet"),
    Mutation(
        "earlier-score-lost",
        "criteria/eenet.h",
        "a < CONFIG_T::exit_index)",
        "a + 1 < CONFIG_T::exit_index)",
        "decision_eenet",
    ),
    Mutation(
        "class-weight-shared", "criteria/eenet.h", "scoring::classes(c)", "scoring::classes(0)", "decision_eenet_last"
    ),
    Mutation("entropy-half", "criteria/eenet.h", "dot += nats * weighted_sum", "dot += nats", "decision_eenet_first"),
    Mutation("past-shifted", "exit_decision.h", "next.past[k] = past[k]", "next.past[k] = past[0]", "decision_eenet"),
    Mutation(
        "score-forgotten",
        "exit_decision.h",
        "verdict.past[earlier].score = score",
        "verdict.past[earlier].score = 0",
        "decision_eenet_first",
    ),
    Mutation("offset-of-first", "criteria/by_class.h", "offset(top.label)", "offset(0)", "decision_by_class"),
    Mutation(
        "gate-before-logits",
        "exit_decision.h",
        "codes[c] = raw::of(logits[c]);",
        "codes[c] = raw::of(logits[(c + outputs - 1) % outputs]);",
        "decision_gate_ignored",
    ),
    Mutation(
        "class-as-gate",
        "criteria/gate.h",
        "return codes[CONFIG_T::n_classes];",
        "return codes[CONFIG_T::n_classes - 1];",
        "decision_gate_unsigned",
    ),
    Mutation("two-active", "criteria/cdln.h", "above < below ? above : below", "above", "decision_cdln"),
    Mutation("none-active", "criteria/cdln.h", "above < below ? above : below", "below", "decision_cdln_negative"),
    Mutation("reached-by-two", "criteria/cdln.h", "activation - 1 -", "activation -", "decision_cdln"),
    Mutation("beat-lost", "stream_fork.h", "i < CONFIG_T::beats", "i < CONFIG_T::beats - 1", "fork"),
    Mutation(
        "wrong-side",
        "stream_fork.h",
        "out_buffer.write(beat)",
        "(i == 0 ? out_head : out_buffer).write(beat)",
        "fork",
    ),
    Mutation(
        "depth-less-one",
        "conditional_buffer.h",
        "held < CONFIG_T::depth &&",
        "held < CONFIG_T::depth - 1 &&",
        "buffer_ring",
    ),
    Mutation(
        "overrun",
        "conditional_buffer.h",
        "held < CONFIG_T::depth &&",
        "held <= CONFIG_T::depth &&",
        "buffer_least",
    ),
    Mutation("drop-lost", "conditional_buffer.h", "gone = CONFIG_T::beats", "gone = 0", "buffer_ring"),
    Mutation("early-drop", "conditional_buffer.h", "held >= CONFIG_T::beats", "held != 0", "buffer_ring"),
    Mutation("stall-ignored", "conditional_buffer.h", " && !out.full()", "", "buffer_ring"),
    Mutation("all-forwarded", "conditional_buffer.h", "forward = decision == 1", "forward = true", "buffer_pixel"),
    Mutation(
        "wrong-wrap",
        "conditional_buffer.h",
        "write_at == CONFIG_T::depth - 1",
        "write_at == CONFIG_T::depth - 2",
        "buffer_ring",
    ),
    Mutation("shallow-first", "record_merge.h", "in[CONFIG_T::n_exits - 1 - i]", "in[i]", "merge"),
    Mutation("records-lost", "record_merge.h", "if (!found)", "", "merge"),
    Mutation("merge-stall-ignored", "record_merge.h", "!out.full()", "true", "merge"),
]


def include_flags(root: Path) -> list[str]:
    spec = importlib.util.find_spec("hls4ml")
    assert spec is not None
    assert spec.submodule_search_locations
    templates = Path(spec.submodule_search_locations[0]) / "templates" / "vivado"
    own = [f"-I{root / 'tb' / 'stalling'}", f"-I{root}", f"-I{root / 'tb' / 'instances'}"]
    return [*own, "-isystem", str(templates / "ap_types"), "-isystem", str(templates)]


def compile_source(source: Path, root: Path, made: Path, *more: str) -> Path:
    command = ["g++", *FLAGS, *include_flags(root), *more, "-c", str(source), "-o", str(made)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{source} does not compile:\n{done.stderr[:4000]}"
    return made


def precompile(folder: Path) -> Path:
    """A header of all that is not ours, compiled: to read it is most of what the compiler does."""
    header = folder / "first.h"
    header.write_text("".join(f'#include "{name}"\n' for name in ("ap_fixed.h", "ap_int.h", "hls_stream.h")))
    compile_source(header, HLS, header.with_suffix(".h.gch"), "-x", "c++-header")
    return header


def build(source: Path, root: Path, folder: Path, bench: Future[Path], *more: str) -> Path:
    """The top compiled against `root` and linked with the testbench, which holds no code of the block."""
    folder.mkdir(exist_ok=True)
    top = compile_source(source, root, folder / "top.o", *more)
    program = folder / "program"
    subprocess.run(["g++", str(top), str(bench.result()), "-o", str(program)], timeout=120, check=True)
    return program


def run(program: Path, seed: int) -> subprocess.CompletedProcess[str]:
    command = [str(program), str(SAMPLES), str(seed)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def mutate(mutation: Mutation, folder: Path) -> Path:
    """A copy of hls/ with the fault in it."""
    root = folder / "hls"
    shutil.copytree(HLS, root)
    header = root / mutation.header
    text = header.read_text(encoding="utf-8")
    assert text.count(mutation.old) == 1, (
        f"{mutation.name}: found {text.count(mutation.old)} times in {mutation.header}"
    )
    header.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    return root


def build_mutant(mutation: Mutation, source: Path, folder: Path, bench: Future[Path], header: Path) -> Path:
    return build(source, mutate(mutation, folder), folder, bench, "-include", str(header))


class Programs:
    """Programs by the name of their instance or mutation: each built once, at the latest when asked for."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor) -> None:
        self.folder = folder
        self.pool = pool
        self.header = precompile(folder)  # blocks themselves include what they need
        self.jobs: dict[str, Future[Path]] = {}
        self.benches: dict[str, Future[Path]] = {}

    def start(self, key: str) -> Future[Path]:
        if key not in self.jobs:
            mutation = next((mutation for mutation in MUTATIONS if mutation.name == key), None)
            bench = self.start_bench(mutation.instance if mutation else key)  # queued first
            if mutation is None:
                self.jobs[key] = self.pool.submit(build, self.source(key), HLS, self.folder / key, bench)
            else:
                source, folder = self.source(mutation.instance), self.folder / f"mutant-{key}"
                self.jobs[key] = self.pool.submit(build_mutant, mutation, source, folder, bench, self.header)
        return self.jobs[key]

    def source(self, name: str) -> Path:
        """The top function of an instance, written unless it is kept, beside its header and its testbench."""
        if name in KEPT:
            return INSTANCES / f"{name}.cpp"
        source = self.folder / "instances" / f"{name}.cpp"
        if not source.exists():
            source.parent.mkdir(exist_ok=True)
            write_instance(name, source.parent)
        return source

    def start_bench(self, name: str) -> Future[Path]:
        if name not in self.benches:
            made = self.folder / f"{name}_tb.o"
            source = self.source(name)
            bench = source.with_name(f"{name}_tb.cpp")
            self.benches[name] = self.pool.submit(compile_source, bench, HLS, made, "-include", str(self.header))
        return self.benches[name]

    def __getitem__(self, key: str) -> Path:
        return self.start(key).result()


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Programs]:
    """The programs of the selected tests, compiled side by side; a failed build shows in its own test."""
    if shutil.which("g++") is None:
        pytest.skip("the HLS blocks are NOT tested: no g++ on the path")
    if importlib.util.find_spec("hls4ml") is None:
        pytest.skip("the HLS blocks are NOT tested: hls4ml, whose ap_types they compile against, is not installed")
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        found = Programs(tmp_path_factory.mktemp("hls"), pool)
        if "PYTEST_XDIST_WORKER" not in os.environ:  # there, other workers run some of the tests
            for item in request.session.items:
                parameters = getattr(item, "callspec", None) and item.callspec.params
                if parameters and item.module is request.module:
                    found.start(parameters["name"] if "name" in parameters else parameters["mutation"].name)
        yield found


def test_every_block_has_an_instance() -> None:
    blocks = {"exit_decision", "stream_fork", "conditional_buffer", "record_merge"}
    benches = {name: (INSTANCES / f"{name}_tb.cpp").read_text(encoding="utf-8") for name in KEPT}
    assert {block for block in blocks if any(f"tb/{block}_tb.h" in text for text in benches.values())} == blocks
    assert criteria_covered() == set(CRITERIA)


def test_every_block_is_in_the_index() -> None:
    index = (HLS / "README.md").read_text(encoding="utf-8")
    for header in [*HLS.glob("*.h"), *HLS.glob("criteria/*.h")]:
        assert f"`{header.relative_to(HLS).as_posix()}`" in index


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: f"seed{seed}")
@pytest.mark.parametrize("name", [pytest.param(name, marks=CAMPAIGN if name in _VARIANTS else ()) for name in NAMES])
def test_block_matches_its_reference(programs: Programs, name: str, seed: int) -> None:
    done = run(programs[name], seed)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "PASS"


# one in four is always tried
@pytest.mark.parametrize(
    "mutation", [pytest.param(one, marks=CAMPAIGN if i % 4 else (), id=one.name) for i, one in enumerate(MUTATIONS)]
)
def test_testbench_notices(programs: Programs, mutation: Mutation) -> None:
    done = run(programs[mutation.name], SEEDS[0])
    assert done.returncode != 0, f"{mutation.name} went unnoticed:\n{done.stdout}"
    assert done.stdout.splitlines()[-1] == "FAIL"
