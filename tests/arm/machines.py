"""ARM machines under qemu: Debian's cross compiler, and a folder with Debian's Python and NumPy for the machine.

Nothing is installed for a foreign architecture: apt keeps its lists and packages in folders of this one.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hwcodesign.errors import ToolError
from hwcodesign.native.library import compile_library
from hwcodesign.storage.files import replaced_folder

ROOT = Path(__file__).resolve().parent.parent.parent
_PACKAGES = ("python3", "python3-numpy", "libopenblas0-pthread", "libstdc++6")
_LINKED = ("libblas.so.3", "liblapack.so.3", "libopenblas.so.0")


@dataclass(frozen=True)
class Machine:
    """A machine that qemu stands in for.

    Attributes:
        name: what Python calls it there.
        processor: that of the board's chip, by qemu's name.
        chip: which has it.
        debian: Debian's name for such machines.
        triple: the compiler's.
        qemu: the program.
        parent_call: number of the system call that asks for the parent process.
        blas: the library with which NumPy multiplies there.
    """

    name: str
    processor: str
    chip: str
    debian: str
    triple: str
    qemu: str
    parent_call: int
    blas: str


MACHINES = (
    Machine(
        "armv7l",
        "cortex-a9",
        "Zynq-7000",
        "armhf",
        "arm-linux-gnueabihf",
        "qemu-arm",
        64,
        "OpenBLAS, as Debian builds it for armhf: for ARMv6, without NEON",
    ),
    Machine(
        "aarch64",
        "cortex-a53",
        "Zynq UltraScale+",
        "arm64",
        "aarch64-linux-gnu",
        "qemu-aarch64",
        173,
        "OpenBLAS, with NEON",
    ),
)


def require_tools() -> None:
    """Raises an error that names Debian's packages for all programs that are missing."""
    packages = {"gcc": "gcc", "apt-get": "apt", "dpkg": "dpkg"}
    for machine in MACHINES:
        packages |= {machine.qemu: "qemu-user", f"{machine.triple}-g++": f"g++-{machine.triple}"}
    missing = {program: package for program, package in packages.items() if shutil.which(program) is None}
    if missing:
        raise ToolError(
            f"{', '.join(missing)} missing: ARM machines need Debian 12 with "
            f"apt install {' '.join(sorted(set(missing.values())))}"
        )


@dataclass(frozen=True)
class System:
    """Debian's Python and NumPy for a machine.

    Attributes:
        machine: which.
        root: the folder that is / there.
        bytecode: folder for what Python compiles.
    """

    machine: Machine
    root: Path
    bytecode: Path

    def run(self, arguments: Sequence[str], folder: Path, plugged: str) -> None:
        """Runs Python on the machine, with one thread.

        Args:
            folder: where its cache is; no program is found by its name but those that lie there.
            plugged: a plugin of qemu with its arguments; "" for none.
        """
        qemu = shutil.which(self.machine.qemu)
        assert qemu is not None
        command = [qemu, "-cpu", self.machine.processor, "-L", str(self.root)]
        command += ["-plugin", plugged] if plugged else []
        environment = {
            "PATH": str(folder),
            "PYTHONPATH": str(ROOT),
            "PYTHONPYCACHEPREFIX": str(self.bytecode),
            "XDG_CACHE_HOME": str(folder / "cache"),
            "OMP_NUM_THREADS": "1",
        }
        _do([*command, str(self.root / "usr" / "bin" / "python3"), *arguments], environment)


def built_system(machine: Machine, folder: Path) -> System:
    """Downloads Python and NumPy for a machine, unless that was done."""
    root = folder / "root"
    if not root.exists():
        apt = _apt(machine, folder / "apt")
        _do([*apt, "update"], may_fail=True)  # one of several lists may; the next line tells whether it is missed
        _do([*apt, "install", "--yes", "--download-only", "--no-install-recommends", *_PACKAGES])
        with replaced_folder(root) as new:
            for package in sorted((folder / "apt" / "cache" / "archives").glob("*.deb")):
                _do(["dpkg", "--extract", str(package), str(new)])
            libraries = new / "usr" / "lib" / machine.triple
            for name in _LINKED:  # as update-alternatives does
                (libraries / name).symlink_to(Path("openblas-pthread") / name)
    return System(machine, root, folder / "bytecode")


def compiled_engine(machine: Machine, folder: Path) -> Path:
    """Compiles the engine for a machine, with the flags that it takes itself."""
    library = folder / "engine.so"
    compile_library(library, f"{machine.triple}-g++", machine.name)
    return library


def built_plugin(folder: Path) -> Path:
    """Compiles the plugin of qemu that counts instructions."""
    target = folder / "count.so"
    source = Path(__file__).with_name("count.c")
    _do(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", str(source), "-o", str(target)])
    return target


def _apt(machine: Machine, folder: Path) -> list[str]:
    """Returns apt-get for a system without packages, whose files all lie in a folder."""
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    options = {
        "APT::Architecture": machine.debian,
        "APT::Architectures": machine.debian,
        "APT::Sandbox::User": "root",  # another user may not write there
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
    }
    return ["apt-get", "--quiet", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]


def _do(command: Sequence[str], environment: dict[str, str] | None = None, *, may_fail: bool = False) -> None:
    done = subprocess.run(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode and not may_fail:
        raise ToolError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-4000:]}")
