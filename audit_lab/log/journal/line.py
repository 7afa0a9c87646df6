"""The lines of an access journal: who asked what of a log, when and why, each bound to the line before by its SHA-256.

The chain shows a line that was edited, removed, inserted or moved. It cannot show that its newest lines were cut off,
nor that all of it was written anew: for that its head (number and digest of the last line) must be kept elsewhere.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from audit_lab.seal.custody import NO_LINE, is_time_text
from audit_lab.seal.digests import DIGEST, sha256
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding
from audit_lab.seal.strict_json import canonical_text, members, parse_json

__all__ = ["JOURNAL_FORMAT", "START", "Chain", "Head", "JournalLine", "follow_chain", "head_text", "parse_head"]

JOURNAL_FORMAT = "audit_lab.journal/1"

_NEXT = "Keep the file as it is, and find out who could write to it: it is evidence of who looked at what"
_TEXTS = frozenset({"at", "actor", "purpose", "log", "snapshot", "kind", "question", "answer", "previous"})
_MEMBERS = frozenset({"format", "number", "rows", "columns", *_TEXTS})

#: Where a chain stands: the number of its last line, and that line's SHA-256.
Head = tuple[int, str]
#: The head of a journal without a line.
START: Head = (0, NO_LINE)


@dataclass(frozen=True)
class JournalLine:
    """One question asked of a log.

    Attributes
    ----------
    number
        From 1.
    at
        When it was answered, as UTC text.
    actor, purpose
        Who asked, and why, in their own words.
    log, snapshot
        The log's origin, and the SHA-256 of the checkpoint (or of the manifest) that was opened; empty where it has
        neither.
    kind
        The question's name, for example ``find``.
    question
        All of it in words.
    answer
        ``answered``, or why not.
    rows
        How many rows the answer spoke of; None where that is not known.
    columns
        The columns with personal data that it showed or was computed from, as ``table.column``, sorted.
    previous
        SHA-256 of the line before, without its newline.
    """

    number: int
    at: str
    actor: str
    purpose: str
    log: str
    snapshot: str
    kind: str
    question: str
    answer: str
    rows: int | None
    columns: tuple[str, ...]
    previous: str

    def to_bytes(self) -> bytes:
        """Return the line's canonical bytes, without a newline."""
        return canonical_text({"format": JOURNAL_FORMAT, **asdict(self), "columns": list(self.columns)})

    @property
    def head(self) -> Head:
        """Where the chain stands after this line."""
        return self.number, sha256(self.to_bytes())


@dataclass(frozen=True)
class Chain:
    """What following a chain gave: its lines, what is wrong with it, where it ends, and what stands after its end.

    `torn` is what a crash left of a line that was never finished; `backwards` are the numbers of lines that state an
    earlier time than the line before.
    """

    lines: tuple[JournalLine, ...]
    findings: tuple[Finding, ...]
    head: Head
    torn: bytes
    backwards: tuple[int, ...]


def follow_chain(content: bytes, name: str, start: Head = START, after: str = "") -> Chain:
    """Parse the lines of a journal and follow their chain to the end, whatever is found on the way.

    Parameters
    ----------
    content
        The file's bytes, from just behind the line `start` on.
    name
        The file's name, for findings (``journal.malformed``, ``journal.chain-broken``).
    start
        The head of what was followed before.
    after
        The time that the line `start` states.
    """
    whole, newline, torn = content.rpartition(b"\n")
    lines: list[JournalLine] = []
    findings: list[Finding] = []
    backwards: list[int] = []
    head, at = start, after
    for raw in whole.split(b"\n") if newline else ():
        where = f"{name} line {head[0] + 1}"
        try:
            line = _line(raw, where)
        except MalformedError as error:
            findings.append(Finding("journal.malformed", where, f"{error.message} ({error.code})", _NEXT))
            head = (head[0] + 1, sha256(raw))
            continue
        if (line.number - 1, line.previous) != head:
            meaning = f"its line {line.number} is not bound to the line before it: a line was changed, added or removed"
            findings.append(Finding("journal.chain-broken", where, meaning, _NEXT))
        if line.at < at:
            backwards.append(line.number)
        head, at = line.head, line.at
        lines.append(line)
    return Chain(tuple(lines), tuple(findings), head, torn, tuple(backwards))


def head_text(head: Head) -> str:
    """Return a head in the form in which it is noted elsewhere: ``number:digest``."""
    return f"{head[0]}:{head[1]}"


def parse_head(text: str) -> Head:
    """Read a head that was noted elsewhere.

    Raises
    ------
    MalformedError
        The text is not ``number:digest`` (code ``journal.head-malformed``).
    """
    number, _, digest = text.strip().partition(":")
    if not (number.isascii() and number.isdecimal()) or DIGEST.fullmatch(digest) is None:
        raise MalformedError(
            f"{text[:100]!a} is no head of a journal",
            "Give it as it was shown: the number of a line, a colon, 64 hexadecimal digits",
            "journal.head-malformed",
        )
    return int(number), digest


def _line(raw: bytes, name: str) -> JournalLine:
    value: dict[str, Any] = dict(members(parse_json(raw, name), _MEMBERS, name))
    columns, rows, number = value["columns"], value["rows"], value["number"]
    counts = [number] if rows is None else [number, rows]
    sound = (
        value.pop("format") == JOURNAL_FORMAT
        and all(isinstance(value[member], str) for member in _TEXTS)
        and all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts)
        and isinstance(columns, list)
        and all(isinstance(column, str) for column in columns)
        and DIGEST.fullmatch(value["previous"]) is not None
        and is_time_text(value["at"])
    )
    if not sound:
        raise MalformedError(f"{name} is not a line of {JOURNAL_FORMAT}", _NEXT, "journal.malformed")
    line = JournalLine(**{**value, "columns": tuple(columns)})
    if line.to_bytes() != raw:
        raise MalformedError(f"{name} is not in canonical form", _NEXT, "journal.malformed")
    return line
