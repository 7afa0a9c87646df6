"""One function for each kind of thing that happens to a model and its data."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.capture.life.rows import written
from audit_lab.capture.life.said import blank, refuse
from audit_lab.errors import MisuseError
from audit_lab.seal.digests import sha256_file

if TYPE_CHECKING:
    from audit_lab.log.writing.receipt import Receipt

__all__ = [
    "ACTS",
    "record_approval",
    "record_dataset",
    "record_deployment",
    "record_event",
    "record_outcome",
    "record_override",
]

_PAIR = 2

#: What can be done with a model version in the registry.
ACTS = ("submitted", "approved", "rejected", "promoted", "retired")


def record_dataset(
    log: str | Path,
    dataset_id: str,
    version: str,
    *,
    file: str | Path | None = None,
    vault: str | Path | None = None,
    passphrase: bytes | str | None = None,
    **more: Any,
) -> Receipt:
    """Record one version of a data set.

    Parameters
    ----------
    log
        The folder of a sealed log.
    dataset_id, version
        What it is called.
    file
        The data: its SHA-256 is taken, and its path where no `uri` is said.
    vault, passphrase
        As for `audit_lab.open_writer`.
    more
        Columns of the table datasets: ``uri``, ``sha256``, ``schema``, ``rows``, ``source``, ``legal_basis``,
        ``filters``, ``transformations``, ``anomalies``, ``quality``, ``owner``. Mappings and lists are kept as JSON.

    Raises
    ------
    MisuseError
        A value has no such column, or another type; there is no such file.
    """
    if file is not None:
        if not Path(file).is_file():
            raise MisuseError(f"there is no file {file}", "Name the data of the data set, or leave file out.")
        more = {"uri": str(file), "sha256": sha256_file(Path(file)), **more}
    row = {"dataset_id": dataset_id, "version": version, **more}
    with written(log, vault=vault, passphrase=passphrase) as writing:
        return writing.append({"datasets": [row]})


def record_approval(
    log: str | Path,
    model: str,
    version: str,
    act: str,
    *,
    approver: str,
    evidence: str | Path | None = None,
    vault: str | Path | None = None,
    passphrase: bytes | str | None = None,
    **more: Any,
) -> Receipt:
    """Record what somebody did with a model version in the registry.

    Parameters
    ----------
    log, vault, passphrase
        As for `record_dataset`.
    model, version
        Which.
    act
        One of `ACTS`.
    approver
        Who.
    evidence
        A file that was looked at; its SHA-256 is taken.
    more
        ``role``, ``meaning``, ``reason``, ``evidence_sha256``, ``recorded_at``.

    Raises
    ------
    MisuseError
        There is no such act, or nobody or no model version is named.
    """
    if act not in ACTS:
        raise MisuseError(f"there is no act {act[:80]!a}", f"It is one of {', '.join(ACTS)}.")
    if not approver.strip():
        raise MisuseError(f"nobody is named who {act} {model} {version}", "Say who: an approval is somebody's.")
    refuse("the approval", blank(model=model, version=version), "Say which version it is of.")
    if evidence is not None:
        more = {"evidence_sha256": sha256_file(Path(evidence)), **more}
    row = {"model_name": model, "model_version": version, "act": act, "approver": approver, **more}
    with written(log, vault=vault, passphrase=passphrase) as writing:
        return writing.append({"approvals": [row]})


def record_deployment(
    log: str | Path,
    deployment_id: str,
    model: str,
    version: str,
    *,
    from_time: datetime | None = None,
    traffic_share: float = 1.0,
    vault: str | Path | None = None,
    passphrase: bytes | str | None = None,
    **more: Any,
) -> Receipt:
    """Record that from some time on a model version serves in a slot: a deployment, a change of traffic, a rollback.

    Parameters
    ----------
    log, vault, passphrase
        As for `record_dataset`.
    deployment_id
        The slot; what served there before ends with this row.
    model, version
        What serves now.
    from_time
        Since when; now unless told.
    traffic_share
        From 0 (it ends) to 1.
    more
        ``environment``, ``endpoint``, ``node``, ``container_sha256``, ``configuration``, ``actor``, ``reason``.

    Raises
    ------
    MisuseError
        The share is none; nothing is said of where it is deployed, or which version.
    """
    if not 0 <= traffic_share <= 1:
        raise MisuseError(f"{traffic_share} is no share of the traffic", "Give one from 0 to 1.")
    faults = blank(deployment_id=deployment_id, model=model, version=version)
    refuse("the deployment", faults, "Say where it is deployed, and which version.")
    row = {
        "deployment_id": deployment_id,
        "from_time": from_time or datetime.now(UTC),
        "model_name": model,
        "model_version": version,
        "traffic_share": float(traffic_share),
        **more,
    }
    with written(log, vault=vault, passphrase=passphrase) as writing:
        return writing.append({"deployments": [row]})


def record_override(
    log: str | Path,
    prediction_id: str,
    *,
    actor: str,
    reason: str,
    decision_after: str | None = None,
    kind: str = "override",
    vault: str | Path | None = None,
    passphrase: bytes | str | None = None,
    redaction: str | Path | None = None,
    **more: Any,
) -> Receipt:
    """Record that a person decided otherwise than the model, or that the subject contests a decision.

    Parameters
    ----------
    log, vault, passphrase
        As for `record_dataset`.
    prediction_id
        Which decision.
    actor, reason
        Who and why.
    decision_after
        What holds now; None for a contest that is not answered yet.
    kind
        ``override``, ``contest`` or ``answer``.
    more
        ``role``, ``rule``, ``decision_before``, ``recorded_at``.
    redaction
        A TOML file that says which of these columns are changed before they are written; see
        ``docs/source-redaction.md``.

    Raises
    ------
    MisuseError
        Nobody is named, or no reason given.
    """
    if not actor.strip() or not reason.strip():
        raise MisuseError(f"an override of {prediction_id} has no actor or no reason", "Say who decided, and why.")
    row = {
        "prediction_id": prediction_id,
        "kind": kind,
        "actor": actor,
        "reason": reason,
        "decision_after": decision_after,
        **more,
    }
    with written(log, vault=vault, passphrase=passphrase, redaction=redaction) as writing:
        return writing.append({"overrides": [row]})


def record_outcome(
    log: str | Path,
    prediction_id: str,
    *,
    label: str | None = None,
    value: float | None = None,
    observed_at: datetime | None = None,
    source: str | None = None,
    vault: str | Path | None = None,
    passphrase: bytes | str | None = None,
    redaction: str | Path | None = None,
) -> Receipt:
    """Record how it turned out.

    Parameters
    ----------
    log, vault, passphrase
        As for `record_dataset`.
    prediction_id
        Which decision.
    label, value
        What is known now: one of them.
    observed_at
        When it was observed; now unless told.
    source
        Where that is known from.
    redaction
        A TOML file that says which of these columns are changed before they are written; see
        ``docs/source-redaction.md``.

    Raises
    ------
    MisuseError
        Neither a label nor a value is given, or both are; the value is no finite number.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value)):
        raise MisuseError(f"{str(value)[:80]} is no value of an outcome", "Give a finite number, or a label.")
    if (label is None) == (value is None):
        raise MisuseError(f"an outcome of {prediction_id} is a label or a value", "Give one of them.")
    row = {
        "prediction_id": prediction_id,
        "observed_at": observed_at or datetime.now(UTC),
        "label": label,
        "value": value,
        "source": source,
    }
    with written(log, vault=vault, passphrase=passphrase, redaction=redaction) as writing:
        return writing.append({"outcomes": [row]})


def record_event(
    log: str | Path,
    kind: str,
    summary: str,
    *,
    about: tuple[str, str] | None = None,
    at: datetime | None = None,
    severity: str = "info",
    vault: str | Path | None = None,
    passphrase: bytes | str | None = None,
    redaction: str | Path | None = None,
    **more: Any,
) -> Receipt:
    """Record anything else that happened: feedback, a complaint, a notification, a configuration, a consent.

    Parameters
    ----------
    log, vault, passphrase
        As for `record_dataset`.
    kind, summary
        What it is, and what happened in one sentence. Events are no personal table: name no person in it.
    about
        The kind and the id of what it is about, like ``("prediction", "...")``.
    at
        When; now unless told.
    severity
        ``info``, ``warning`` or ``error``.
    more
        ``actor``, ``purpose``, ``payload`` (kept as JSON), ``event_id``.
    redaction
        A TOML file that says which of these columns are changed before they are written; see
        ``docs/source-redaction.md``.

    Raises
    ------
    MisuseError
        A value has no such column, or another type; kind or summary are empty; `about` is no pair.
    """
    if about is not None:
        are_two = isinstance(about, tuple | list) and len(about) == _PAIR
        if not are_two or not all(isinstance(each, str) and each.strip() for each in about):
            message = f"what the event is about is no kind with an id: {str(about)[:80]!a}"
            raise MisuseError(
                message, 'Give ("prediction", "p-1"); from a shell --set \'about=["prediction", "p-1"]\'.'
            )
    refuse("the event", blank(kind=kind, summary=summary), "Say what kind of event it is, and what happened.")
    row = {
        "event_id": str(uuid.uuid4()),
        "at": at or datetime.now(UTC),
        "kind": kind,
        "severity": severity,
        "summary": summary,
        "subject_kind": None if about is None else about[0],
        "subject": None if about is None else about[1],
        **more,
    }
    with written(log, vault=vault, passphrase=passphrase, redaction=redaction) as writing:
        return writing.append({"events": [row]})
