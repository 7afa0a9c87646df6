"""Translate what Parquet readers throw, panics included, into errors that name the file and the next step."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import polars as pl

from audit_lab.errors import LogError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["collect", "collect_each", "reading", "schema_of"]

_NEXT_STEP = (
    "Restore it from a backup, or examine what is left with `audit-lab doctor`; it was not changed by reading it."
)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Raise `LogError` about `what` for every error of a reader inside the block.

    polars raises `PanicException`, a `BaseException`, on some corrupt files; it is translated too.
    """
    try:
        yield
    except (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException) as error:
        first = str(error).strip().splitlines()
        detail = first[0] if first else type(error).__name__
        raise LogError(f"{what} cannot be read as Parquet ({detail[:200]})", _NEXT_STEP) from error


def collect(frame: pl.LazyFrame, what: str) -> pl.DataFrame:
    """Collect a lazy frame with the streaming engine, translating errors as `reading` does."""
    with reading(what):
        return frame.collect(engine="streaming")


def collect_each(frames: Sequence[pl.LazyFrame], what: str) -> list[pl.DataFrame]:
    """Collect several slices of files together, translating errors as `reading` does.

    polars would find that slices of one file share its scan, and read the whole file to cut all of them from it.
    """
    with reading(what):
        return pl.collect_all(frames, optimizations=pl.QueryOptFlags(comm_subplan_elim=False))


def schema_of(frame: pl.LazyFrame, what: str) -> pl.Schema:
    """Return the columns of a lazy frame, for which footers of files may be read, translating errors as `reading`."""
    with reading(what):
        return frame.collect_schema()
