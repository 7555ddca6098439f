"""What test files share: exact reference arithmetic, and a small network, trained, fitted and compiled once a session.

Fixtures import what they need when they are asked for, so that tests of the NumPy part run where torch is missing.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from functools import cache
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from hwcodesign.fixedpoint import FixedPoint

if TYPE_CHECKING:
    from hwcodesign.data import Dataset
    from hwcodesign.design import Design
    from hwcodesign.networks.network import MultiExitNetwork
    from hwcodesign.policies import ExitPolicy
    from hwcodesign.simulated_board import Fault
    from tests.boards import Bench, Boards

#: What tests compile is kept beside the checkout's other results: a user's own cache stays as it is.
os.environ["XDG_CACHE_HOME"] = str(Path(__file__).resolve().parent.parent / "build" / "cache")


@pytest.fixture(scope="session", autouse=True)
def _software_is_compared() -> Iterator[None]:
    """Whatever runs on="software" in this process runs on the native engine, and is held to NumPy."""
    from hwcodesign.runtime import arithmetic
    from tests.compared_arithmetic import Compared

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(arithmetic, "chosen", Compared)
        yield


ExactCast = Callable[[Fraction, FixedPoint], int]
RandomFormat = Callable[..., FixedPoint]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Skips are counted and printed: a test that did not run has shown nothing."""
    skipped = terminalreporter.stats.get("skipped", [])
    terminalreporter.section(f"skipped: {len(skipped)}")
    reasons = Counter(
        report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr) for report in skipped
    )
    for reason, count in reasons.most_common():
        terminalreporter.write_line(f"{count} x {reason}")


def _exact_cast(value: Fraction, fmt: FixedPoint) -> int:
    """Code of a value in a format: the text of UG1399 in Python's exact arithmetic."""
    scaled = value * Fraction(2) ** (fmt.width - fmt.integer)
    half = Fraction(1, 2)
    down, up = floor(scaled), ceil(scaled)
    nearer = down if scaled - down < half else up  # of use where it is not halfway
    halfway = scaled - down == half
    code = {
        "TRN": down,
        "TRN_ZERO": down if scaled >= 0 else up,
        "RND": up if halfway else nearer,
        "RND_ZERO": (down if scaled >= 0 else up) if halfway else nearer,
        "RND_INF": (up if scaled >= 0 else down) if halfway else nearer,
        "RND_MIN_INF": down if halfway else nearer,
        "RND_CONV": (down if down % 2 == 0 else up) if halfway else nearer,
    }[fmt.rounding.value]
    low = -(2 ** (fmt.width - 1)) if fmt.signed else 0
    high = 2 ** (fmt.width - 1) - 1 if fmt.signed else 2**fmt.width - 1
    if low <= code <= high and not (fmt.overflow.value == "SAT_SYM" and fmt.signed and code == low):
        return code
    if fmt.overflow.value == "WRAP":
        return (code - low) % 2**fmt.width + low
    if fmt.overflow.value == "SAT_ZERO":
        return 0
    if fmt.overflow.value == "SAT_SYM" and fmt.signed:
        low = -high
    return low if code < low else high


@pytest.fixture(scope="session")
def exact_cast() -> ExactCast:
    """The code that a real value, as a `Fraction`, has in a format."""
    return _exact_cast


def _random_format(
    rng: np.random.Generator, widths: tuple[int, int], integers: tuple[int, int], *, signed: bool | None = None
) -> FixedPoint:
    return FixedPoint(
        int(rng.integers(*widths, endpoint=True)),
        int(rng.integers(*integers, endpoint=True)),
        bool(rng.integers(2)) if signed is None else signed,
        str(rng.choice(["TRN", "TRN_ZERO", "RND", "RND_ZERO", "RND_INF", "RND_MIN_INF", "RND_CONV"])),  # type: ignore[arg-type]
        str(rng.choice(["WRAP", "SAT", "SAT_ZERO", "SAT_SYM"])),  # type: ignore[arg-type]
    )


@pytest.fixture(scope="session")
def random_format() -> RandomFormat:
    """A random format: (generator, (least, most) width, (least, most) integer bits, signed=either)."""
    return _random_format


@pytest.fixture(scope="session")
def digits_data() -> Dataset:
    """The data set that comes with scikit-learn: 1000 training, 397 fitting, 400 test images of 8x8."""
    from hwcodesign.data.digits import digits

    return digits()


@pytest.fixture(scope="session")
def small_network() -> Callable[[int], MultiExitNetwork]:
    """Makes an untrained three-exit network for the digits from a seed."""
    from tests.small_network import drawn

    return drawn


@pytest.fixture(scope="session")
def trained_network() -> MultiExitNetwork:
    """The small network with the weights that are kept beside it; not to be changed."""
    from tests.small_network import trained

    return trained()


@pytest.fixture(scope="session")
def fitted_policy(trained_network: MultiExitNetwork, digits_data: Dataset) -> ExitPolicy:
    """An entropy policy of the trained network under which samples leave at each of its exits, and its path."""
    from tests.small_network import fitted

    return fitted(trained_network, digits_data.fitting)


@pytest.fixture(scope="session")
def warm() -> Iterator[None]:
    """Commands that test files run need not wait for Python's imports: they ask `WARM[0]` of `tests.warm_cli`."""
    from tests.warm_cli import WARM, WarmCommandLine

    WARM.append(WarmCommandLine())
    yield
    WARM.pop().close()


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Builds a folder by its name, once for all processes that run tests side by side; it is not to be changed."""
    from filelock import FileLock

    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def build(name: str, make: Callable[[Path], object]) -> Path:
        folder = shared / "built" / name
        folder.parent.mkdir(exist_ok=True)
        with FileLock(folder.with_name(f"{name}.lock")):
            if not folder.exists():
                make(folder)
        return folder

    return build


@pytest.fixture(scope="session")
def compiled_design(
    trained_network: MultiExitNetwork, fitted_policy: ExitPolicy, built_once: Callable[..., Path]
) -> Design:
    """The trained network and its policy, compiled; its folder is not to be changed (copy it)."""
    from hwcodesign.compilation import compile
    from hwcodesign.design import load

    return load(built_once("small", lambda folder: compile(trained_network, fitted_policy, out=folder)))


@pytest.fixture(scope="session")
def files_below() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder: relative path to content."""

    def read(folder: Path) -> dict[str, bytes]:
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    return read


@pytest.fixture(scope="session")
def sample_design(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Design]:
    """A hand-made design for a board with a name, for simulated boards; its RTL is the same and is compiled once."""
    from rtl_sim.tb.small_accelerators import plain
    from tests.hand_made import hand_made

    folder = tmp_path_factory.mktemp("sample")
    return cache(lambda board: hand_made(plain("sample"), folder, board))


@pytest.fixture(params=["pynq-z2", "zcu104"])
def either(request: pytest.FixtureRequest, sample_design: Callable[[str], Design]) -> Design:
    """The hand-made design for a board with each processing system."""
    return sample_design(request.param)


@pytest.fixture
def design(sample_design: Callable[[str], Design]) -> Design:
    """The hand-made design."""
    return sample_design("pynq-z2")


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The thread's event loop: PYNQ's interrupts ask for it, also where nobody waits for them."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield loop
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def boards(design: Design, loop: asyncio.AbstractEventLoop) -> Iterator[Boards]:  # noqa: ARG001
    """Enters simulated boards with given faults, and leaves them when the test ends."""
    from hwcodesign.simulated_board import SimulatedBoard
    from tests.boards import Bench

    with ExitStack() as stack:

        def enter(*faults: Fault, **settings: int) -> Bench:
            return Bench(stack.enter_context(SimulatedBoard(design, faults, **settings)), design)  # type: ignore[arg-type]

        yield enter


@pytest.fixture
def bench(boards: Boards) -> Bench:
    """A simulated board without faults."""
    return boards()
