"""This module opens where trials of searches are kept: SQLite, a journal, or a data base of which there is a URL."""

from __future__ import annotations

from pathlib import Path

from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from hwcodesign.errors import SettingsError

#: The file in a search's folder, where no storage is named.
FILE = "study.db"
#: Ending of a journal.
_JOURNAL = ".log"
#: Seconds for which a process waits for another one that writes into SQLite.
_PATIENCE = 100


def check_storage(storage: str | None) -> None:
    """Refuses a storage that is neither a journal nor a URL.

    Raises:
        SettingsError: naming what there is.
    """
    if storage is not None and "://" not in storage and not storage.endswith(_JOURNAL):
        raise SettingsError(
            f"storage={storage!r} is neither a journal, a file that ends in {_JOURNAL}, nor a URL such as "
            "postgresql://user@host/searches"
        )


def place_of(folder: Path, storage: str | None) -> str:
    """Returns where trials are kept, for messages."""
    return str(folder / FILE) if storage is None else storage


def opened_storage(folder: Path, storage: str | None) -> BaseStorage:
    """Opens a storage, which is made if it is not there; raises whatever Optuna, SQLAlchemy and the system do.

    Args:
        folder: of the search; it has the storage where none is named.
        storage: a journal or a URL.
    """
    if storage is not None and storage.endswith(_JOURNAL):
        return JournalStorage(JournalFileBackend(storage))
    url = f"sqlite:///{folder / FILE}" if storage is None else storage
    waits = {"connect_args": {"timeout": _PATIENCE}} if url.startswith("sqlite") else {}
    return RDBStorage(url, engine_kwargs=waits)
