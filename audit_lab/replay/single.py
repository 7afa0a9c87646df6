"""Replay one reconstructed decision, through the same code as a batch, and say why it came out as it did."""

from __future__ import annotations

import json
from importlib import metadata
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.replay.batch import replay_rows
from audit_lab.replay.verdict import EFFECTS, TOLERANCE, Replay, Verdict

if TYPE_CHECKING:
    from audit_lab.log.store import LogStore
    from audit_lab.replay.reconstruct import Reconstruction
    from audit_lab.sandbox import Limits

__all__ = ["replay_decision"]


def replay_decision(store: LogStore, decision: Reconstruction, limits: Limits | None = None) -> Replay:
    """Run a decision's recorded inputs through its recorded artifact in a child process and compare."""
    rows = pl.DataFrame([decision.prediction], schema_overrides=_schema(store)).with_columns(
        place=pl.lit(decision.place)
    )
    repeated = pl.Series([decision.prediction_id] if len(decision.places) > 1 else [], dtype=pl.String)
    batch = replay_rows(store, rows, repeated=repeated, limits=limits)
    row = batch.rows.row(0, named=True)
    isolation = next(iter(batch.isolation.values()), {})
    version = decision.model_version or {}
    return Replay(
        prediction_id=decision.prediction_id,
        place=decision.place,
        model_name=row["model_name"],
        model_version=row["model_version"],
        verdict=Verdict(row["verdict"]),
        code=row["code"],
        why=_why(row, isolation),
        recorded={name: row[f"recorded_{name}"] for name in ("score", "label", "rule", "decision")},
        replayed={name: row[f"replayed_{name}"] for name in ("score", "label", "rule", "decision")},
        distance=row["distance"],
        tolerance=TOLERANCE,
        artifact_sha256=version.get("artifact_sha256"),
        isolation=isolation,
        environment=_environment(version.get("runtime")),
    )


def _schema(store: LogStore) -> dict[str, Any]:
    return dict(store.table("predictions").collect_schema())


def _why(row: dict[str, Any], isolation: dict[str, str]) -> str:
    code, version = row["code"], f"{row['model_name']} {row['model_version']}"
    if code in EFFECTS:
        return f"{EFFECTS[code]} {row['detail'] or ''}".strip()
    recorded, replayed = row["recorded_score"], row["replayed_score"]
    if code == "exact":
        what = f"{version} gives the same score, bit for bit ({recorded!r})"
    elif code == "within-tolerance":
        apart = f"{row['distance']:.1e} apart, {TOLERANCE:g} allowed"
        what = f"{version} gives {replayed!r}; recorded is {recorded!r}: {apart}"
    elif code == "score-differs":
        return f"{version} gives the score {replayed!r} on the recorded inputs; recorded is {recorded!r}."
    else:
        step = code.removesuffix("-differs")
        return (
            f"The score is the same, but by the registered threshold and rules the {step} is "
            f"{row[f'replayed_{step}']!r}; recorded is {row[f'recorded_{step}']!r}."
        )
    compared = [name for name in ("label", "rule", "decision") if row[f"recorded_{name}"] is not None]
    left_out = [name for name in ("label", "rule", "decision") if row[f"recorded_{name}"] is None]
    rest = f" and the same {', '.join(compared)}" if compared else ""
    rest += f"; not recorded, so not compared: {', '.join(left_out)}" if left_out else ""
    closed = (
        "" if isolation.get("network", "").startswith("none") else " (the child's network was closed in Python only)"
    )
    return f"{what}{rest}{closed}."


def _environment(runtime: str | None) -> dict[str, tuple[str, str | None]]:
    """Return the recorded packages whose present version is another one."""
    try:
        recorded = dict(json.loads(runtime or "{}").get("packages", {}))
    except (ValueError, AttributeError, TypeError):
        return {}
    differing = {}
    for name, version in sorted(recorded.items()):
        try:
            present: str | None = metadata.version(str(name))
        except (metadata.PackageNotFoundError, ValueError):
            present = None
        if present != version:
            differing[str(name)] = (str(version), present)
    return differing
