"""What a log says about the environment in which a prediction was computed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.log.index.shelf import derived, table_rows
from audit_lab.replay.environment.fingerprint import Fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from audit_lab.log.store import LogStore

__all__ = ["RecordedRuntime", "recorded_runtime", "version_runtime"]

_RUNTIME = "runtime"
_PLACED = ("environment", "endpoint", "node")
_LONGEST = 1_000_000


@dataclass(frozen=True)
class RecordedRuntime:
    """A recorded environment, and where it stands.

    Parameters
    ----------
    source
        ``prediction``, ``deployment``, ``model version``, or ``nowhere``.
    fingerprint
        What is recorded; None where nothing is, or nothing that can be read.
    problems
        A sentence for each thing that is recorded and cannot be read.
    name
        Model and version, for messages.
    registered_at
        When the model version was registered: packages that the record does not name are taken from before then.
    artifact_format
        The format of the version's artifact, which tells what must be there to read it.
    """

    source: str
    fingerprint: Fingerprint | None
    problems: tuple[str, ...] = ()
    name: str = "the model version"
    registered_at: datetime | None = None
    artifact_format: str | None = None


def recorded_runtime(
    store: LogStore, prediction: Mapping[str, Any], version: Mapping[str, Any] | None
) -> RecordedRuntime:
    """Return the environment that a log records for a prediction, by the most particular record there is.

    First the prediction's own ``parameters``, then the ``configuration`` of the deployment in force, both under the key
    ``runtime``, then the model version's ``runtime``. A record that cannot be read is named and the next one is asked.

    Parameters
    ----------
    store
        The log.
    prediction
        Row of table predictions.
    version
        Row of table model_versions; None where it is not registered.
    """
    problems: list[str] = []
    stated = (
        ("prediction", _within(prediction.get("parameters"), "parameters", problems)),
        ("deployment", _deployed(store, prediction, problems)),
    )
    of_version = version_runtime(version or {})
    for source, recorded in stated:
        fingerprint, wrong = Fingerprint.parse(recorded)
        problems += [f"{source}: {sentence}" for sentence in wrong]
        if fingerprint is not None:
            return replace(of_version, source=source, fingerprint=fingerprint, problems=tuple(problems))
    return replace(of_version, problems=(*problems, *of_version.problems))


def version_runtime(version: Mapping[str, Any]) -> RecordedRuntime:
    """Return the environment that a row of table model_versions records."""
    fingerprint, wrong = Fingerprint.parse(version.get(_RUNTIME))
    return RecordedRuntime(
        "nowhere" if fingerprint is None else "model version",
        fingerprint,
        tuple(f"model version: {sentence}" for sentence in wrong),
        f"{version['model_name']} {version['model_version']}" if version else "a version that is not registered",
        version.get("recorded_at"),
        version.get("artifact_format"),
    )


def _within(text: str | None, where: str, problems: list[str]) -> Any:
    """Return what stands under ``runtime`` in a column of JSON; other keys are none of our business."""
    if not text or _RUNTIME not in text:
        return None
    try:
        document = json.loads(text) if len(text) <= _LONGEST else None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        problems.append(f"{where} cannot be read as a JSON object")
        return None
    return document.get(_RUNTIME)


def _deployed(store: LogStore, prediction: Mapping[str, Any], problems: list[str]) -> Any:
    """Return the runtime of the deployments that could have served a prediction, where they agree on one."""
    at, model = prediction.get("occurred_at"), prediction.get("model_name")
    if at is None or model is None:
        return None
    rows = derived(store, ("deployed runtimes", model), ("deployments",), lambda: _deployments(store, model))
    last: dict[str, dict[str, Any]] = {row["deployment_id"]: row for row in rows if row["from_time"] <= at}
    serving = [row for row in last.values() if _served(row, prediction)]
    found = [runtime for row in serving if (runtime := _within(row["configuration"], "configuration", problems))]
    if any(runtime != found[0] for runtime in found):
        problems.append(f"deployment: {len(found)} slots were in force, with different runtimes; none is believed")
        return None
    return found[0] if found else None


def _served(row: dict[str, Any], prediction: Mapping[str, Any]) -> bool:
    if row["model_version"] != prediction.get("model_version") or row["traffic_share"] == 0:
        return False
    return all(None in (row[name], prediction.get(name)) or row[name] == prediction[name] for name in _PLACED)


def _deployments(store: LogStore, model: str) -> list[dict[str, Any]]:
    rows = table_rows(store, "deployments", (pl.col("model_name") == model) & pl.col("from_time").is_not_null())
    columns = ("deployment_id", "from_time", "model_version", "traffic_share", "configuration", *_PLACED)
    return rows.sort("from_time", "recorded_at").select(columns).to_dicts()
