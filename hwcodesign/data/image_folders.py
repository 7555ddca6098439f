"""This module reads images that lie in one folder per class, on disk or in a zip file:

    train/cat/0001.jpg   train/dog/0001.jpg   test/cat/0001.jpg   …

Classes are numbered in the order of their names. What was decoded is kept on this machine, and read from there the
next time.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray
from PIL import Image

from hwcodesign.choices import not_known
from hwcodesign.data.dataset import Dataset, Split
from hwcodesign.data.splitting import SEED, fitting_kept, shuffled
from hwcodesign.errors import DataError
from hwcodesign.images import BYTES
from hwcodesign.progress import task
from hwcodesign.storage.cache import kept

INPUT_FORMAT = BYTES
#: Endings of files that are images; other files are left alone.
ENDINGS = frozenset((".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"))
#: Modes of Pillow by channels.
_MODES = {1: "L", 3: "RGB"}
#: Of an image's file.
_MOST_BYTES = 2**28
#: Counts the ways in which this module has read the same files.
_VERSION = 1
#: What Pillow and `zipfile` raise at damaged files.
_DAMAGED = (OSError, ValueError, SyntaxError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)

#: Paths of images by class.
_Classes = Mapping[str, Sequence[str]]


def image_folders(
    path: Path,
    name: str,
    *,
    fitting: int,
    training: str = "train",
    test: str = "test",
    channels: int = 3,
    seed: int = SEED,
) -> Dataset:
    """Returns the images of a folder or a zip file, as codes of 8 bits.

    Args:
        path: folder or zip file.
        name: name of the data set.
        fitting: number of images in `training` that are kept for fitting.
        training, test: paths in it of the folders that have a folder per class.
        channels: 3 for colours, 1 for grey; other images are converted.
        seed: seed of the choice of images for fitting, and of the order of all images.

    Raises:
        DataError: there is nothing at `path`, a class is only in `test`, or images cannot be decoded or differ in size.
    """
    if channels not in _MODES:
        raise DataError(f"channels={channels}: give 3 for images in colour, or 1 for grey ones")
    if not path.exists():
        raise DataError(
            f"{path} does not exist: put the images of {name} there, in {training}/<class>/ and {test}/<class>/"
        )
    with _opened(path) as files:
        parts = {part: _by_class(files, folder) for part, folder in (("training", training), ("test", test))}
        classes = sorted(parts["training"])
        for unknown in sorted(set(parts["test"]) - set(classes)):
            raise DataError(f"{path}: {not_known(f'class {unknown!r} of {test}/', unknown, classes)} of {training}/")
        used = [member for part in parts.values() for members in part.values() for member in members]
        made_of = json.dumps([_VERSION, PIL.__version__, channels, parts, [files.marks[member] for member in used]])

        def decode(entry: Path) -> None:
            with task(f"decoding images of {name}", len(used), "images") as reported:
                decoded = [_decoded(files, member, channels, reported.advance) for member in used]
            _check_sizes(files, used, decoded)
            np.save(entry / "images.npy", np.stack(decoded))

        images = np.load(kept("images", made_of, decode) / "images.npy")
    labels = np.concatenate([_labels(part, classes) for part in parts.values()])
    count = sum(map(len, parts["training"].values()))
    whole, tested = (Split(images[part], labels[part]) for part in (slice(count), slice(count, None)))
    return Dataset(name, INPUT_FORMAT, *fitting_kept(whole, fitting, name, seed), shuffled(tested, seed))


@dataclass(frozen=True)
class _Files:
    """This is what lies in a folder or a zip file.

    Attributes:
        path: the folder or zip file.
        marks: for each file by its path, what changes when its content does.
        read: returns the content of a file.
    """

    path: Path
    marks: Mapping[str, Any]
    read: Callable[[str], bytes]

    def __str__(self) -> str:
        return str(self.path)


@contextmanager
def _opened(path: Path) -> Iterator[_Files]:
    if path.is_dir():
        found = {file.relative_to(path).as_posix(): file.stat() for file in path.rglob("*") if file.is_file()}
        marks = {member: (stat.st_size, stat.st_mtime_ns) for member, stat in found.items()}
        yield _Files(path, marks, lambda member: (path / member).read_bytes())
        return
    try:
        archive = zipfile.ZipFile(path)
    except _DAMAGED as error:
        raise DataError(f"{path} is neither a folder nor a whole zip file ({error}): download it again") from None
    with archive:
        members = {info.filename: (info.file_size, info.CRC) for info in archive.infolist() if not info.is_dir()}
        yield _Files(path, members, archive.read)


def _by_class(files: _Files, folder: str) -> dict[str, list[str]]:
    """Returns the images in a folder's folders, sorted."""
    found: dict[str, list[str]] = {}
    for member in sorted(files.marks):
        parent = PurePosixPath(member).parent
        if parent.parent == PurePosixPath(folder) and PurePosixPath(member).suffix.lower() in ENDINGS:
            found.setdefault(parent.name, []).append(member)
    if not found:
        top = sorted({PurePosixPath(member).parts[0] for member in files.marks})
        raise DataError(f"{files} has no images in {folder}/<class>/; at its top: {', '.join(top[:10]) or 'nothing'}")
    return found


def _decoded(files: _Files, member: str, channels: int, done: Callable[[], None]) -> NDArray[np.uint8]:
    """Returns an image (C, H, W)."""
    if files.marks[member][0] > _MOST_BYTES:
        raise DataError(f"{files}: {member} has more than {_MOST_BYTES} bytes, which no image here may have")
    try:
        with Image.open(io.BytesIO(files.read(member))) as image:
            pixels = np.asarray(image.convert(_MODES[channels]))
    except (*_DAMAGED, Image.DecompressionBombError) as error:
        raise DataError(f"{files}: {member} cannot be decoded ({error}): download it again") from None
    done()
    return pixels[None] if channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _check_sizes(files: _Files, members: Sequence[str], decoded: Sequence[NDArray[np.uint8]]) -> None:
    first = decoded[0].shape[1:]
    for member, image in zip(members, decoded, strict=True):
        if image.shape[1:] != first:
            raise DataError(
                f"{files}: {member} has {_size(image.shape[1:])} pixels, and {members[0]} {_size(first)}: scale all "
                "images to one size"
            )


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[0]}x{shape[1]}"


def _labels(part: _Classes, classes: Sequence[str]) -> NDArray[np.int64]:
    return np.repeat([classes.index(name) for name in part], [len(members) for members in part.values()])
