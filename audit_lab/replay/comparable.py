"""The nearest comparable cases of a decision: who was alike, and was decided otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from audit_lab.errors import MisuseError, ModelError
from audit_lab.log.samplings import recorded_only
from audit_lab.log.search.query import Question
from audit_lab.replay.comparable_cases import CASES, Comparable, differences
from audit_lab.replay.decision_rules import FEATURE
from audit_lab.replay.gower import distances, scale_of
from audit_lab.replay.impact.overridden import overridden_to
from audit_lab.replay.impact.own_memory import in_own_memory
from audit_lab.replay.readiness import ERASED, ERASED_INPUTS, FAILED, HAS_INPUTS, REPEATED, REPEATED_INPUTS
from audit_lab.replay.recorded_rows import CHUNK_ROWS, RecordedRows
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from audit_lab.log.store import LogStore
    from audit_lab.replay.gower import Scale
    from audit_lab.replay.reconstruction import Reconstruction

__all__ = ["Span", "find_comparable"]

_ORDER = ["distance", "occurred_at", "prediction_id", "place"]
_MOST_CASES = 1_000


@dataclass(frozen=True)
class Span:
    """Of which time cases are looked for, ``since <= occurred_at < until``, and in words.

    `as_of` bounds it once more: None for what was taken before the decision itself, ``any`` for no bound.
    """

    since: datetime | None = None
    until: datetime | None = None
    as_of: datetime | str | None = None

    def bounds(self, at: datetime | None) -> tuple[datetime | None, datetime | None]:
        """Return since and until for a decision taken at `at`.

        Raises
        ------
        ModelError
            Code ``time-missing``: the decision has no time, so what came before it cannot be told.
        """
        if self.as_of == "any":
            return self.since, self.until
        last = self.as_of if isinstance(self.as_of, datetime) else at
        if last is None:
            raise ModelError(
                "the decision has no time, so decisions before it cannot be told",
                "Name a moment, or any, as as_of=...",
                "time-missing",
            )
        return self.since, last if self.until is None else min(last, self.until)

    def to_dict(self) -> dict[str, Any]:
        """Return what was asked as JSON-safe values."""
        times = [None if each is None else each.isoformat() for each in (self.since, self.until)]
        as_of = self.as_of.isoformat() if isinstance(self.as_of, datetime) else self.as_of
        return {"as_of": as_of, "window": None if times == [None, None] else times}

    def words(self, at: datetime | None) -> str:
        """Return which decisions are looked at, as what follows their name."""
        said = []
        if self.as_of is None:
            said.append(f"taken before this one ({_moment(at)})")
        elif isinstance(self.as_of, datetime):
            said.append(f"taken before {_moment(self.as_of)}")
        else:
            said.append("taken at any time, also after this one")
        said += [] if self.since is None else [f"from {_moment(self.since)} on"]
        said += [] if self.until is None else [f"before {_moment(self.until)}"]
        return ", ".join(said)


def find_comparable(
    store: LogStore,
    decision: Reconstruction,
    k: int = 10,
    *,
    decided_otherwise: bool = True,
    same_version: bool = True,
    span: Span | None = None,
    features: Sequence[str] | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> Comparable:
    """Find the nearest cases of a decision, by the distance of `audit_lab.replay.gower`.

    Compared are decisions of the same model whose id stands once in the log and whose inputs are there and not erased.
    Ranges of numbers are those of all that are compared, however they were decided, and of the decision itself. Of
    cases that are equally far the earlier comes first, then the smaller id.

    Parameters
    ----------
    store, decision
        The log and the decision.
    k
        How many cases at most.
    decided_otherwise
        Whether only cases are wanted that were decided otherwise; else whatever was decided.
    same_version
        Whether only decisions of the same model version are compared.
    span
        Of which time.
    features
        Which features count; those that the version's signature names by default, or where there is none, all.
    chunk_rows
        Rows read at a time.

    Raises
    ------
    ModelError
        The decision's inputs are missing or erased, or it has no time or no decision; `code` says which.
    MisuseError
        A feature is not among its inputs, or the number of cases is none.
    LogError
        A table cannot be read.
    """
    if not 1 <= k <= _MOST_CASES:
        raise MisuseError(f"{k} is no number of cases", f"Ask for 1 to {_MOST_CASES:,}.")
    span = span or Span()
    row = decision.judged
    values = _own_inputs(decision, decided_otherwise=decided_otherwise)
    since, until = span.bounds(row["occurred_at"])
    wanted = pl.col("place").ne_missing(pl.lit(decision.place))
    if same_version:
        wanted &= pl.col("model_version").eq_missing(pl.lit(row["model_version"], dtype=pl.String))
    reading = _Reading(RecordedRows(store, Question(None, since, until, row["model_name"]), chunk_rows), wanted)
    scales, without = _scales(store, decision, values, features)
    left_out: dict[str, int] = {}
    searched = 0
    for chunk in reading.chunks():
        searched += chunk.height
        for code, count in chunk.filter(pl.col("code").is_not_null()).group_by("code").len().sort("code").iter_rows():
            left_out[code] = left_out.get(code, 0) + count
        ready = chunk.filter(pl.col("code").is_null())
        scales = [scale.over(ready[FEATURE + scale.name]) for scale in scales]
    best, counts = _nearest(reading, scales, k, row["decision"] if decided_otherwise else None)
    if counts["nothing-in-common"]:
        left_out["nothing-in-common"] = counts["nothing-in-common"]
    changed = overridden_to(store, best["prediction_id"]).with_columns(is_overridden=pl.lit(value=True))
    named = best.join(changed, on="prediction_id", how="left", maintain_order="left").with_columns(
        pl.int_range(1, pl.len() + 1).alias("rank"),
        pl.col("is_overridden").fill_null(value=False),
        final_decision=pl.when(pl.col("is_overridden")).then("changed_to").otherwise("decision"),
    )
    return Comparable(
        prediction_id=decision.prediction_id,
        place=decision.place,
        decision=row["decision"],
        asked={
            "k": k,
            "decided_otherwise": decided_otherwise,
            "same_version": same_version,
            **span.to_dict(),
            "model_name": row["model_name"],
            "model_version": row["model_version"],
            **({} if decision.followed is None else {"version_said": decision.followed.said}),
            "features": [scale.name for scale in scales],
            "not_comparable": without,
        },
        scope=span.words(row["occurred_at"]),
        scales=tuple(scales),
        searched=searched,
        compared=counts["compared"],
        candidates=counts["candidates"],
        left_out=dict(sorted(left_out.items())),
        cases=named.select(CASES.names()).cast(CASES),
        differences=differences(scales, named),
        sampled=recorded_only(store, row["model_name"], since, until),
    )


class _Reading:
    """The decisions that one may be compared with, each with what keeps it from that; read once where they are few.

    Parameters
    ----------
    rows
        The decisions.
    wanted
        Which of the rows.
    """

    def __init__(self, rows: RecordedRows, wanted: pl.Expr) -> None:
        self._rows = rows
        self._wanted = wanted
        self._first: pl.DataFrame | None = None

    def chunks(self) -> Iterator[pl.DataFrame]:
        """Yield the rows in chunks, with ``code``."""
        if self._first is not None:
            yield self._first
            return
        for number, chunk in enumerate(self._rows.chunks()):
            coded = chunk.rows.filter(self._wanted).with_columns(code=_code())
            self._first = coded if number == 0 else None
            yield coded


def _code() -> pl.Expr:
    """Return why a decision cannot be compared, null where it can."""
    conditions = (
        (pl.col(FAILED), "prediction-failed"),
        (pl.col(REPEATED) | pl.col(REPEATED_INPUTS), "ambiguous-id"),
        (pl.col(ERASED) | pl.col(ERASED_INPUTS), "erased"),
        (pl.col(HAS_INPUTS).is_null(), "inputs-missing"),
        (pl.col("recorded_decision").is_null(), "decision-missing"),
    )
    return pl.coalesce(pl.when(condition).then(pl.lit(code)) for condition, code in conditions)


def _own_inputs(decision: Reconstruction, *, decided_otherwise: bool) -> dict[str, Any]:
    codes = [gap.code for gap in decision.gaps]
    code = None
    if decision.inputs is None or "erased" in codes:
        code = "erased" if "erased" in codes else next((each for each in codes if each in EFFECTS), "inputs-missing")
    elif decided_otherwise and decision.prediction["decision"] is None:
        code = "decision-missing"
    if code is not None or decision.inputs is None:
        what = EFFECTS.get(code or "", "No decision is on record, so none was decided otherwise.")
        raise ModelError(
            f"the prediction {decision.prediction_id} cannot be compared with others: {what.rstrip('.')}",
            "Compare another decision, or ask the writer's owner for what is missing.",
            code or "inputs-missing",
        )
    return decision.inputs


def _scales(
    store: LogStore, decision: Reconstruction, values: dict[str, Any], features: Sequence[str] | None
) -> tuple[list[Scale], list[str]]:
    """Return the scales of the features that count, and the names of those that cannot be compared.

    Raises
    ------
    MisuseError
        A feature is not among the inputs, or none can be compared.
    """
    dtypes = dict(store.inputs(decision.prediction["model_name"]).collect_schema())
    signed = {} if decision.signature is None else {each.name: each for each in decision.signature.features}
    wanted = list(features) if features is not None else [name for name in signed or values if name in values]
    unknown = [name for name in wanted if name not in values or name not in dtypes]
    if unknown or len(set(wanted)) != len(wanted):
        raise MisuseError(
            f"{unknown[0]!r} is no input of this decision" if unknown else "a feature is named twice",
            f"Its inputs are {', '.join(values)}.",
        )
    scales, without = [], []
    for name in wanted:
        feature = signed.get(name)
        scale = scale_of(
            name,
            values[name],
            dtypes[name],
            unit=None if feature is None else feature.unit,
            is_category=feature is not None and feature.categories is not None,
        )
        if scale is None:
            without.append(name)
        else:
            scales.append(scale)
    if not scales:
        raise MisuseError("no feature of this decision can be compared", f"Its inputs are {', '.join(values)}.")
    return scales, without


def _nearest(
    reading: _Reading, scales: Sequence[Scale], k: int, other_than: str | None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the nearest cases in order, and how many could be compared and were candidates."""
    best: pl.DataFrame | None = None
    counts = {"compared": 0, "candidates": 0, "nothing-in-common": 0}
    for chunk in reading.chunks():
        ready = chunk.filter(pl.col("code").is_null())
        measured = distances(scales, ready)
        known = pl.Series(~np.isnan(measured.distance))
        counts["compared"] += int(known.sum())
        counts["nothing-in-common"] += ready.height - int(known.sum())
        found = ready.select(
            "prediction_id",
            "place",
            "occurred_at",
            "model_version",
            pl.col("recorded_score").alias("score"),
            pl.col("recorded_decision").alias("decision"),
            pl.Series("distance", measured.distance),
            pl.Series("compared", measured.compared),
            pl.Series("differing", measured.differing),
            *(FEATURE + scale.name for scale in scales),
        ).filter(known)
        if other_than is not None:
            found = found.filter(pl.col("decision") != other_than)
        counts["candidates"] += found.height
        nearest = in_own_memory(found.sort(_ORDER, nulls_last=True).head(k))
        best = nearest if best is None else pl.concat([best, nearest]).sort(_ORDER, nulls_last=True).head(k)
    if best is None:
        own = {name: CASES[name] for name in ("prediction_id", "place", "occurred_at", "model_version", "score")}
        measured_names = {name: CASES[name] for name in ("decision", "distance", "compared", "differing")}
        return pl.DataFrame(schema={**own, **measured_names}), counts
    return best, counts


def _moment(at: datetime | None) -> str:
    return "at an unknown time" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
