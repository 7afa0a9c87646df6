"""The custody record: JSON lines, each bound to the one before by its SHA-256."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from audit_lab.seal.digests import DIGEST, sha256
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import members, parse_json

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CUSTODY_FORMAT",
    "FIRST_CUSTODY_FORMAT",
    "NO_LINE",
    "CustodyLine",
    "FileChange",
    "custody_faults",
    "is_time_text",
    "parse_custody",
    "time_text",
]

#: What is written: each line says which files of the case it changed, by their digests before and after.
CUSTODY_FORMAT = "audit_lab.custody/2"
#: What is still read: lines that say nothing of files.
FIRST_CUSTODY_FORMAT = "audit_lab.custody/1"
#: What the first line gives as the digest of the line before it.
NO_LINE = "0" * 64

_NEXT = "Ask whoever keeps the case for the custody record as it was written"
_TEXTS = ("at", "actor", "action", "subject", "why", "previous")
_CHANGE = frozenset({"file", "before", "after"})


@dataclass(frozen=True, order=True)
class FileChange:
    """One file of the case and its SHA-256 before and after an act; None where it was not, or is no longer, there."""

    file: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class CustodyLine:
    """Who did what to what, when and why; `previous` is the SHA-256 of the line before, without its newline.

    `changes` are the files that the act changed, by name; None on a line of format 1, which does not say.
    """

    number: int
    at: str
    actor: str
    action: str
    subject: str
    why: str
    previous: str
    changes: tuple[FileChange, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the line as JSON-safe values, in the format that it is of."""
        value = asdict(self)
        changes = value.pop("changes")
        if changes is None:
            return {"format": FIRST_CUSTODY_FORMAT, **value}
        return {"format": CUSTODY_FORMAT, **value, "changes": list(changes)}

    def to_bytes(self) -> bytes:
        """Return the line's canonical bytes, without a newline."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @property
    def digest(self) -> str:
        """What the next line must give as `previous`."""
        return sha256(self.to_bytes())


def time_text(time: datetime) -> str:
    """Return a time as UTC text with microseconds, so that text order is time order."""
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def is_time_text(text: str) -> bool:
    """Return whether `time_text` wrote this."""
    try:
        return time_text(datetime.fromisoformat(text)) == text
    except ValueError:
        return False


def parse_custody(content: bytes, name: str) -> tuple[CustodyLine, ...]:
    """Parse a custody record and check its chain.

    Raises
    ------
    MalformedError
        With the first of the faults that `custody_faults` finds.
    """
    lines, faults = custody_faults(content, name)
    if faults:
        raise faults[0]
    return lines


def custody_faults(content: bytes, name: str) -> tuple[tuple[CustodyLine, ...], tuple[MalformedError, ...]]:
    """Parse a custody record and return its lines, and every fault of it.

    Returns
    -------
    tuple of CustodyLine
        The lines that can be read.
    tuple of MalformedError
        What is wrong, each kind once: it does not end with a whole line, or a line is not in its canonical form
        (``custody.malformed``, ``json.*``); a line is twice (``custody.line-repeated``), not in its place
        (``custody.line-moved``) or not there (``custody.line-missing``); a line, or what the next one says of it, was
        changed (``custody.line-changed``); a line is earlier than the one before (``custody.time-out-of-order``).
    """
    if not content.endswith(b"\n"):
        return (), (MalformedError(f"{name} does not end with a whole line", _NEXT, "custody.malformed"),)
    lines: list[CustodyLine] = []
    faults: dict[str, MalformedError] = {}
    for number, raw in enumerate(content.removesuffix(b"\n").split(b"\n"), start=1):
        try:
            lines.append(_line(raw, f"{name} line {number}"))
        except MalformedError as error:
            faults.setdefault(error.code, error)
    if faults:
        return tuple(lines), tuple(faults.values())
    found = _chain_faults(lines)
    return tuple(lines), tuple(
        MalformedError(f"{name} {meaning}", _NEXT, f"custody.{code}") for code, meaning in found.items()
    )


def _chain_faults(lines: Sequence[CustodyLine]) -> dict[str, str]:
    """Return what is wrong between the lines, by code, each code with the first place where it is seen."""
    found: dict[str, str] = {}
    numbers = sorted({line.number for line in lines})
    digests: set[str] = set()
    last, last_digest = 0, NO_LINE
    for place, line in enumerate(lines, start=1):
        skips = bisect_right(numbers, last) < bisect_left(numbers, line.number)
        if line.digest in digests:
            found.setdefault("line-repeated", f"line {place} repeats line {line.number}")
        elif line.number <= last or skips:
            found.setdefault("line-moved", f"line {place} is number {line.number} of the record: it was moved")
        elif line.number != last + 1:
            found.setdefault("line-missing", f"lacks number {last + 1} of the record, before line {place}")
        elif line.previous != last_digest:
            before = "claims a line before the first" if place == 1 else f"does not bind line {place - 1} as it is"
            found.setdefault("line-changed", f"line {place} {before}: one of the two was changed")
        if place > 1 and line.at < lines[place - 2].at and not found:
            found.setdefault("time-out-of-order", f"line {place} is earlier than the line before it")
        if place > 1 and line.changes is None and lines[place - 2].changes is not None and not found:
            found.setdefault("line-changed", f"line {place} is of an older format than the line before it")
        digests.add(line.digest)
        last, last_digest = line.number, line.digest
    return found


def _line(raw: bytes, name: str) -> CustodyLine:
    known = frozenset({"format", *CustodyLine.__annotations__} - {"changes"})
    value: dict[str, Any] = dict(members(parse_json(raw, name), known, name, frozenset({"changes"})))
    stated, number = value.pop("format"), value["number"]
    expected = CUSTODY_FORMAT if "changes" in value else FIRST_CUSTODY_FORMAT
    texts = all(isinstance(value[member], str) for member in _TEXTS)
    if stated != expected or not texts or not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise _malformed(f"{name} is not a line of {expected}")
    if DIGEST.fullmatch(value["previous"]) is None:
        raise _malformed(f"{name} is bound to no digest")
    if "changes" in value:
        value["changes"] = _changes(value["changes"], name)
    line = CustodyLine(**value)
    if line.to_bytes() != raw or not is_time_text(line.at):
        raise _malformed(f"{name} is not in canonical form")
    return line


def _changes(value: Any, name: str) -> tuple[FileChange, ...]:
    """Read the files that a line says were changed: sorted, each once, each with a digest before or after."""
    if not isinstance(value, list):
        raise _malformed(f"{name} has changes that are no list")
    changes = tuple(FileChange(**members(each, _CHANGE, f"A change of {name}")) for each in value)
    for change in changes:
        digests = [digest for digest in (change.before, change.after) if digest is not None]
        sound = all(isinstance(digest, str) and DIGEST.fullmatch(digest) for digest in digests)
        if not isinstance(change.file, str) or not sound or change.before == change.after:
            raise _malformed(f"{name} has a change that is none")
    files = [change.file for change in changes]
    if files != sorted(set(files)):
        raise _malformed(f"{name} has changes out of order")
    return changes


def _malformed(message: str) -> MalformedError:
    return MalformedError(message, _NEXT, "custody.malformed")
