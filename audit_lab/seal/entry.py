"""Entries of the log's tree: what a log says of itself, one small canonical JSON document after another.

An entry's exact bytes are a leaf of the tree, so whatever would not print back identically is refused. Numbers that can
pass 2^53 stand as text. `entry_forms` says what each member may be; `entry_kinds` holds the kinds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from audit_lab.errors import MisuseError
from audit_lab.seal.entry_forms import ORIGIN, SEALED_AT, read_member, write_member
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.merkle import leaf_hash
from audit_lab.seal.strict_json import canonical_text, members, parse_json
from audit_lab.seal.tiles import LARGEST_ENTRY_BYTES

if TYPE_CHECKING:
    from typing import Self

__all__ = ["ENTRY_FORMAT", "Entry", "parse_entry"]

ENTRY_FORMAT = "audit_lab.entry/1"

_ANY_VERSION = re.compile(r"audit_lab\.entry/[1-9][0-9]{0,5}")
_KINDS: dict[str, type[Entry]] = {}
#: Importing it makes the kinds known; it builds on this module, so it is imported when an entry is first read.
_HOME_OF_KINDS = "audit_lab.seal.entry_kinds"
_NEXT = "Ask whoever keeps the log for the entry exactly as it was sealed"
_NEWER = "Install the audit_lab release that wrote the log, or a newer one"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What every entry says: the log that it belongs to, and when it was sealed, as the writer's clock had it."""

    kind: ClassVar[str] = ""

    origin: str = field(metadata=ORIGIN)
    sealed_at: str = field(metadata=SEALED_AT)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make the kind known to `parse_entry`."""
        super().__init_subclass__(**kwargs)
        _KINDS[cls.kind] = cls

    def to_bytes(self) -> bytes:
        """Return the entry's canonical bytes.

        Raises
        ------
        MisuseError
            A member has a value that a reader would refuse, or the entry is longer than 65,535 bytes.
        """
        try:
            value = {each.name: write_member(each.metadata, getattr(self, each.name)) for each in fields(self)}
            content = canonical_text({"format": ENTRY_FORMAT, "kind": self.kind, **value})
            if parse_entry(content, f"The {self.kind} entry") != self:
                raise MisuseError(f"The {self.kind} entry would be read as another", "Give values of the stated types")
        except MalformedError as error:
            step = "Split it into several" if error.code == "entry.too-large" else "Correct what it says"
            raise MisuseError(f"An entry cannot be sealed: {error.message}", step) from error
        return content

    @property
    def leaf(self) -> bytes:
        """The entry's leaf in the log's tree."""
        return leaf_hash(self.to_bytes())

    def fault(self) -> str | None:
        """Return a phrase for members that contradict each other; None where they agree."""
        return None

    @classmethod
    def from_members(cls, value: dict[str, Any], name: str) -> Self:
        """Build the entry of this kind from its JSON members."""
        known = {each.name: each for each in fields(cls)}
        members(value, frozenset({"format", "kind", *known}), name)
        read = {}
        for member, each in known.items():
            try:
                read[member] = read_member(each.metadata, value[member])
            except ValueError as error:
                raise _refused(f"{name}: its member {member} {error}", "entry.malformed") from error
        entry = cls(**read)
        fault = entry.fault()
        if fault is not None:
            raise _refused(f"{name} {fault}", "entry.malformed")
        return entry


def parse_entry(content: bytes, name: str = "An entry") -> Entry:
    """Parse an entry strictly.

    Returns
    -------
    Entry
        One of the kinds in `audit_lab.seal.entry_kinds`.

    Raises
    ------
    MalformedError
        Codes ``json.*``; ``entry.too-large``; ``entry.newer-version`` and ``entry.unknown-kind`` for what a newer
        audit_lab may have written; ``entry.malformed``; ``entry.not-canonical``.
    """
    if len(content) > LARGEST_ENTRY_BYTES:
        raise _refused(f"{name} is longer than {LARGEST_ENTRY_BYTES:,} bytes", "entry.too-large")
    value = parse_json(content, name)
    if not isinstance(value, dict) or not isinstance(value.get("format"), str):
        raise _refused(f"{name} is no entry of a log", "entry.malformed")
    if value["format"] != ENTRY_FORMAT:
        if _ANY_VERSION.fullmatch(value["format"]):
            what = f"{name} is in the form {value['format']}, which this audit_lab does not know"
            raise MalformedError(what, _NEWER, "entry.newer-version")
        raise _refused(f"{name} is no entry of a log", "entry.malformed")
    kind = value.get("kind")
    if not isinstance(kind, str) or not kind:
        raise _refused(f"{name} does not say what kind of entry it is", "entry.malformed")
    import_module(_HOME_OF_KINDS)
    if kind not in _KINDS:
        what = f"{name} is of the kind {kind[:60]!a}, which this audit_lab does not know"
        raise MalformedError(what, _NEWER, "entry.unknown-kind")
    entry = _KINDS[kind].from_members(value, name)
    if canonical_text(value) != content:
        raise _refused(f"{name} is not in canonical form", "entry.not-canonical")
    return entry


def _refused(message: str, code: str) -> MalformedError:
    return MalformedError(message, _NEXT, code)
