"""Who can close a gap, or answer for a finding, and where the log says so; nobody is made up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audit_lab.dossier.content import Owner
from audit_lab.dossier.erasers import ERASED
from audit_lab.replay.reconstruction import FINDINGS, GAPS
from audit_lab.replay.verdict import EFFECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from audit_lab.replay.reconstruction import Reconstruction

__all__ = ["asker", "owner_of", "unowned_codes"]

_APPROVED = ("approved", "promoted")


def _writer(parts: Reconstruction) -> list[str]:
    row = parts.prediction
    told = []
    if row["writer_id"]:
        node = f", on node {row['node']}" if row["node"] else ""
        told.append(f"the writer {row['writer_id']}{node} (a system), by the prediction's own row")
    return [*told, *_deployed(parts)]


def _deployed(parts: Reconstruction) -> list[str]:
    version = parts.version
    rows = parts.deployments
    mine = [row for row in rows if row["model_version"] == version] or list(rows)
    return [
        f"{row['actor']}, who deployed {row['model_version']} on {_day(row['from_time'])}"
        for row in mine
        if row["actor"]
    ]


def _acted(parts: Reconstruction, acts: tuple[str, ...]) -> list[str]:
    return [
        f"{row['approver']}{_role(row)}, who {row['act']} {row['model_version']} on {_day(row['recorded_at'])}"
        for row in parts.approvals
        if row["approver"] and row["act"] in acts
    ]


def _registrant(parts: Reconstruction) -> list[str]:
    return _acted(parts, ("submitted", "registered", *_APPROVED)) or _deployed(parts)


def _approver(parts: Reconstruction) -> list[str]:
    return _acted(parts, (*_APPROVED, "rejected", "retired"))


def _lineage(parts: Reconstruction) -> list[str]:
    owners = [
        f"{row['owner']}, owner of the data set {row['dataset_id']} {row['version'] or ''}".rstrip()
        for row in parts.provenance.datasets
        if row["owner"]
    ]
    return [*owners, *_acted(parts, ("submitted", "registered"))]


def _erasure(parts: Reconstruction) -> list[str]:
    return [
        f"{event['actor']}, by the event {event['kind']} of {_day(event['at'])}"
        for event in parts.events
        if event["actor"] and event["kind"] and "eras" in event["kind"]
    ]


def _changer(parts: Reconstruction) -> list[str]:
    return [
        f"{row['actor']}{_role(row)}, by the {row['kind'] or 'override'} of {_day(row['recorded_at'])}"
        for row in parts.overrides
        if row["actor"] and row["corrected_by"] is None
    ]


def _outcome(parts: Reconstruction) -> list[str]:
    sources = dict.fromkeys(row["source"] for row in parts.outcomes if row["source"])
    return [f"the source {source}, by the outcomes on record" for source in sources]


_WRITER: tuple[str, Callable[[Any], list[str]]] = ("whoever runs the writer of this prediction", _writer)
_REGISTRY: tuple[str, Callable[[Any], list[str]]] = ("whoever registered the model version", _registrant)
_APPROVAL: tuple[str, Callable[[Any], list[str]]] = ("whoever approves the model version", _approver)
_DEPLOYMENT: tuple[str, Callable[[Any], list[str]]] = ("whoever deploys the model", _deployed)
_LINEAGE: tuple[str, Callable[[Any], list[str]]] = ("whoever trained the version, and owns its data", _lineage)
_ERASURE: tuple[str, Callable[[Any], list[str]]] = ("whoever keeps the log, and carried out the erasure", _erasure)
_PERSON: tuple[str, Callable[[Any], list[str]]] = ("whoever changed or answered it", _changer)
_OUTCOMES: tuple[str, Callable[[Any], list[str]]] = ("whoever records the outcomes", _outcome)
_MACHINE: tuple[str, Callable[[Any], list[str]]] = ("whoever runs the replay, on a machine that can", lambda _: [])

_OWNERS: dict[str, tuple[str, Callable[[Any], list[str]]]] = {
    **dict.fromkeys(EFFECTS, _REGISTRY),
    **dict.fromkeys(
        (
            *("prediction-failed", "ambiguous-id", "model-not-stated", "version-not-stated", "inputs-missing"),
            *(
                "inputs-incomplete",
                "inputs-mistyped",
                "inputs-refused",
                "inputs-redacted",
                "partly-redacted",
                "threshold-missing",
                "output-missing",
            ),
            *("id-repeated", "corrected-later", "corrects-earlier", "correction-unclear", "threshold-differs"),
            *("environment-not-recorded", "time-missing"),
        ),
        _WRITER,
    ),
    **dict.fromkeys(
        ("library-missing", "isolation-missing", "environment-not-built", "model-timeout", "model-memory"), _MACHINE
    ),
    **dict.fromkeys(ERASED, _ERASURE),
    **dict.fromkeys(
        (
            *("version-from-deployments", "version-in-force-unknown", "version-disagrees"),
            *("deployments-contradict", "served-after-retirement"),
        ),
        _DEPLOYMENT,
    ),
    **dict.fromkeys(("lineage-missing", "lineage-cut", "lineage-cycle", "trained-after-decision"), _LINEAGE),
    **dict.fromkeys(("version-not-approved", "version-rejected", "approved-after-deployment"), _APPROVAL),
    **dict.fromkeys(("decided-before-registration", "registration-corrected"), _REGISTRY),
    **dict.fromkeys(("overridden", "contested"), _PERSON),
    **dict.fromkeys(
        ("score-differs", "label-differs", "rule-differs", "decision-differs"),
        (
            "whoever registered the version, with whoever runs the writer",
            lambda parts: [*_registrant(parts), *_writer(parts)],
        ),
    ),
    **dict.fromkeys(("outcome-missing", "outcome-revised"), _OUTCOMES),
}


def asker(asked_by: str | None) -> Owner:
    """Return who owns what was not asked for, and can be."""
    return Owner("whoever asked for this dossier", () if asked_by is None else (asked_by,))


def owner_of(code: str, parts: Reconstruction, erasers: tuple[str, ...] = ()) -> Owner:
    """Return who owns a gap or a finding.

    Parameters
    ----------
    code
        A key of `GAPS`, `FINDINGS` or `EFFECTS`; any other is the log's keeper's.
    parts
        The decision, in whose rows people are named.
    erasers
        As `audit_lab.dossier.erasers.erasers_of` returns them.
    """
    duty, named = _OWNERS.get(code, ("whoever keeps the log", lambda _: []))
    first = erasers if code in ERASED else ()
    return Owner(duty, tuple(dict.fromkeys([*first, *named(parts)])))


def unowned_codes() -> tuple[str, ...]:
    """Return the codes of gaps and findings for which no duty is stated; none, as a test holds."""
    known: Iterable[str] = (*(code for code in GAPS if code != "version"), *FINDINGS, *EFFECTS)
    return tuple(code for code in known if code not in _OWNERS)


def _role(row: dict[str, Any]) -> str:
    return f" ({row['role']})" if row["role"] else ""


def _day(moment: Any) -> str:
    return "a day not on record" if moment is None else f"{moment:%Y-%m-%d}"
