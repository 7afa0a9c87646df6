"""Pairs of files whose rows belong together: where a writer put predictions and their inputs, row by row.

What was found out about a pair is kept under the digests of its files, so that of a log that grew only the new files
are read. Where anything does not pair, or an id stands twice, there are no pairs, and the tables are read as wholes.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import narwhals as nw
import numpy as np
import polars as pl

from audit_lab.log.files.reading import collect
from audit_lab.log.files.same_column import is_same_column
from audit_lab.log.index.row_reader import stamp_of
from audit_lab.log.index.shelf import derived
from audit_lab.log.schema import INPUTS_PREFIX
from audit_lab.log.search.pairing import id_hash
from audit_lab.log.search.wide import Beside, side_by_side, wide_columns
from audit_lab.log.segments import SegmentSource

if TYPE_CHECKING:
    from concurrent.futures import Future
    from pathlib import Path

    from audit_lab.log.index.sketch_cache import SketchCache
    from audit_lab.log.store import LogStore

__all__ = ["Pair", "Pairs", "pairs_of"]

_ID = "prediction_id"
_HASHES = {"ids": {"hash": pl.UInt64()}}
_ONCE = {"rows": {"rows": pl.Int64()}}
_APART: dict[str, pl.DataFrame] = {"ids": pl.DataFrame(schema={"hash": pl.UInt64()})}


@dataclass(frozen=True, eq=False)
class Pair:
    """A file of predictions, all of one model, and the file of their inputs, in the same order.

    `files` are the digests of both, `paths` where they lie, `stamp` says by size and time which files these are,
    `frame` has the columns that `audit_lab.log.search.wide.wide` gives, and `first` and `last` are the times that the
    manifest states.
    """

    files: str
    paths: tuple[Path, Path]
    stamp: str
    rows: int
    frame: pl.LazyFrame
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, eq=False)
class Pairs:
    """The files of a log, pair by pair, while it is still found out whether their rows belong together.

    Comparing every id takes as long as counting does, on another processor: whoever counts meanwhile asks `hold` before
    anything is said.
    """

    pairs: tuple[Pair, ...]
    _found: Future[bool]

    def hold(self) -> bool:
        """Wait for the answer: every id was compared, in this process or before, and none stands twice.

        Raises
        ------
        LogError
            A file cannot be read.
        """
        return self._found.result()


def pairs_of(store: LogStore, model: str, cache: SketchCache) -> Pairs | None:
    """Return the files of a model's predictions and inputs, pair by pair; None where the log does not consist of such.

    Raises
    ------
    LogError
        A file cannot be read.
    """
    source = store.source
    if store.engine.name != "polars" or store.shelf is None or not isinstance(source, SegmentSource):
        return None
    tables = ("predictions", INPUTS_PREFIX + model)
    return derived(store, ("pairs", model), tables, lambda: _pairs(store, source, model, cache))


def _pairs(store: LogStore, source: SegmentSource, model: str, cache: SketchCache) -> Pairs | None:
    files = [source.files(name) for name in ("predictions", INPUTS_PREFIX + model)]
    if not files[0] or [each.rows for each in files[0]] != [each.rows for each in files[1]]:
        return None
    if any(each.hidden or not each.rows for table in files for each in table):
        return None
    schema = None
    every = Beside(store, (model,))  # one for all pairs: asking for the features looks at each file of the log
    columns, named = wide_columns(every.dtypes)[0], every.named()
    found, first = [], 0
    for one, other in zip(*files, strict=True):
        if store.folder.path is None:
            return None
        paths = (store.folder.path / one.path, store.folder.path / other.path)
        stamp = _stamp(paths)
        rows = range(first, first + one.rows)
        first = rows.stop
        read = [nw.from_native(source.scan_rows(name, rows)) for name in ("predictions", INPUTS_PREFIX + model)]
        frame = side_by_side(read[0], read[1], named).select(*columns).to_native()
        own = frame.collect_schema()
        schema = schema or own
        # Files of other types are brought to those of the whole table, and not to their own.
        if stamp is None or own != schema:
            return None
        times = [None if text is None else _moment(text) for text in (one.first_time, one.last_time)]
        found.append((Pair(f"{one.sha256}-{other.sha256}", paths, stamp, one.rows, frame, times[0], times[1]), read))
    beginning = ThreadPoolExecutor(1, "audit-lab-pairs")
    holding = beginning.submit(_stand_once, found, model, cache)
    beginning.shutdown(wait=False)
    return Pairs(tuple(pair for pair, _ in found), holding)


def _stand_once(found: list[tuple[Pair, list[nw.LazyFrame[Any]]]], model: str, cache: SketchCache) -> bool:
    """Say whether the rows of each pair belong together and no id stands twice, in all of them."""
    pairs, rows = [pair for pair, _ in found], sum(pair.rows for pair, _ in found)
    of = hashlib.sha256(" ".join(pair.files for pair in pairs).encode()).hexdigest()
    question = f"ids of {model!r} stand once in {' '.join(pair.stamp for pair in pairs)}"
    known = cache.find(of, question, _ONCE)
    if known is not None and known["rows"]["rows"].to_list() == [rows]:
        return True
    hashes = np.empty(rows, dtype=np.uint64)
    place = 0
    for pair, (predictions, inputs) in found:
        mine = _hashes(pair, predictions.to_native(), inputs.to_native(), model, cache)
        if mine is None:
            return False
        hashes[place : place + pair.rows] = mine
        place += pair.rows
    # Of two ids with one hash it is not looked up whether they differ: the tables are read as wholes then.
    if _any_twice(hashes):
        return False
    cache.keep(of, question, {"rows": pl.DataFrame({"rows": [rows]})})
    return True


def _any_twice(hashes: np.ndarray[Any, np.dtype[np.uint64]]) -> bool:
    """Say whether any number stands twice; the numbers are in another order afterwards."""
    hashes.sort()
    return bool((hashes[1:] == hashes[:-1]).any())


def _hashes(
    pair: Pair, predictions: pl.LazyFrame, inputs: pl.LazyFrame, model: str, cache: SketchCache
) -> np.ndarray[Any, np.dtype[np.uint64]] | None:
    """Return a hash of each id of a pair, None where the rows do not belong together."""
    question = f"ids of {model!r} in {pair.stamp}"
    kept = cache.find(pair.files, question, _HASHES)
    if kept is None:
        ids = predictions.select(_ID, "model_name")
        differ = pl.col(_ID).is_null() | pl.col("model_name").ne_missing(model)
        if not is_same_column(*pair.paths, _ID):  # mostly one writer stored both alike, and one is read for both
            ids = pl.concat([ids, inputs.select(pl.col(_ID).alias("other"))], how="horizontal")
            differ = pl.col(_ID).ne_missing(pl.col("other")) | differ
        read = collect(ids.select(id_hash().alias("hash"), differ.alias("differ")), "the ids of predictions and inputs")
        apart = read.height != pair.rows or bool(read["differ"].any())
        kept = _APART if apart else {"ids": read.select("hash")}
        cache.keep(pair.files, question, kept)
    found = kept["ids"]["hash"]
    return found.to_numpy() if found.len() == pair.rows and not found.null_count() else None


def _stamp(paths: tuple[Path, Path]) -> str | None:
    """Return what shows without reading them that files were rewritten; None where that cannot be seen."""
    stamps = [stamp_of(path) for path in paths]
    if None in stamps:
        return None
    return " ".join(f"{each.size_bytes}/{each.modified_ns}" for each in stamps if each is not None)


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment
