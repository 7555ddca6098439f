"""This module checks records before they are delivered, so that every sample of a batch is answered exactly once.

A batch may take several attempts, on the same backend or another. A record that an earlier attempt has already
delivered is dropped.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hwcodesign.errors import TransferError
from hwcodesign.interface.records import FLAG_ERROR, FLAG_FINAL, Records


class Delivery:
    """The delivery holds the samples of one batch that have no final record yet.

    Contract: `begin` an attempt, send the samples that it names in that order, `accept` what comes back in the order in
    which it comes, `finish`. Records of an attempt count its samples from 0.
    """

    def __init__(self, samples: int, exits: int, classes: int, *, anytime: bool) -> None:
        self._exits, self._classes, self._anytime = exits, classes, anytime
        self._answered = np.zeros(samples, np.int64)  # records handed out, of each sample
        self._done = np.zeros(samples, np.bool_)
        self._sent = np.zeros(0, np.int64)
        self._seen = np.zeros(0, np.int64)  # records in this attempt, of each sample sent

    @property
    def owed(self) -> NDArray[np.int64]:
        """Returns the samples without a final record, ascending."""
        return np.flatnonzero(~self._done)

    def begin(self) -> NDArray[np.int64]:
        """Starts an attempt; returns the samples to be sent."""
        self._sent = self.owed
        self._seen = np.zeros(len(self._sent), np.int64)
        return self._sent

    def accept(self, records: Records) -> Records:
        """Returns the new records of an attempt, numbered as in the batch.

        Raises:
            TransferError: an id, exit, label or flag is impossible, or there is a record too many; the message names
                the first one.
        """
        self._check_fields(records)
        ids = records["sample_id"].astype(np.int64)
        order = np.argsort(ids, kind="stable")
        ranks = np.empty(len(ids), np.int64)
        ranks[order] = _ranks(ids[order])
        self._check_sequence(records, self._seen[ids] + ranks)
        np.add.at(self._seen, ids, 1)
        samples = self._sent[ids]
        fresh = records["exit"] >= self._answered[samples] if self._anytime else np.ones(len(records), np.bool_)
        self._done[samples[_final(records)]] = True
        new: Records = records[fresh].copy()
        new["sample_id"] = samples[fresh]
        np.add.at(self._answered, samples[fresh], 1)
        return new

    def finish(self) -> None:
        """Ends an attempt.

        Raises:
            TransferError: there are samples without a final record.
        """
        owed = self.owed
        if len(owed):
            raise TransferError(f"{len(owed)} of {len(self._sent)} samples have no record; the first are {owed[:5]}")

    def _check_fields(self, records: Records) -> None:
        final = _final(records)
        last = records["exit"] == self._exits - 1
        for bad, what in (
            (records["sample_id"] >= len(self._sent), f"ids are 0 to {len(self._sent) - 1}"),
            (records["exit"] >= self._exits, f"exits are 0 to {self._exits - 1}"),
            (records["label"] >= self._classes, f"labels are 0 to {self._classes - 1}"),
            ((records["flags"] & FLAG_ERROR) != 0, "the sample was damaged on its way in"),
            ((records["flags"] & ~np.uint8(FLAG_FINAL | FLAG_ERROR)) != 0, "flags are final and error"),
            (~final & (last | (not self._anytime)), "the last record of a sample is final"),
        ):
            _refuse_first(records, bad, what)

    def _check_sequence(self, records: Records, before: NDArray[np.int64]) -> None:
        """Checks that each sample's records come in the order of the exits, and none after its final one."""
        ids = records["sample_id"].astype(np.int64)
        if self._anytime:
            _refuse_first(records, records["exit"] != before, "a sample's records come in the order of its exits")
        else:
            _refuse_first(records, before > 0, "its sample has a record already")
        ended = self._done[self._sent[ids]]
        order = np.argsort(ids, kind="stable")
        same = ids[order][1:] == ids[order][:-1]
        ended[order[1:][same & _final(records)[order][:-1]]] = True
        _refuse_first(records, ended, "its sample has its final record already")


def _final(records: Records) -> NDArray[np.bool_]:
    return np.asarray((records["flags"] & FLAG_FINAL) != 0)


def _ranks(ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns how many equal ids stand before each id in a sorted array."""
    places = np.arange(len(ids))
    starts = np.flatnonzero(np.diff(ids, prepend=-1))
    return places - np.repeat(starts, np.diff(starts, append=len(ids)))


def _refuse_first(records: Records, bad: NDArray[np.bool_], why: str) -> None:
    if bad.any():
        where = int(np.flatnonzero(bad)[0])
        names = records.dtype.names or ()
        fields = ", ".join(f"{name} {int(records[name][where])}" for name in names)
        raise TransferError(f"record {where} of {len(records)} is impossible ({fields}): {why}")
