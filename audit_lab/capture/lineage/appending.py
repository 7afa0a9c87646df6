"""Append foreign lineage to a sealed log: only what it does not have yet."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.reading import collect
from audit_lab.log.files.storage import LocalStorage
from audit_lab.log.schema import TABLES, TIME
from audit_lab.log.store import open_store
from audit_lab.log.tree.tree_file import CHECKPOINT_NAME
from audit_lab.log.writing.writer import open_writer
from audit_lab.seal.digests import sha256

if TYPE_CHECKING:
    from collections.abc import Callable

    from audit_lab.capture.lineage.rows import LineageRows
    from audit_lab.log.keys.vault import Vault
    from audit_lab.log.store import LogStore

__all__ = ["AppendedLineage", "append_lineage"]

_EVENTS, _KIND = "events", "ingest"
#: Of what was refused, so many places and reasons stand in the event.
_MOST_REFUSED = 100


@dataclass(frozen=True)
class AppendedLineage:
    """What an append added to a log.

    Attributes
    ----------
    rows
        Table to rows added; 0 where everything was there.
    known
        Table to rows that the log had already: with the same content, or, of a model's version, as it was registered
        in the log itself, which is not corrected by what a foreign registry says.
    corrected
        Table to those of the rows added that say something else of a run or a data set than the log did: each bears
        in ``supersedes`` what it corrects.
    size
        How many entries the log has now; None where nothing was added.
    """

    rows: dict[str, int]
    known: dict[str, int]
    corrected: dict[str, int]
    size: int | None


def append_lineage(
    log: str | Path,
    rows: LineageRows,
    *,
    actor: str | None = None,
    vault: Vault | Path | str | None = None,
    passphrase: bytes | str | None = None,
    clock: Callable[[], datetime] | None = None,
) -> AppendedLineage:
    """Append the rows that a sealed log does not have, together with an event that says what was read.

    Parameters
    ----------
    log
        The log's folder.
    actor
        Who takes the rows over; stands in the event.
    vault, passphrase, clock
        As for `audit_lab.log.writing.writer.open_writer`.

    Raises
    ------
    MisuseError
        The log is not sealed: only a sealed one is appended to.
    LogError, StorageError
        As for `LogWriter.append`.
    """
    if not LocalStorage(Path(log)).exists(CHECKPOINT_NAME):
        raise MisuseError(
            f"{log} is not a sealed log, and only a sealed log is appended to",
            f"Seal it first with `audit-lab seal {log} --actor NAME` (files of another system with --mapping and "
            "--into), or write the rows to files with --out.",
        )
    lacking = _Lacking(log, rows)
    if not lacking.tables():
        return lacking.appended(None)

    def make() -> dict[str, pl.DataFrame]:
        added = lacking.tables()
        now = (clock or (lambda: datetime.now(UTC)))()
        return {**added, _EVENTS: _event(rows, lacking.counts, added, actor, now)} if added else {}

    # Somebody else may have appended the same since: what the log lacks is looked up again while it is locked.
    with open_writer(log, vault=vault, passphrase=passphrase, clock=clock) as writer:
        receipt = writer.append_from(make)
    return lacking.appended(None if receipt is None else receipt.size)


class _Lacking:
    """What a log lacks of some rows, as it is whenever that is asked."""

    def __init__(self, log: str | Path, rows: LineageRows) -> None:
        self._log = log
        self._rows = rows
        self.counts: dict[str, int] = {}
        self._known: dict[str, int] = {}
        self._corrected: dict[str, int] = {}

    def tables(self) -> dict[str, pl.DataFrame]:
        """Read the log, and return the rows that it does not have, of the tables where there are some."""
        store, fresh = open_store(self._log), {}
        for table, frame in self._rows.tables().items():
            fresh[table], self._known[table], self._corrected[table] = _fresh(store, table, frame)
        self.counts = {table: frame.height for table, frame in fresh.items()}
        return {table: frame for table, frame in fresh.items() if frame.height}

    def appended(self, size: int | None) -> AppendedLineage:
        """Return what was found when the log was read last."""
        return AppendedLineage(self.counts, self._known, self._corrected, size)


def _fresh(store: LogStore, table: str, frame: pl.DataFrame) -> tuple[pl.DataFrame, int, int]:
    """Return the rows to add, and how many the log has already, and how many of the added correct one of its rows."""
    keys, size = list(TABLES[table].key), frame.height
    if not size:
        return frame, 0, 0
    there = _there(store, table, frame, keys)
    if table == "lineage":
        left = frame.join(there.select(keys), on=keys, how="anti", maintain_order="left")
        return left, size - left.height, 0
    said = [name for name in frame.columns if name not in {*keys, "recorded_at", "supersedes"}]
    there = there.with_columns(
        pl.lit(None, dtype=frame.schema[name]).alias(name) for name in said if name not in there.columns
    )
    last = there.sort("recorded_at", nulls_last=False).unique(keys, keep="last").select(*keys, *said)
    if table == "model_versions":
        # A registration in the log says more than a foreign registry does: it is not corrected by that.
        own = last.filter(pl.col("facets").is_null())
        frame = frame.join(own.select(keys), on=keys, how="anti", maintain_order="left")
        last = last.join(own.select(keys), on=keys, how="anti")
    same = frame.join(last, on=[*keys, *said], how="semi", nulls_equal=True)
    left = frame.join(same.select(keys), on=keys, how="anti", maintain_order="left")
    known = pl.concat([last.select(keys), pl.DataFrame(schema={name: frame.schema[name] for name in keys})]).unique()
    name = pl.concat_str(keys, separator="@")
    corrects = left.join(known.with_columns(_known=name), on=keys, how="left", maintain_order="left")
    marked = corrects.with_columns(supersedes=pl.col("_known")).drop("_known")
    if table == "model_versions":
        # The time at which the registry recorded a version is that of its first row; a correction is learnt now.
        marked = marked.with_columns(recorded_at=pl.when(pl.col("supersedes").is_null()).then("recorded_at"))
    return marked, size - marked.height, marked["supersedes"].drop_nulls().len()


def _there(store: LogStore, table: str, frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """Return the log's rows of the same keys."""
    wanted = frame.lazy().select(keys).unique()
    return collect(store.table(table).join(wanted, on=keys, how="semi"), f"the {table} of {store.location}")


def _event(
    rows: LineageRows, counts: dict[str, int], added: dict[str, pl.DataFrame], actor: str | None, now: datetime
) -> pl.DataFrame:
    report: dict[str, Any] = rows.report.to_dict()
    report["quarantine"] = report["quarantine"][:_MOST_REFUSED]
    keys = [row for table, frame in added.items() for row in frame.select(TABLES[table].key).iter_rows()]
    named = json.dumps([now.isoformat(), keys])
    summary = (
        f"Lineage taken over from {rows.report.source}: {counts['lineage']:,} edges, {counts['runs']:,} runs, "
        f"{counts['datasets']:,} data sets, "
        f"{counts['model_versions']:,} registered versions; {rows.report.refused:,} of {rows.report.read:,} "
        f"{rows.report.records} refused"
    )
    return pl.DataFrame(
        {
            "event_id": [f"{_KIND}-{sha256(named.encode())[:16]}"],
            "at": pl.Series([now], dtype=TIME),
            "kind": [_KIND],
            "severity": ["info" if not rows.report.refused else "warning"],
            "actor": pl.Series([actor], dtype=pl.String),
            "subject_kind": ["source"],
            "subject": [rows.report.source],
            "summary": [summary],
            "payload": [json.dumps(report, sort_keys=True)],
        }
    )
