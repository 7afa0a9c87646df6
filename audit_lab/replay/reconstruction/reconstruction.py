"""Rejoin one prediction with everything the log knows about it, and name every gap and every finding."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from audit_lab.errors import NotFoundError
from audit_lab.log.erasure.erased import erased_fields
from audit_lab.log.samplings import sampled
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.segments import ROW, SEGMENT
from audit_lab.replay.following import followed_version
from audit_lab.replay.reconstruction.decision_rows import DecisionRows, decision_rows
from audit_lab.replay.reconstruction.events import events_around
from audit_lab.replay.reconstruction.facts import FACTS, one_row, version_row
from audit_lab.replay.reconstruction.history import HISTORIES, explained_by, outcome_by, overrides_by
from audit_lab.replay.reconstruction.serving import deployments_around
from audit_lab.replay.reconstruction.telling import tell_one
from audit_lab.replay.reconstruction.version_facts import version_facts
from audit_lab.replay.redacted import redaction_told
from audit_lab.replay.registry import version_in_force

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import polars as pl

    from audit_lab.log.store import LogStore
    from audit_lab.replay.following import Followed
    from audit_lab.replay.lineage import Edge
    from audit_lab.replay.reconstruction.notes import Finding, Gap
    from audit_lab.replay.reconstruction.provenance import Provenance
    from audit_lab.replay.reconstruction.version_facts import VersionFacts
    from audit_lab.replay.registry import InForce
    from audit_lab.replay.signature import Signature

__all__ = ["Reconstruction", "Told", "assembled", "places_told", "reconstruct"]

#: Columns of inputs that are no features.
_NO_FEATURES = ("prediction_id", "recorded_at", SEGMENT, ROW)

_REDACTED = ("redacted", "redacted_besides")

#: So many places of an id are told in a sentence.
_MOST_PLACES = 10

_Row = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What is told of a decision's facts: what is missing, what should not be as it is, and the decision by now."""

    gaps: tuple[Gap, ...]
    findings: tuple[Finding, ...]
    final_decision: str | None


@dataclass(frozen=True)
class Reconstruction:
    """A prediction with everything the log knows about it; rows are dicts by canonical column name.

    Parameters
    ----------
    prediction_id, place, places
        Its id, where it stands (``id@segment:row``), and every place where the id stands.
    prediction, inputs
        Its row; and feature to recorded value (None when they are missing or ambiguous).
    in_force, deployments
        Which version deployments say was in force, and the rows that say so; each with ``place`` and ``until``.
    followed
        Where the prediction states no version: which one follows from the deployments alone, or why none does.
    model_version, signature, approvals
        The version that is stated, or followed: its row in the registry, as it was known when the decision was taken;
        what it takes; who submitted, approved and promoted it.
    lineage, provenance
        Edges from the version back, and the rows of the runs, data sets and feature sources that they lead to.
    events
        Those of the model within 14 days before and after.
    overrides, outcomes, explanations
        What was recorded afterwards, rows that later ones correct among it; each with ``place`` and ``corrected_by``.
        Outcomes come latest first, the others in order of recording.
    outcome, final_decision
        What counts by now: the last outcome that nothing corrects; the decision after the last override that nothing
        corrects, None where that was erased.
    gaps, findings
        What is missing, and what is on record and should not be as it is.
    searched
        How the id was looked for, and what that could miss.
    """

    prediction_id: str
    place: str
    places: tuple[str, ...]
    prediction: _Row
    inputs: _Row | None
    in_force: InForce
    deployments: tuple[_Row, ...]
    followed: Followed | None
    model_version: _Row | None
    signature: Signature | None
    approvals: tuple[_Row, ...]
    lineage: tuple[Edge, ...]
    provenance: Provenance
    events: tuple[_Row, ...]
    overrides: tuple[_Row, ...]
    outcomes: tuple[_Row, ...]
    explanations: tuple[_Row, ...]
    outcome: _Row | None
    final_decision: str | None
    gaps: tuple[Gap, ...]
    findings: tuple[Finding, ...]
    searched: str

    @property
    def version(self) -> str | None:
        """The version that the prediction states, else the one that follows from the deployments alone."""
        stated: str | None = self.prediction["model_version"]
        return stated if self.followed is None else self.followed.version

    @property
    def judged(self) -> _Row:
        """The prediction's row with `version` as its model version; what is sealed is `prediction`."""
        return {**self.prediction, "model_version": self.version}

    @property
    def events_before(self) -> tuple[_Row, ...]:
        """Events up to the moment of the decision, in order of time."""
        at = self.prediction["occurred_at"]
        return tuple(event for event in self.events if event["at"] <= at)

    @property
    def events_after(self) -> tuple[_Row, ...]:
        """Events after the moment of the decision, in order of time."""
        at = self.prediction["occurred_at"]
        return tuple(event for event in self.events if event["at"] > at)


def reconstruct(store: LogStore, asked: str) -> Reconstruction:
    """Reconstruct the prediction that an id, or a place (``id@segment:row``), names.

    Raises
    ------
    NotFoundError, AmbiguousIdError
        As `audit_lab.log.index.lookup.find_prediction`.
    LogError
        A table cannot be read.
    """
    try:
        return assembled(store, decision_rows(store, asked))
    except NotFoundError as error:
        known = sampled(store)
        if known is None:
            raise
        raise NotFoundError(
            f"{error.message}: {known.summary()[0].rstrip('.')}",
            f"One of which no row was recorded cannot be reconstructed. {error.next_step}",
        ) from error


def assembled(store: LogStore, rows: DecisionRows, told: Told | None = None) -> Reconstruction:
    """Make a reconstruction of the rows of a decision.

    Parameters
    ----------
    told
        What is told of its facts, where that is known; else it is found here.

    Raises
    ------
    LogError
        A table cannot be read.
    """
    row = rows.prediction
    name, version, at = row["model_name"], row["model_version"], row["occurred_at"]
    in_force = version_in_force(store, name, at, row["environment"], version)
    followed = followed_version(store, name, version, at, row["environment"])
    version = version if followed is None else followed.version
    of_version = version_facts(store, name, version, at)
    inputs = _inputs(rows, of_version.signature)
    events = events_around(store, name, at)
    if told is None:
        further = {**_serving(in_force), **_last_act(of_version, at), "events": len(events), "model_version": version}
        further["followed"] = None if followed is None or version is None else followed.said
        names = () if of_version.signature is None else of_version.signature.names
        further |= dict(zip(_REDACTED, redaction_told(store, row["writer_id"], names), strict=True))
        told = _told(_facts(store, rows, inputs, version_row(of_version) | further))
    outcomes = _shown(rows.histories["outcomes"])
    return Reconstruction(
        prediction_id=row["prediction_id"],
        place=rows.place,
        places=rows.places,
        prediction=row,
        inputs=inputs,
        in_force=in_force,
        deployments=deployments_around(store, name, at, row["environment"]),
        followed=followed,
        model_version=None if of_version.row is None else dict(of_version.row),
        signature=of_version.signature,
        approvals=of_version.approvals,
        lineage=of_version.lineage,
        provenance=of_version.provenance,
        events=events,
        overrides=_shown(rows.histories["overrides"]),
        outcomes=outcomes[::-1],
        explanations=_shown(rows.histories["explanations"]),
        outcome=next((each for each in reversed(outcomes) if each["corrected_by"] is None), None),
        final_decision=told.final_decision,
        gaps=told.gaps,
        findings=told.findings,
        searched=rows.searched,
    )


def places_told(places: Sequence[str]) -> str:
    """Return places as a sentence has them: not all of very many."""
    more = len(places) - _MOST_PLACES
    return ", ".join(places[:_MOST_PLACES]) + (f" and {more} more" if more > 0 else "")


def _told(facts: pl.DataFrame) -> Told:
    return Told(*tell_one(facts), facts["final_decision"][0])


def _facts(store: LogStore, rows: DecisionRows, inputs: _Row | None, further: _Row) -> pl.DataFrame:
    """Return the one row of facts that gaps and findings are told from."""
    row, outputs = rows.prediction, rows.prediction["outputs"] or {}
    own: _Row = {name: row[name] for name in FACTS if name in row}
    own |= {name: outputs.get(name) for name in ("score", "label", "probabilities")}
    own |= _history_facts(store, rows) | _erased(store, rows, inputs) | further
    own |= {
        "place": rows.place,
        "places": len(rows.places),
        "places_told": places_told(rows.places),
        "corrected_by": rows.corrected_by,
        "input_rows": 0 if rows.inputs is None else rows.inputs.height,
        "keeps_approvals": store.source.tables().get("approvals", 0) > 0,
    }
    return one_row(own)


def _serving(in_force: InForce) -> _Row:
    return {
        "versions": in_force.versions,
        "agrees": in_force.agrees,
        "statement": in_force.statement,
        "remarks": "; ".join(in_force.findings) or None,
    }


def _history_facts(store: LogStore, rows: DecisionRows) -> _Row:
    told: _Row = {}
    overrides, outcomes, explanations = (rows.histories[table] for table in HISTORIES)
    if overrides.height:
        told |= overrides_by(store, overrides).row(0, named=True)
    if outcomes.height:
        told |= outcome_by(outcomes).row(0, named=True)
    if explanations.height:
        told |= explained_by(explanations).row(0, named=True)
    unclear = [text for frame in rows.histories.values() if frame.height for text in frame["unclear"].drop_nulls()]
    return told | {"unclear": next(iter(unclear), None)}


def _inputs(rows: DecisionRows, signature: Signature | None) -> _Row | None:
    """Return the inputs in the model's order, features that it does not take last; None where they are not certain."""
    if rows.inputs is None or rows.inputs.height != 1 or len(rows.places) > 1:
        return None
    values = {name: value for name, value in rows.inputs.row(0, named=True).items() if name not in _NO_FEATURES}
    taken = [name for name in signature.names if name in values] if signature else []
    return {name: values[name] for name in dict.fromkeys((*taken, *values))}


def _erased(store: LogStore, rows: DecisionRows, inputs: _Row | None) -> dict[str, Any]:
    """Say what was erased; only where there is a null is it looked for."""
    row = rows.prediction
    prediction: tuple[str, ...] = ()
    if row["outputs"] is None or row["subject_id"] is None:
        segment, _, number = rows.place.rpartition("@")[2].rpartition(":")
        prediction = erased_fields(store, "predictions", segment, int(number))
    of_inputs: tuple[str, ...] = ()
    if inputs is not None and rows.inputs is not None and None in inputs.values():
        table = INPUTS_PREFIX + row["model_name"]
        of_inputs = erased_fields(store, table, rows.inputs[SEGMENT][0], int(rows.inputs[ROW][0]))
    return {
        "prediction_erased": ", ".join(prediction) or None,
        "output_erased": "outputs" in prediction,
        "inputs_erased": ", ".join(of_inputs) or None,
    }


def _last_act(of_version: VersionFacts, at: datetime | None) -> dict[str, Any]:
    if at is None:
        return {}
    number = bisect_right(of_version.acts, at, key=lambda act: act[0]) - 1
    return {} if number < 0 else {"last_act_at": of_version.acts[number][0], "last_act": of_version.acts[number][1]}


def _shown(rows: pl.DataFrame) -> tuple[_Row, ...]:
    return tuple(rows.drop(SEGMENT, ROW, "unclear").iter_rows(named=True)) if rows.height else ()
