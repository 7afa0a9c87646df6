"""Which versions deployments say were in force at many moments: asked once for each stretch between two changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from audit_lab.replay.deployments import deployments_of
from audit_lab.replay.registry import in_force_many, version_in_force

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore

__all__ = ["in_force_of"]

_SCHEMA = {
    "_order": pl.UInt32(),
    "versions": pl.List(pl.String()),
    "agrees": pl.Boolean(),
    "statement": pl.String(),
    "remarks": pl.String(),
}


def in_force_of(store: LogStore, predictions: pl.DataFrame) -> pl.DataFrame:
    """Return for each prediction what `version_in_force` says of it.

    Parameters
    ----------
    predictions
        ``found``, ``model_name``, ``occurred_at``, ``environment`` and ``model_version``.

    Returns
    -------
    pl.DataFrame
        ``versions``, ``agrees`` and ``statement``, and in ``remarks`` what contradicts itself, in words or null; a row
        for each prediction, in their order; null for what was not found.

    Raises
    ------
    LogError
        The deployments cannot be read.
    """
    numbered = predictions.select("found", "model_name", "occurred_at", "environment", "model_version").with_row_index(
        "_order"
    )
    answers = [pl.DataFrame(schema=_SCHEMA)]
    for of_model in numbered.filter("found").partition_by("model_name", maintain_order=True):
        model = of_model["model_name"][0]
        answers.append(_of_none(store, of_model) if model is None else _of_model(store, model, of_model))
    told = numbered.select("_order").join(pl.concat(answers), on="_order", how="left", maintain_order="left")
    return told.drop("_order")


def _of_none(store: LogStore, rows: pl.DataFrame) -> pl.DataFrame:
    """Answer for predictions that name no model."""
    said = version_in_force(store, None, None, None, None)
    return rows.select(
        "_order",
        pl.lit(list(said.versions), dtype=_SCHEMA["versions"]).alias("versions"),
        pl.lit(said.agrees, dtype=pl.Boolean).alias("agrees"),
        pl.lit(said.statement).alias("statement"),
        pl.lit(None, dtype=pl.String).alias("remarks"),
    )


def _of_model(store: LogStore, model: str, rows: pl.DataFrame) -> pl.DataFrame:
    said = in_force_many(store, model, rows).select("versions", "agrees", "statement")
    return rows.select("_order").hstack(said).hstack([_remarks(store, model, rows)]).cast(_SCHEMA)  # type: ignore[arg-type]


def _remarks(store: LogStore, model: str, rows: pl.DataFrame) -> pl.Series:
    """Return what contradicts itself at each moment, asked once for each stretch and environment."""
    deployments = deployments_of(store, model)
    changes = pl.Series("change", deployments.moments, dtype=rows.schema["occurred_at"])
    stretch = changes.search_sorted(rows["occurred_at"], side="right").cast(pl.Int64)
    asked = rows.select(
        "occurred_at", "environment", pl.when(pl.col("occurred_at").is_not_null()).then(stretch).alias("stretch")
    )
    groups = (
        asked.drop_nulls("stretch")
        .group_by("stretch", "environment", maintain_order=True)
        .agg(pl.col("occurred_at").first())
    )
    texts = [
        "; ".join(deployments.at(row["occurred_at"], row["environment"])[1]) or None
        for row in groups.iter_rows(named=True)
    ]
    told = groups.select("stretch", "environment", pl.Series("remarks", texts, dtype=pl.String))
    joined = asked.join(told, on=["stretch", "environment"], how="left", maintain_order="left", nulls_equal=True)
    return joined["remarks"]
