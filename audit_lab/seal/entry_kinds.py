"""The kinds of entries that a log's tree holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from audit_lab.seal.digests import sha256
from audit_lab.seal.entry import Entry
from audit_lab.seal.entry_forms import (
    BIG_INTEGER,
    COUNT,
    DATE,
    DECIMAL,
    DIGEST_TEXT,
    LOG_KEY,
    MOMENT,
    NAME,
    PATH,
    PLACED_ROWS,
    SCHEMA,
    TEXT,
    PlacedRows,
    list_of,
    one_of,
    or_none,
)
from audit_lab.seal.strict_json import canonical_text

if TYPE_CHECKING:
    from audit_lab.seal.keys import PublicKey

__all__ = [
    "DisposalEntry",
    "EraseEntry",
    "ExportEntry",
    "GenesisEntry",
    "HeartbeatEntry",
    "HoldEntry",
    "ModelEntry",
    "PauseEntry",
    "PlacementEntry",
    "ReleaseEntry",
    "RotateEntry",
    "SegmentEntry",
]

#: The version of the log's layout that genesis entries of this release state.
_SCHEMA_VERSION = 2


@dataclass(frozen=True, kw_only=True)
class GenesisEntry(Entry):
    """The first entry: the log's first key, what it was sealed from, and what was declared before any decision.

    `source` says what was there on arrival (digests); it is empty for a log sealed from its creation. `tolerance` is
    the declared distance within which a replayed score counts as the same, as a decimal text.
    """

    kind: ClassVar[str] = "genesis"

    log_key: PublicKey = field(metadata=LOG_KEY)
    schema_version: int = field(metadata=one_of(_SCHEMA_VERSION))
    sealed_from: str = field(metadata=one_of("creation", "arrival"))
    source: str = field(metadata=TEXT)
    description: str = field(metadata=TEXT)
    notes: tuple[str, ...] = field(metadata=list_of(TEXT))
    tolerance: str = field(metadata=DECIMAL)

    def fault(self) -> str | None:
        """Return a phrase for members that contradict each other; None where they agree."""
        if self.log_key.name != self.origin:
            return "gives the log a key that bears another name"
        if (self.sealed_from == "arrival") != bool(self.source):
            return "names a source for a log sealed from its creation, or none for one sealed on arrival"
        return None


@dataclass(frozen=True, kw_only=True)
class SegmentEntry(Entry):
    """The statement of a segment: its schema, how its rows are committed, and the root over its rows.

    `leaves_sha256` is the digest of the file of row hashes that is kept beside the segment.
    """

    kind: ClassVar[str] = "segment"

    table: str = field(metadata=PATH)
    segment: str = field(metadata=NAME)
    schema: tuple[tuple[str, str], ...] = field(metadata=SCHEMA)
    schema_sha256: str = field(metadata=DIGEST_TEXT)
    commitment: str = field(metadata=one_of("plain", "fields"))
    rows: int = field(metadata=COUNT)
    rows_root: str = field(metadata=DIGEST_TEXT)
    leaves_sha256: str = field(metadata=DIGEST_TEXT)
    first_time: str | None = field(metadata=or_none(MOMENT))
    last_time: str | None = field(metadata=or_none(MOMENT))
    writer_id: str = field(metadata=TEXT)
    first_sequence: int | None = field(metadata=or_none(BIG_INTEGER))
    last_sequence: int | None = field(metadata=or_none(BIG_INTEGER))

    def fault(self) -> str | None:
        """Return a phrase for members that contradict each other; None where they agree."""
        if sha256(canonical_text([list(column) for column in self.schema])) != self.schema_sha256:
            return "states a digest that is not that of its schema"
        return None


@dataclass(frozen=True, kw_only=True)
class PlacementEntry(Entry):
    """Where rows stand from now on: one file, its digest, the segments' rows it holds, and the files it replaces."""

    kind: ClassVar[str] = "placement"

    table: str = field(metadata=PATH)
    file: str = field(metadata=PATH)
    sha256: str = field(metadata=DIGEST_TEXT)
    size_bytes: int = field(metadata=COUNT)
    rows: int = field(metadata=COUNT)
    holds: tuple[PlacedRows, ...] = field(metadata=list_of(PLACED_ROWS, at_least=1))
    reason: str = field(metadata=one_of("append", "compact", "erase"))
    replaces: tuple[str, ...] = field(metadata=list_of(PATH, rising=True))
    index_sha256: str | None = field(metadata=or_none(DIGEST_TEXT))

    def fault(self) -> str | None:
        """Return a phrase for members that contradict each other; None where they agree."""
        if sum(placed.rows for placed in self.holds) != self.rows:
            return "holds another number of rows than it states"
        if self.file in self.replaces:
            return "replaces itself"
        return None


@dataclass(frozen=True, kw_only=True)
class EraseEntry(Entry):
    """A lawful erasure: which fields of which rows, why, by whom, and the file before and after it.

    `kept` is the file of the field digests that stay, so that the rows can still be proven.
    """

    kind: ClassVar[str] = "erase"

    table: str = field(metadata=PATH)
    segment: str = field(metadata=NAME)
    rows: tuple[int, ...] = field(metadata=list_of(COUNT, rising=True, at_least=1))
    fields: tuple[str, ...] = field(metadata=list_of(TEXT, at_least=1))
    reason: str = field(metadata=TEXT)
    actor: str = field(metadata=TEXT)
    old_sha256: str = field(metadata=DIGEST_TEXT)
    new_sha256: str = field(metadata=DIGEST_TEXT)
    kept: str = field(metadata=PATH)
    kept_sha256: str = field(metadata=DIGEST_TEXT)

    def fault(self) -> str | None:
        """Return a phrase for members that contradict each other; None where they agree."""
        return "names a field twice" if len(set(self.fields)) != len(self.fields) else None


@dataclass(frozen=True, kw_only=True)
class HeartbeatEntry(Entry):
    """Nothing happened, and the log says so."""

    kind: ClassVar[str] = "heartbeat"


@dataclass(frozen=True, kw_only=True)
class PauseEntry(Entry):
    """Epochs (days) without a seal, the first and the last of them."""

    kind: ClassVar[str] = "pause"

    from_epoch: str = field(metadata=DATE)
    to_epoch: str = field(metadata=DATE)

    def fault(self) -> str | None:
        """Return a phrase for members that contradict each other; None where they agree."""
        return "ends before it begins" if self.to_epoch < self.from_epoch else None


@dataclass(frozen=True, kw_only=True)
class RotateEntry(Entry):
    """The key that signs from the next checkpoint on, introduced under a checkpoint of the key before it."""

    kind: ClassVar[str] = "rotate"

    new_key: PublicKey = field(metadata=LOG_KEY)
    epoch: str = field(metadata=DATE)

    def fault(self) -> str | None:
        """Return a phrase for members that contradict each other; None where they agree."""
        return "gives the log a key that bears another name" if self.new_key.name != self.origin else None


@dataclass(frozen=True, kw_only=True)
class HoldEntry(Entry):
    """A legal hold, by digests of subjects or of prediction ids: nothing of theirs is erased until its release."""

    kind: ClassVar[str] = "hold"

    name: str = field(metadata=NAME)
    subjects_sha256: tuple[str, ...] = field(metadata=list_of(DIGEST_TEXT, rising=True))
    predictions_sha256: tuple[str, ...] = field(metadata=list_of(DIGEST_TEXT, rising=True))
    actor: str = field(metadata=TEXT)
    reason: str = field(metadata=TEXT)

    def fault(self) -> str | None:
        """Return a phrase for members that contradict each other; None where they agree."""
        return None if self.subjects_sha256 or self.predictions_sha256 else "holds nothing"


@dataclass(frozen=True, kw_only=True)
class ReleaseEntry(Entry):
    """The end of a legal hold."""

    kind: ClassVar[str] = "release"

    name: str = field(metadata=NAME)
    actor: str = field(metadata=TEXT)
    reason: str = field(metadata=TEXT)


@dataclass(frozen=True, kw_only=True)
class ExportEntry(Entry):
    """An evidence bundle that was made from the log."""

    kind: ClassVar[str] = "export"

    bundle_sha256: str = field(metadata=DIGEST_TEXT)
    actor: str = field(metadata=TEXT)
    purpose: str = field(metadata=TEXT)


@dataclass(frozen=True, kw_only=True)
class DisposalEntry(Entry):
    """Files that were removed at the end of their retention."""

    kind: ClassVar[str] = "disposal"

    files: tuple[str, ...] = field(metadata=list_of(PATH, rising=True, at_least=1))
    reason: str = field(metadata=TEXT)
    actor: str = field(metadata=TEXT)


@dataclass(frozen=True, kw_only=True)
class ModelEntry(Entry):
    """A model version, bound to its artifact before it decides."""

    kind: ClassVar[str] = "model"

    model_name: str = field(metadata=TEXT)
    model_version: str = field(metadata=TEXT)
    artifact_sha256: str = field(metadata=DIGEST_TEXT)
