"""The access journal of a log: every question asked of it, in a file of its own outside the log.

Reading never writes to the log under investigation; what is written here is who looked, when, why and at what. A line
is on disk before its answer is handed out. The form is specified in ``docs/formats.md``, "Access journal".
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from audit_lab.errors import MisuseError
from audit_lab.log.files.disk import LocalDisk
from audit_lab.log.files.durable import sync_folder
from audit_lab.log.files.private_file import make_private_folder, write_private_file
from audit_lab.log.journal.line import START, Chain, Head, JournalLine, follow_chain, head_text
from audit_lab.log.journal.record import journal_errors, journal_report
from audit_lab.log.keys.vault import state_folder
from audit_lab.seal.custody import time_text
from audit_lab.seal.report import Finding, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

__all__ = ["Journal", "journal_file"]

_LONGEST_NAME = 200
_LONGEST_PURPOSE = 2_000
_LONGEST_QUESTION = 20_000
_TORN = "torn"


def journal_file(origin: str) -> Path:
    """Return where the journal of a log is kept unless another file is named."""
    name = hashlib.sha256(origin.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return state_folder() / "journal" / f"{name}.jsonl"


class Journal:
    """One actor's access to a log's journal; several processes may write to it at once.

    Parameters
    ----------
    path
        The journal's file; made when missing, its folder too, then readable by their owner only.
    actor, purpose
        Who asks, and why.
    log, snapshot
        The log's origin, and the digest that names what was opened of it.
    clock
        What dates the lines.

    Raises
    ------
    MisuseError
        Actor or purpose are empty or too long.
    IntegrityError
        The journal that is there does not hold; the error carries the report.
    StorageError
        It cannot be read or written.
    """

    def __init__(
        self,
        path: Path,
        *,
        actor: str,
        purpose: str,
        log: str,
        snapshot: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.path = path.expanduser().resolve()
        self.actor = _said("actor", actor, _LONGEST_NAME)
        self.purpose = _said("purpose", purpose, _LONGEST_PURPOSE)
        self._log, self._snapshot, self._clock = _encodable(log), snapshot, clock
        #: How far the file was followed, the head there, the time and the size of the line at it.
        self._end, self._head, self._at, self._last_bytes = 0, START, "", 0
        with journal_errors(self.path, "open"):
            if not self.path.parent.is_dir():
                make_private_folder(self.path.parent)
            with self._locked():
                self._catch_up()

    @property
    def head(self) -> str:
        """The number and digest of the last line known here: kept elsewhere, they show a journal that was cut."""
        return head_text(self._head)

    def append(
        self,
        kind: str,
        question: str,
        *,
        rows: int | None = None,
        columns: Iterable[str] = (),
        answer: str = "answered",
    ) -> JournalLine:
        """Write one line; it is on disk when this returns.

        Parameters
        ----------
        kind, question, rows, columns, answer
            As in `JournalLine`. A question of more than 20,000 characters is cut; its length and digest are kept.

        Raises
        ------
        IntegrityError
            What stands in the file does not continue what this process saw of it.
        StorageError
            The line cannot be written; nothing of it is left.
        """
        with journal_errors(self.path, "write"), self._locked():
            self._catch_up()
            line = self._next(self._head, kind, _shortened(question), answer, rows=rows, columns=columns)
            self._write(line)
        return line

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with LocalDisk().lock(f"{self.path}.lock"):
            yield

    def _catch_up(self) -> None:
        """Follow what was written since this process last looked; set aside what a crash left of a line."""
        content = self._since(self._end - self._last_bytes)
        last, rest = content[: self._last_bytes], content[self._last_bytes :]
        chain = follow_chain(rest, str(self.path), self._head, self._at)
        changed = self._last_bytes and hashlib.sha256(last[:-1]).hexdigest() != self._head[1]
        findings = (*((self._cut(),) if changed else ()), *chain.findings)
        settle(journal_report(self.path, chain, findings, head=None))
        if chain.torn:
            self._set_aside(chain)
        else:
            self._know(len(rest), chain.lines[-1] if chain.lines else None)

    def _cut(self) -> Finding:
        meaning = f"line {self._head[0]}, which stood at its end when it was last looked at, is not there any more"
        return Finding("journal.cut", str(self.path), meaning, "Keep the file, and find out who could write to it")

    def _since(self, start: int) -> bytes:
        if not self.path.exists():
            return b""
        return LocalDisk().read(str(self.path), start, None)

    def _know(self, size: int, line: JournalLine | None) -> None:
        self._end += size
        if line is not None:
            self._head, self._at, self._last_bytes = line.head, line.at, len(line.to_bytes()) + 1

    def _set_aside(self, chain: Chain) -> None:
        """Keep a torn line in a file of its own, and put in its place, in one step, a line that says so."""
        digest = hashlib.sha256(chain.torn).hexdigest()
        aside = self.path.with_name(f"{self.path.name}.{_TORN}-{digest[:16]}")
        write_private_file(aside, chain.torn)
        question = f"a last line that a crash tore, {len(chain.torn)} bytes, SHA-256 {digest}, is kept in {aside.name}"
        line = self._next(chain.head, _TORN, question, "set aside")
        whole = self._since(0)
        kept = whole[: len(whole) - len(chain.torn)]
        write_private_file(self.path, kept + line.to_bytes() + b"\n")
        self._end = 0
        self._know(len(kept) + len(line.to_bytes()) + 1, line)

    def _next(
        self,
        head: Head,
        kind: str,
        question: str,
        answer: str,
        *,
        rows: int | None = None,
        columns: Iterable[str] = (),
    ) -> JournalLine:
        return JournalLine(
            number=head[0] + 1,
            at=time_text(self._clock()),
            actor=self.actor,
            purpose=self.purpose,
            log=self._log,
            snapshot=self._snapshot,
            kind=kind,
            question=_encodable(question),
            answer=_encodable(answer),
            rows=rows,
            columns=tuple(sorted({_encodable(column) for column in columns})),
            previous=head[1],
        )

    def _write(self, line: JournalLine) -> None:
        is_new = not self.path.exists()
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
        try:
            LocalDisk().write(handle, line.to_bytes() + b"\n")
            os.fsync(handle)
        except BaseException:
            with suppress(OSError):  # what stays is found as torn, and set aside, when the journal is next opened
                os.ftruncate(handle, self._end)
            raise
        finally:
            os.close(handle)
        if is_new:
            sync_folder(self.path.parent)
        self._know(len(line.to_bytes()) + 1, line)


def _said(name: str, text: str, longest: int) -> str:
    if not isinstance(text, str) or not text.strip() or len(text) > longest:
        raise MisuseError(f"the {name} is empty or longer than {longest} characters", f"Say it in words, as {name}=...")
    return _encodable(text.strip())


def _encodable(text: str) -> str:
    """Return text with halves of surrogate pairs as escapes: a journal takes every question, however it is written."""
    return text.encode("utf-8", "backslashreplace").decode()


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST_QUESTION:
        return text
    digest = hashlib.sha256(_encodable(text).encode()).hexdigest()
    return f"{text[:_LONGEST_QUESTION]}... ({len(text):,} characters, SHA-256 {digest})"
