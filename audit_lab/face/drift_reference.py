"""What a user names as reference or as the moment of a question about drift, read into what the monitor takes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from audit_lab.errors import MisuseError
from audit_lab.log.files.reading import collect, reading
from audit_lab.log.search.query import instant
from audit_lab.monitor.cuts import Around
from audit_lab.monitor.reference import Dataset, Rolling

if TYPE_CHECKING:
    from datetime import datetime

    from audit_lab.log.store import LogStore
    from audit_lab.monitor.reference import Period

__all__ = ["moment_asked", "reference_asked"]

_ROLLING = "rolling:"
_BLOCK = 1 << 20
_DIGEST_SHOWN = 12


def reference_asked(store: LogStore, given: Any) -> Period | Rolling | Dataset | None:
    """Return a reference: a range of time, ``rolling:4``, a Parquet file's path, or a frame of polars.

    A file whose SHA-256 is that of a dataset of the log is called by its name there.

    Raises
    ------
    MisuseError
        A range lacks its beginning or its end, or what is given is none of these.
    LogError
        The file cannot be read as Parquet.
    """
    if given is None or isinstance(given, Rolling | Dataset):
        return given
    if isinstance(given, pl.DataFrame | pl.LazyFrame):
        return Dataset(given, "the data given")
    if isinstance(given, str) and given.startswith(_ROLLING):
        count = given.removeprefix(_ROLLING)
        if not (count.isascii() and count.isdecimal() and len(count) < len(_ROLLING)):
            raise MisuseError(f"the reference is {given!r}", "Write how many windows it has, like rolling:4.")
        return Rolling(int(count))
    if isinstance(given, str | Path):
        return _of_file(store, Path(given))
    if isinstance(given, tuple | list) and len(given) == 2:  # noqa: PLR2004 - from and to
        since, until = instant(given[0], "reference"), instant(given[1], "reference")
        if since is None or until is None:
            raise MisuseError(
                "the reference needs a beginning and an end", "Give both, like ('2015-01-01', '2015-04-01')."
            )
        return since, until
    raise MisuseError(
        f"the reference is a {type(given).__name__}",
        "Give a range like ('2015-01-01', '2015-04-01'), 'rolling:4', the path of a Parquet file, or a polars frame.",
    )


def moment_asked(store: LogStore, around: Any, before: str, after: str) -> Around | None:
    """Return the moment of a decision, a prediction's id or a time, with what is looked at before and after it.

    Raises
    ------
    MisuseError
        The decision has no time.
    NotFoundError, AmbiguousIdError
        A text that is no time is no prediction's id either, or stands in several places.
    """
    if around is None:
        return None
    if hasattr(around, "prediction"):
        return _at(around.prediction, before, after)
    try:
        moment = instant(around, "around")
    except MisuseError:
        from audit_lab.replay.reconstruction.decision_rows import decision_rows

        return _at(decision_rows(store, around).prediction, before, after)
    return None if moment is None else Around(moment, before, after)


def _at(prediction: dict[str, Any], before: str, after: str) -> Around:
    moment: datetime | None = prediction["occurred_at"]
    if moment is None:
        raise MisuseError(
            f"the decision {prediction['prediction_id']} has no time to look around", "Give a time as around=..."
        )
    return Around(moment, before, after)


def _of_file(store: LogStore, path: Path) -> Dataset:
    digest = hashlib.sha256()
    with reading(f"The reference {path}"):
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        frame = pl.scan_parquet(path, glob=False)
        frame.collect_schema()
    sha256 = digest.hexdigest()
    datasets = collect(store.table("datasets"), f"the datasets of {store.location}")
    known = datasets.filter(sha256=sha256).select("dataset_id", "version").unique().sort("dataset_id", "version")
    if known.height:
        name, version = known.row(0)
        return Dataset(
            frame,
            f"the dataset {name} {version or ''}".rstrip() + f" (SHA-256 {sha256[:_DIGEST_SHOWN]}, as registered)",
        )
    return Dataset(frame, f"the file {path.name} (SHA-256 {sha256[:_DIGEST_SHOWN]}, no dataset of the log)")
