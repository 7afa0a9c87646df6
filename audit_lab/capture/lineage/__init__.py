"""Lineage that other tools recorded, read into rows of the canonical tables ``lineage``, ``runs`` and ``datasets``.

`read_openlineage` reads run events (JSON, or one event to a line), `read_mlflow_runs` the folders of an MLflow file
store, `read_dvc_lock` the lock file of a DVC pipeline. Each is parsed into an inert form within limits, and returns,
beside the rows, a report of what was read, kept, repeated, and refused with its bytes and the reason. `append_lineage`
puts the rows that a sealed log does not have yet into it; ids are digests of what an edge says, so that nothing is
added by reading twice.
"""

from __future__ import annotations

from audit_lab.capture.lineage.appending import AppendedLineage, append_lineage
from audit_lab.capture.lineage.dvc import read_dvc_lock
from audit_lab.capture.lineage.mlflow_store import read_mlflow_runs
from audit_lab.capture.lineage.openlineage import read_openlineage
from audit_lab.capture.lineage.rows import LineageReport, LineageRows

__all__ = [
    "AppendedLineage",
    "LineageReport",
    "LineageRows",
    "append_lineage",
    "read_dvc_lock",
    "read_mlflow_runs",
    "read_openlineage",
]
