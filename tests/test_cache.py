"""What was compiled is kept by what it was made of, for its owner alone; what is damaged is made again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hwcodesign.errors import ToolError
from hwcodesign.storage.cache import entry_of, is_kept, kept, scratch_folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "hwcodesign"


class Maker:
    """Makes a library, and counts how often it was asked to."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, folder: Path) -> None:
        self.made += 1
        (folder / "model.so").write_bytes(b"a library")
        (folder / "roms").mkdir()
        (folder / "roms" / "a.hex").write_text("00")


def test_the_same_is_made_once_and_another_again(cache: Path) -> None:
    make = Maker()
    assert not is_kept("model", "these sources")
    first = kept("model", "these sources", make)
    assert (first / "model.so").read_bytes() == b"a library"
    assert first.parent == cache
    assert is_kept("model", "these sources")
    assert kept("model", "these sources", make) == first
    assert make.made == 1
    assert kept("model", "other sources", make) != first
    assert kept("other", "these sources", make) != first
    assert make.made == 3


def _truncated(entry: Path) -> None:
    (entry / "model.so").write_bytes(b"a lib")


def _foreign(entry: Path) -> None:
    (entry / "model.so").write_bytes(b"a foreign one")


def _of_something_else(entry: Path) -> None:
    made = entry / "made.json"
    made.write_text(made.read_text().replace('"made_of": "', '"made_of": "0')[:-1])


def _with_more(entry: Path) -> None:
    (entry / "roms" / "planted.hex").write_text("ff")


def _without_a_file(entry: Path) -> None:
    (entry / "roms" / "a.hex").unlink()


def _unlisted(entry: Path) -> None:
    (entry / "made.json").unlink()


def _a_link(entry: Path) -> None:
    (entry / "model.so").rename(entry.parent / "elsewhere.so")
    (entry / "model.so").symlink_to(entry.parent / "elsewhere.so")


@pytest.mark.parametrize(
    "harm", [_truncated, _foreign, _of_something_else, _with_more, _without_a_file, _unlisted, _a_link]
)
def test_what_is_not_as_it_was_made_is_made_again(harm: Callable[[Path], None]) -> None:
    make = Maker()
    entry = kept("model", "sources", make)
    harm(entry)
    assert not is_kept("model", "sources")
    assert kept("model", "sources", make) == entry
    assert make.made == 2
    assert sorted(path.name for path in entry.rglob("*")) == ["a.hex", "made.json", "model.so", "roms"]
    assert not (entry / "model.so").is_symlink()
    assert (entry / "model.so").read_bytes() == b"a library"


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o702])
def test_a_cache_that_others_may_write_is_refused(mode: int, cache: Path) -> None:
    cache.mkdir()
    cache.chmod(mode)
    with pytest.raises(
        ToolError, match=rf"{cache} can be written by other users, and its content would be run: .*chmod go-w"
    ):
        kept("model", "sources", Maker())


@pytest.mark.parametrize("name", ["", "model.so", "roms"])
def test_an_entry_that_others_may_write_is_refused(name: str) -> None:
    entry = kept("model", "sources", Maker())
    (entry / name).chmod(0o777)
    with pytest.raises(ToolError, match=rf"{entry / name} can be written by other users"):
        kept("model", "sources", Maker())


def test_a_cache_of_another_user_is_refused(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept("model", "sources", Maker())
    if os.geteuid() == 0:
        os.chown(cache, 12345, -1)
    else:  # who is not root cannot give anything away: this process is somebody else from now on
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(ToolError, match=rf"{cache} belongs to another user, and its content would be run: remove it"):
        kept("model", "sources", Maker())


@pytest.mark.parametrize("umask", [0o000, 0o002, 0o077])
def test_entries_are_their_owners_alone_under_every_umask(umask: int, cache: Path) -> None:
    before = os.umask(umask)
    try:
        entry = kept("model", "sources", Maker())
    finally:
        os.umask(before)
    assert cache.stat().st_mode & 0o777 == 0o700 & ~umask
    assert [path.name for path in (entry, *entry.rglob("*")) if path.stat().st_mode & 0o022] == []
    assert is_kept("model", "sources")


def test_what_fails_leaves_nothing(cache: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise ToolError("g++ failed")

    with pytest.raises(ToolError, match="g\\+\\+ failed"):
        kept("model", "sources", fail)
    assert list(cache.iterdir()) == []


def test_processes_that_want_the_same_wait_for_the_one_that_makes_it(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom hwcodesign.storage.cache import kept\n"
        "def make(folder):\n    (Path(sys.argv[1]) / 'log').open('a').write('made\\n')\n"
        "    time.sleep(0.5)\n    (folder / 'model.so').write_text('a library')\n"
        "print((kept('model', 'sources', make) / 'model.so').read_text())\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate()[0] for process in running] == ["a library\n"] * 4
    assert (tmp_path / "log").read_text() == "made\n"


def test_what_was_not_used_for_long_goes(cache: Path) -> None:
    old, used = kept("old", "sources", Maker()), kept("used", "sources", Maker())
    long_ago = time.time() - 100 * 86_400
    for entry in (old, used):
        os.utime(entry / "made.json", (long_ago, long_ago))
    kept("used", "sources", Maker())
    kept("new", "sources", Maker())
    assert not old.exists()
    assert used.exists()
    assert entry_of("new", "sources").parent == cache


def test_scratch_is_gone_afterwards(cache: Path) -> None:
    with scratch_folder() as scratch:
        assert cache in scratch.parents
        (scratch / "file").write_text("")
    assert not scratch.exists()
