"""What holds a log in time from outside: remembered checkpoints, witnesses' cosignatures, time-stamp tokens.

Whoever has a log's key can rebuild its whole history; what he cannot rebuild is what others saw before. Each anchor
covers the entries up to the tree size that it speaks of, and says nothing of those after.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from audit_lab.log.time_anchors.timestamps import check_timestamp
from audit_lab.seal.checkpoint import parse_checkpoint
from audit_lab.seal.cosignature import check_cosignature
from audit_lab.seal.malformed import MalformedError
from audit_lab.seal.report import Finding
from audit_lab.seal.trust import ANY_ORIGIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from audit_lab.log.time_anchors.remembered import Remembered
    from audit_lab.log.time_anchors.timestamps import Authority
    from audit_lab.seal.checkpoint import Checkpoint, SignedCheckpoint
    from audit_lab.seal.keys import PublicKey
    from audit_lab.seal.trust import Trust

__all__ = [
    "ANCHOR_NAME",
    "Anchor",
    "Anchoring",
    "SealedHistory",
    "cosigned_path",
    "timestamp_path",
]

#: Names of the files that hold anchors, below the log's folder.
ANCHOR_NAME = re.compile(r"anchors/(?P<size>0|[1-9][0-9]{0,18})\.(?P<kind>cosigned|tsr)")

_WITNESS = "witness"
#: How far the clocks of a witness and of a writer may be apart.
_CLOCK_SKEW = timedelta(minutes=5)
_FORKED = "Keep both: two signed histories that contradict each other prove that the log was rewritten."
_CUT = "Get the newest copy from whoever keeps the log; if this one is said to be it, the log was cut."
_ASK = "Ask whoever keeps the log where the anchor comes from."


def cosigned_path(size: int) -> str:
    """Return where the cosigned checkpoint of a tree size is kept, below the log's folder."""
    return f"anchors/{size}.cosigned"


def timestamp_path(size: int) -> str:
    """Return where the time-stamp token over the checkpoint of a tree size is kept, below the log's folder."""
    return f"anchors/{size}.tsr"


class SealedHistory(Protocol):
    """The tree as it was recomputed from the log's own entries."""

    @property
    def origin(self) -> str:
        """The log's name."""
        ...

    @property
    def size(self) -> int:
        """How many entries there are."""
        ...

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` entries."""
        ...

    @property
    def log_keys(self) -> frozenset[bytes]:
        """The keys that sign, or signed, for the log, 32 bytes each."""
        ...

    def sealed_at(self, size: int) -> datetime:
        """Return when the last of the first `size` entries was sealed, by the writer's clock."""
        ...


@dataclass(frozen=True)
class Anchor:
    """Something outside the log's own reach that holds its first `size` entries; `sentence` says what, and since when.

    `moment` is the time that it states. `sees_truncation` is true where the anchor lies outside the log, so that
    nobody could have cut it off with the rest.
    """

    size: int
    sentence: str
    moment: datetime
    sees_truncation: bool = False


class Anchoring:
    """What came of looking for anchors of one log.

    Parameters
    ----------
    history
        The recomputed tree, which every anchor is compared with.

    Attributes
    ----------
    anchors, findings
        What holds the log, and what speaks against it.
    not_checked, notes
        Anchors that the reader gave no means to check, and what else to know.
    key_is_remembered
        Whether this user verified a log before that began with this key.
    """

    def __init__(self, history: SealedHistory) -> None:
        self._history = history
        self.anchors: list[Anchor] = []
        self.findings: list[Finding] = []
        self.not_checked: list[str] = []
        self.notes: list[str] = []
        self.key_is_remembered = False

    def check_remembered(self, log_key: PublicKey, remembered: Remembered, *, key_is_pinned: bool) -> None:
        """Compare with the checkpoint that this user verified last.

        Parameters
        ----------
        log_key
            The key that the log began with.
        remembered
            The user's remembered checkpoints.
        key_is_pinned
            Whether the reader's trust file accepts that key: then another log of the same name is no surprise.
        """
        known = remembered.recall(log_key)
        if known is not None:
            self.key_is_remembered = True
            since = datetime.fromtimestamp(remembered.path(log_key).stat().st_mtime, UTC)
            seen = f"remembered from a verification on {since:%Y-%m-%d %H:%M} UTC"
            self._compare(known, seen, since, "checkpoint", from_outside=True)
            return
        for other in remembered.others(log_key):
            what = f"another log of the name {log_key.name}, which began with another key, was verified here before"
            if key_is_pinned:
                self.notes.append(f"{what}; the trust file accepts this log's key")
            else:
                step = (
                    f"If the log began anew, pin its key in the trust file; else it is not the log you know ({other})."
                )
                self.findings.append(Finding("log.key-changed", "checkpoint", what, step))

    def check_cosigned(self, content: bytes, name: str, trust: Trust, *, from_outside: bool) -> None:
        """Check a checkpoint that witnesses cosigned, and take it as an anchor where a pinned witness did.

        Parameters
        ----------
        content
            The exact bytes of the cosigned note.
        name
            The file's name, for findings.
        trust
            Whose witnesses are accepted.
        from_outside
            Whether the reader got the file from the witness, and not in the log.
        """
        try:
            signed = parse_checkpoint(content, name)
            if signed.checkpoint.origin != self._history.origin:
                what = f"it is of the log {signed.checkpoint.origin!a}"
                self.findings.append(Finding("anchor.wrong-origin", name, what, _ASK))
                return
            seen = self._cosigned_times(signed, name, trust)
        except MalformedError as error:
            self.findings.append(Finding(error.code, name, error.message, error.next_step))
            return
        if not seen and not any(note.startswith(f"{name}: ") for note in self.notes):
            self.not_checked.append(f"{name}: no witness that cosigned it is accepted here ({trust.name})")
        for witness, time in seen:
            size = signed.checkpoint.size
            if size <= self._history.size and time + _CLOCK_SKEW < self._history.sealed_at(size):
                what = f"{witness} cosigned it at {time}, well before its last entry was sealed"
                self.findings.append(Finding("cosignature.before-data", name, what, _ASK))
                continue
            when = f"cosigned by {witness} on {time:%Y-%m-%d %H:%M} UTC"
            self._compare(signed.checkpoint, when, time, name, from_outside=from_outside)

    def check_stamped(
        self, token: bytes, size: int, checkpoint: bytes | None, authorities: Sequence[Authority]
    ) -> None:
        """Check a time-stamp token over the stored checkpoint of a tree size; an anchor where it holds.

        Parameters
        ----------
        token
            The exact bytes of the authority's answer.
        size, checkpoint
            The tree size that the file's name states, and the checkpoint's stored bytes; None where there is none.
        authorities
            Those that the reader accepts.
        """
        name = timestamp_path(size)
        if checkpoint is None or size > self._history.size:
            what = f"it is for a checkpoint of {size} entries, and the log has no such checkpoint"
            self.findings.append(Finding("anchor.without-checkpoint", name, what, _CUT))
            return
        try:
            stamp = check_timestamp(token, checkpoint, authorities, name)
        except MalformedError as error:
            if error.code == "timestamp.authority-not-trusted" and not authorities:
                self.not_checked.append(f"{name}: no time-stamping authority is accepted here")
            else:
                self.findings.append(Finding(error.code, name, error.message, error.next_step))
            return
        sealed_at = self._history.sealed_at(size)
        if stamp.is_before(sealed_at):
            what = f"{stamp.authority} stamped it at {stamp.time}, before what it covers was sealed ({sealed_at})"
            self.findings.append(Finding("timestamp.before-data", name, what, _ASK))
            return
        when = f"time-stamped by {stamp.authority} on {stamp.time:%Y-%m-%d %H:%M:%S} UTC"
        self.anchors.append(Anchor(size, f"{size} of {self._history.size} entries, {when}", stamp.time))

    def _cosigned_times(self, signed: SignedCheckpoint, name: str, trust: Trust) -> list[tuple[str, datetime]]:
        seen = []
        for pinned in trust.keys:
            key = pinned.public
            accepted = pinned.role == _WITNESS and pinned.origin in {ANY_ORIGIN, self._history.origin}
            if not accepted or signed.note.by(key) is None:
                continue
            time = check_cosignature(signed.note, key, name)
            if pinned.revoked_from is not None:
                self.notes.append(f"{name}: the witness {key.name} is revoked, so its cosignature counts for nothing")
            elif key.raw in self._history.log_keys:
                self.notes.append(f"{name}: {key.name} has a key of the log itself, and is no independent witness")
            elif key.is_demonstration:
                self.notes.append(f"{name}: {key.name} is a demonstration key, and its cosignature proves nothing")
            else:
                seen.append((key.name, time))
        return seen

    def _compare(self, known: Checkpoint, seen: str, moment: datetime, name: str, *, from_outside: bool) -> None:
        history = self._history
        if known.size > history.size:
            what = f"the log has {history.size} entries; a checkpoint of {known.size} was {seen}"
            self.findings.append(Finding("log.truncated", name, what, _CUT))
        elif history.root(known.size) != known.root:
            what = f"its first {known.size} entries are not those of the checkpoint {seen}"
            self.findings.append(Finding("log.forked", name, what, _FORKED))
        else:
            sentence = f"{known.size} of {history.size} entries, {seen}"
            self.anchors.append(Anchor(known.size, sentence, moment, from_outside))
