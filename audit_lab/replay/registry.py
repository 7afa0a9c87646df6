"""The registry of model versions, and which version deployments say was in force at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.reading import collect

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.log.store import LogStore

__all__ = ["InForce", "candidates_in_force", "registered_versions", "version_in_force"]


@dataclass(frozen=True)
class InForce:
    """Which versions deployments say could have served a prediction, and whether the stated one is among them.

    Parameters
    ----------
    versions
        Model versions with traffic at that moment; several where a canary ran beside the main slot.
    agrees
        Whether the version that the prediction states is one of them; None where nothing can be said.
    statement
        The same as one sentence.
    """

    versions: tuple[str, ...]
    agrees: bool | None
    statement: str


def registered_versions(store: LogStore) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the registry: (model name, version) to its rows, in order of `recorded_at`.

    A sound registry has one row for each; several are returned so that a conflict can be named.
    """
    rows = collect(store.table("model_versions"), f"the model versions of {store.path}").sort("recorded_at")
    versions: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows.iter_rows(named=True):
        versions.setdefault((row["model_name"], row["model_version"]), []).append(row)
    return versions


def candidates_in_force(store: LogStore, model_name: str, at: datetime, environment: str | None) -> list[str]:
    """Return the versions with traffic at a moment: for each slot its last row at or before it, share above zero."""
    rows = store.table("deployments").filter((pl.col("model_name") == model_name) & (pl.col("from_time") <= at))
    if environment is not None:
        rows = rows.filter(pl.col("environment").is_null() | (pl.col("environment") == environment))
    last = (
        collect(rows, f"the deployments of {store.path}")
        .sort("from_time", "recorded_at")
        .group_by("deployment_id")
        .last()
    )
    serving = last.filter(pl.col("traffic_share").is_null() | (pl.col("traffic_share") > 0)).drop_nulls("model_version")
    return sorted(serving["model_version"].unique())


def version_in_force(
    store: LogStore, model_name: str | None, at: datetime | None, environment: str | None, stated: str | None
) -> InForce:
    """Compare the version that a prediction states with those that deployments say were in force."""
    if model_name is None:
        statement = "The prediction names no model: which version was in force cannot be told."
        return InForce((), agrees=None, statement=statement)
    if at is None:
        return InForce(
            (), agrees=None, statement="The prediction has no time: which version was in force cannot be told."
        )
    versions = candidates_in_force(store, model_name, at, environment)
    moment = f"{at:%Y-%m-%d %H:%M} UTC"
    if not versions:
        return InForce((), agrees=None, statement=f"The log records no deployment of {model_name} at {moment}.")
    names = " and ".join(versions)
    if stated is None:
        agrees = None
        certainty = "so it was that one" if len(versions) == 1 else "and the prediction does not say which"
        statement = f"Deployments say that {names} was in force at {moment}, {certainty}."
    elif stated in versions:
        agrees = True
        beside = " and ".join(version for version in versions if version != stated)
        also = f"; {beside} took a share of the traffic beside it" if beside else ""
        statement = f"Deployments agree: {stated} was in force at {moment}{also}."
    else:
        agrees = False
        statement = f"The prediction states {stated}, but deployments say that {names} was in force at {moment}."
    return InForce(tuple(versions), agrees=agrees, statement=statement)
