"""The custody record: JSON lines, each bound to the one before by its SHA-256."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from audit_lab.seal.digests import DIGEST, sha256
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.strict_json import members, parse_json

__all__ = ["CUSTODY_FORMAT", "NO_LINE", "CustodyLine", "is_time_text", "parse_custody", "time_text"]

CUSTODY_FORMAT = "audit_lab.custody/1"
#: What the first line gives as the digest of the line before it.
NO_LINE = "0" * 64

_NEXT = "Ask whoever keeps the case for the custody record as it was written"


@dataclass(frozen=True)
class CustodyLine:
    """Who did what to what, when and why; `previous` is the SHA-256 of the line before, without its newline."""

    number: int
    at: str
    actor: str
    action: str
    subject: str
    why: str
    previous: str

    def to_bytes(self) -> bytes:
        """Return the line's canonical bytes, without a newline."""
        value = {"format": CUSTODY_FORMAT, **asdict(self)}
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

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
        It is empty, or a line is not in its canonical form (``custody.malformed``), not bound to the line before
        (``custody.chain-broken``), or earlier than it (``custody.time-out-of-order``).
    """
    if not content.endswith(b"\n"):
        raise MalformedError(f"{name} does not end with a whole line", _NEXT, "custody.malformed")
    lines: list[CustodyLine] = []
    for number, raw in enumerate(content.removesuffix(b"\n").split(b"\n"), start=1):
        line = _line(raw, f"{name} line {number}")
        before = lines[-1] if lines else None
        if line.number != number or line.previous != (before.digest if before else NO_LINE):
            raise MalformedError(
                f"{name} line {number} is not bound to the line before it", _NEXT, "custody.chain-broken"
            )
        if before is not None and line.at < before.at:
            raise MalformedError(
                f"{name} line {number} is earlier than the line before it", _NEXT, "custody.time-out-of-order"
            )
        lines.append(line)
    return tuple(lines)


def _line(raw: bytes, name: str) -> CustodyLine:
    known = frozenset({"format", *CustodyLine.__annotations__})
    value: dict[str, Any] = dict(members(parse_json(raw, name), known, name))
    number = value["number"]
    texts = [value[member] for member in known - {"number"}]
    if value.pop("format") != CUSTODY_FORMAT or not all(isinstance(text, str) for text in texts):
        raise MalformedError(f"{name} is not a line of {CUSTODY_FORMAT}", _NEXT, "custody.malformed")
    if not isinstance(number, int) or isinstance(number, bool) or DIGEST.fullmatch(value["previous"]) is None:
        raise MalformedError(f"{name} is not a line of {CUSTODY_FORMAT}", _NEXT, "custody.malformed")
    line = CustodyLine(**value)
    if line.to_bytes() != raw or not is_time_text(line.at):
        raise MalformedError(f"{name} is not in canonical form", _NEXT, "custody.malformed")
    return line
