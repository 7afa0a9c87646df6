"""Whether a bundle is as new as its reader asks: by a checkpoint of its log that the reader has, or by its time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.note import MOST_NOTE_BYTES
from audit_lab.seal.report import Finding, Verdict
from audit_lab.verifier.layout import ATTESTATION

if TYPE_CHECKING:
    from audit_lab.seal.checkpoint import Checkpoint
    from audit_lab.seal.report import Verification
    from audit_lab.verifier.predicate import Predicate

__all__ = ["Known", "known_to_reader", "with_age"]

_CHECKED = "age: its log is as long as the checkpoint that you know ({:,} entries), or longer"
_SIGNED_SINCE = "age: by its own statement it was signed after {}"
_GROWN = "growth of the log from the checkpoint that you know: the bundle's proof begins there"
_NOT_GROWN = (
    "growth of the log from the checkpoint that you know: the bundle has no proof of it (an export with it gives one)"
)
#: What makes a bundle stale, and not wrong.
_STALE = frozenset({"bundle.older-log", "bundle.older-signature"})
_NEXT = "Ask the sender for the newest bundle of this case"
_GIVE = "Give the checkpoint as whoever keeps the log signed it"


@dataclass(frozen=True)
class Known:
    """What the reader knows already.

    Attributes
    ----------
    checkpoint
        Of the log that the case is about; None for none.
    signed_since
        The bundle must state that it was signed then or later; None for any time.
    clock
        What time it is; None for what this machine's clock says.
    """

    checkpoint: Checkpoint | None = None
    signed_since: datetime | None = None
    clock: datetime | None = None

    def now(self) -> datetime:
        """Return what time it is for the reader."""
        return self.clock or datetime.now(UTC)


def known_to_reader(checkpoint: Path | str | None = None, signed_since: str | None = None) -> Known:
    """Read what a reader names: the file of a checkpoint, and a date or time (ISO 8601; without a zone, UTC).

    Raises
    ------
    MisuseError
        One of them cannot be read.
    """
    known = since = None
    if checkpoint is not None:
        try:
            with Path(checkpoint).expanduser().open("rb") as file:
                known = parse_checkpoint(file.read(MOST_NOTE_BYTES + 1), str(checkpoint)).checkpoint
        except OSError as error:
            raise MisuseError(f"{checkpoint} cannot be read ({error.strerror})", _GIVE) from error
        except MalformedError as error:
            raise MisuseError(error.message, _GIVE) from error
    if signed_since is not None:
        try:
            since = datetime.fromisoformat(signed_since)
        except ValueError as error:
            raise MisuseError(f"{signed_since!a} is no time", "Write 2026-01-31, or 2026-01-31T12:00:00Z") from error
        since = since if since.tzinfo is not None else since.replace(tzinfo=UTC)
    return Known(known, since)


def with_age(
    report: Verification, predicate: Predicate | None, known: Known, grown_from: Checkpoint | None
) -> Verification:
    """Return a report with what is older than the reader knows; STALE where nothing else is wrong with the bundle.

    Parameters
    ----------
    report, predicate
        What was found, and what is attested; a bundle whose attestation could not be read is left as it is.
    known
        What its reader knows.
    grown_from
        The checkpoint from which the bundle proves that its log grew, where it does.
    """
    if predicate is None:
        return report
    findings, checked, not_checked = [], [], []
    if known.checkpoint is not None:
        finding = _log_finding(predicate.log_checkpoint, known.checkpoint, grown_from)
        if finding is not None:
            findings.append(finding)
        else:
            checked.append(_CHECKED.format(known.checkpoint.size))
            if grown_from is not None and grown_from.size == known.checkpoint.size:
                checked.append(_GROWN)
            else:
                not_checked.append(_NOT_GROWN)
    if known.signed_since is not None:
        if datetime.fromisoformat(predicate.signed_at) < known.signed_since:
            meaning = f"it states that it was signed at {predicate.signed_at}, before {known.signed_since.isoformat()}"
            findings.append(Finding("bundle.older-signature", ATTESTATION, meaning, _NEXT))
        else:
            checked.append(_SIGNED_SINCE.format(known.signed_since.isoformat()))
    found = (*report.findings, *findings)
    verdict = report.verdict
    if findings:
        verdict = Verdict.STALE if {each.code for each in found} <= _STALE else Verdict.FAILED
    return replace(
        report,
        verdict=verdict,
        findings=found,
        checked=(*report.checked, *checked),
        not_checked=(*report.not_checked, *not_checked),
    )


def _log_finding(stated: str | None, known: Checkpoint, grown_from: Checkpoint | None) -> Finding | None:
    """Return why a bundle's log is not as new as the known checkpoint, or another one; None where it is."""
    own, why = None, "its log was not sealed, so nothing says how old it is"
    if stated is not None:
        try:
            own = parse_checkpoint(stated.encode(), "the checkpoint that it attests").checkpoint
        except MalformedError as error:
            why = error.message
    if own is None:
        return Finding("bundle.no-checkpoint", ATTESTATION, why, _NEXT)
    if own.origin != known.origin:
        meaning = f"it is about the log {own.origin!a}, and the known checkpoint is of {known.origin!a}"
        return Finding("bundle.other-log", ATTESTATION, meaning, "Give a checkpoint of the log that the case is about")
    if own.size < known.size:
        meaning = f"its log had {own.size:,} entries, and the checkpoint that you know has {known.size:,}"
        return Finding("bundle.older-log", ATTESTATION, meaning, _NEXT)
    if any(each is not None and each.size == known.size and each.root != known.root for each in (own, grown_from)):
        meaning = f"its log of {known.size:,} entries is another one than that of the known checkpoint"
        return Finding("bundle.forked-log", ATTESTATION, meaning, "Keep both: one of them was made up")
    return None
