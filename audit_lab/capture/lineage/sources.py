"""What lineage is read from, by name: the one way by which Python and the command line take it over."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audit_lab.capture.lineage.appending import append_lineage
from audit_lab.capture.lineage.clearml import read_clearml_sessions
from audit_lab.capture.lineage.dvc import read_dvc_lock
from audit_lab.capture.lineage.json_server import is_address
from audit_lab.capture.lineage.mlflow_server import PATIENCE_S, read_mlflow_server
from audit_lab.capture.lineage.mlflow_store import read_mlflow_runs
from audit_lab.capture.lineage.openlineage import read_openlineage
from audit_lab.capture.lineage.wandb_runs import read_wandb_runs
from audit_lab.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from audit_lab.capture.lineage.appending import AppendedLineage
    from audit_lab.capture.lineage.rows import LineageReport, LineageRows
    from audit_lab.log.keys.vault import Vault

__all__ = ["ImportedLineage", "Source", "import_lineage", "read_lineage"]


class Source(StrEnum):
    """What lineage is read from."""

    OPENLINEAGE = "openlineage"
    MLFLOW = "mlflow"
    DVC = "dvc"
    WANDB = "wandb"
    CLEARML = "clearml"


@dataclass(frozen=True)
class ImportedLineage:
    """What was read, and what of it the log did not have."""

    report: LineageReport
    appended: AppendedLineage


def read_lineage(
    source: Source | str,
    paths: str | Path | Sequence[str | Path],
    *,
    commit: str | None = None,
    experiments: Sequence[str] | None = None,
    artifacts: str | Path | None = None,
    patience_s: float | None = None,
) -> LineageRows:
    """Read what another tool recorded into rows of ``lineage``, ``runs``, ``datasets`` and ``model_versions``.

    Parameters
    ----------
    source
        ``openlineage``, ``mlflow``, ``dvc``, ``wandb`` or ``clearml``.
    paths
        Files or folders; for ``mlflow`` a folder, or the address of a tracking server.
    commit
        The git commit that holds a ``dvc.lock``; with ``dvc`` alone.
    experiments, artifacts, patience_s
        As for `read_mlflow_server`; with the address of one alone.

    Raises
    ------
    MisuseError
        The source is unknown, an option does not go with it, or there is nothing to read.
    StorageError
        A file cannot be read, or a server not asked.
    """
    try:
        kind = Source(source)
    except ValueError as error:
        raise MisuseError(f"lineage is not read from {source!a:.60}", f"Known are {', '.join(Source)}.") from error
    given: list[str | Path] = [paths] if isinstance(paths, str | Path) else list(paths)
    is_server = kind is Source.MLFLOW and len(given) == 1 and is_address(str(given[0]))
    _check(kind, given, commit, {"experiments": experiments, "artifacts": artifacts, "patience": patience_s}, is_server)
    if kind is Source.OPENLINEAGE:
        return read_openlineage(given)
    if kind is Source.WANDB:
        return read_wandb_runs(given)
    if kind is Source.CLEARML:
        return read_clearml_sessions(given)
    if kind is Source.DVC:
        return read_dvc_lock(given[0], commit=commit)
    if not is_server:
        return read_mlflow_runs(given[0])
    patience = PATIENCE_S if patience_s is None else patience_s
    return read_mlflow_server(str(given[0]), experiments=experiments, artifacts=artifacts, patience_s=patience)


def import_lineage(
    log: str | Path,
    source: Source | str,
    paths: str | Path | Sequence[str | Path],
    *,
    actor: str | None = None,
    vault: Vault | Path | str | None = None,
    passphrase: bytes | str | None = None,
    clock: Callable[[], datetime] | None = None,
    **options: Any,
) -> ImportedLineage:
    """Read what another tool recorded, and append to a sealed log what that does not have yet.

    Parameters
    ----------
    log, actor, vault, passphrase, clock
        As for `append_lineage`.
    source, paths, options
        As for `read_lineage`.

    Raises
    ------
    MisuseError, StorageError, LogError
        As for `read_lineage` and `append_lineage`.
    """
    rows = read_lineage(source, paths, **options)
    appended = append_lineage(log, rows, actor=actor, vault=vault, passphrase=passphrase, clock=clock)
    return ImportedLineage(rows.report, appended)


def _check(
    kind: Source,
    given: list[Any],
    commit: str | None,
    of_server: dict[str, Any],
    is_server: bool,  # noqa: FBT001
) -> None:
    if not given:
        raise MisuseError("there is nothing to read lineage from", "Name a file, a folder or an address.")
    if commit is not None and kind is not Source.DVC:
        raise MisuseError("--commit goes with dvc alone", "Leave it out: the others state their commits themselves.")
    wrong = next((name for name, value in of_server.items() if value is not None and not is_server), None)
    if wrong is not None:
        raise MisuseError(
            f"--{wrong.removesuffix('s') if wrong == 'experiments' else wrong} goes with an MLflow server alone",
            "Leave it out, or give the server's address: https://...",
        )
    if len(given) > 1 and kind in {Source.MLFLOW, Source.DVC}:
        raise MisuseError(f"{kind} is read from one path, and {len(given)} are given", "Take them over one by one.")
