"""Investigate ML audit trails: from a Parquet audit log to evidence that a stranger can check.

An investigation goes one way. `open` a log; `AuditLog.find` the predictions in question; reconstruct one with
`AuditLog.decision`; run it again with `Decision.replay`; ask why with `Decision.explain`; ask since when with
`AuditLog.drift`; look at any of these with `view`. Keep what matters in a `Case`, export it, let anyone `verify` it;
`diff` says what changed from one bundle to another.

A log is begun with `create_log`, appended to through `open_writer`, or sealed where it lies with `seal_log`; that of
another system is taken over with `seal_foreign`, that of a serving platform with `adapt`, a topic with `adapt_topic`,
and what other tools know of runs and data with `import_lineage`. Whoever keeps it can `compact` it, `erase` a person's
data, and `hold` and `release` them; a vault restored from a backup forgets again with `reapply_erasures`. Opened with
an actor and a purpose, every question asked of it is written to a journal that `read_journal` shows.

Importing this package is cheap: what a name needs is imported when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from audit_lab import charts
    from audit_lab.capture.life.explanations import record_explanation
    from audit_lab.capture.life.records import (
        record_approval,
        record_dataset,
        record_deployment,
        record_event,
        record_outcome,
        record_override,
    )
    from audit_lab.capture.life.registration import record_model
    from audit_lab.capture.life.runs import current_run, record_evaluation, record_run, recorded_run
    from audit_lab.capture.lineage.sources import import_lineage
    from audit_lab.capture.recorder.aggregates import Aggregates
    from audit_lab.capture.recorder.recorder import Recorder
    from audit_lab.capture.recorder.sampling import Sampling
    from audit_lab.capture.recorder.wrappers import RecordedModel, recorded
    from audit_lab.capture.redaction.linter import lint_personal
    from audit_lab.errors import AuditLabError
    from audit_lab.evidence.case import Case
    from audit_lab.evidence.differences import diff
    from audit_lab.evidence.verification import verify
    from audit_lab.explain.counterfactual.constraints import Constraints
    from audit_lab.face import AuditLog, Decision
    from audit_lab.face import open_log as open  # noqa: A004 - the public name; read as al.open
    from audit_lab.face.keeping import compact, erase, hold, reapply_erasures, release
    from audit_lab.face.long_work import adapt, adapt_topic, seal_foreign, seal_log
    from audit_lab.log.journal.record import read_journal
    from audit_lab.log.keys.pseudonym import pseudonym
    from audit_lab.log.writing.writer import create_log, open_writer
    from audit_lab.replay.impact import Correction
    from audit_lab.sandbox import Limits
    from audit_lab.widgets import view

__all__ = [
    "Aggregates",
    "AuditLabError",
    "AuditLog",
    "Case",
    "Constraints",
    "Correction",
    "Decision",
    "Limits",
    "RecordedModel",
    "Recorder",
    "Sampling",
    "adapt",
    "adapt_topic",
    "charts",
    "compact",
    "create_log",
    "current_run",
    "diff",
    "erase",
    "hold",
    "import_lineage",
    "lint_personal",
    "open",
    "open_writer",
    "pseudonym",
    "read_journal",
    "reapply_erasures",
    "record_approval",
    "record_dataset",
    "record_deployment",
    "record_evaluation",
    "record_event",
    "record_explanation",
    "record_model",
    "record_outcome",
    "record_override",
    "record_run",
    "recorded",
    "recorded_run",
    "release",
    "seal_foreign",
    "seal_log",
    "verify",
    "view",
]

__version__ = "0.1.0"

_HOMES = {
    "Aggregates": ("audit_lab.capture.recorder.aggregates", "Aggregates"),
    "AuditLabError": ("audit_lab.errors", "AuditLabError"),
    "AuditLog": ("audit_lab.face", "AuditLog"),
    "Case": ("audit_lab.evidence.case", "Case"),
    "Constraints": ("audit_lab.explain.counterfactual.constraints", "Constraints"),
    "Correction": ("audit_lab.replay.impact", "Correction"),
    "Decision": ("audit_lab.face", "Decision"),
    "Limits": ("audit_lab.sandbox", "Limits"),
    "RecordedModel": ("audit_lab.capture.recorder.wrappers", "RecordedModel"),
    "Recorder": ("audit_lab.capture.recorder.recorder", "Recorder"),
    "adapt": ("audit_lab.face.long_work", "adapt"),
    "adapt_topic": ("audit_lab.face.long_work", "adapt_topic"),
    "Sampling": ("audit_lab.capture.recorder.sampling", "Sampling"),
    "compact": ("audit_lab.face.keeping", "compact"),
    "create_log": ("audit_lab.log.writing.writer", "create_log"),
    "current_run": ("audit_lab.capture.life.runs", "current_run"),
    "diff": ("audit_lab.evidence.differences", "diff"),
    "erase": ("audit_lab.face.keeping", "erase"),
    "hold": ("audit_lab.face.keeping", "hold"),
    "import_lineage": ("audit_lab.capture.lineage.sources", "import_lineage"),
    "lint_personal": ("audit_lab.capture.redaction.linter", "lint_personal"),
    "open": ("audit_lab.face", "open_log"),
    "open_writer": ("audit_lab.log.writing.writer", "open_writer"),
    "pseudonym": ("audit_lab.log.keys.pseudonym", "pseudonym"),
    "read_journal": ("audit_lab.log.journal.record", "read_journal"),
    "reapply_erasures": ("audit_lab.face.keeping", "reapply_erasures"),
    "record_approval": ("audit_lab.capture.life.records", "record_approval"),
    "record_dataset": ("audit_lab.capture.life.records", "record_dataset"),
    "record_deployment": ("audit_lab.capture.life.records", "record_deployment"),
    "record_evaluation": ("audit_lab.capture.life.runs", "record_evaluation"),
    "record_event": ("audit_lab.capture.life.records", "record_event"),
    "record_explanation": ("audit_lab.capture.life.explanations", "record_explanation"),
    "record_model": ("audit_lab.capture.life.registration", "record_model"),
    "record_outcome": ("audit_lab.capture.life.records", "record_outcome"),
    "record_override": ("audit_lab.capture.life.records", "record_override"),
    "record_run": ("audit_lab.capture.life.runs", "record_run"),
    "recorded": ("audit_lab.capture.recorder.wrappers", "recorded"),
    "recorded_run": ("audit_lab.capture.life.runs", "recorded_run"),
    "release": ("audit_lab.face.keeping", "release"),
    "seal_foreign": ("audit_lab.face.long_work", "seal_foreign"),
    "seal_log": ("audit_lab.face.long_work", "seal_log"),
    "verify": ("audit_lab.evidence.verification", "verify"),
    "view": ("audit_lab.widgets", "view"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name in _HOMES:
        module, attribute = _HOMES[name]
        value = getattr(import_module(module), attribute)
    elif name == "charts":
        value = import_module("audit_lab.charts")
    else:
        message = f"module 'audit_lab' has no attribute {name!r}"
        raise AttributeError(message)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*__all__, *globals()})
