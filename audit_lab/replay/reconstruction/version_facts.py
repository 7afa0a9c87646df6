"""What the log has about one model version, gathered once for all decisions of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import ModelError
from audit_lab.log.index.shelf import derived, table_rows
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.replay.artifacts.stamps import artifact_stamps
from audit_lab.replay.corrections import in_order_of_recording, standing
from audit_lab.replay.decision_rules import decides_by_threshold
from audit_lab.replay.lineage import walk_lineage
from audit_lab.replay.lineage.cycles import cycles_of
from audit_lab.replay.lineage.gaps import cycle_gap
from audit_lab.replay.readiness import misfit
from audit_lab.replay.reconstruction.provenance import Provenance, provenance_of
from audit_lab.replay.registered import load_registered
from audit_lab.replay.registration import edition_number, editions, registered_row
from audit_lab.replay.signature import Signature

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore
    from audit_lab.replay.lineage import Edge
    from audit_lab.replay.lineage.edges import Walk
    from audit_lab.replay.registration import Edition

__all__ = ["VersionFacts", "facts_of_edition", "input_schema", "version_facts"]

#: Acts after which a version may serve, or may not; others (submitted, commented ...) change nothing.
_ACTS = ("approved", "promoted", "rejected", "retired")
_MOST_CYCLES = 3

_Row = dict[str, Any]


@dataclass(frozen=True)
class VersionFacts:
    """Everything about a version that does not depend on which of its decisions is looked at.

    Parameters
    ----------
    row, signature
        Its row in the registry as it was known to some decisions, and that row's signature; None where it has none, or
        none that can be read. The last of several that contradict each other.
    corrected
        What the registry corrected about it after these decisions, in a sentence; None where that is nothing.
    code, what
        What keeps it from being run (a key of `audit_lab.replay.verdict.EFFECTS`), and the same in a sentence.
    lacking, mistyped
        In words, the features that the log's inputs have no column for, and those of another type.
    compared
        Which output a replay is compared with: ``score``, ``label`` or ``either`` label or probabilities.
    by_threshold
        Whether a threshold makes labels of its scores.
    acts
        When it was approved, promoted, rejected or retired, in order; corrected acts are left out.
    registered_at, approved_at, deployed_at
        When it was first registered, approved and given traffic.
    trained_until, retires_at
        What the registry says by now: up to when its data go, and when it retires.
    approvals, lineage, provenance
        Who submitted, approved and promoted it, and where it comes from.
    lineage_cut, lineage_cycles
        In words: that it has more lineage than is walked, and where its lineage leads back to itself; None where not.
    """

    row: _Row | None
    signature: Signature | None
    corrected: str | None
    code: str | None
    what: str | None
    lacking: str | None
    mistyped: str | None
    compared: str | None
    by_threshold: bool
    acts: tuple[tuple[datetime, str], ...]
    registered_at: datetime | None
    approved_at: datetime | None
    deployed_at: datetime | None
    trained_until: datetime | None
    retires_at: datetime | None
    approvals: tuple[_Row, ...]
    lineage: tuple[Edge, ...]
    provenance: Provenance
    lineage_cut: str | None
    lineage_cycles: str | None


def version_facts(store: LogStore, name: str | None, version: str | None, at: datetime | None = None) -> VersionFacts:
    """Return the facts about a version, made again only where a table that says them, or its artifact, changed.

    Parameters
    ----------
    at
        The time of a decision: it is judged by the registry row that was known then. By the one that stands now when
        None.

    Raises
    ------
    LogError
        A table cannot be read.
    """
    return facts_of_edition(store, name, version, edition_number(store, name, version, at))


def facts_of_edition(store: LogStore, name: str | None, version: str | None, number: int) -> VersionFacts:
    """Return the facts about a version by one of `audit_lab.replay.registration.editions`, by its number.

    Raises
    ------
    LogError
        A table cannot be read.
    """
    known = editions(store, name, version) if name is not None and version is not None else ()
    edition = known[number] if known else None
    tables = ("model_versions", "approvals", "deployments", "lineage", "runs", "datasets")
    inputs = () if name is None else (INPUTS_PREFIX + name,)
    stamps = artifact_stamps(store, None if edition is None else edition.rows[-1]["artifact_uri"]) or ()
    return derived(
        store,
        ("version facts", name, version, number),
        (*tables, *inputs),
        lambda: _facts(store, name, version, known, edition),
        *stamps,
    )


def input_schema(store: LogStore, model: str) -> pl.Schema:
    """Return the columns and types of a model's inputs, known until a file of them changes.

    Raises
    ------
    LogError
        The table cannot be read.
    """
    table = INPUTS_PREFIX + model
    return derived(store, ("input schema", model), (table,), lambda: store.inputs(model).collect_schema())


def _facts(
    store: LogStore, name: str | None, version: str | None, known: tuple[Edition, ...], edition: Edition | None
) -> VersionFacts:
    row = None if edition is None else edition.rows[-1]
    latest = known[-1].rows[-1] if known else None
    at = None if edition is None or edition.is_latest else edition.since
    signature = _signature(row)
    code, what, mistyped = None, None, None
    inputs = input_schema(store, name) if name is not None and name in store.models() else None
    lacking = [one for one in signature.names if one not in inputs] if signature and inputs is not None else []
    try:
        model = load_registered(store, name, version, at=at)
    except ModelError as error:
        code, what = error.code, f"{error.message[:1].upper()}{error.message[1:]}."
    else:
        unfit = None if lacking or inputs is None else misfit(model, inputs)
        mistyped = None if unfit is None else unfit[1]
    output = None if signature is None else signature.output
    approvals = _approvals(store, name, version)
    acts = [(each["recorded_at"], each["act"]) for each in approvals if each["act"] in _ACTS]
    dated = [(at, act) for at, act in acts if at is not None]
    walked = walk_lineage(store, name, version)
    return VersionFacts(
        row=row,
        signature=signature,
        corrected=_corrected(store, edition),
        code=code,
        what=what,
        lacking=", ".join(lacking) or None,
        mistyped=mistyped,
        compared=None if output is None else {"label": "label", "multiclass": "either"}.get(output.kind, "score"),
        by_threshold=output is not None and decides_by_threshold(output),
        acts=tuple(dated),
        registered_at=known[0].since if known else None,
        approved_at=next((at for at, act in dated if act == "approved"), None),
        deployed_at=_deployed_at(store, name, version),
        trained_until=None if latest is None else latest["training_cutoff"],
        retires_at=_moment(None if latest is None else latest["retirement"]),
        approvals=_all_approvals(store, name, version),
        lineage=walked.edges,
        provenance=provenance_of(store, walked.edges, None if row is None else row["run_id"]),
        lineage_cut=_cut(walked, name, version),
        lineage_cycles=_cycles(walked),
    )


def _corrected(store: LogStore, edition: Edition | None) -> str | None:
    """Say what was corrected about a version after the decisions that an edition judges."""
    if edition is None or edition.is_latest or edition.differing:
        return None
    row = edition.rows[-1]
    return registered_row(store, row["model_name"], row["model_version"], edition.since)[1]


def _cut(walked: Walk, name: str | None, version: str | None) -> str | None:
    if not walked.is_cut:
        return None
    return f"More than {len(walked.edges):,} edges lead back from {name} {version}; the nearest are shown."


def _cycles(walked: Walk) -> str | None:
    knots = cycles_of((edge.from_node, edge.to_node) for edge in walked.edges)
    told = [cycle_gap(*knot).what for knot in knots[:_MOST_CYCLES]]
    more = len(knots) - len(told)
    return " ".join([*told, *([f"It does so in {more:,} more places."] if more > 0 else [])]) or None


def _signature(row: _Row | None) -> Signature | None:
    try:
        return None if row is None else Signature.parse(row["signature"])
    except ModelError:
        return None  # the version's gap names it


def _all_approvals(store: LogStore, name: str | None, version: str | None) -> tuple[_Row, ...]:
    same = (pl.col("model_name") == pl.lit(name)) & (pl.col("model_version") == pl.lit(version))
    return tuple(table_rows(store, "approvals", same).sort("recorded_at").iter_rows(named=True))


def _approvals(store: LogStore, name: str | None, version: str | None) -> list[_Row]:
    """Return the acts on a version that no later row corrects, in order of recording."""
    rows = derived(store, "approvals in order", ("approvals",), lambda: in_order_of_recording(store, "approvals"))
    mine = [row for row in rows if (row["model_name"], row["model_version"]) == (name, version)]
    return standing(mine, lambda row: f"{row['model_name']}@{row['model_version']}", lambda row: row["act"]).rows


def _deployed_at(store: LogStore, name: str | None, version: str | None) -> datetime | None:
    served = pl.col("traffic_share").is_null() | (pl.col("traffic_share") > 0)
    same = (pl.col("model_name") == pl.lit(name)) & (pl.col("model_version") == pl.lit(version)) & served
    first = table_rows(store, "deployments", same)["from_time"].min()
    return first if isinstance(first, datetime) else None


def _moment(text: str | None) -> datetime | None:
    """Read a date or time, where a column holds one; a registry may say in other words that a version retires."""
    try:
        moment = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo is not None else moment.replace(tzinfo=UTC)
