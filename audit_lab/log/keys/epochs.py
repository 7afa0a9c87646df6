"""Epochs: one signing key for each day, so that a key stolen today cannot rewrite yesterday.

The first seal of a day happens in two steps. The key of the last day with a seal signs a checkpoint whose last entry is
a rotation, which carries the new key (and before it a pause, where days went by without a seal). Then the old private
key is destroyed, and the new key signs from the next checkpoint on. So which key must have signed a checkpoint follows
from the entries alone; `epoch_findings` holds every stored checkpoint to it. Days are those of UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from audit_lab.seal.custody import time_text
from audit_lab.seal.entry_kinds import GenesisEntry, PauseEntry, RotateEntry
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from audit_lab.log.keys.vault import Vault
    from audit_lab.seal.checkpoint import SignedCheckpoint
    from audit_lab.seal.entry import Entry
    from audit_lab.seal.keys import PublicKey, SigningKey

__all__ = ["EpochKey", "GrowingTree", "epoch_findings", "epoch_keys", "epoch_of", "signer_at"]

_DAY = timedelta(days=1)
_ASK = "Ask whoever keeps the log for the checkpoints and entries exactly as they were sealed; do not rely on these."
_COMPARE = "Compare the log with an older copy of it: somebody who had a later key may have rewritten these entries."
_CLOCK = "Ask whoever runs the writer what its clock did; until then no time in these entries is sure."


@dataclass(frozen=True)
class EpochKey:
    """A key and what it must have signed: every checkpoint whose size lies between `first_size` and `last_size`.

    `last_size` is None for the key in force. A checkpoint of `last_size` ends in the rotation to the next key.
    """

    epoch: str
    key: PublicKey
    first_size: int
    last_size: int | None = None

    def covers(self, size: int) -> bool:
        """Whether this key must have signed the checkpoint of a size."""
        return self.first_size <= size and (self.last_size is None or size <= self.last_size)


class GrowingTree(Protocol):
    """A log's tree, as far as a rotation needs it."""

    def append(self, entries: Sequence[bytes], signer: SigningKey) -> object:
        """Append entries and seal them in one checkpoint; they are on disk when this returns."""
        ...

    def settle(self) -> None:
        """Return when the newest checkpoint is on disk, whoever wrote it."""
        ...


def epoch_of(time: datetime | str) -> str:
    """Return the epoch of a moment: its day in UTC, as ``YYYY-MM-DD``."""
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    return moment.astimezone(UTC).date().isoformat()


def epoch_keys(entries: Iterable[Entry]) -> list[EpochKey]:
    """Return the keys of a log in the order in which they came into force, from all its entries.

    Empty where the first entry is no genesis.
    """
    keys: list[EpochKey] = []
    for index, entry in enumerate(entries):
        if index == 0 and isinstance(entry, GenesisEntry):
            keys.append(EpochKey(epoch_of(entry.sealed_at), entry.log_key, 1))
        elif isinstance(entry, RotateEntry) and keys:
            keys[-1] = replace(keys[-1], last_size=index + 1)
            keys.append(EpochKey(entry.epoch, entry.new_key, index + 2))
    return keys


def signer_at(
    tree: GrowingTree, vault: Vault, current: EpochKey, now: datetime
) -> tuple[SigningKey, tuple[Entry, ...]]:
    """Return the key to seal with at a moment, after a rotation where a new epoch has begun.

    The caller holds the log's lock, and gives the entries that it seals next the same moment. A crash at any step
    leaves a log that this function continues: the new key is in the vault before the rotation is sealed, the old one
    is destroyed after it is on disk, and the log's entries alone say which of the two is in force.

    Parameters
    ----------
    tree
        The log's tree.
    vault
        The log's vault.
    current
        The last of `epoch_keys`.
    now
        The moment of the seal. Where the clock stands before the current epoch, that epoch goes on.

    Returns
    -------
    SigningKey
        What to sign the next checkpoint with.
    tuple of Entry
        What was appended to the tree: nothing, or the rotation, after a pause where there was one.

    Raises
    ------
    LogError
        The vault does not hold the key in force.
    """
    old = vault.signing_key(current.key)
    if vault.has_prepared_key():
        tree.settle()
        vault.adopt_key(current.key)
    epoch = epoch_of(now)
    if epoch <= current.epoch:
        return old, ()
    new = vault.prepare_key()
    entries = _turn(current.epoch, epoch, new.public, time_text(now))
    tree.append([entry.to_bytes() for entry in entries], old)
    vault.adopt_key(new.public)
    return new, entries


def epoch_findings(entries: Sequence[Entry], checkpoints: Iterable[SignedCheckpoint]) -> list[Finding]:
    """Check a log's epochs: no day without a seal or a pause, each checkpoint by its own day's key, times in order.

    Parameters
    ----------
    entries
        All entries, from the genesis on.
    checkpoints
        Every checkpoint that is kept, in any order. That their roots are those of the tree is checked elsewhere.

    Returns
    -------
    list of Finding
        Codes ``log.epoch-unsealed`` (days between two seals without a seal or a pause), ``log.epoch-repeated`` (a
        rotation to a day that is not after the last one, or a pause that contradicts the seals),
        ``log.epoch-key-not-introduced`` (no kept checkpoint ends in the rotation, so the key before never vouched for
        the new one), ``log.epoch-resealed`` (older entries signed by a later key), ``log.epoch-key-outlived``
        (entries signed by a key that was to be destroyed before), ``log.epoch-unknown-key``,
        ``log.epoch-wrong-day`` (an entry dated outside its epoch) and ``log.time-backwards``.
    """
    keys = epoch_keys(entries)
    sealed = list(checkpoints)
    findings = [*_gaps(entries, keys), *_times(entries, keys)]
    sizes = {each.checkpoint.size for each in sealed}
    findings += [
        Finding(
            "log.epoch-key-not-introduced",
            f"entry {key.last_size - 1}",
            f"no checkpoint that ends in this rotation is kept, so the key of {key.epoch} never vouched for the next",
            _ASK,
        )
        for key in keys
        if key.last_size is not None and key.last_size not in sizes
    ]
    for each in sorted(sealed, key=lambda one: one.checkpoint.size):
        findings += _signature(each, keys)
    return findings


def _turn(before: str, epoch: str, key: PublicKey, sealed_at: str) -> tuple[Entry, ...]:
    rotation = RotateEntry(origin=key.name, sealed_at=sealed_at, new_key=key, epoch=epoch)
    gap = _days_between(before, epoch)
    if gap is None:
        return (rotation,)
    return PauseEntry(origin=key.name, sealed_at=sealed_at, from_epoch=gap[0], to_epoch=gap[1]), rotation


def _days_between(before: str, after: str) -> tuple[str, str] | None:
    """Return the first and the last day between two days; None where they follow one another."""
    first, last = date.fromisoformat(before) + _DAY, date.fromisoformat(after) - _DAY
    return (first.isoformat(), last.isoformat()) if first <= last else None


def _gaps(entries: Sequence[Entry], keys: Sequence[EpochKey]) -> Iterator[Finding]:
    stated: list[list[tuple[str, str]]] = [[] for _ in keys]
    number = 0
    for index, entry in enumerate(entries):
        while number + 1 < len(keys) and index >= keys[number + 1].first_size - 1:
            number += 1
        if isinstance(entry, PauseEntry) and keys:
            stated[number].append((entry.from_epoch, entry.to_epoch))
    for number, (before, after) in enumerate(pairwise(keys)):
        where = f"entry {(before.last_size or 0) - 1}"
        if after.epoch <= before.epoch:
            what = f"the key of {before.epoch} gives way to one of {after.epoch}, which is not a later day"
            yield Finding("log.epoch-repeated", where, what, _ASK)
            continue
        gap = _days_between(before.epoch, after.epoch)
        if gap is not None and not stated[number]:
            what = f"nothing was sealed from {gap[0]} to {gap[1]}, and no pause says so"
            yield Finding("log.epoch-unsealed", where, what, _COMPARE)
        elif stated[number] != ([gap] if gap else []):
            said = ", ".join(f"{first} to {last}" for first, last in stated[number])
            what = f"a pause is stated ({said}) that is not the days between {before.epoch} and {after.epoch}"
            yield Finding("log.epoch-repeated", where, what, _ASK)
    if stated and stated[-1]:
        yield Finding("log.epoch-repeated", "the last entries", "a pause is stated that no rotation ends", _ASK)


def _times(entries: Sequence[Entry], keys: Sequence[EpochKey]) -> Iterator[Finding]:
    for index, (before, entry) in enumerate(pairwise(entries), start=1):
        if entry.sealed_at < before.sealed_at:
            what = f"it is dated {entry.sealed_at}, before the entry before it ({before.sealed_at})"
            yield Finding("log.time-backwards", f"entry {index}", what, _CLOCK)
    ranks = iter(keys)
    current = next(ranks, None)
    for index, entry in enumerate(entries):
        if current is None:
            return
        if current.last_size is not None and index >= current.last_size:
            current = next(ranks)
        day = epoch_of(entry.sealed_at)
        turning = isinstance(entry, PauseEntry | RotateEntry)
        if day < current.epoch or (day > current.epoch and not turning):
            what = f"it is dated {day}, and stands among the entries of {current.epoch}"
            yield Finding("log.epoch-wrong-day", f"entry {index}", what, _CLOCK)
        elif isinstance(entry, RotateEntry) and day != entry.epoch:
            what = f"it is dated {day}, and begins the epoch {entry.epoch}"
            yield Finding("log.epoch-wrong-day", f"entry {index}", what, _CLOCK)


def _signature(signed: SignedCheckpoint, keys: Sequence[EpochKey]) -> Iterator[Finding]:
    size = signed.checkpoint.size
    where = f"checkpoint of size {size}"
    expected = next((key for key in keys if key.covers(size)), None)
    if expected is None or _signed_by(signed, expected.key):
        return
    signer = next((key for key in keys if _signed_by(signed, key.key)), None)
    if signer is None:
        what = f"the key of {expected.epoch} did not sign it, and neither did another key that the log introduced"
        yield Finding("log.epoch-unknown-key", where, what, _ASK)
    elif signer.first_size > expected.first_size:
        what = f"entries of {expected.epoch} are sealed with the key of {signer.epoch}, which came later"
        yield Finding("log.epoch-resealed", where, what, _COMPARE)
    else:
        what = f"it is signed by the key of {signer.epoch}, which was to be destroyed before {expected.epoch} began"
        yield Finding("log.epoch-key-outlived", where, what, _COMPARE)


def _signed_by(signed: SignedCheckpoint, key: PublicKey) -> bool:
    try:
        signed.check_signature(key)
    except MalformedError:
        return False
    return True
