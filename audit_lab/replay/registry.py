"""The registry of model versions, and which version deployments say was in force at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import polars as pl

from audit_lab.errors import MisuseError, NotFoundError
from audit_lab.log.index.shelf import derived, table_rows
from audit_lab.log.schema import TIME
from audit_lab.log.search.query import instant
from audit_lab.replay.deployments import deployments_of, stamp
from audit_lab.replay.in_force_words import Asked, in_force, known_then, nothing_in_force

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore
    from audit_lab.replay.deployments import Candidate

__all__ = ["InForce", "asked_in_force", "in_force_many", "registered_versions", "version_in_force"]

_DAY = timedelta(days=1)


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
        The same in sentences, with what contradicts itself.
    candidates
        Each version in each slot, with its share of the traffic, since when, until when, by whom and why.
    findings
        What contradicts itself or does not add up in the deployments at that moment, one sentence each.
    recorded
        The version that the prediction states.
    as_known_on
        The moment whose knowledge of the deployments this is; None for all that the log says by now.
    known_now
        The versions by all that the log says by now, where `as_known_on` is given.
    """

    versions: tuple[str, ...]
    agrees: bool | None
    statement: str
    candidates: tuple[Candidate, ...] = ()
    findings: tuple[str, ...] = ()
    recorded: str | None = None
    as_known_on: datetime | None = None
    known_now: tuple[str, ...] | None = None

    @property
    def version(self) -> str | None:
        """The version that answered: the recorded one among several, else the only one; None where that is open."""
        certain = {one.model_version for one in self.candidates if not one.is_contradicted}
        if self.recorded is not None:
            return self.recorded if self.agrees else None
        return next(iter(certain)) if len(self.versions) == 1 and certain == set(self.versions) else None

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-safe values."""
        return {
            "versions": list(self.versions),
            "version": self.version,
            "agrees": self.agrees,
            "statement": self.statement,
            "candidates": [one.to_dict() for one in self.candidates],
            "findings": list(self.findings),
            "recorded": self.recorded,
            "as_known_on": None if self.as_known_on is None else self.as_known_on.isoformat(),
            "known_now": None if self.known_now is None else list(self.known_now),
        }

    def __str__(self) -> str:
        """Return the statement."""
        return self.statement


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


def version_in_force(
    store: LogStore,
    model_name: str | None,
    at: datetime | None,
    environment: str | None,
    stated: str | None,
    *,
    as_known_on: datetime | None = None,
) -> InForce:
    """Return which versions deployments say were in force, and compare them with the one that a prediction states.

    Parameters
    ----------
    model_name, at, environment, stated
        As the prediction has them; `stated` is its model version.
    as_known_on
        Only deployments that the log had learned by then count, and what it says by now is compared with them.

    Raises
    ------
    LogError
        The deployments cannot be read.
    """
    if model_name is None:
        return InForce((), None, "The prediction names no model: which version was in force cannot be told.")
    if at is None:
        return InForce((), None, "The prediction has no time: which version was in force cannot be told.")
    moment = at.astimezone(UTC)
    return _answer(store, Asked(model_name, moment, stamp(moment), environment, stated, as_known_on))


def asked_in_force(
    store: LogStore,
    model_name: str,
    at: str | date | datetime,
    environment: str | None,
    *,
    recorded: str | None = None,
    as_known_on: str | date | datetime | None = None,
) -> InForce:
    """Answer a person's question, whose times are read as a search reads them; a day of knowledge lasts to its end.

    Raises
    ------
    MisuseError
        A time cannot be read.
    NotFoundError
        Neither deployments nor registry know the model.
    LogError
        A table cannot be read.
    """
    moment, known = instant(at, "at"), instant(as_known_on, "as_known_on")
    if moment is None:
        raise MisuseError("no moment is named", "Write it like 2015-07-01 or 2015-07-01T14:30:00+00:00.")
    if known is not None and _is_day(as_known_on):
        known += _DAY - timedelta(microseconds=1)
    found = version_in_force(store, model_name, moment, environment, recorded, as_known_on=known)
    if not found.candidates and not deployments_of(store, model_name).moments:
        names = {name for name, _ in registered_versions(store)}
        names |= set(table_rows(store, "deployments")["model_name"])
        if model_name not in names:
            known_names = ", ".join(sorted(str(name) for name in names if name is not None)) or "none"
            raise NotFoundError(f"no model {model_name!r} is deployed or registered", f"Known are {known_names}.")
    return found


def _is_day(value: str | date | datetime | None) -> bool:
    """Return whether a day is meant, and not a moment of it."""
    if isinstance(value, str):
        try:
            date.fromisoformat(value)
        except ValueError:
            return False
        return True
    return isinstance(value, date) and not isinstance(value, datetime)


def in_force_many(
    store: LogStore,
    model_name: str,
    moments: pl.DataFrame,
    *,
    at: str = "occurred_at",
    environment: str = "environment",
    stated: str = "model_version",
    as_known_on: datetime | None = None,
) -> pl.DataFrame:
    """Return for many moments of one model what `version_in_force` says of each.

    Deployments change seldom, so they are asked once for each stretch between two changes.

    Parameters
    ----------
    moments
        A row for each question.
    at, environment, stated
        The columns of `moments` with the time (UTC), the environment and the version that a prediction states. The
        last two may be missing: then every environment is looked at, and nothing is compared.

    Returns
    -------
    pl.DataFrame
        ``versions`` (list of text, sorted), ``agrees`` (Boolean), ``version`` (text) and ``statement`` (text), as in
        `InForce`; a row for each of `moments`, in their order.

    Raises
    ------
    LogError
        The deployments cannot be read.
    """
    changes = deployments_of(store, model_name, as_known_on).moments
    if as_known_on is not None:
        changes = sorted({*changes, *deployments_of(store, model_name).moments})
    asked = moments.select(
        pl.col(at).cast(TIME).alias("at"),
        *(
            (pl.col(name) if name in moments.columns else pl.lit(None)).cast(pl.String).alias(called)
            for name, called in ((environment, "environment"), (stated, "stated"))
        ),
    )
    stretch = pl.Series("change", changes, dtype=TIME).search_sorted(asked["at"], side="right")
    asked = asked.with_columns(pl.when(pl.col("at").is_not_null()).then(stretch.cast(pl.Int64)).alias("stretch"))
    groups = asked.group_by("stretch", "environment", "stated", maintain_order=True).agg(pl.col("at").first())
    blank = uuid4().hex  # stands for the moment in sentences about a whole stretch; no text in a log can hold it
    answers = [
        version_in_force(store, model_name, None, row["environment"], row["stated"])
        if row["at"] is None
        else _answer(store, Asked(model_name, row["at"], blank, row["environment"], row["stated"], as_known_on))
        for row in groups.iter_rows(named=True)
    ]
    said = groups.drop("at").with_columns(
        pl.Series("versions", [list(one.versions) for one in answers], dtype=pl.List(pl.String)),
        pl.Series("agrees", [one.agrees for one in answers], dtype=pl.Boolean),
        pl.Series("version", [one.version for one in answers], dtype=pl.String),
        pl.Series("statement", [one.statement for one in answers], dtype=pl.String),
    )
    joined = asked.join(
        said,
        on=["stretch", "environment", "stated"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
        validate="m:1",
    )
    moment = pl.col("at").dt.strftime("%Y-%m-%d %H:%M UTC").fill_null("")
    statement = pl.col("statement").str.split(blank).list.join(moment)
    return joined.select("versions", "agrees", "version", statement)


def _answer(store: LogStore, asked: Asked) -> InForce:
    deployments = deployments_of(store, asked.model_name, asked.as_known_on)
    candidates, findings = deployments.at(asked.at, asked.environment)
    versions = tuple(sorted({one.model_version for one in candidates}))
    agrees = None if asked.stated is None or not versions else asked.stated in versions
    if agrees and all(one.is_contradicted for one in candidates if one.model_version == asked.stated):
        agrees = None
    sentences = [in_force(asked, candidates, agrees) if candidates else nothing_in_force(asked, deployments)]
    sentences += [f"{text[0].upper()}{text[1:]}." for text in findings]
    now = None
    if asked.as_known_on is not None:
        by_now, _ = deployments_of(store, asked.model_name).at(asked.at, asked.environment)
        now = tuple(sorted({one.model_version for one in by_now}))
        sentences.append(known_then(asked.as_known_on, versions, now))
    return InForce(
        versions=versions,
        agrees=agrees,
        statement=" ".join(sentences),
        candidates=tuple(candidates),
        findings=tuple(findings),
        recorded=asked.stated,
        as_known_on=asked.as_known_on,
        known_now=now,
    )
