"""What the registry says about one version, and what it said at another time.

A version is registered once. A row that says in `supersedes` what it corrects replaces that row from the moment when it
was recorded: a decision is judged by the row that was known when it was taken. Rows that differ without one of them
correcting the other contradict each other at all times, whichever came first, and nothing here chooses among them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import ModelError
from audit_lab.log.index.shelf import derived, table_rows
from audit_lab.log.schema import TIME
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.replay.corrections import in_order_of_recording, standing
from audit_lab.replay.deployments import stamp

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.log.store import LogStore

__all__ = ["DECIDING", "Edition", "edition_number", "edition_numbers", "editions", "is_constant", "registered_row"]

#: Columns of the registry that decide what comes out; two rows that differ in one of them contradict each other.
DECIDING = ("artifact_sha256", "artifact_format", "signature", "threshold", "decision_rules")

_Row = dict[str, Any]


@dataclass(frozen=True)
class Edition:
    """What the registry said about a version for some time.

    Parameters
    ----------
    rows
        The rows that stood, in order of recording; more than one where it was registered again. Where a correction
        changed nothing that decides, the row that corrects.
    since, until
        From when on and before when that was known; None without an end.
    is_latest
        Whether it is what the registry says by now. Decisions without a time, and those taken before anything was
        registered, are judged by it.
    findings
        What is wrong with corrections of this version, one sentence each.
    """

    rows: tuple[_Row, ...]
    since: datetime | None
    until: datetime | None
    is_latest: bool
    findings: tuple[str, ...] = ()

    @property
    def differing(self) -> tuple[str, ...]:
        """The columns of `DECIDING` in which the rows contradict each other."""
        return tuple(name for name in DECIDING if len({_meaning(name, row) for row in self.rows}) > 1)


def registered_row(
    store: LogStore, model_name: str, model_version: str, at: datetime | None = None
) -> tuple[_Row, str | None]:
    """Return a version's row, and what was corrected about it since, in a sentence.

    Parameters
    ----------
    model_name, model_version
        The version.
    at
        The row that was known at this moment, the time of a decision; by now when None.

    Raises
    ------
    ModelError
        Code ``version-not-registered`` where the registry has no row for it, ``version-ambiguous`` where its rows
        contradict each other.
    """
    name = f"{model_name} {model_version}"
    known = editions(store, model_name, model_version)
    if not known:
        raise ModelError(
            f"the registry of {store.origin} has no version {name}",
            "Ask who deployed it: a version in traffic that was never registered has no approval either.",
            "version-not-registered",
        )
    edition = _edition_at(known, at)
    if edition.differing:
        wrong = "".join(f"; {text}" for text in edition.findings)
        raise ModelError(
            f"the registry of {store.origin} has {len(edition.rows)} rows for {name}, which differ in "
            f"{', '.join(edition.differing)}: {'; '.join(_described(row) for row in edition.rows)}"
            f"{_submitted(store, model_name, model_version)}{wrong}",
            "Ask the model's owner which was in force when the decision was taken, and record a row that corrects "
            "the others (supersedes).",
            "version-ambiguous",
        )
    return edition.rows[-1], _corrected_since(edition, known[-1])


def editions(store: LogStore, model_name: str, model_version: str) -> tuple[Edition, ...]:
    """Return what the registry said about a version, in order of time; none where it has no row for it.

    Raises
    ------
    LogError
        The registry cannot be read.
    """
    key = ("editions", model_name, model_version)
    return derived(store, key, ("model_versions",), lambda: _editions(store, model_name, model_version))


def edition_number(store: LogStore, model_name: str | None, model_version: str | None, at: datetime | None) -> int:
    """Return which of a version's `editions` judges a decision of a moment, counted from 0; see `edition_numbers`.

    Raises
    ------
    LogError
        The registry cannot be read.
    """
    known = editions(store, model_name, model_version) if model_name is not None and model_version is not None else ()
    if len(known) <= 1:
        return 0
    return next(number for number, each in enumerate(known) if each is _edition_at(known, at))


def edition_numbers(store: LogStore, decisions: pl.DataFrame) -> pl.Series:
    """Return for each decision which of its version's `editions` judges it, counted from 0.

    Parameters
    ----------
    decisions
        ``model_name``, ``model_version`` and ``occurred_at`` (UTC).

    Returns
    -------
    pl.Series
        Named ``edition``, UInt32; 0 too where the version is not registered or not stated.
    """
    named = pl.DataFrame([decisions["model_name"], decisions["model_version"]])
    versions = list((named.head(1) if is_constant(named) else named.unique()).iter_rows())
    several = {
        version: known for version in versions if None not in version and len(known := editions(store, *version)) > 1
    }
    if not several:
        return pl.Series("edition", [0], dtype=pl.UInt32).new_from_index(0, decisions.height)
    number: pl.Expr = pl.lit(0)
    for (name, version), known in several.items():
        starts = pl.Series([edition.since for edition in known], dtype=TIME)
        before = pl.lit(starts).search_sorted(pl.col("occurred_at"), side="right").cast(pl.Int64) - 1
        judged = pl.when(pl.col("occurred_at") >= starts[0]).then(before).otherwise(len(known) - 1)
        mine = (pl.col("model_name") == name) & (pl.col("model_version") == version)
        number = pl.when(mine).then(judged).otherwise(number)
    return decisions.select("model_name", "model_version", "occurred_at").with_columns(
        number.cast(pl.UInt32).alias("edition")
    )["edition"]


def is_constant(rows: pl.DataFrame) -> bool:
    """Return whether all rows are like the first, of which there must be one; much faster than to count others."""
    if rows.height <= 1:
        return rows.height == 1
    return all(column.eq_missing(column[:1]).all() for column in rows.iter_columns())


def _editions(store: LogStore, model_name: str, model_version: str) -> tuple[Edition, ...]:
    every = derived(store, "registry", ("model_versions",), lambda: in_order_of_recording(store, "model_versions"))
    rows = [row for row in every if (row["model_name"], row["model_version"]) == (model_name, model_version)]
    if not rows:
        return ()
    corrected = standing(rows, lambda _: f"{model_name}@{model_version}", lambda _: None)
    findings = tuple(text for _, text in corrected.findings)
    # Never corrected and correcting nothing: a claim about the version that holds for all times.
    lasting = set(range(len(rows))) - corrected.replaced.keys() - corrected.corrections
    times = sorted({row["recorded_at"] for row in rows if row["recorded_at"] is not None}) or [None]
    found: list[Edition] = []
    for since in times:
        known = {number for number, row in enumerate(rows) if _known(row, since)}
        stood = {number for number in known if corrected.replaced.get(number) not in known}
        stand = tuple(rows[number] for number in sorted(stood | lasting))
        here = Edition(stand, since, None, is_latest=False, findings=findings)
        if found and _said(found[-1]) == _said(here):
            here = replace(here, since=found.pop().since)
        found.append(here)
    ends = [*(edition.since for edition in found[1:]), None]
    return tuple(
        Edition(edition.rows, edition.since, until, until is None, findings)
        for edition, until in zip(found, ends, strict=True)
    )


def _edition_at(known: tuple[Edition, ...], at: datetime | None) -> Edition:
    if at is None:
        return known[-1]
    before = [edition for edition in known if edition.since is None or edition.since <= at]
    return before[-1] if before else known[-1]


def _known(row: _Row, by: datetime | None) -> bool:
    return by is None or row["recorded_at"] is None or row["recorded_at"] <= by


def _said(edition: Edition) -> set[tuple[str, ...]]:
    return {tuple(_meaning(name, row) for name in DECIDING) for row in edition.rows}


def _meaning(name: str, row: _Row) -> str:
    """Return a value so that two that mean the same are equal: JSON without its spaces and order, NaN as itself."""
    value = row[name]
    if name in {"signature", "decision_rules"} and value:
        try:
            return json.dumps(json.loads(value), sort_keys=True)
        except (ValueError, RecursionError):
            return repr(value)
    return repr(value)


def _described(row: _Row) -> str:
    when = "at no stated time" if row["recorded_at"] is None else stamp(row["recorded_at"])
    run = f" from the run {row['run_id']}" if row["run_id"] else ""
    digest = row["artifact_sha256"] or "none"
    return f"SHA-256 {digest}, threshold {row['threshold']}, recorded {when}{run} ({row[SEGMENT]}:{row[ROW]})"


def _submitted(store: LogStore, model_name: str, model_version: str) -> str:
    """Say who put the version forward, as far as approvals say."""
    same = (pl.col("model_name") == pl.lit(model_name)) & (pl.col("model_version") == pl.lit(model_version))
    rows = table_rows(store, "approvals", same & (pl.col("act") == "submitted")).sort("recorded_at")
    said = [
        f"{row['approver'] or 'nobody named'} on {stamp(row['recorded_at'])}" if row["recorded_at"] else row["approver"]
        for row in rows.head(5).iter_rows(named=True)
    ]
    return f"; submitted by {' and by '.join(str(one) for one in said)}" if said else "; approvals name no submitter"


def _corrected_since(edition: Edition, latest: Edition) -> str | None:
    if edition.is_latest or edition.until is None:
        return None
    now, then = latest.rows[-1], edition.rows[-1]
    changed = [name for name in DECIDING if _meaning(name, now) != _meaning(name, then)]
    what = f" ({', '.join(changed)} {'are' if len(changed) > 1 else 'is'} another by now)" if changed else ""
    return f"The registry corrected this version's row on {stamp(edition.until)}, after the decision{what}."
