"""The two objects that users hold: `AuditLog` and `Decision`. Both are thin: they only delegate."""

from __future__ import annotations

import html
import math
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

import polars as pl

from audit_lab.errors import MisuseError, ModelError
from audit_lab.log.query import Question, find, instant
from audit_lab.log.reading import collect
from audit_lab.log.store import LogStore, open_store
from audit_lab.replay.reconstruct import Reconstruction, reconstruct
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from audit_lab.explain.attribution import Attribution
    from audit_lab.log.mapping import Mapping
    from audit_lab.monitor.drift import Drift
    from audit_lab.replay.batch import BatchReplay
    from audit_lab.replay.coverage import Coverage
    from audit_lab.replay.registry import InForce
    from audit_lab.replay.signature import Signature
    from audit_lab.replay.verdict import Replay
    from audit_lab.sandbox import Limits
    from audit_lab.seal.report import Verification

__all__ = ["AuditLog", "Decision", "open_log"]

_OVERRIDE = ("recorded_at", "kind", "actor", "role", "reason", "rule", "decision_before", "decision_after")

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
            "first_time": _iso(span["first"]),
            "last_time": _iso(span["last"]),
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

        frame, features = wide(self._store, self._model(model))
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

    def verify(self) -> Verification:
        """Check every segment against the digests of the manifest.

        Raises
        ------
        IntegrityError
            A segment is missing, changed or not listed; the error carries the report.
        """
        from audit_lab.log.integrity import verify_segments

        return verify_segments(self._store)

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


class Decision:
    """One prediction, reconstructed: its row, inputs, version, lineage, events, outcome and gaps."""

    def __init__(self, store: LogStore, parts: Reconstruction) -> None:
        self._store = store
        self._parts = parts

    @property
    def prediction_id(self) -> str:
        """Its id."""
        return self._parts.prediction_id

    @property
    def place(self) -> str:
        """Where its row stands: ``id@segment:row``."""
        return self._parts.place

    @property
    def prediction(self) -> dict[str, Any]:
        """Its row of the predictions table."""
        return self._parts.prediction

    @property
    def inputs(self) -> dict[str, Any] | None:
        """Feature to recorded value, in the model's order; None where they are missing or ambiguous."""
        return self._parts.inputs

    @property
    def model_version(self) -> dict[str, Any] | None:
        """Its version's row in the registry; None where it was never registered."""
        return self._parts.model_version

    @property
    def signature(self) -> Signature | None:
        """Which features the version takes, and what it puts out."""
        return self._parts.signature

    @property
    def in_force(self) -> InForce:
        """Which version deployments say was in force, and whether the prediction agrees."""
        return self._parts.in_force

    @property
    def lineage(self) -> tuple[Any, ...]:
        """Edges from its version back to runs, commits and data."""
        return self._parts.lineage

    @property
    def approvals(self) -> tuple[dict[str, Any], ...]:
        """Who submitted, approved and promoted its version."""
        return self._parts.approvals

    @property
    def events(self) -> tuple[dict[str, Any], ...]:
        """What happened around the model within 14 days before and after."""
        return self._parts.events

    @property
    def overrides(self) -> tuple[dict[str, Any], ...]:
        """What persons changed afterwards."""
        return self._parts.overrides

    @property
    def outcome(self) -> dict[str, Any] | None:
        """The ground truth, where it arrived."""
        return self._parts.outcome

    @property
    def gaps(self) -> tuple[Any, ...]:
        """What should be there and is not, each with its effect."""
        return self._parts.gaps

    def replay(self, limits: Limits | None = None) -> Replay:
        """Run the recorded inputs through the recorded artifact in a child process and compare."""
        from audit_lab.replay.single import replay_decision

        return replay_decision(self._store, self._parts, limits)

    def explain(
        self, method: Literal["shap", "lime"] = "shap", *, seed: int = 0, limits: Limits | None = None
    ) -> Attribution:
        """Attribute the score to the recorded inputs, against a declared background of the same version's decisions.

        Raises
        ------
        ModelError
            The inputs or the artifact are missing; `code` says which.
        """
        from audit_lab.explain.background import choose_background
        from audit_lab.explain.explainer import explain
        from audit_lab.replay.batch import load_registered

        row, inputs = self.prediction, self.inputs
        model = load_registered(self._store, row["model_name"], row["model_version"])
        if inputs is None:
            code = next((gap.code for gap in self.gaps if gap.code in EFFECTS), "inputs-missing")
            raise ModelError(
                f"the prediction {self.prediction_id} cannot be explained: {EFFECTS[code].rstrip('.')}",
                "Explain another decision of the same version, or ask the writer's owner for the inputs.",
                code,
            )
        background = choose_background(
            self._store.table("predictions"),
            self._store.inputs(row["model_name"]),
            model_name=row["model_name"],
            model_version=row["model_version"],
            before=row["occurred_at"],
            prediction_id=self.prediction_id,
            seed=seed,
        )
        return explain(
            method,
            prediction_id=self.prediction_id,
            inputs=inputs,
            signature=model.signature,
            artifact=model.artifact,
            artifact_format=model.version["artifact_format"],
            artifact_sha256=model.version["artifact_sha256"],
            background=background,
            seed=seed,
            limits=limits,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the reconstruction as JSON-safe values, in the form that the panel and ``--json`` show."""
        row, parts, signature = self.prediction, self._parts, self.signature
        units = {feature.name: feature.unit for feature in signature.features} if signature else {}
        outputs = row["outputs"] or {}
        registered = self.model_version or {}
        threshold = row["threshold"] if row["threshold"] is not None else registered.get("threshold")
        return {
            "prediction_id": self.prediction_id,
            "place": self.place,
            "occurred_at": _iso(row["occurred_at"]),
            "model_name": row["model_name"],
            "stated_version": row["model_version"],
            "in_force": {
                "versions": list(parts.in_force.versions),
                "agrees": parts.in_force.agrees,
                "statement": parts.in_force.statement,
            },
            "score": _finite(outputs.get("score")),
            "label": outputs.get("label"),
            "threshold": _finite(threshold),
            "decision": row["decision"],
            "decision_rule": row["decision_rule"],
            "artifact_sha256": registered.get("artifact_sha256"),
            "training_cutoff": _iso(registered.get("training_cutoff")),
            "inputs": [
                {"feature": name, "value": _plain(value), "unit": units.get(name)}
                for name, value in (self.inputs or {}).items()
            ],
            "lineage": [{"from": e.from_node, "relation": e.relation, "to": e.to_node} for e in parts.lineage],
            "events": [_plain_row(event, "at", "kind", "severity", "actor", "summary") for event in self.events],
            "approvals": [_plain_row(r, "recorded_at", "act", "approver", "role", "reason") for r in self.approvals],
            "overrides": [_plain_row(r, *_OVERRIDE) for r in self.overrides],
            "outcome": None
            if self.outcome is None
            else _plain_row(self.outcome, "observed_at", "label", "value", "source"),
            "gaps": [{"code": gap.code, "what": gap.what, "effect": gap.effect} for gap in self.gaps],
        }

    def __repr__(self) -> str:
        """Return what was decided, when, by which version, and the codes of its gaps."""
        row = self.prediction
        gaps = f"; gaps: {', '.join(gap.code for gap in self.gaps)}" if self.gaps else ""
        score = (row["outputs"] or {}).get("score")
        return (
            f"Decision {self.prediction_id}: {row['decision']!r} (score {score}) at {_iso(row['occurred_at'])} "
            f"by {row['model_name']} {row['model_version']}{gaps}"
        )

    def _repr_html_(self) -> str:
        """Return a table of the main facts; every text from the log is escaped."""
        shown = self.to_dict()
        facts = {
            "Prediction": self.place,
            "Decided": f"{shown['decision']} (rule: {shown['decision_rule']})",
            "When": shown["occurred_at"],
            "Score": f"{shown['score']} (threshold {shown['threshold']})",
            "Version": f"{shown['model_name']} {shown['stated_version']}",
            "In force": shown["in_force"]["statement"],
            **{f"Input {entry['feature']}": f"{entry['value']} {entry['unit'] or ''}" for entry in shown["inputs"]},
            "Outcome": (shown["outcome"] or {}).get("label"),
            **{f"Gap: {gap['code']}": f"{gap['what']} {gap['effect']}" for gap in shown["gaps"]},
        }
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(str(name))}</th>"
            f"<td style='text-align:left'>{html.escape('' if value is None else str(value))}</td></tr>"
            for name, value in facts.items()
        )
        return f"<table>{rows}</table>"


def _iso(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _finite(value: float | None) -> float | None:
    """Return a number as JSON takes it; None for what JSON has no number for."""
    return value if value is not None and math.isfinite(value) else None


def _plain(value: Any) -> Any:
    """Return a value as JSON takes it; what JSON has no number for becomes text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return _iso(value) if isinstance(value, datetime) else str(value)


def _plain_row(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: _plain(row[name]) for name in names}
