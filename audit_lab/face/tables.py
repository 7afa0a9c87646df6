"""What an opened log is called, and its tables, handed out as polars LazyFrames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from audit_lab.face.description import model_with_inputs
from audit_lab.log.schema import INPUTS_PREFIX

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from audit_lab.face.access import Access
    from audit_lab.log.journal.journal import Journal
    from audit_lab.log.store import LogStore

__all__ = ["LogTables"]


class LogTables:
    """A log's identity, and its tables: canonical columns first, empty where the log has no such table.

    A lazy table is collected out of sight: the journal states that it was handed out, and that its rows are not known.
    """

    def __init__(self, store: LogStore, access: Access) -> None:
        self._store = store
        self._access = access

    @property
    def path(self) -> Path:
        """The folder."""
        return self._store.path

    @property
    def origin(self) -> str:
        """The log's own name."""
        return self._store.origin

    @property
    def notes(self) -> tuple[str, ...]:
        """What every reader of this log must know."""
        return self._store.notes

    @property
    def manifest_sha256(self) -> str | None:
        """Digest of the manifest that was opened; None where the log is read through a mapping."""
        return self._store.manifest.sha256 if self._store.manifest else None

    @property
    def checkpoint(self) -> str | None:
        """The signed note of the checkpoint that was opened: origin, size, root; None for a log that is not sealed."""
        return self._store.checkpoint

    @property
    def journal(self) -> Journal | None:
        """Where every question is written; None where nobody said who asks."""
        return self._access.journal

    @property
    def predictions(self) -> pl.LazyFrame:
        """Scored items: id, time, model, version, outputs, decision."""
        return self._handed_out("predictions")

    @property
    def overrides(self) -> pl.LazyFrame:
        """Decisions that a person changed."""
        return self._handed_out("overrides")

    @property
    def explanations(self) -> pl.LazyFrame:
        """Explanations of record."""
        return self._handed_out("explanations")

    @property
    def outcomes(self) -> pl.LazyFrame:
        """The ground truth, arriving later."""
        return self._handed_out("outcomes")

    @property
    def datasets(self) -> pl.LazyFrame:
        """Data that versions were trained and judged on."""
        return self._handed_out("datasets")

    @property
    def runs(self) -> pl.LazyFrame:
        """Training and evaluation runs."""
        return self._handed_out("runs")

    @property
    def model_versions(self) -> pl.LazyFrame:
        """The registry."""
        return self._handed_out("model_versions")

    @property
    def approvals(self) -> pl.LazyFrame:
        """Who submitted, approved and promoted each version."""
        return self._handed_out("approvals")

    @property
    def deployments(self) -> pl.LazyFrame:
        """What served, where, from when."""
        return self._handed_out("deployments")

    @property
    def lineage(self) -> pl.LazyFrame:
        """Edges from versions back to runs, commits, data and feature sources."""
        return self._handed_out("lineage")

    @property
    def events(self) -> pl.LazyFrame:
        """Anything else that happened."""
        return self._handed_out("events")

    def inputs(self, model: str | None = None) -> pl.LazyFrame:
        """Return one model's recorded inputs; the model may be left out where the log has one.

        Raises
        ------
        NotFoundError
            The log holds no inputs of that model.
        MisuseError
            No model was named and the log has several.
        """
        chosen = model_with_inputs(self._store, model)
        frame = self._store.inputs(chosen)
        return self._told(INPUTS_PREFIX + chosen, frame)

    def _handed_out(self, table: str) -> pl.LazyFrame:
        return self._told(table, self._store.table(table))

    def _told(self, table: str, frame: pl.LazyFrame) -> pl.LazyFrame:
        if self._access.journal is not None:
            with self._access.asking("table", table, rows="unknown until collected") as answer:
                answer.touches(table, frame.collect_schema().names())
        return frame
