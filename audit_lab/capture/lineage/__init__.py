"""Lineage that other tools recorded, read into rows of the canonical tables ``lineage``, ``runs`` and ``datasets``.

`read_openlineage` reads run events (JSON, or one event to a line), `read_mlflow_runs` the folders of an MLflow file
store and `read_mlflow_server` a tracking server over its REST interface, `read_dvc_lock` the lock file of a DVC
pipeline, `read_wandb_runs` and `read_clearml_sessions` what W&B and ClearML recorded offline. Each is parsed into an
inert form within limits, and returns, beside the rows, a report of what was read, kept, repeated, and refused with its
bytes and the reason. `read_lineage` does so by the source's name. `append_lineage` puts the rows that a sealed log does
not have yet into it; ids are digests of what an edge says, so that nothing is added by reading twice. `import_lineage`
does both.
"""

from __future__ import annotations

from audit_lab.capture.lineage.appending import AppendedLineage, append_lineage
from audit_lab.capture.lineage.clearml import read_clearml_sessions
from audit_lab.capture.lineage.dvc import read_dvc_lock
from audit_lab.capture.lineage.mlflow_server import read_mlflow_server
from audit_lab.capture.lineage.mlflow_store import read_mlflow_runs
from audit_lab.capture.lineage.openlineage import read_openlineage
from audit_lab.capture.lineage.rows import LineageReport, LineageRows
from audit_lab.capture.lineage.sources import ImportedLineage, Source, import_lineage, read_lineage
from audit_lab.capture.lineage.wandb_runs import read_wandb_runs

__all__ = [
    "AppendedLineage",
    "ImportedLineage",
    "LineageReport",
    "LineageRows",
    "Source",
    "append_lineage",
    "import_lineage",
    "read_clearml_sessions",
    "read_dvc_lock",
    "read_lineage",
    "read_mlflow_runs",
    "read_mlflow_server",
    "read_openlineage",
    "read_wandb_runs",
]
