"""A journal as it is read: its lines, and what following their chain found. Reading writes nothing."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.errors import MisuseError, StorageError
from audit_lab.log.files.disk import LocalDisk
from audit_lab.log.journal.line import START, Chain, Head, JournalLine, follow_chain, head_text, parse_head
from audit_lab.seal.hidden_letters import spelling, spelling_text
from audit_lab.seal.report import Finding, Verdict, Verification, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

__all__ = ["JournalRecord", "journal_errors", "journal_report", "read_journal"]


@dataclass(frozen=True)
class JournalRecord:
    """A journal as it was read: its lines, what its verification found, and its head, to be noted elsewhere."""

    path: Path
    lines: tuple[JournalLine, ...]
    report: Verification
    head: str

    @property
    def frame(self) -> pl.DataFrame:
        """One row for each question, in the order in which they were answered."""
        import polars as pl

        text = ("at", "actor", "purpose", "log", "snapshot", "kind", "question", "answer", "previous")
        schema: dict[str, Any] = {"number": pl.Int64, **dict.fromkeys(text, pl.String), "rows": pl.Int64}
        columns = {name: [getattr(line, name) for line in self.lines] for name in schema}
        touched = pl.Series("columns", [list(line.columns) for line in self.lines], pl.List(pl.String))
        return pl.DataFrame(columns, schema=schema).with_columns(touched, pl.col("at").str.to_datetime(time_zone="UTC"))

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-safe values."""
        return {
            "path": str(self.path),
            "head": self.head,
            "report": self.report.to_dict(),
            "lines": [{**line.__dict__, "columns": list(line.columns)} for line in self.lines],
        }

    @spelling_text
    def __repr__(self) -> str:
        """Return path, lines and verdict."""
        return f"JournalRecord {self.path}: {len(self.lines):,} lines, {self.report.verdict}"

    @spelling
    def _repr_html_(self) -> str:
        """Show the questions as a table."""
        return str(self.frame.drop("previous", "snapshot")._repr_html_())


def read_journal(path: str | Path, head: str | None = None) -> JournalRecord:
    """Read a journal and check its chain; nothing is written.

    Parameters
    ----------
    path
        The journal's file.
    head
        A head of it that was noted earlier, elsewhere (``number:digest``): the journal must still hold that line.

    Raises
    ------
    MisuseError
        There is no such file.
    IntegrityError
        The chain is broken, or the line that `head` names is not there; the error carries the report.
    MalformedError
        `head` is none.
    """
    file = Path(path).expanduser()
    noted = None if head is None else parse_head(head)
    if not file.is_file():
        raise MisuseError(f"there is no journal {file}", "Name the file; without one, open the log with an actor first")
    with journal_errors(file, "read"):
        chain = follow_chain(LocalDisk().read(str(file), 0, None), str(file))
    findings = chain.findings
    if noted is not None and noted not in {START, *(line.head for line in chain.lines)}:
        meaning = (
            f"line {noted[0]} with the digest {noted[1][:12]}..., noted earlier, is not in it: it was cut or rewritten"
        )
        findings += (Finding("journal.cut", str(file), meaning, "Keep the file, and find out who could write to it"),)
    report = settle(journal_report(file, chain, findings, noted))
    return JournalRecord(file, chain.lines, report, head_text(chain.head))


def journal_report(path: Path, chain: Chain, findings: tuple[Finding, ...], head: Head | None) -> Verification:
    """Put what following a chain gave into a report; `head` is what somebody noted of it elsewhere."""
    held = head is not None and not findings
    verdict = Verdict.FAILED if findings else Verdict.VERIFIED if held else Verdict.UNANCHORED
    rest = "the lines after it" if held else "the newest lines, and all of them together"
    notes = [f"line {number} states an earlier time than the line before it" for number in chain.backwards]
    if chain.torn:
        notes.append(
            f"{len(chain.torn)} bytes of a line that a crash tore stand at the end; the next question asked with this "
            "journal sets them aside and says so"
        )
    return Verification(
        f"journal {path}",
        verdict,
        findings,
        checked=(f"the form of {len(chain.lines):,} lines, and that each is bound to the line before it",),
        not_checked=(
            f"{rest}: whoever can write the file can cut them off or write them anew; keep its head elsewhere",
            "that nobody read the log without a journal, or gave another name",
        ),
        anchors=(f"line {head[0]:,}, whose digest was noted elsewhere",) if head is not None and held else (),
        notes=tuple(notes),
    )


@contextmanager
def journal_errors(path: Path, what: str) -> Iterator[None]:
    """Make a `StorageError` about a journal of what the system reports inside the block."""
    try:
        yield
    except OSError as error:
        cause = "another process holds it" if isinstance(error, TimeoutError) else error.strerror
        raise StorageError(
            f"cannot {what} the journal {path}: {cause}",
            "No answer is given without it: make room, or get access, or name another file as journal.",
            "locked" if isinstance(error, TimeoutError) else "other",
        ) from error
