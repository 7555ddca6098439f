"""A PostgreSQL server for tests, which ends with them."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Where Debian has what is not on the path.
_DEBIAN = Path("/usr/lib/postgresql")
#: Whom the server runs as where the tests run as root, which it refuses.
_OTHER = "nobody"


def server_programs() -> Path | None:
    """Returns the folder of initdb and pg_ctl; None where there is no server."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else sorted(_DEBIAN.glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "pg_ctl").exists()), None)


@contextmanager
def served(programs: Path) -> Iterator[str]:
    """Gives the URL of an empty data base, without network."""
    user = _OTHER if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as scratch:  # the path of a socket must be short
        folder = Path(scratch)
        if user:
            shutil.chown(folder, user)

        def run(program: str, *arguments: str) -> None:
            command = [str(programs / program), "--pgdata", str(folder / "data"), *arguments]
            log = subprocess.run(command, user=user, cwd=folder, capture_output=True, text=True, check=False)
            assert log.returncode == 0, log.stdout + log.stderr

        run("initdb", "--username=tester", "--auth=trust", "--no-locale", "--encoding=UTF8", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "start", "--wait", "--options", options, "--log", str(folder / "log"))
        try:
            yield f"postgresql://tester@/postgres?host={folder}"
        finally:
            run("pg_ctl", "stop", "--mode", "immediate")
