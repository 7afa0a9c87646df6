"""What came of taking a vendor's log over: what was read, kept and refused, and what the log never said."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.capture.adapters.quarantine import read_quarantine
from audit_lab.log.files.printable import printable
from audit_lab.seal.hidden_letters import spelling, spelling_text

if TYPE_CHECKING:
    import polars as pl

__all__ = ["AdaptReport", "AdaptedFile"]

_SHOWN = 5


@dataclass(frozen=True)
class AdaptedFile:
    """One file: its name and digest, its form (None where it has none that is known), its records, and what came of it.

    `state` is ``new``, ``resumed`` (its beginning was in the log), ``known`` (all of it was in the log) or ``unread``.
    `unread` says where in it (from a byte to before another; None where that is not known; of a packed file, bytes of
    what is packed) there is what nobody can read: how many records that is cannot be told, so that `rows` are the least
    that it has. `problem` says of one that is ``unread`` what it is and what to do, where its bytes are no records as
    they stand.
    """

    name: str
    sha256: str
    form: str | None
    state: str
    rows: int
    kept: int
    quarantined: int
    unread: tuple[tuple[int, int | None], ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class AdaptReport:
    """What came of a source; counts are of records unless named otherwise, over all runs that took it over.

    Parameters
    ----------
    rows_read, rows_kept, rows_quarantined
        ``rows_kept + rows_quarantined == rows_read``, which is how many records the files have; the least that they
        have where there are unread ranges.
    unread_ranges
        How many ranges of bytes of the files hold records that nobody can read and count; `files` says which.
    predictions, labels
        Predictions and labels that the kept records gave: a record may hold several instances.
    predictions_added, labels_added
        Those of them that this run appended; 0 where the log had all of them.
    requests_without_response, responses_without_request
        Kept records whose other side is in no file.
    repeated_records
        Quarantined: the log, or another record, says the same under the same id.
    ambiguous_records
        Quarantined: several requests and another number of responses have one id.
    duplicate_ids
        Kept exchanges whose id was used before; their predictions are called ``ID~2`` and so on.
    null_payloads, truncated_payloads, undecodable_payloads, too_large, unfit
        Quarantined records: no payload at all; ended too early; unreadable; larger than what is read; with a value that
        fits no column of the log.
    half_payloads
        Kept exchanges of which a side was there and its body was null.
    without_time, without_version
        Kept exchanges that have no time, or no version: gaps of their predictions.
    versions_stated, versions_supplied
        Kept exchanges whose version the log stated, or the caller supplied.
    sampling
        The sampling rate, as stated or supplied.
    files
        Every file.
    unread_files
        Hidden files and links, which are never read.
    quarantine_folder
        Where the quarantined records are.
    """

    source: str
    log: str
    form: str
    rows_read: int
    rows_kept: int
    rows_quarantined: int
    unread_ranges: int
    predictions: int
    labels: int
    predictions_added: int
    labels_added: int
    requests_without_response: int
    responses_without_request: int
    repeated_records: int
    ambiguous_records: int
    duplicate_ids: int
    null_payloads: int
    half_payloads: int
    truncated_payloads: int
    undecodable_payloads: int
    too_large: int
    unfit: int
    without_time: int
    without_version: int
    versions_stated: int
    versions_supplied: int
    sampling: str
    files: tuple[AdaptedFile, ...]
    unread_files: tuple[str, ...]
    quarantine_folder: str
    quarantine_files: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-safe values, names as the files have them."""
        return asdict(self)

    @property
    def is_counted(self) -> bool:
        """Whether the files have no more records than `rows_read`: nothing in them is left unread."""
        return not self.unread_ranges and not any(file.problem for file in self.files)

    def quarantine(self) -> pl.DataFrame:
        """Return the quarantined records of these files: file, row, why, and their bytes."""
        from pathlib import Path

        import polars as pl

        digests = [file.sha256 for file in self.files]
        frame = read_quarantine(Path(self.quarantine_folder), self.quarantine_files)
        return frame.filter(pl.col("file_sha256").is_in(digests))

    def lines(self) -> list[str]:
        """Return the report as plain sentences, foreign text made safe for a terminal."""
        return [*self._rows(), *self._refused(), *self._unread(), *self._gaps(), *self._files()]

    @spelling_text
    def __repr__(self) -> str:
        """Return the sentences."""
        return "\n".join(self.lines())

    @spelling
    def _repr_html_(self) -> str:
        from html import escape

        items = "".join(f"<li>{escape(line)}</li>" for line in self.lines())
        return f"<ul>{items}</ul>"

    def _rows(self) -> list[str]:
        least = "" if self.is_counted else "At least "
        read = f"{least}{_count(self.rows_read, 'record')} ({self.form}) in {_count(len(self.files), 'file')}"
        made = f"{_count(self.predictions, 'prediction')} and {_count(self.labels, 'label')} came of them"
        lines = [
            f"{read}: {self.rows_kept:,} kept, {self.rows_quarantined:,} quarantined.",
            f"{made}; this run added {self.predictions_added:,} and {self.labels_added:,}.",
        ]
        known = sum(file.state == "known" for file in self.files)
        if known:
            lines.append(f"{_count(known, 'file')} had been taken over before.")
        return lines

    def _refused(self) -> list[str]:
        said = (
            (self.undecodable_payloads, "unreadable"),
            (self.truncated_payloads, "cut off early"),
            (self.null_payloads, "without any payload"),
            (self.too_large, "larger than what is read"),
            (self.unfit, "with a value that fits no column of the log"),
            (self.ambiguous_records, "as it is not said which request and response belong together"),
            (self.repeated_records, "saying what another record says under the same id"),
        )
        return [f"Quarantined, {why}: {_count(count, 'record')}." for count, why in said if count]

    def _unread(self) -> list[str]:
        ranges = [
            (file.name, *each) for file in {file.sha256: file for file in self.files}.values() for each in file.unread
        ]
        lines = [_range(*each) for each in ranges[:_SHOWN]]
        more = len(ranges) - len(lines)
        return [*lines, f"So it is with {_count(more, 'more range')} of bytes."] if more else lines

    def _gaps(self) -> list[str]:
        said = (
            (self.requests_without_response, "request", "without a response, kept without an answer"),
            (self.responses_without_request, "response", "without a request, kept without inputs"),
            (self.half_payloads, "exchange", "with a body that was recorded as null"),
            (self.duplicate_ids, "exchange", "whose id was used before, now ID~2 and so on"),
            (self.without_time, "exchange", "without a time, and so in no window"),
        )
        lines = [f"{_count(count, noun)} {what}." for count, noun, what in said if count]
        stated, supplied, none = self.versions_stated, self.versions_supplied, self.without_version
        version = [
            f"{count:,} {how}"
            for count, how in ((stated, "stated by the log"), (supplied, "supplied by the caller"), (none, "not known"))
            if count
        ]
        lines.append(f"Model version, by exchange: {', '.join(version) or 'there is none'}.")
        lines.append(f"Sampling rate: {self.sampling}.")
        return lines

    def _files(self) -> list[str]:
        lines = []
        problems = [f"{printable(file.name, 60)} is {file.problem}." for file in self.files if file.problem]
        lines += problems[:_SHOWN]
        if len(problems) > _SHOWN:
            lines.append(f"So it is with {_count(len(problems) - _SHOWN, 'more file')}.")
        unknown = [file.name for file in self.files if file.state == "unread" and not file.problem]
        if unknown:
            lines.append(f"{_count(len(unknown), 'file')} of no known form, not read: {_named(unknown)}.")
        if self.unread_files:
            lines.append(
                f"{_count(len(self.unread_files), 'file')} hidden or linked, not read: {_named(self.unread_files)}."
            )
        if self.rows_quarantined or self.unread_ranges:
            lines.append(f"What was quarantined is in {printable(self.quarantine_folder)}.")
        return lines


def _named(names: list[str] | tuple[str, ...]) -> str:
    shown = [printable(name, 60) for name in names[:_SHOWN]]
    return ", ".join(shown) + (f" and {len(names) - len(shown):,} more" if len(names) > _SHOWN else "")


def _range(name: str, first: int, stop: int | None) -> str:
    end = "on" if stop is None else f"to byte {stop:,}"
    return f"How many records stand in {printable(name, 60)} from byte {first:,} {end} cannot be told."


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
