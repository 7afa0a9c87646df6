"""The registry of model versions, and which version deployments say was in force at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.index.shelf import derived, table_rows

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
    """Return the registry: (model name, version) to its rows, in order of `recorded_at`; not to be changed.

    A sound registry has one row for each; several are returned so that a conflict can be named.
    """
    return derived(store, "registered versions", ("model_versions",), lambda: _registered_versions(store))


def _registered_versions(store: LogStore) -> dict[tuple[str, str], list[dict[str, Any]]]:
    versions: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in table_rows(store, "model_versions").sort("recorded_at").iter_rows(named=True):
        versions.setdefault((row["model_name"], row["model_version"]), []).append(row)
    return versions


def candidates_in_force(store: LogStore, model_name: str, at: datetime, environment: str | None) -> list[str]:
    """Return the versions with traffic at a moment: for each slot its last row at or before it, share above zero."""
    rows = derived(store, ("deployments", model_name), ("deployments",), lambda: _deployments(store, model_name))
    last: dict[str, tuple[str | None, float | None]] = {}
    for slot, from_time, where, version, share in rows:
        if from_time <= at and (environment is None or where is None or where == environment):
            last[slot] = (version, share)
    serving = {version for version, share in last.values() if version is not None and (share is None or not share <= 0)}
    return sorted(serving)


def _deployments(store: LogStore, model_name: str) -> list[tuple[Any, ...]]:
    """Return slot, beginning, environment, version and share of a model's deployments, in order of time."""
    rows = table_rows(store, "deployments", (pl.col("model_name") == model_name) & pl.col("from_time").is_not_null())
    ordered = rows.sort("from_time", "recorded_at")
    return ordered.select("deployment_id", "from_time", "environment", "model_version", "traffic_share").rows()


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
