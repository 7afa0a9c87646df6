"""What the document of an exhibit says of a prediction, member by member, against its proven rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit_lab.evidence.rows.equal import is_same, is_written_as
from audit_lab.log.segments import ROW, SEGMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from audit_lab.evidence.rows.proven_log import ProvenLog

__all__ = ["Said", "said_of_attribution", "said_of_decision", "said_of_replay"]

_ID = "prediction_id"
_NO_INPUTS = frozenset({_ID, "recorded_at", SEGMENT, ROW})
_OVERRIDE = ("recorded_at", "kind", "actor", "role", "reason", "rule", "decision_before", "decision_after")
_OUTCOME = ("observed_at", "label", "value", "source")
_EXPLANATION = ("method", "recorded_at", "base_value", "seed", "background_sha256")
_HISTORIES = {
    "overrides": _OVERRIDE,
    "outcomes": (*_OUTCOME, "recorded_at", "place"),
    "explanations": _EXPLANATION,
}
_OF_VERSION = ("artifact_sha256", "training_cutoff")


@dataclass
class Said:
    """What came of a document: the members that say otherwise, that were compared, and that were not."""

    differing: list[str] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def hold(self, member: str, *, agrees: bool) -> None:
        """Take down that a member was compared."""
        self.compared.append(member)
        if not agrees:
            self.differing.append(member)


def said_of_decision(document: Mapping[str, Any], proven: ProvenLog) -> Said:
    """Hold every member of a decision's document against the rows that answer it."""
    said, own = Said(), document[_ID]
    row = proven.predictions.get(own)
    if row is None:
        return said
    answers = {**dict(_of_prediction(row, own, proven)), **dict(_of_histories(own, proven))}
    for member, stated in document.items():
        if member in {_ID, *proven.withheld}:
            continue
        if member == "inputs" and own in proven.inputs:
            _hold_inputs(stated, proven.inputs[own], proven, said)
        elif member in _HISTORIES:
            rows = proven.histories.get(member, {}).get(own, ())
            said.hold(member, agrees=_are_rows(stated, rows, member, proven))
        elif member in answers:
            said.hold(member, agrees=_is_answer(stated, answers[member]))
        else:
            said.left.append(member)
    return said


def said_of_replay(document: Mapping[str, Any], proven: ProvenLog) -> Said:
    """Hold what a replay says was recorded against the rows; what it computed is left."""
    said, own = Said(), document[_ID]
    row = proven.predictions.get(own)
    if row is None:
        return said
    known = dict(_of_prediction(row, own, proven)) | {"model_version": row.get("model_version")}
    for member in ("model_name", "model_version", "artifact_sha256", "place"):
        if member in document and known.get(member) is not None and member not in proven.withheld:
            said.hold(member, agrees=_is_answer(document[member], known[member]))
    recorded = document.get("recorded")
    if isinstance(recorded, dict):
        names = {"rule": "decision_rule", "decision": "decision", "score": "score", "label": "label"}
        for member, name in names.items():
            if member in recorded and name in known and not {member, name} & proven.withheld:
                said.hold(f"recorded.{member}", agrees=_is_answer(recorded[member], known[name]))
    override, rows = document.get("override"), proven.histories.get("overrides", {}).get(own, ())
    if override is not None and "override" not in proven.withheld:
        said.hold("override", agrees=any(_is_row(override, each, _OVERRIDE, proven) for each in rows))
    said.left += [member for member in document if member not in {*said.compared, "recorded", _ID}]
    return said


def said_of_attribution(document: Mapping[str, Any], proven: ProvenLog) -> Said:
    """Hold the values that an attribution gives its contributions against the inputs; the contributions are left."""
    said, own = Said(), document[_ID]
    if own in proven.inputs:
        _hold_inputs(document.get("contributions"), proven.inputs[own], proven, said, whole=False)
    version = proven.version(own)
    if version is not None and "artifact_sha256" in version and "artifact_sha256" in document:
        said.hold("artifact_sha256", agrees=document["artifact_sha256"] == version["artifact_sha256"])
    return said


def _of_prediction(row: Mapping[str, Any], own: str, proven: ProvenLog) -> Iterator[tuple[str, Any]]:
    """Yield the members that the prediction's row and the registration of its version answer."""
    yield from ((name, value) for name, value in row.items() if name not in {"outputs", SEGMENT, ROW, "model_version"})
    if "model_version" in row:
        yield "stated_version", row["model_version"]
        yield "model_version", row["model_version"]
    if (place := proven.place(row)) is not None:
        yield "place", place
    if "outputs" in row:
        outputs = row["outputs"] or {}
        yield from ((name, outputs.get(name)) for name in ("score", "label"))
    version = proven.version(own)
    if version is not None:
        yield from ((name, version[name]) for name in _OF_VERSION if name in version)
    if row.get("threshold") is None and "threshold" in row and version is not None and "threshold" in version:
        yield "threshold", version["threshold"]


def _of_histories(own: str, proven: ProvenLog) -> Iterator[tuple[str, Any]]:
    """Yield the members that follow from what was recorded later."""
    final, outcomes = proven.final_decision(own), proven.standing("outcomes", own)
    if final is not None:
        yield "final_decision", final[0]
    if outcomes is not None:
        names = [name for name in _OUTCOME if outcomes and name in outcomes[-1] and name not in proven.withheld]
        yield "outcome", {name: outcomes[-1][name] for name in names} if outcomes else None


def _is_answer(stated: Any, value: Any) -> bool:
    if isinstance(value, dict):
        return isinstance(stated, dict) and all(is_written_as(stated.get(name), each) for name, each in value.items())
    return is_written_as(stated, value)


def _hold_inputs(stated: Any, row: Mapping[str, Any], proven: ProvenLog, said: Said, *, whole: bool = True) -> None:
    """Hold entries of feature and value against a row of inputs; `whole` ones leave none of them out."""
    seen = set()
    for entry in stated or []:
        name = entry.get("feature")
        seen.add(name)
        if name in proven.withheld or not isinstance(name, str):
            continue
        value = entry.get("value")
        if name in row:
            said.hold(name, agrees=is_written_as(value, row[name]) or is_same(value, row[name]))
        elif whole:
            said.hold(name, agrees=False)
    if whole:
        missing = [name for name in row if name not in {*_NO_INPUTS, *seen, *proven.withheld}]
        for name in missing:
            said.hold(name, agrees=row[name] is None)


def _are_rows(stated: Any, rows: Sequence[Mapping[str, Any]], table: str, proven: ProvenLog) -> bool:
    """Whether a document lists these rows, each once, in whatever order."""
    if not isinstance(stated, list) or len(stated) != len(rows):
        return False
    left = list(rows)
    for entry in stated:
        found = next((row for row in left if _is_row(entry, row, _HISTORIES[table], proven)), None)
        if found is None:
            return False
        left.remove(found)
    return True


def _is_row(entry: Any, row: Mapping[str, Any], names: Sequence[str], proven: ProvenLog) -> bool:
    if not isinstance(entry, dict):
        return False
    known = {**row, "place": proven.place(row)} if proven.place(row) is not None else row
    compared = [name for name in names if name in known and name not in proven.withheld]
    return all(is_written_as(entry.get(name), known[name]) for name in compared)
