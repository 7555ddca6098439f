"""Files and folders are whole or not there: whoever is killed, whoever else writes, whatever the umask is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from hwcodesign.errors import BusyError
from hwcodesign.storage.files import (
    claimed_folder,
    one_at_a_time,
    replaced_folder,
    scratch_below,
    write_bytes,
    write_text,
)


@contextmanager
def held(folder: Path, block: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that is within `with <block>:`; it is killed at the end."""
    script = (
        "import sys, time\nfrom pathlib import Path\nimport hwcodesign.storage.files as files\n"
        f"folder = Path(sys.argv[1])\nwith files.{block} as inside:\n"
        "    if inside is not None:\n        (inside / 'half').write_text('half')\n"
        "    print('in', flush=True)\n    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        yield process
        process.send_signal(signal.SIGKILL)


def test_a_replaced_folder_is_the_old_one_until_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "design"
    with replaced_folder(folder) as new:
        (new / "a").write_text("first")
        assert not folder.exists()
    with replaced_folder(folder) as new:
        assert list(new.iterdir()) == []
        assert (folder / "a").read_text() == "first"
        (new / "b").write_text("second")
    assert [path.name for path in folder.iterdir()] == ["b"]
    with suppress(ZeroDivisionError), replaced_folder(folder) as new:
        (new / "c").write_text("third")
        raise ZeroDivisionError
    assert [path.name for path in folder.iterdir()] == ["b"]
    assert [path.name for path in tmp_path.iterdir()] == ["design"]


def test_what_a_killed_writer_left_is_not_believed_and_is_removed_by_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "design"
    with held(folder, "replaced_folder(folder)"):
        pass
    assert not folder.exists()
    assert (tmp_path / ".design.new" / "half").exists()
    with replaced_folder(folder) as new:
        assert list(new.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["design"]


def test_a_writer_that_was_killed_between_its_two_moves_has_changed_nothing(tmp_path: Path) -> None:
    (tmp_path / ".design.before").mkdir()
    (tmp_path / ".design.before" / "old").write_text("old")
    (tmp_path / ".design.new").mkdir()
    with suppress(ZeroDivisionError), replaced_folder(tmp_path / "design"):
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["design"]
    assert (tmp_path / "design" / "old").read_text() == "old"


def test_a_second_writer_of_a_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "design"
    message = rf"another process is writing {folder}: wait until it has ended, or choose another folder"
    with (
        held(folder, "replaced_folder(folder)"),
        pytest.raises(BusyError, match=message),
        replaced_folder(folder),
    ):
        pass
    with replaced_folder(folder), pytest.raises(BusyError, match=message), replaced_folder(folder):
        pass  # of this process, too
    assert folder.is_dir()


def test_a_folder_that_somebody_works_in_is_refused_until_they_end(tmp_path: Path) -> None:
    with held(tmp_path / "run", "claimed_folder(folder)"):
        with (
            pytest.raises(BusyError, match=r"another process is writing .*run: wait"),
            claimed_folder(tmp_path / "run"),
        ):
            pass
        with claimed_folder(tmp_path / "other"):
            pass
    with claimed_folder(tmp_path / "run"):
        (tmp_path / "run" / "result").write_text("")
    assert [path.name for path in tmp_path.iterdir()] == ["run"], "a folder in which nothing was written is gone"


def test_one_at_a_time_waits(tmp_path: Path) -> None:
    order: list[str] = []
    inside = threading.Event()

    def second() -> None:
        inside.wait()
        with one_at_a_time(tmp_path / "entry"):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with one_at_a_time(tmp_path / "entry"):
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_removed_while_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where another process removes its scratch folder just when this one looks whether that was left."""
    left, answers, made = tmp_path / "left", [FileExistsError(17, "File exists"), None], os.mkdir

    def mkdir(path: Path, mode: int = 0o777) -> None:
        error = answers.pop(0) if path == left and answers else None
        if error is not None:
            raise error
        made(path, mode)

    monkeypatch.setattr(os, "mkdir", mkdir)
    with claimed_folder(left):
        assert left.is_dir()
    assert not answers


def test_a_file_where_a_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(FileExistsError), claimed_folder(tmp_path / "taken"):
        pass


def test_scratch_folders_of_killed_processes_go_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    with held(tmp_path, "scratch_below(folder)"):
        (living,) = tmp_path.iterdir()
        with scratch_below(tmp_path) as own:
            assert own != living
            assert list(own.iterdir()) == []
        assert list(tmp_path.iterdir()) == [living]
    with scratch_below(tmp_path) as own:
        assert list(tmp_path.iterdir()) == [own]
    assert list(tmp_path.iterdir()) == []


def test_many_writers_of_one_file_leave_one_whole_text(tmp_path: Path) -> None:
    texts = [str(k) * 100_000 for k in range(8)]
    with ThreadPoolExecutor(len(texts)) as pool:
        for written in [pool.submit(write_text, tmp_path / "file", text) for text in texts * 5]:
            written.result()
    assert (tmp_path / "file").read_text() in texts
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_half_a_file_of_a_killed_writer_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / ".file.new").write_bytes(b"half of something longer")
    write_bytes(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("umask", [0o022, 0o027, 0o077, 0o002])
def test_files_and_folders_respect_the_umask(umask: int, tmp_path: Path) -> None:
    open_file = tmp_path / "open"
    open_file.write_text("")
    open_file.chmod(0o777)
    before = os.umask(umask)
    try:
        write_bytes(tmp_path / "file", b"")
        with replaced_folder(tmp_path / "folder") as new:
            (new / "below").mkdir()
            os.link(open_file, new / "below" / "copied")
            (new / "below" / "made").write_text("")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in [tmp_path / "file", *(tmp_path / "folder").rglob("*")]}
    plain, folder = 0o666 & ~umask, 0o777 & ~umask
    assert modes == {"file": plain, "below": folder, "copied": folder, "made": plain}
    assert (tmp_path / "folder").stat().st_mode & 0o777 == folder
