"""What the log states about a decision and its version, as facts; and every recorded input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.dossier.answer import NOT_ON_RECORD, decision_text
from audit_lab.dossier.content import Bar, Fact
from audit_lab.dossier.erasers import ERASED
from audit_lab.explain.attribution import Contribution
from audit_lab.explain.describing import amount_text, level_text, output_text, with_unit
from audit_lab.log.erasure.erasable import erasable_fields
from audit_lab.log.writing.segment_file import is_personal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from audit_lab.dossier.moments import Clock
    from audit_lab.explain.attribution import Attribution
    from audit_lab.replay.reconstruction import Reconstruction

__all__ = ["decided_facts", "explained_words", "inputs_of", "personal_words", "version_facts_of"]

_TABLES = ("predictions", "overrides", "outcomes", "explanations")


def decided_facts(parts: Reconstruction, clock: Clock) -> tuple[Fact, ...]:
    """Return what was decided, when, about whom and where."""
    row, outputs = parts.prediction, parts.prediction["outputs"] or {}
    registered = (parts.model_version or {}).get("threshold")
    threshold = row["threshold"] if row["threshold"] is not None else registered
    served = [f"{name} {row[name]}" for name in ("environment", "endpoint", "node") if row[name]]
    served += [f"risk tier {row['risk_tier']}"] if row["risk_tier"] else []
    system, standing = decision_text(row["decision"]), decision_text(parts.final_decision)
    facts = {
        "Decision of the system": f"{system}; it stands" if standing == system else system,
        "What stands now": None if standing == system else standing,
        "Decided": clock.at(row["occurred_at"]).words(),
        "Recorded": clock.at(row["recorded_at"]).words(),
        "About": row["subject_id"],
        "Score": _score(outputs, threshold),
        "Decided by the rule": row["decision_rule"],
        "Error": row["error"],
        "Served by": ", ".join(served) or None,
    }
    always = ("About", "Score", "Decided by the rule", "Served by")
    return tuple(_fact(name, value) for name, value in facts.items() if value is not None or name in always)


def version_facts_of(parts: Reconstruction, clock: Clock) -> tuple[Fact, ...]:
    """Return which version decided: as the prediction states it, and as deployments have it."""
    row, registered = parts.prediction, parts.model_version or {}
    serving = [each for each in parts.deployments if each["traffic_share"] != 0]
    slots = [_slot(each, clock) for each in serving or parts.deployments]
    facts = {
        "Stated by the prediction": f"{row['model_name'] or '(no model)'} {row['model_version'] or '(no version)'}",
        "In force by deployments": parts.in_force.statement,
        "Deployed": "; ".join(slots) or None,
        "Registered": clock.at(registered["recorded_at"]).words() if registered.get("recorded_at") else None,
        "Trained on data until": clock.at(registered["training_cutoff"]).words()
        if registered.get("training_cutoff")
        else None,
        "Intended use": registered.get("intended_use"),
    }
    always = ("Deployed", "Registered")
    return tuple(_fact(name, value) for name, value in facts.items() if value is not None or name in always)


def inputs_of(parts: Reconstruction, attribution: Attribution | None) -> tuple[Bar, ...]:
    """Return every recorded input; where there is an explanation, the one that moved the output most first."""
    if parts.inputs is None:
        return ()
    units = {each.name: each.unit for each in parts.signature.features} if parts.signature else {}
    moved = {} if attribution is None else {each.feature: each.contribution for each in attribution.ranked()}
    largest = max((abs(value) for value in moved.values()), default=0.0)
    order = [*(name for name in moved if name in parts.inputs), *(name for name in parts.inputs if name not in moved)]
    erased = any(gap.code in ERASED[:2] for gap in parts.gaps)
    return tuple(
        Bar(
            feature=name,
            value=(value := _value(name, parts.inputs[name], erased=erased)),
            unit=units.get(name),
            told=with_unit(value, parts.inputs[name], units.get(name)),
            contribution=moved.get(name),
            amount=amount_text(attribution, moved[name]) if attribution is not None and name in moved else None,
            share=moved.get(name, 0.0) / largest if largest else 0.0,
        )
        for name in order
    )


def explained_words(attribution: Attribution) -> str:
    """Return what the contributions are of, from where to where they lead, and how they were computed."""
    start, end = (level_text(attribution, each) for each in (attribution.base_value, attribution.prediction_value))
    rows = len(attribution.background.rows)
    return (
        f"How far each moved {output_text(attribution)}, from {start} on average over {rows} decisions to {end}; "
        f"{attribution.method.upper()}, {attribution.algorithm}, {attribution.library} {attribution.library_version}, "
        f"seed {attribution.seed}."
    )


def personal_words(parts: Reconstruction, asked_by: str | None) -> tuple[str, ...]:
    """Return what in all this is personal data by the log's own rules, and what was done about it."""
    shown = list(_personal(parts))
    inputs = len(parts.inputs or {})
    also = f"{', '.join(shown)} and {inputs} inputs" if inputs else ", ".join(shown) or "nothing"
    gone = [gap.what for gap in parts.gaps if gap.code in ERASED]
    return (
        f"Personal data by the log's rules, shown here: {also}. The subject is named by the pseudonym in the log.",
        *(f"Not shown, since it was erased: {what}" for what in gone),
        "No journal has this question, for nobody said who asks and why."
        if asked_by is None
        else "That this was asked, by whom and why stands in the log's access journal.",
    )


def _personal(parts: Reconstruction) -> Iterator[str]:
    rows: dict[str, Iterable[dict[str, Any]]] = {
        "predictions": (parts.prediction,),
        "overrides": parts.overrides,
        "outcomes": parts.outcomes,
        "explanations": parts.explanations,
    }
    for table in _TABLES:
        if is_personal(table):
            named = {name for row in rows[table] for name, value in row.items() if value is not None}
            columns = sorted(named - {"place", "corrected_by"})
            yield from (f"{table}.{name}" for name in erasable_fields(table, columns))


def _value(name: str, value: Any, *, erased: bool) -> str:
    if value is None:
        return "missing or erased" if erased else "missing"
    if isinstance(value, bool | int | float | str):
        return Contribution(name, value, 0.0).value_text
    return str(value)


def _score(outputs: dict[str, Any], threshold: float | None) -> str | None:
    told = [] if outputs.get("score") is None else [f"{outputs['score']:.6g}"]
    told += [] if threshold is None else [f"threshold {threshold:g}"]
    told += [] if outputs.get("label") is None else [f"label {outputs['label']!r}"]
    chances = outputs.get("probabilities")
    told += [] if not chances else [f"probabilities {', '.join(f'{each:.4g}' for each in chances)}"]
    return ", ".join(told) or None


def _slot(row: dict[str, Any], clock: Clock) -> str:
    until = "on" if row["until"] is None else f"until {clock.at(row['until']).short()}"
    share = "" if row["traffic_share"] is None else f" with {100 * row['traffic_share']:.4g} % of the traffic"
    by = f" by {row['actor']}" if row["actor"] else ", by whom is not on record"
    return (
        f"{row['model_version']} in {row['deployment_id']} from {clock.at(row['from_time']).short()} {until}{share}{by}"
    )


def _fact(name: str, value: str | None) -> Fact:
    return Fact(name, NOT_ON_RECORD if value is None else value)
