"""Which files a Delta table consists of, in its current version or an earlier one; a deleted file is not among them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from audit_lab.errors import LogError, MisuseError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["DeltaFile", "delta_files", "is_delta"]

_LOG_FOLDER = "_delta_log"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMMIT = re.compile(r"[0-9]{20}\.")
_PARTITION = "partition."
#: Features of a table that do not change which rows its files hold.
_HARMLESS = frozenset({"timestampNtz", "v2Checkpoint", "vacuumProtocolCheck", "deletionVectors"})


@dataclass(frozen=True)
class DeltaFile:
    """One data file: its path below the table, and the columns that the table's log states for all its rows."""

    path: str
    partitions: dict[str, str | None]


def is_delta(folder: Path) -> bool:
    """Whether a folder is a Delta table."""
    log = folder / _LOG_FOLDER
    return log.is_dir() and any(_COMMIT.match(path.name) for path in log.iterdir())


def delta_files(folder: Path, as_of: datetime | int | None = None) -> tuple[int, list[DeltaFile]]:
    """Return the version of a Delta table that was read, and its files, by path.

    Parameters
    ----------
    folder
        The table.
    as_of
        A moment or a version; the current one when omitted.

    Raises
    ------
    MisuseError
        The library for Delta tables is not installed, or the table has no such version.
    LogError
        The table's log cannot be read, or the table says of rows what its files do not show.
    """
    try:
        import deltalake
    except ImportError as error:
        raise MisuseError(
            f"{folder} is a Delta table, and what reads those is not installed",
            "Install it with the extra `delta`: pip install 'audit-lab[delta]'.",
        ) from error
    try:
        table = deltalake.DeltaTable(str(folder))
        if as_of is not None:
            _load(table, as_of, folder)
        _check_features(table, folder)
        return table.version(), _files(table)
    except (deltalake.exceptions.DeltaError, OSError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise LogError(
            f"the Delta table {folder} cannot be read ({first[:200]})",
            "Check it with the system that writes it; its files were not changed by reading them.",
        ) from error


def _load(table: Any, as_of: datetime | int, folder: Path) -> None:
    from deltalake.exceptions import DeltaError

    newest = table.version()
    # Asked now: of a table that an earlier version was loaded of, the library numbers its history wrongly.
    commits = {each.get("version"): each.get("timestamp", 0) for each in table.history()}
    try:
        table.load_as_version(as_of)
    except DeltaError as error:
        raise _no_such_version(folder, as_of, newest) from error
    if isinstance(as_of, datetime):
        # Of a moment before the table was made, the library reads the first version that it finds.
        made = _EPOCH + timedelta(milliseconds=commits.get(table.version(), 0))
        if made > as_of:
            raise _no_such_version(folder, as_of, newest)


def _no_such_version(folder: Path, as_of: datetime | int, newest: int) -> MisuseError:
    return MisuseError(
        f"the Delta table {folder} has no version as of {as_of}",
        f"Its newest version is {newest}; give one up to that.",
    )


def _check_features(table: Any, folder: Path) -> None:
    features = set(table.protocol().reader_features or ())
    if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        raise _refused(folder, "names its columns otherwise than its files do (column mapping)")
    if features - _HARMLESS:
        raise _refused(folder, f"uses {', '.join(sorted(features - _HARMLESS))}")
    if "deletionVectors" in features and any(batch.num_rows for batch in table.deletion_vectors()):
        raise _refused(folder, "has rows that were deleted inside its files (deletion vectors)")


def _refused(folder: Path, what: str) -> LogError:
    return LogError(
        f"the Delta table {folder} {what}, which is not read here",
        "Write its rows to plain files first (REORG TABLE ... APPLY (PURGE) removes deleted rows), or ingest a copy.",
    )


def _files(table: Any) -> list[DeltaFile]:
    import polars as pl

    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    stated = [name for name in actions.columns if name.startswith(_PARTITION)]
    rows = actions.select("path", *(pl.col(name).cast(pl.String) for name in stated)).sort("path")
    return [
        DeltaFile(
            unquote(path), {name.removeprefix(_PARTITION): value for name, value in zip(stated, values, strict=True)}
        )
        for path, *values in rows.iter_rows()
    ]
