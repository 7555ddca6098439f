"""Holds the native engine on ARM machines to NumPy, there and here, and counts instructions, all under qemu.

python -m tests.arm --write docs/arm.md

It needs Debian 12 with qemu-user and two cross compilers; an error names the packages that are missing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from hwcodesign.errors import HwcodesignError
from hwcodesign.storage.files import write_text
from tests.arm.checks import Checks, all_checks
from tests.arm.document import document
from tests.arm.guest import numpy_digests, scores_of
from tests.arm.machines import MACHINES, built_plugin, built_system, compiled_engine, require_tools
from tests.arm.subjects import drawn_policies, prepared

#: Policies of each criterion.
POLICIES = 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", type=Path, required=True, help="the document")
    parser.add_argument("--build", type=Path, default=Path("build"), help="where trained recipes are")
    parser.add_argument("--recipes", nargs="*", default=("digits_lenet", "blenet_mnist"), help="whose designs run")
    parser.add_argument("--draws", type=int, default=60, help="drawn segments that begin with each kind of kernel")
    parser.add_argument("--images", type=int, default=256, help="images of each design")
    options = parser.parse_args()
    build = options.build.resolve()
    try:
        require_tools()
        subjects = [prepared(name, build, options.images) for name in options.recipes]
        wanted, policies, found = numpy_digests(options.draws), drawn_policies(POLICIES), []
        scores = scores_of(policies)
        for machine in MACHINES:
            folder = build / "arm" / machine.name
            system = built_system(machine, folder)
            checks = Checks(system, folder, compiled_engine(machine, folder), built_plugin(folder))
            found.append(all_checks(checks, subjects, wanted, policies, scores))
    except HwcodesignError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    write_text(options.write, document(options.draws, len(policies), subjects, found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
