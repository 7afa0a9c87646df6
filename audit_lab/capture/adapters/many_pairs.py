"""Put the requests and responses of a scratch file together, most of them as blocks and the others one by one.

What comes out, and in which order, is what `audit_lab.capture.adapters.pairing.paired` makes of the same records.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from audit_lab.capture.adapters.block import Block, Places, pieces
from audit_lab.capture.adapters.pairing import ANSWERED, ASKED, PACKED, REFUSED, paired, records_of
from audit_lab.capture.adapters.plain_bodies import plain_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from audit_lab.capture.adapters.block import Place
    from audit_lab.capture.adapters.exchange import Half, Refusal
    from audit_lab.capture.adapters.settings import Settings

__all__ = ["exchanges_of"]

_about = msgspec.json.Decoder(dict[str, Any]).decode


def exchanges_of(frame: pl.DataFrame, settings: Settings) -> Iterator[Block | tuple[Half | Refusal, tuple[Place, ...]]]:
    """Yield the exchanges, labels and refusals of the records of a scratch file."""
    if (frame["kind"] == PACKED).any():
        # A half that is packed may have a step, or be a label: what goes together is then seen from all of them.
        yield from paired(records_of(frame))
        return
    yield from paired(records_of(frame.filter(pl.col("kind") == REFUSED)))
    frame = frame.filter(pl.col("kind") != REFUSED).with_row_index("row")
    asked, answered = pl.col("kind") == ASKED, pl.col("kind") == ANSWERED
    groups = (
        frame.lazy()
        .group_by("key")
        .agg(
            first=pl.col("row").min(),
            asked=pl.col("row").filter(asked).first(),
            answered=pl.col("row").filter(answered).first(),
            count=pl.len(),
            is_pair=(asked.sum() == 1) & (answered.sum() == 1),
        )
        .sort("first")
        .collect()
    )
    others = frame.join(groups.filter(~pl.col("is_pair")).select("key", "first"), on="key").sort("first", "row")
    start = begun = 0
    for is_pair, run in groupby(groups["is_pair"].to_list()):
        some = groups[start : start + len(list(run))]
        start += some.height
        if is_pair:
            yield from _pairs(frame[some["asked"]], frame[some["answered"]], settings)
        else:
            count = int(some["count"].sum())
            yield from paired(records_of(others[begun : begun + count]))
            begun += count


def _pairs(
    asked: pl.DataFrame, answered: pl.DataFrame, settings: Settings
) -> Iterator[Block | tuple[Half | Refusal, tuple[Place, ...]]]:
    """Yield pairs, of which both frames hold one side, row by row."""

    def block(start: int, stop: int) -> Block | None:
        return _block(asked[start:stop], answered[start:stop], settings)

    for start, stop, made in pieces(asked.height, block):
        if made is not None:
            yield made
            continue
        for one, other in zip(records_of(asked[start:stop]), records_of(answered[start:stop]), strict=True):
            yield from paired([one, other])


def _block(asked: pl.DataFrame, answered: pl.DataFrame, settings: Settings) -> Block | None:
    table = plain_table(asked["request"].to_list(), answered["request"].to_list(), settings)
    if table is None:
        return None
    keys = asked["key"].to_list()
    common, stated = _stated(asked["found"], answered["found"])
    ats = asked["at"].zip_with(asked["at"].is_not_null(), answered["at"]).to_list()
    where = [Places(each["file"].to_list(), each["number"].to_list(), each["raw"]) for each in (asked, answered)]
    return Block(keys, ats, common, {**stated, "request_id": keys}, table, tuple(where))


def _stated(asked: pl.Series, answered: pl.Series) -> tuple[dict[str, Any], dict[str, list[Any]]]:
    """Return what pairs state, alike and each its own; what a response states counts before what its request does."""
    sides = pl.DataFrame({"asked": asked, "answered": answered})
    distinct = sides.unique()
    known = {
        pair: {**_about(pair[0]), **{name: value for name, value in _about(pair[1]).items() if value is not None}}
        for pair in distinct.iter_rows()
    }
    first = next(iter(known.values()))
    if len(known) == 1:
        return first, {}
    each = [known[pair] for pair in sides.iter_rows()]
    names = dict.fromkeys(name for about in known.values() for name in about)
    return {}, {name: [about.get(name) for about in each] for name in names}
