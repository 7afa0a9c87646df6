"""The Python of a question about drift."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit_lab.monitor.drift import Drift

__all__ = ["asked_besides"]

#: How often rows without drift may raise an alarm unless it is asked otherwise.
_FALSE_ALARMS = 0.05


def asked_besides(drift: Drift) -> str:
    """Return the arguments that ask the same again, but for columns and windows, as Python.

    A reference that is no part of the log cannot be written out: the code counts on a variable `training_data`.
    """
    reference, cut = drift.reference, drift.cut
    said = ""
    if reference.kind == "period" and reference.start and reference.end:
        said += f", reference={(reference.start.isoformat(), reference.end.isoformat())!r}"
    elif reference.kind == "rolling":
        said += f", reference='rolling:{reference.windows}'"
    elif reference.kind == "dataset":
        said += ", reference=training_data"
    if cut.around is not None:
        options = {"around": cut.around.moment.isoformat(), "before": cut.around.before, "after": cut.around.after}
        said += "".join(f", {name}={value!r}" for name, value in options.items())
    return said + (f", zone={cut.zone!r}" if cut.zone != "UTC" else "") + _further(drift)


def _further(drift: Drift) -> str:
    """Return what was asked besides, where that is not the usual: the model, and how alarms were calibrated."""
    said = "" if (model := getattr(drift, "model", None)) is None else f", model={model!r}"
    calibrated = drift.calibration
    if calibrated is not None and calibrated.rate != _FALSE_ALARMS:
        said += f", false_alarms={calibrated.rate!r}"
    return said + (f", seed={calibrated.seed}" if calibrated is not None and calibrated.seed else "")
