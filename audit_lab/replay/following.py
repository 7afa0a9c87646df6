"""Which version decided where a prediction states none: the one that deployments name alone, and in which words.

A version is followed only where the deployments of that moment name one version and nothing speaks against them: no
other version has traffic, no slot contradicts itself or names no version, and stated shares add up. Otherwise the
prediction stays without a version, and the words say what the deployments have instead. No row is changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import narwhals as nw
import polars as pl

from audit_lab.log.index.shelf import derived, table_rows
from audit_lab.log.schema import TIME
from audit_lab.replay.deployments import deployments_of, stamp
from audit_lab.replay.in_force_words import Asked, in_force, nothing_in_force

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from audit_lab.log.store import LogStore
    from audit_lab.replay.deployments import Candidate, Deployments

__all__ = ["SAID", "Followed", "followed_version", "said_of", "with_followed", "with_followed_versions"]

#: The column in which rows say from where their version is known, or why it is not; null where they state it.
SAID = "version_said"

_AT, _MODEL, _VERSION, _ENVIRONMENT = "occurred_at", "model_name", "model_version", "environment"
#: Stands for every environment that no deployment names; no log's environment has a zero character.
_ELSEWHERE = "\0"
_UNTIMED = "The prediction has no time, so no deployment can be said to have been in force."


@dataclass(frozen=True)
class Followed:
    """What deployments say of a prediction that states no version: the version, or None, and why in words."""

    version: str | None
    said: str


@dataclass(frozen=True)
class _Stretch:
    """What deployments say of one environment (or `_ELSEWHERE`, or None: not stated) between two of their changes."""

    environment: str | None
    number: int
    since: datetime | None
    until: datetime | None
    answer: Followed


def followed_version(
    store: LogStore, model_name: str | None, version: str | None, at: datetime | None, environment: str | None
) -> Followed | None:
    """Return which version decided a prediction that states none; None where it states one, or no model.

    Raises
    ------
    LogError
        The deployments cannot be read.
    """
    if version is not None or model_name is None:
        return None
    return Followed(None, _UNTIMED) if at is None else _followed(deployments_of(store, model_name), at, environment)


def said_of(rows: pl.DataFrame) -> list[str]:
    """Return what rows that state no version say of how it is known, each sentence once."""
    return rows[SAID].drop_nulls().unique().sort().to_list() if SAID in rows.columns else []


def with_followed(store: LogStore, rows: pl.DataFrame) -> pl.DataFrame:
    """Fill the versions of rows that state none, and add `SAID`.

    Parameters
    ----------
    rows
        ``model_name``, ``model_version``, ``occurred_at`` and ``environment``, and whatever else.

    Raises
    ------
    LogError
        The deployments cannot be read.
    """
    nothing = pl.lit(None, dtype=pl.String).alias(SAID)
    if not rows[_VERSION].null_count():
        return rows.with_columns(nothing)
    numbered = rows.select(_AT, _MODEL, _ENVIRONMENT).with_row_index("row")
    open_ones = numbered.filter(rows[_VERSION].is_null())
    told = [
        _told(store, model, open_ones.filter(pl.col(_MODEL) == model)) for model in _names(open_ones[_MODEL].unique())
    ]
    if not told:
        return rows.with_columns(nothing)
    found = numbered.select("row").join(pl.concat(told), on="row", how="left", maintain_order="left")
    return rows.with_columns(pl.coalesce(rows[_VERSION], found["version"]).alias(_VERSION), found[SAID])


def with_followed_versions(store: LogStore, predictions: Any, models: Collection[str] | None = None) -> Any:
    """Fill the versions of predictions that state none, on whatever engine they are; nothing is read but deployments.

    Parameters
    ----------
    predictions
        A lazy frame of narwhals or polars, with the columns that `with_followed` looks at.
    models
        The models whose predictions may state none; all that were ever deployed when None.

    Raises
    ------
    LogError
        The deployments cannot be read.
    """
    api: Any = pl if isinstance(predictions, pl.LazyFrame) else nw
    deployed = _names(table_rows(store, "deployments")[_MODEL].unique())
    filled = [
        api.when(api.col(_VERSION).is_null() & (api.col(_MODEL) == model) & _within(stretch, stretches, api)).then(
            api.lit(stretch.answer.version)
        )
        for model in deployed
        if models is None or model in models
        for stretches in [_stretches(store, model)]
        for stretch in _merged(stretches)
    ]
    return predictions.with_columns(api.coalesce(api.col(_VERSION), *filled).alias(_VERSION)) if filled else predictions


def _followed(deployments: Deployments, at: datetime, environment: str | None) -> Followed:
    candidates, remarks = deployments.at(at, environment)
    asked = Asked(deployments.model_name, at, "that moment", None, None, None)
    if not candidates:
        return Followed(None, nothing_in_force(asked, deployments))
    if len({one.model_version for one in candidates}) > 1 or remarks:
        amiss = [f"Deployments do not add up: {text}." for text in remarks]
        return Followed(None, " ".join([in_force(asked, candidates, None), *amiss]))
    version, several = candidates[0].model_version, len(candidates) > 1
    return Followed(
        version,
        f"The prediction states no version: that {deployments.model_name} {version} decided follows from the "
        f"deployment record{'s' if several else ''} {' and '.join(_record(one) for one in candidates)} alone.",
    )


def _record(candidate: Candidate) -> str:
    return f"{candidate.slot} of {stamp(candidate.share_since)}"


def _stretches(store: LogStore, model: str) -> list[_Stretch]:
    """Return what the deployments of a model say of each environment, in order of time."""
    key = ("versions to follow", model)
    return derived(store, key, ("deployments",), lambda: list(_found(deployments_of(store, model))))


def _found(deployments: Deployments) -> Iterator[_Stretch]:
    moments = deployments.moments
    before = moments[0] - timedelta(microseconds=1) if moments else datetime(1, 1, 1, tzinfo=UTC)
    named = sorted({slot.environment for slot in deployments.slots if slot.environment is not None})
    for environment in (None, *named, _ELSEWHERE):
        for number, at in enumerate((before, *moments)):
            until = moments[number] if number < len(moments) else None
            answer = _followed(deployments, at, environment)
            yield _Stretch(environment, number, at if number else None, until, answer)


def _merged(stretches: list[_Stretch]) -> Iterator[_Stretch]:
    """Yield the stretches that have a version, those that follow each other with the same one as one."""
    last: _Stretch | None = None
    for stretch in (each for each in stretches if each.answer.version is not None):
        if last is None:
            last = stretch
        elif (last.environment, last.until, last.answer.version) == (
            stretch.environment,
            stretch.since,
            stretch.answer.version,
        ):
            last = _Stretch(last.environment, last.number, last.since, stretch.until, last.answer)
        else:
            yield last
            last = stretch
    if last is not None:
        yield last


def _within(stretch: _Stretch, stretches: list[_Stretch], api: Any) -> Any:
    """Return whether a prediction lies in a stretch; null is no time."""
    time, environment = api.col(_AT), api.col(_ENVIRONMENT)
    if stretch.environment is None:
        there = environment.is_null()
    elif stretch.environment == _ELSEWHERE:
        there = ~environment.is_null() & ~environment.is_in(_named(stretches))
    else:
        there = environment == stretch.environment
    there = there if stretch.since is None else there & (time >= stretch.since)
    return there if stretch.until is None else there & (time < stretch.until)


def _told(store: LogStore, model: str, rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``row``, ``version`` and `SAID` of rows of a model that state no version."""
    stretches = _stretches(store, model)
    changes = pl.Series(sorted({each.since for each in stretches if each.since is not None}), dtype=TIME)
    environment = pl.col(_ENVIRONMENT).cast(pl.String)
    known = environment.is_null() | environment.is_in(_named(stretches))
    asked = rows.select(
        "row",
        pl.when(known).then(environment).otherwise(pl.lit(_ELSEWHERE)).alias("where"),
        pl.when(pl.col(_AT).is_not_null())
        .then(changes.search_sorted(rows[_AT].cast(TIME), side="right").cast(pl.Int64))
        .alias("number"),
    )
    answers = pl.DataFrame(
        [(each.environment, each.number, each.answer.version, each.answer.said) for each in stretches],
        schema={"where": pl.String, "number": pl.Int64, "version": pl.String, SAID: pl.String},
        orient="row",
    )
    told = asked.join(answers, on=["where", "number"], how="left", nulls_equal=True)
    return told.select("row", "version", pl.col(SAID).fill_null(_UNTIMED))


def _named(stretches: list[_Stretch]) -> list[str]:
    return sorted({each.environment for each in stretches if each.environment not in (None, _ELSEWHERE)})


def _names(names: pl.Series) -> list[str]:
    return names.drop_nulls().sort().to_list()
