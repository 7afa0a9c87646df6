"""The references by name: which decisions the reasons of an adverse one are relative to.

The official interpretation of 12 CFR 1002.9(b)(2), comment 5, names two methods among others: against applicants whose
total score was at or slightly above the minimum passing score (here `THRESHOLD`), and against all applicants (`ALL`).
Whichever is chosen is stated; another one can give other reasons.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import polars as pl

from audit_lab.errors import MisuseError, ModelError
from audit_lab.explain.background import BackgroundRows, choose_background
from audit_lab.log.erasure.erased import erased_ids
from audit_lab.log.files.reading import collect
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.replay.following import with_followed_versions

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from audit_lab.log.store import LogStore
    from audit_lab.replay.reconstruction import Reconstruction
    from audit_lab.replay.registered import Model

__all__ = ["ALL", "APPROVED", "BEST", "REFERENCES", "THRESHOLD", "check_reference", "choose_reference"]

ALL: Final = "all"
APPROVED: Final = "approved"
THRESHOLD: Final = "threshold"
BEST: Final = "best"
#: Each with what it consists of; the first is the default.
REFERENCES = {
    ALL: "decisions of the same version, whatever was decided",
    APPROVED: "those of them that were not adverse",
    THRESHOLD: "of those, the ones whose scores are nearest to the threshold",
    BEST: "of those, the ones whose scores are furthest from the threshold",
}

_FEWEST_EARLIER = 20
_MOST_BY_SCORE = 25
_WITH_A_LIMIT = ("probability", "margin")


@dataclass(frozen=True)
class _Way:
    """Where the threshold is, and whether the scores furthest from it are wanted instead of the nearest."""

    threshold: float
    furthest: bool


def check_reference(name: str, kind: str, threshold: float | None) -> None:
    """See that a reference is known, and can be told for a model's kind of output.

    Raises
    ------
    MisuseError
        There is none of that name, or it goes by scores that have no threshold.
    """
    if name not in REFERENCES:
        raise MisuseError(f"there is no reference {name!r}", f"Choose one of {', '.join(REFERENCES)}.")
    if name in (THRESHOLD, BEST) and (kind not in _WITH_A_LIMIT or threshold is None):
        raise MisuseError(
            f"the reference {name!r} goes by the distance of scores from a threshold, and here is none",
            f"Choose {ALL} or {APPROVED}.",
        )


def choose_reference(
    store: LogStore,
    decision: Reconstruction,
    model: Model,
    name: str,
    *,
    adverse: Collection[str],
    sign: int,
    threshold: float | None,
    seed: int,
) -> BackgroundRows:
    """Choose the decisions of a reference, by a rule that anyone can repeat.

    What counts is what the system decided, whatever persons made of it. Of `ALL` and `APPROVED` up to 100 are taken, by
    `choose_background`; of the others up to 25, nearest or furthest first, equal ones by id. Where fewer than 20 came
    before the decision, those of any time are eligible, and the description says so.

    Parameters
    ----------
    store, decision, model
        The log, the decision, and its version.
    name
        One of `REFERENCES`.
    adverse
        Decisions that are.
    sign
        1 where a higher score is adverse, -1 where a lower one is.
    threshold
        Of the decision; only `THRESHOLD` and `BEST` look at it.
    seed
        Of the choice among many.

    Raises
    ------
    ModelError
        Code ``time-missing``: it is not known when the decision was taken; ``reference-empty``: nothing is eligible.
    """
    row = decision.judged
    table = INPUTS_PREFIX + row["model_name"]
    before: datetime | None = row["occurred_at"]
    if before is None:
        raise ModelError(
            f"the prediction {decision.prediction_id} has no time, so decisions before it cannot be told",
            "Ask the writer's owner when it was made; without that no reference can be declared.",
            "time-missing",
        )
    erased = erased_ids(store, table, model.signature.names)
    inputs = store.inputs(row["model_name"])
    if erased.len():
        inputs = inputs.filter(~pl.col("prediction_id").is_in(erased.implode()))
    predictions = with_followed_versions(store, store.table("predictions"), [row["model_name"]])
    version = (row["model_name"], row["model_version"], before)
    if name == ALL:
        return choose_background(predictions, inputs, *version, prediction_id=decision.prediction_id, seed=seed)
    known = _favourable(decision, predictions, inputs, adverse)
    way = None if name == APPROVED or threshold is None else _Way(threshold, furthest=name == BEST)
    if way is not None:
        known = known.filter(pl.col("score").is_finite() & (sign * (pl.col("score") - threshold) <= 0))
    if known.is_empty():
        raise ModelError(
            f"no other decision of {row['model_name']} {row['model_version']} with recorded inputs belongs to the "
            f"reference {name!r}",
            f"Choose another reference, for example {ALL}.",
            "reference-empty",
        )
    if way is None:
        ids = known["prediction_id"].implode()
        chosen = choose_background(predictions.filter(pl.col("prediction_id").is_in(ids)), inputs, *version, seed=seed)
        return replace(
            chosen, description=chosen.description.replace(" decisions of ", " not adverse decisions of ", 1)
        )
    return _by_score(known, inputs, model, before, way)


def _favourable(
    decision: Reconstruction, predictions: pl.LazyFrame, inputs: pl.LazyFrame, adverse: Collection[str]
) -> pl.DataFrame:
    """Return prediction_id, occurred_at and score of the version's other decisions that were not adverse.

    An id that stands more than once in either table is left out, as it is from a background.
    """
    row = decision.judged
    score = pl.col("outputs").struct.field("score").cast(pl.Float64)
    named = {each.name for each in predictions.collect_schema()["outputs"].fields}  # type: ignore[attr-defined]
    score = score if "score" in named else pl.lit(None, dtype=pl.Float64)
    places = predictions.group_by("prediction_id").agg(
        pl.len().alias("places"),
        pl.col("occurred_at", "model_name", "model_version", "decision").first(),
        score.first().alias("score"),
    )
    wanted = (pl.col("places") == 1) & (pl.col("model_name") == row["model_name"])
    wanted &= pl.col("model_version") == row["model_version"]
    wanted &= pl.col("prediction_id").ne_missing(pl.lit(decision.prediction_id))
    wanted &= pl.col("decision").is_not_null() & ~pl.col("decision").is_in(list(adverse))
    recorded = inputs.group_by("prediction_id").agg(pl.len().alias("rows")).filter(pl.col("rows") == 1)
    found = places.filter(wanted).join(recorded, on="prediction_id", how="inner")
    return collect(found.select("prediction_id", "occurred_at", "score"), "predictions, or their inputs,")


def _by_score(known: pl.DataFrame, inputs: pl.LazyFrame, model: Model, before: datetime, way: _Way) -> BackgroundRows:
    """Return the nearest, or the furthest, as a background."""
    earlier = known.filter(pl.col("occurred_at") < before)
    whole = earlier.height < _FEWEST_EARLIER
    pool = known if whole else earlier
    apart = (pl.col("score") - way.threshold).abs()
    chosen = pool.sort(apart, "prediction_id", descending=[way.furthest, False]).head(_MOST_BY_SCORE)
    ids = tuple(chosen["prediction_id"])
    order = pl.LazyFrame({"prediction_id": ids, "_order": range(len(ids))})
    rows = collect(order.join(inputs, on="prediction_id", how="inner").sort("_order"), "inputs")
    frame = rows.select(model.signature.names)
    when = f"decided before {before.isoformat()}"
    if whole:
        when = f"at any time, because fewer than {_FEWEST_EARLIER} of them were {when}"
    which = "furthest from" if way.furthest else "nearest to"
    scores = sorted(chosen["score"])
    described = BackgroundRows(
        frame,
        ids,
        "",
        f"{len(ids)} of {pool.height} not adverse decisions of {model.name} with recorded inputs, {when}; those with "
        f"the scores {which} the threshold {way.threshold:g} ({scores[0]:.4g} to {scores[-1]:.4g})",
        later=chosen.filter(~(pl.col("occurred_at") < before).fill_null(value=False)).height,
    )
    return replace(described, sha256=described.content_sha256)
