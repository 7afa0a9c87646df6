"""`AuditLog`: an opened log, its tables, and the questions that can be asked of it."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError, NotFoundError
from audit_lab.face.decision import Decision
from audit_lab.face.document import iso
from audit_lab.log.query import Question, find, instant
from audit_lab.log.reading import collect
from audit_lab.log.store import LogStore, open_store
from audit_lab.replay.reconstruct import reconstruct

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from audit_lab.log.mapping import Mapping
    from audit_lab.monitor.drift import Drift
    from audit_lab.replay.batch import BatchReplay
    from audit_lab.replay.coverage import Coverage
    from audit_lab.sandbox import Limits
    from audit_lab.seal.report import Verification

__all__ = ["AuditLog", "open_log"]

When = str | date | datetime | None


def open_log(path: str | Path, mapping: str | Path | Mapping | None = None) -> AuditLog:
    """Open an audit log, or a Parquet folder that someone else wrote, through a mapping. Reads metadata only.

    Raises
    ------
    MisuseError
        The folder is missing, or is no audit log and no mapping was given.
    LogError
        The manifest or the mapping cannot be read.
    """
    return AuditLog(open_store(path, mapping))


class AuditLog:
    """An opened audit log. Tables are polars LazyFrames with canonical columns, empty where the log has none."""

    def __init__(self, store: LogStore) -> None:
        self._store = store

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
    def predictions(self) -> pl.LazyFrame:
        """Scored items: id, time, model, version, outputs, decision."""
        return self._store.table("predictions")

    @property
    def overrides(self) -> pl.LazyFrame:
        """Decisions that a person changed."""
        return self._store.table("overrides")

    @property
    def explanations(self) -> pl.LazyFrame:
        """Explanations of record."""
        return self._store.table("explanations")

    @property
    def outcomes(self) -> pl.LazyFrame:
        """The ground truth, arriving later."""
        return self._store.table("outcomes")

    @property
    def datasets(self) -> pl.LazyFrame:
        """Data that versions were trained and judged on."""
        return self._store.table("datasets")

    @property
    def runs(self) -> pl.LazyFrame:
        """Training and evaluation runs."""
        return self._store.table("runs")

    @property
    def model_versions(self) -> pl.LazyFrame:
        """The registry."""
        return self._store.table("model_versions")

    @property
    def approvals(self) -> pl.LazyFrame:
        """Who submitted, approved and promoted each version."""
        return self._store.table("approvals")

    @property
    def deployments(self) -> pl.LazyFrame:
        """What served, where, from when."""
        return self._store.table("deployments")

    @property
    def lineage(self) -> pl.LazyFrame:
        """Edges from versions back to runs, commits, data and feature sources."""
        return self._store.table("lineage")

    @property
    def events(self) -> pl.LazyFrame:
        """Anything else that happened."""
        return self._store.table("events")

    def inputs(self, model: str | None = None) -> pl.LazyFrame:
        """Return one model's recorded inputs; the model may be left out where the log has one.

        Raises
        ------
        NotFoundError
            The log holds no inputs of that model.
        MisuseError
            No model was named and the log has several.
        """
        return self._store.inputs(self._model(model))

    def describe(self) -> dict[str, Any]:
        """Return origin, notes, tables with their rows, models and time range, as JSON-safe values."""
        span = collect(
            self.predictions.select(
                pl.col("occurred_at").min().alias("first"),
                pl.col("occurred_at").max().alias("last"),
                pl.col("model_name").unique().drop_nulls().sort().implode().alias("models"),
            ),
            f"the predictions of {self.path}",
        ).row(0, named=True)
        return {
            "origin": self.origin,
            "path": str(self.path),
            "description": self._store.description,
            "notes": list(self.notes),
            "tables": self._store.source.tables(),
            "models": list(span["models"]),
            "first_time": iso(span["first"]),
            "last_time": iso(span["last"]),
        }

    def find(
        self,
        expression: str | pl.Expr | None = None,
        *,
        since: When = None,
        until: When = None,
        model: str | None = None,
        limit: int | None = None,
    ) -> pl.DataFrame:
        """Return the predictions that match, in order of time.

        Parameters
        ----------
        expression
            A SQL expression over the columns of predictions and ``inputs.<feature>``, for example
            ``inputs.distance_miles > 500 AND decision = 'late'``: parsed, never evaluated; or a polars expression.
        since, until
            Half-open range of `occurred_at`: [since, until). Text without a zone is UTC.

        Raises
        ------
        MisuseError
            The expression or a time cannot be read.
        """
        if limit is not None and limit < 0:
            raise MisuseError(f"limit is {limit}", "Give 0 or more, or leave it out.")
        question = Question(expression, instant(since, "since"), instant(until, "until"), model)
        return find(self._store, question, limit)

    def newest(self, count: int = 50, model: str | None = None) -> pl.DataFrame:
        """Return the newest predictions, newest first."""
        frame = self._store.table("predictions")
        if model is not None:
            frame = frame.filter(pl.col("model_name") == model)
        newest = frame.sort("occurred_at", "prediction_id", descending=True, nulls_last=True).head(count)
        return collect(newest, f"the predictions of {self.path}")

    def decision(self, prediction_id: str) -> Decision:
        """Reconstruct one prediction, named by its id or its place (``id@segment:row``).

        Raises
        ------
        NotFoundError
            No prediction has that id.
        AmbiguousIdError
            The id stands in several places; the error names each.
        """
        if not isinstance(prediction_id, str):
            raise MisuseError(f"a prediction id is text, not {type(prediction_id).__name__}", "Give it as text.")
        return Decision(self._store, reconstruct(self._store, prediction_id))

    def replay(
        self,
        expression: str | pl.Expr | None = None,
        *,
        since: When = None,
        until: When = None,
        model: str | None = None,
        limits: Limits | None = None,
        progress: Callable[[str, int], None] | None = None,
    ) -> BatchReplay:
        """Replay every prediction that matches (all of them when nothing is given) and compare with the record."""
        from audit_lab.replay.batch import replay_rows

        rows = self.find(expression, since=since, until=until, model=model)
        return replay_rows(self._store, rows, limits=limits, progress=progress)

    def coverage(self) -> Coverage:
        """State which predictions can be replayed, why the others cannot, and which were lost."""
        from audit_lab.replay.coverage import coverage

        return coverage(self._store)

    def drift(
        self,
        columns: Sequence[str] | None = None,
        *,
        every: str = "1w",
        reference: tuple[When, When] | None = None,
        model: str | None = None,
    ) -> Drift:
        """Compare each window's inputs, score and decision with a reference period.

        Parameters
        ----------
        columns
            Which to look at; all inputs, ``score`` and ``decision`` when omitted.
        every
            Length of a window: ``1d``, ``1w`` (from Monday) or ``1mo``.
        reference
            Half-open range [from, to) to compare with; the first eight weeks when omitted.
        """
        from audit_lab.log.wide import wide
        from audit_lab.monitor.drift import drift

        frame, features = wide(self._store, self._predicting(model))
        span = None
        if reference is not None:
            since, until = instant(reference[0], "reference"), instant(reference[1], "reference")
            if since is None or until is None:
                raise MisuseError(
                    "the reference needs a beginning and an end", "Give both, like ('2015-01-01', '2015-04-01')."
                )
            span = (since, until)
        chosen = list(columns) if columns is not None else [*features, "score", "decision"]
        return drift(frame, time="occurred_at", columns=chosen, every=every, reference=span)

    def verify(self, *, require_anchor: bool = False) -> Verification:
        """Check every segment against the digests and row counts of the manifest.

        Raises
        ------
        IntegrityError
            A segment is missing, changed or not listed, or an anchor was required and there is none; the error carries
            the report.
        """
        from audit_lab.log.integrity import verify_segments

        return verify_segments(self._store, require_anchor=require_anchor)

    def _predicting(self, model: str | None) -> str:
        """Return the model whose predictions are meant, which need no inputs."""
        known = self.describe()["models"]
        if model is None and len(known) == 1:
            return str(known[0])
        if model is not None and model not in known:
            raise NotFoundError(
                f"the log {self.path} holds no prediction of a model named {model!r}",
                f"Models with predictions: {', '.join(known) or 'none'}.",
            )
        return self._model(model)

    def _model(self, model: str | None) -> str:
        if model is not None:
            return model
        models = self._store.models()
        if len(models) == 1:
            return models[0]
        raise MisuseError(
            f"the log {self.path} has inputs of {len(models)} models ({', '.join(models) or 'none'})",
            "Name one, as model=... or --model.",
        )

    def __repr__(self) -> str:
        """Return origin, path and rows."""
        rows = ", ".join(f"{name} {count:,}" for name, count in self._store.source.tables().items())
        return f"AuditLog {self.origin!r} at {self.path}: {rows}"
