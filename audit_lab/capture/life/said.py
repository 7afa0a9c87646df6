"""What a statement says too little of, or cannot mean: told all at once, before anything is written."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from audit_lab.capture.life.rows import utc_time
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["blank", "measured_faults", "refuse", "registration_faults"]

_DEEPEST = 20


def refuse(what: str, faults: Sequence[str], remedy: str) -> None:
    """Refuse a statement that has faults.

    Raises
    ------
    MisuseError
        It has some: the message lists them all.
    """
    if faults:
        raise MisuseError(f"{what} cannot be recorded: {'; '.join(faults)}", remedy)


def blank(**said: Any) -> list[str]:
    """Return a fault for each name whose value is no text, or an empty one."""
    return [f"{name} is empty" for name, value in said.items() if not isinstance(value, str) or not value.strip()]


def measured_faults(name: str, metrics: Any, deep: int = 0) -> list[str]:
    """Return what is wrong with metrics: a mapping of names to what was measured, or a list of such."""
    if isinstance(metrics, str):
        try:
            metrics = json.loads(metrics)
        except (ValueError, RecursionError):
            return [f"{name} says nothing that was measured: {metrics[:80]!a}"]
    if isinstance(metrics, list | tuple) and metrics and deep == 0:
        return [fault for each in metrics for fault in measured_faults(name, each, 1)]
    if not isinstance(metrics, Mapping) or not metrics:
        return [f"{name} says nothing that was measured: {str(metrics)[:80]!a}"]
    faults = []
    for key, value in metrics.items():
        if not isinstance(key, str) or not key.strip():
            faults.append(f"{name} has a metric without a name")
        elif value is None or (isinstance(value, str) and not value.strip()):
            faults.append(f"{name} has no value of {key[:80]!a}")
        elif isinstance(value, Mapping) and deep < _DEEPEST:
            faults += measured_faults(f"{name}.{key[:80]}", value, deep + 1)
    return faults


def registration_faults(said: Mapping[str, Any]) -> list[str]:
    """Return what a registration says that cannot be, where it lacks nothing."""
    faults = measured_faults("evaluation", said["evaluation"]) + measured_faults("monitoring", said["monitoring"])
    size = said["sample_size"]
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        faults.append(f"sample_size is {size!r:.80}, no whole number above 0")
    faults += _threshold_faults(said) + _signature_faults(said["signature"])
    try:
        if utc_time("training_cutoff", said["training_cutoff"]) > datetime.now(UTC):
            faults.append(f"training_cutoff {said['training_cutoff']} lies in the future")
    except MisuseError as error:
        faults.append(error.message)
    return faults


def _threshold_faults(said: Mapping[str, Any]) -> list[str]:
    threshold = said.get("threshold")
    if threshold is None:
        return []
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not math.isfinite(threshold):
        return [f"threshold is {str(threshold)[:80]!a}, no number"]
    if said["output_kind"] == "probability" and not 0 <= threshold <= 1:
        return [f"threshold is {threshold}, no probability"]
    return []


def _signature_faults(signature: Any) -> list[str]:
    if isinstance(signature, str):
        try:
            signature = json.loads(signature)
        except (ValueError, RecursionError):
            return [f"signature names no features: {signature[:80]!a}"]
    features = signature.get("features") if isinstance(signature, Mapping) else None
    if not isinstance(features, list | tuple) or not features:
        return [f"signature names no features: {str(signature)[:80]!a}"]
    named = [each.get("name") if isinstance(each, Mapping) else None for each in features]
    if any(not isinstance(name, str) or not name.strip() for name in named):
        return ["signature has a feature without a name"]
    return []
